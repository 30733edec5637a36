/* The tokens of a model: all texts in one block, found by id through an array and by text through a hash table. */
#ifndef TM_MODEL_TOKENIZER_VOCABULARY_H
#define TM_MODEL_TOKENIZER_VOCABULARY_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TM_NO_ID UINT32_MAX

typedef struct tm_token {
    uint32_t start; /* in the block of texts; TM_NO_ID in a gap */
    uint32_t bytes;
} tm_token;

typedef struct tm_vocabulary_slot {
    uint32_t tag; /* of the text's hash */
    uint32_t id;  /* TM_NO_ID: free */
} tm_vocabulary_slot;

typedef struct tm_vocabulary {
    char *texts;
    size_t text_bytes, text_capacity;
    tm_token *token; /* by id */
    uint32_t end;    /* one more than the greatest id */
    uint32_t capacity;
    tm_vocabulary_slot *slot; /* open addressing, at most half full */
    uint64_t slots, factor;
    int shift;
} tm_vocabulary;

/* Makes an empty vocabulary with room for `tokens` adds; `file` is named in the error. */
tm_status tm_vocabulary_make(tm_vocabulary *vocabulary, size_t tokens, const char *file, tm_error *error);
void tm_vocabulary_free(tm_vocabulary *vocabulary);

/* Adds a token. A text that is there already now means the new id, and `*before` tells its former one (TM_NO_ID if
 * there was none), which still reads so. TM_INVALID_ARGUMENT: an id out of range or taken, or a text too long. */
tm_status tm_vocabulary_add(tm_vocabulary *vocabulary, const char *text, size_t bytes, uint64_t id, uint32_t *before,
                            const char *file, tm_error *error);

/* The id of a text; TM_NO_ID if no token reads so. */
uint32_t tm_vocabulary_find(const tm_vocabulary *vocabulary, const char *text, size_t bytes);

/* The text of an id below `end` that is not a gap. */
static inline const char *tm_vocabulary_text(const tm_vocabulary *vocabulary, uint32_t id)
{
    return vocabulary->texts + vocabulary->token[id].start;
}

/* An odd number that differs from run to run where addresses do: what comes from a file cannot be made to collide. */
uint64_t tm_hash_factor(const void *address);

/* tm_fail about one token: "FILE: token "TEXT": WHAT"; a long text is cut, and what no terminal should get is '?'. */
tm_status tm_fail_token(tm_error *error, const char *file, const char *text, size_t bytes, const char *what);

#endif
