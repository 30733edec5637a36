/* SentencePiece's compiled table of normalisations (the normaliser Precompiled). */
#ifndef TM_MODEL_TOKENIZER_CHARSMAP_H
#define TM_MODEL_TOKENIZER_CHARSMAP_H

#include "model/tokenizer/json_read.h"

typedef struct tm_charsmap tm_charsmap;

/* From base64. TM_INVALID_ARGUMENT: it is no such table. */
tm_status tm_charsmap_read(const tm_json_place *place, const char *base64, size_t length, tm_charsmap **into,
                           tm_error *error);
void tm_charsmap_free(tm_charsmap *map); /* NULL is fine */

/* Appends valid UTF-8 after the table was applied to it, at most up to `limit` bytes in `into`. */
void tm_charsmap_add(const tm_charsmap *map, const char *text, size_t bytes, size_t limit, tm_text *into);

#endif
