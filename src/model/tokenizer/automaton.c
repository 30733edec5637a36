/* A node's longest suffix follows from that of its parent, which is nearer to the root: nodes are taken in the order of
 * their depth. Going back over shorter suffixes costs, along one token, no more steps than it has bytes. */
#include "model/tokenizer/automaton.h"

#include "model/tokenizer/token_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* While the automaton is made. */
typedef struct making {
    const tm_vocabulary *vocabulary;
    const char *prefix, *file;
    size_t prefix_bytes;
    uint32_t *depth; /* by node: how far below the root, 0 if it is not below it; later how many tokens end there */
    uint32_t *begin; /* by depth + 1: where its nodes begin in `order` */
    uint32_t *order; /* the nodes below the root, those near it first */
    uint32_t nodes;
} making;

static void measure_depths(making *work, const tm_automaton *automaton)
{
    for (uint32_t id = 0; id < work->vocabulary->end; id++) {
        const tm_token token = work->vocabulary->token[id];
        if (token.start == TM_NO_ID || token.bytes < work->prefix_bytes) continue;
        const char *const text = tm_vocabulary_text(work->vocabulary, id);
        if (memcmp(text, work->prefix, work->prefix_bytes) != 0) continue;
        uint32_t node = automaton->root, depth = 0;
        for (size_t i = work->prefix_bytes; i < token.bytes; i++) {
            node = tm_trie_child(&automaton->trie, node, (unsigned char)text[i]);
            work->depth[node] = ++depth;
        }
    }
}

static void order_nodes(making *work, const tm_automaton *automaton)
{
    measure_depths(work, automaton);
    for (uint32_t node = 0; node < automaton->trie.cells; node++) {
        if (work->depth[node] > 0) work->begin[work->depth[node] + 1]++;
    }
    for (uint32_t i = 1; i <= TM_LONGEST_TOKEN; i++) work->begin[i + 1] += work->begin[i];
    for (uint32_t node = 0; node < automaton->trie.cells; node++) {
        if (work->depth[node] == 0) continue;
        work->order[work->begin[work->depth[node]]++] = node;
        work->nodes++;
    }
}

/* The suffixes of a node, all nearer to the root being done. */
static tm_suffixes find_suffixes(const tm_automaton *automaton, uint32_t node)
{
    const tm_trie *const trie = &automaton->trie;
    const uint32_t parent = (uint32_t)trie->cell[node];
    if (parent == automaton->root) return (tm_suffixes){automaton->root, TM_NO_NODE};
    const unsigned char byte = (unsigned char)(trie->cell[node] >> 32);
    const uint32_t longest = tm_automaton_step(automaton, automaton->suffix[parent].node, byte);
    return (tm_suffixes){longest, tm_automaton_ending(automaton, longest)};
}

static tm_status link_nodes(making *work, tm_automaton *automaton, tm_error *error)
{
    uint32_t *const endings = work->depth;
    for (uint32_t i = 0; i < work->nodes; i++) {
        const uint32_t node = work->order[i], id = tm_trie_token(&automaton->trie, node);
        automaton->suffix[node] = find_suffixes(automaton, node);
        const uint32_t shorter = automaton->suffix[node].token;
        endings[node] = (id != TM_TRIE_NONE) + (shorter != TM_NO_NODE ? endings[shorter] : 0);
        if (endings[node] > TM_MOST_ENDINGS) {
            char what[96];
            snprintf(what, sizeof what, "more than %d tokens are the end of it", TM_MOST_ENDINGS);
            return tm_fail_token(error, work->file, tm_vocabulary_text(work->vocabulary, id),
                                 work->vocabulary->token[id].bytes, what);
        }
    }
    return TM_OK;
}

tm_status tm_automaton_make(tm_automaton *automaton, const tm_trie *trie, const tm_vocabulary *vocabulary,
                            const char *prefix, size_t prefix_bytes, const char *file, tm_error *error)
{
    *automaton = (tm_automaton){.trie = *trie};
    automaton->root = tm_trie_walk(trie, tm_trie_root(trie), prefix, prefix_bytes);
    if (automaton->root == TM_NO_NODE) return TM_OK;
    making work = {.vocabulary = vocabulary, .prefix = prefix, .prefix_bytes = prefix_bytes, .file = file};
    work.depth = calloc(trie->cells, sizeof *work.depth);
    work.begin = calloc(TM_LONGEST_TOKEN + 2, sizeof *work.begin);
    work.order = malloc(((size_t)trie->nodes + 1) * sizeof *work.order);
    automaton->suffix = malloc(((size_t)trie->cells + 1) * sizeof *automaton->suffix);
    tm_status status;
    if (work.depth && work.begin && work.order && automaton->suffix) {
        order_nodes(&work, automaton);
        status = link_nodes(&work, automaton, error);
    } else {
        status = tm_fail_memory(error, file);
    }
    free(work.depth);
    free(work.begin);
    free(work.order);
    return status;
}

void tm_automaton_free(tm_automaton *automaton)
{
    free(automaton->suffix);
    *automaton = (tm_automaton){0};
}
