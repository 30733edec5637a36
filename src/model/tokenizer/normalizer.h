/* What happens to text before it is split: the "normalizer" of a tokenizer.json. */
#ifndef TM_MODEL_TOKENIZER_NORMALIZER_H
#define TM_MODEL_TOKENIZER_NORMALIZER_H

#include "model/tokenizer/json_read.h"
#include "model/tokenizer/normal_form.h"
#include "model/tokenizer/pieces.h"
#include "model/tokenizer/regex.h"

typedef struct tm_normalizer tm_normalizer;

/* What one thread needs; starts as {0}. */
typedef struct tm_normalizer_scratch {
    tm_text swap[2];
    tm_form_scratch form;
    tm_regex_scratch regex;
} tm_normalizer_scratch;
void tm_normalizer_scratch_free(tm_normalizer_scratch *scratch);

/* NULL or null is the normaliser that changes nothing, and `*into` NULL. Errors name the place. */
tm_status tm_normalizer_read(const char *file, const json_t *json, tm_normalizer **into, tm_error *error);

/* BERT's, for folders without a tokenizer.json. */
tm_status tm_normalizer_make_bert(bool lowercase, bool strip_accents, bool chinese, tm_normalizer **into,
                                  tm_error *error);
void tm_normalizer_free(tm_normalizer *normalizer); /* NULL is fine */

/* The package that ids are to equal takes the character behind one that its Precompiled step drops for the dropped one.
 */
bool tm_normalizer_lets_next_be_first(const tm_normalizer *normalizer);

/* Appends valid UTF-8, normalised. TM_INVALID_ARGUMENT: it would be longer than TM_LONGEST_WORK; TM_OUT_OF_MEMORY. */
tm_status tm_normalize(const tm_normalizer *normalizer, tm_normalizer_scratch *scratch, const char *text, size_t bytes,
                       tm_text *into, tm_error *error);

/* BERT's step. Set the switches, then prepare. */
typedef struct tm_bert_rules {
    bool clean, chinese, strip_accents, lowercase;
    char ascii[128]; /* what becomes of each ASCII character */
} tm_bert_rules;
void tm_bert_rules_prepare(tm_bert_rules *rules);
void tm_bert_normalize(const tm_bert_rules *rules, tm_reorder *order, const char *text, size_t bytes, tm_text *into);

#endif
