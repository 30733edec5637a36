/* All beginnings of a set of tokens, one node each, for matching byte by byte.
 *
 * A node's number is the place of its cell in one open-addressed table, which depends on its parent's number and its
 * byte: one look finds a child, whatever the shape of the trie, and building is linear. */
#ifndef TM_MODEL_TOKENIZER_TRIE_H
#define TM_MODEL_TOKENIZER_TRIE_H

#include "model/tokenizer/vocabulary.h"

#define TM_NO_NODE   UINT32_MAX
#define TM_TRIE_NONE 0xFFFFFFu /* no token ends here: ids are below TM_MOST_TOKENS */

typedef struct tm_trie {
    uint64_t *cell;  /* parent in bits 0..31 (TM_NO_NODE: free), byte in 32..39, token in 40..63 */
    uint32_t cells;  /* a power of two; also the number of the root, which has no cell */
    uint32_t nodes;  /* without the root */
    uint64_t factor; /* see tm_hash_factor */
    int shift;
} tm_trie;

/* Builds the trie of a vocabulary's texts, the empty one left out. TM_INVALID_ARGUMENT: too many nodes. */
tm_status tm_trie_make(tm_trie *trie, const tm_vocabulary *vocabulary, const char *file, tm_error *error);
void tm_trie_free(tm_trie *trie);

static inline uint32_t tm_trie_root(const tm_trie *trie)
{
    return trie->cells;
}

/* The place of the node's child, or the free cell where it would be. */
static inline uint32_t tm_trie_place(const tm_trie *trie, uint32_t node, unsigned char byte)
{
    const uint64_t key = (uint64_t)byte << 32 | node;
    uint32_t place = (uint32_t)((key * trie->factor) >> trie->shift);
    while ((trie->cell[place] & 0xFFFFFFFFFF) != key && (uint32_t)trie->cell[place] != TM_NO_NODE) {
        place = (place + 1) & (trie->cells - 1);
    }
    return place;
}

/* TM_NO_NODE if no token goes on so. */
static inline uint32_t tm_trie_child(const tm_trie *trie, uint32_t node, unsigned char byte)
{
    const uint32_t place = tm_trie_place(trie, node, byte);
    return (uint32_t)trie->cell[place] == TM_NO_NODE ? TM_NO_NODE : place;
}

/* The token that ends at a node other than the root; TM_TRIE_NONE if none does. */
static inline uint32_t tm_trie_token(const tm_trie *trie, uint32_t node)
{
    return (uint32_t)(trie->cell[node] >> 40);
}

/* The node that `text` leads to from `node`; TM_NO_NODE if no token goes on so. */
uint32_t tm_trie_walk(const tm_trie *trie, uint32_t node, const char *text, size_t bytes);

#endif
