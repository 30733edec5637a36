/* The table is filled token by token and begun anew twice as large when it is more than half full: the number of
 * nodes, which numbers of cells depend on, is not known before. */
#include "model/tokenizer/trie.h"

#include "model/tokenizer/token_model.h"

#include <stdlib.h>
#include <string.h>

enum { FEWEST_CELLS_LOG = 8, MOST_CELLS_LOG = 26 };

static tm_status start(tm_trie *trie, int log, const char *file, tm_error *error)
{
    free(trie->cell);
    *trie = (tm_trie){.cells = (uint32_t)1 << log, .shift = 64 - log};
    if (log > MOST_CELLS_LOG) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "%s: the tokens have more than %d different beginnings", file,
                       1 << (MOST_CELLS_LOG - 1));
    }
    trie->cell = malloc(trie->cells * sizeof *trie->cell);
    if (!trie->cell) return tm_fail_memory(error, file);
    memset(trie->cell, 0xFF, trie->cells * sizeof *trie->cell);
    trie->factor = tm_hash_factor(trie->cell);
    return TM_OK;
}

/* False when the table would be more than half full. */
static bool add(tm_trie *trie, const char *text, size_t bytes, uint32_t id)
{
    uint32_t node = tm_trie_root(trie);
    for (size_t i = 0; i < bytes; i++) {
        const uint32_t place = tm_trie_place(trie, node, (unsigned char)text[i]);
        if ((uint32_t)trie->cell[place] == TM_NO_NODE) {
            if (trie->nodes >= trie->cells / 2) return false;
            trie->cell[place] = (uint64_t)TM_TRIE_NONE << 40 | (uint64_t)(unsigned char)text[i] << 32 | node;
            trie->nodes++;
        }
        node = place;
    }
    if (bytes > 0) trie->cell[node] = (uint64_t)id << 40 | (trie->cell[node] & 0xFFFFFFFFFF);
    return true;
}

static bool add_all(tm_trie *trie, const tm_vocabulary *vocabulary)
{
    for (uint32_t id = 0; id < vocabulary->end; id++) {
        const tm_token token = vocabulary->token[id];
        if (token.start != TM_NO_ID && !add(trie, vocabulary->texts + token.start, token.bytes, id)) return false;
    }
    return true;
}

tm_status tm_trie_make(tm_trie *trie, const tm_vocabulary *vocabulary, const char *file, tm_error *error)
{
    int log = FEWEST_CELLS_LOG;
    tm_status status = start(trie, log, file, error);
    while (status == TM_OK && !add_all(trie, vocabulary)) status = start(trie, ++log, file, error);
    return status;
}

void tm_trie_free(tm_trie *trie)
{
    free(trie->cell);
    *trie = (tm_trie){0};
}

uint32_t tm_trie_walk(const tm_trie *trie, uint32_t node, const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes && node != TM_NO_NODE; i++) node = tm_trie_child(trie, node, (unsigned char)text[i]);
    return node;
}
