/* The ids of short words that came by lately: one entry a place, the newest word stays. */
#ifndef TM_MODEL_TOKENIZER_WORD_CACHE_H
#define TM_MODEL_TOKENIZER_WORD_CACHE_H

#include "base/hash.h"
#include "model/tokenizer/token_model.h"

#include <string.h>

enum { TM_CACHED_BYTES = 30, TM_CACHED_IDS = 8, TM_CACHED_WORDS_LOG = 14 };

typedef struct tm_cached_word {
    uint8_t bytes; /* 0: free */
    uint8_t ids;
    char text[TM_CACHED_BYTES];
    uint32_t id[TM_CACHED_IDS];
} tm_cached_word;

typedef struct tm_word_cache {
    tm_cached_word *word; /* NULL: nothing is kept */
    uint64_t factor;
} tm_word_cache;

/* Where a word of 1 to TM_CACHED_BYTES bytes is kept, or would be. */
static inline tm_cached_word *tm_word_cache_place(const tm_word_cache *cache, const char *text, size_t bytes)
{
    const uint64_t hash = tm_hash_bytes(text, bytes) * cache->factor;
    return &cache->word[hash >> (64 - TM_CACHED_WORDS_LOG)];
}

static inline bool tm_word_cache_holds(const tm_cached_word *word, const char *text, size_t bytes)
{
    return word->bytes == bytes && memcmp(word->text, text, bytes) == 0;
}

/* Keeps the word with the ids from `first` on, if they are few. */
static inline void tm_word_cache_keep(tm_cached_word *word, const char *text, size_t bytes, const tm_ids *ids,
                                      size_t first)
{
    const size_t count = ids->count - first;
    if (count > TM_CACHED_IDS) return;
    word->bytes = (uint8_t)bytes;
    word->ids = (uint8_t)count;
    memcpy(word->text, text, bytes);
    if (count > 0) memcpy(word->id, ids->data + first, count * sizeof *ids->data);
}

#endif
