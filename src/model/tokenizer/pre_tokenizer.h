/* How normalised text is split before the model cuts it: the "pre_tokenizer" of a tokenizer.json. */
#ifndef TM_MODEL_TOKENIZER_PRE_TOKENIZER_H
#define TM_MODEL_TOKENIZER_PRE_TOKENIZER_H

#include "model/tokenizer/json_read.h"
#include "model/tokenizer/pieces.h"
#include "model/tokenizer/regex.h"

typedef struct tm_pre_tokenizer tm_pre_tokenizer;

/* What one thread needs; starts as {0}. */
typedef struct tm_pre_tokenizer_scratch {
    tm_pieces spare;
    tm_text swap[2];
    tm_regex_scratch regex;
} tm_pre_tokenizer_scratch;
void tm_pre_tokenizer_scratch_free(tm_pre_tokenizer_scratch *scratch);

/* NULL or null is the one that splits nothing, and `*into` NULL. Errors name the place. */
tm_status tm_pre_tokenizer_read(const char *file, const json_t *json, tm_pre_tokenizer **into, tm_error *error);

/* For folders without a tokenizer.json. */
tm_status tm_pre_tokenizer_make_bert(tm_pre_tokenizer **into, tm_error *error);
tm_status tm_pre_tokenizer_make_byte_level(bool prefix_space, tm_pre_tokenizer **into, tm_error *error);
void tm_pre_tokenizer_free(tm_pre_tokenizer *pre_tokenizer); /* NULL is fine */

/* Does any step ask which pieces come from the first character of the user's text? */
bool tm_pre_tokenizer_asks_first(const tm_pre_tokenizer *pre_tokenizer);

/* Splits those pieces of `*text` (valid UTF-8) that are no tokens. `*text` becomes what the new pieces are ranges of,
 * which lives until `scratch` is used again. The `first` bytes of `*text` come from the first character of the user's
 * text: 0 where nobody asks, or where a token begins it. */
tm_status tm_pre_tokenize(const tm_pre_tokenizer *pre_tokenizer, tm_pre_tokenizer_scratch *scratch, const char **text,
                          tm_pieces *pieces, size_t first, tm_error *error);

#endif
