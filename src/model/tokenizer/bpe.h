/* BPE, read: its merges as a hash table from pairs of ids, and what it takes to begin a word. */
#ifndef TM_MODEL_TOKENIZER_BPE_H
#define TM_MODEL_TOKENIZER_BPE_H

#include "model/tokenizer/model_kind.h"

#define TM_NO_RANK UINT32_MAX

enum { TM_LONGEST_AFFIX = 64, TM_TABLED_CHARACTERS = 1 << 16 };

typedef struct tm_bpe {
    uint64_t *pair;   /* left id << 32 | right id, ~0: free; open addressing, at most half full */
    uint32_t *rank;   /* beside each pair: which merge it is */
    uint32_t *result; /* by rank: the id of both together */
    uint64_t pairs, factor;
    int shift;
    uint32_t merges;

    /* Each merge makes a longer text than its parts: then a pair that was queued and is no more can be told from all
     * others by the id it would make, so that merging the lowest rank first is all there is to it. */
    bool growing;

    /* Bits by hash of two characters: unset where no merge has a left part that ends with the first and a right part
     * that begins with the second. NULL if words cannot be taken apart there. */
    uint64_t *joins;
    uint64_t join_words; /* a power of two */

    uint32_t *by_character; /* the id of a token of one character below TM_TABLED_CHARACTERS */
    uint32_t byte_token[256];
    char prefix[TM_LONGEST_AFFIX], suffix[TM_LONGEST_AFFIX];
    size_t prefix_bytes, suffix_bytes;
    uint32_t unknown; /* TM_NO_ID: not in the vocabulary */
    bool has_unknown, fuse_unknown, byte_fallback, ignore_merges;
} tm_bpe;

/* The model kind's read and free. */
tm_status tm_bpe_read(tm_token_model *model, json_t *json, tm_error *error);
void tm_bpe_free(void *own);

static inline uint64_t tm_bpe_place(const tm_bpe *bpe, uint64_t pair)
{
    uint64_t place = (pair * bpe->factor) >> bpe->shift;
    while (bpe->pair[place] != pair && bpe->pair[place] != UINT64_MAX) place = (place + 1) & (bpe->pairs - 1);
    return place;
}

/* Which merge two neighbours make; TM_NO_RANK if none. */
static inline uint32_t tm_bpe_rank(const tm_bpe *bpe, uint32_t left, uint32_t right)
{
    const uint64_t pair = (uint64_t)left << 32 | right;
    const uint64_t place = tm_bpe_place(bpe, pair);
    return bpe->pair[place] == pair ? bpe->rank[place] : TM_NO_RANK;
}

/* May a merge join two neighbours of which the first ends with `left` and the second begins with `right`? */
static inline uint64_t tm_bpe_join_bit(const tm_bpe *bpe, uint32_t left, uint32_t right, uint64_t *word)
{
    const uint64_t hash = ((uint64_t)left << 32 | right) * 0x9E3779B97F4A7C15u;
    *word = (hash >> 32) & (bpe->join_words - 1);
    return (uint64_t)1 << (hash >> 58);
}

#endif
