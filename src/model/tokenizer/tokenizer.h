/* Tokenizers of Hugging Face folders: text to ids and back, ids equal to those of Hugging Face's `tokenizers`.
 *
 * A tokenizer is immutable once open: any number of threads may use it at once, each with a tm_tokens of its own. */
#ifndef TM_MODEL_TOKENIZER_TOKENIZER_H
#define TM_MODEL_TOKENIZER_TOKENIZER_H

#include "base/error.h"
#include "base/text.h"

typedef struct tm_tokenizer tm_tokenizer;
typedef struct tm_tokens_scratch tm_tokens_scratch;

/* What one call made, `count` of each. The arrays belong to it and live until the next call; it keeps its memory from
 * one call to the next. Starts as {0}. */
typedef struct tm_tokens {
    const uint32_t *ids;
    const uint32_t *type_ids; /* 0 for the first text, 1 for the second, or as the model wants it */
    const uint8_t *attention; /* 0 where it is padding */
    const uint8_t *special;   /* 1 for what the post-processor or padding put in */
    size_t count;
    tm_tokens_scratch *scratch;
} tm_tokens;
void tm_tokens_free(tm_tokens *tokens);

typedef struct tm_encode_options {
    bool bare;         /* without the special tokens around the text */
    bool as_file_says; /* truncate and pad as tokenizer.json says, where `max_length` is 0 */
    bool from_left;    /* truncation leaves out the beginning */
    size_t max_length; /* in tokens, special ones included; 0: as long as it comes. Of two texts the longer is cut */
} tm_encode_options;

/* `path` is a tokenizer.json, or a folder with one, or with vocab.txt (BERT), or with vocab.json and merges.txt
 * (RoBERTa, GPT-2), each with a tokenizer_config.json or without. TM_FAILED: it cannot be read; TM_UNSUPPORTED: a part
 * of it is not known here; TM_INVALID_ARGUMENT: it is not what such a file may be; TM_OUT_OF_MEMORY. */
tm_status tm_tokenizer_open(const char *path, tm_tokenizer **into, tm_error *error);

/* The same from the bytes of a tokenizer.json; `name` is what errors call it. */
tm_status tm_tokenizer_read(const char *name, const char *json, size_t length, tm_tokenizer **into, tm_error *error);
void tm_tokenizer_close(tm_tokenizer *tokenizer); /* NULL is fine */

/* Encodes one text, or two where `second` is not NULL. Bytes that are no UTF-8 count as U+FFFD. TM_INVALID_ARGUMENT: a
 * text of more than 16 MiB, or `max_length` leaves no room for the special tokens; TM_FAILED: the model has no token
 * for a character and no unknown token; TM_OUT_OF_MEMORY. */
tm_status tm_tokenizer_encode(const tm_tokenizer *tokenizer, const char *text, size_t bytes, const char *second,
                              size_t second_bytes, const tm_encode_options *options, tm_tokens *tokens,
                              tm_error *error);

/* Appends the text of ids; those that no token has are left out, special tokens where `skip_special` says so. */
tm_status tm_tokenizer_decode(const tm_tokenizer *tokenizer, const uint32_t *ids, size_t count, bool skip_special,
                              tm_text *into, tm_error *error);

/* The token with this id as it is written, NULL if there is none; it lives as long as the tokenizer. */
const char *tm_tokenizer_text(const tm_tokenizer *tokenizer, uint32_t id, size_t *bytes);

/* The id of a token as it is written; false if there is none. */
bool tm_tokenizer_id(const tm_tokenizer *tokenizer, const char *text, size_t bytes, uint32_t *id);

#endif
