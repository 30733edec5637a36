/* How tokens become text again: the "decoder" of a tokenizer.json. */
#ifndef TM_MODEL_TOKENIZER_DECODER_H
#define TM_MODEL_TOKENIZER_DECODER_H

#include "model/tokenizer/pieces.h"
#include "model/tokenizer/regex.h"

typedef struct tm_decoder tm_decoder;

/* Texts one after the other in one buffer; starts as {0}. */
typedef struct tm_strings {
    tm_text bytes;
    size_t *ends;
    size_t count, capacity;
    bool failed;
} tm_strings;
void tm_strings_end(tm_strings *strings); /* what was added to `bytes` since the last end is a text */
void tm_strings_free(tm_strings *strings);

/* NULL or null is the one that puts spaces between tokens, and `*into` NULL. Errors name the place. */
tm_status tm_decoder_read(const char *file, const json_t *json, tm_decoder **into, tm_error *error);

/* For folders without a tokenizer.json. */
tm_status tm_decoder_make_wordpiece(const char *prefix, tm_decoder **into, tm_error *error);
tm_status tm_decoder_make_byte_level(tm_decoder **into, tm_error *error);
void tm_decoder_free(tm_decoder *decoder); /* NULL is fine */

/* Appends the text of the tokens, which are changed on the way. */
tm_status tm_decode(const tm_decoder *decoder, tm_strings *tokens, tm_text *into, tm_error *error);

#endif
