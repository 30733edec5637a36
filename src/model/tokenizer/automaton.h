/* The tokens of a trie that end at each position of a text, in one pass (Aho and Corasick): a trie, or the part of it
 * below one node, whose nodes also know their longest proper suffixes. */
#ifndef TM_MODEL_TOKENIZER_AUTOMATON_H
#define TM_MODEL_TOKENIZER_AUTOMATON_H

#include "model/tokenizer/trie.h"

/* The most tokens that may end at one place: each is looked at wherever they do. */
enum { TM_MOST_ENDINGS = 256 };

/* Of a node, beside its cell. */
typedef struct tm_suffixes {
    uint32_t node;  /* its longest proper suffix that is a node too */
    uint32_t token; /* its longest proper suffix at which a token ends; TM_NO_NODE: none */
} tm_suffixes;

typedef struct tm_automaton {
    tm_trie trie;        /* a copy: the owner frees it */
    uint32_t root;       /* where tokens begin */
    tm_suffixes *suffix; /* by node */
} tm_automaton;

/* Makes the automaton of what follows `prefix` in the tokens that begin with it. `trie` has the vocabulary's texts.
 * TM_INVALID_ARGUMENT: more than TM_MOST_ENDINGS tokens end in one. */
tm_status tm_automaton_make(tm_automaton *automaton, const tm_trie *trie, const tm_vocabulary *vocabulary,
                            const char *prefix, size_t prefix_bytes, const char *file, tm_error *error);
void tm_automaton_free(tm_automaton *automaton);

/* Where it goes from `node` with one more byte. */
static inline uint32_t tm_automaton_step(const tm_automaton *automaton, uint32_t node, unsigned char byte)
{
    for (;;) {
        const uint32_t child = tm_trie_child(&automaton->trie, node, byte);
        if (child != TM_NO_NODE) return child;
        if (node == automaton->root) return node;
        node = automaton->suffix[node].node;
    }
}

/* The node of the longest token that ends where the automaton is; those of shorter ones follow by suffix[].token.
 * TM_NO_NODE: none. */
static inline uint32_t tm_automaton_ending(const tm_automaton *automaton, uint32_t node)
{
    if (node == automaton->root) return TM_NO_NODE;
    return tm_trie_token(&automaton->trie, node) == TM_TRIE_NONE ? automaton->suffix[node].token : node;
}

#endif
