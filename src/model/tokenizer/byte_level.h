/* The byte-level alphabet: a visible character for each of the 256 bytes, as GPT-2 has it. */
#ifndef TM_MODEL_TOKENIZER_BYTE_LEVEL_H
#define TM_MODEL_TOKENIZER_BYTE_LEVEL_H

#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>

/* Appends the characters of the bytes. */
void tm_byte_level_add(tm_text *into, const char *bytes, size_t count);

/* Writes the characters of the bytes to `into`, which has room for twice as many; returns the bytes written. */
size_t tm_byte_level_put(char *into, const char *bytes, size_t count);

/* Appends the bytes that the characters of a token stand for, or, if one of them is not of the alphabet, the token as
 * it is. The token is valid UTF-8. */
void tm_byte_level_add_back(tm_text *into, const char *token, size_t bytes);

#endif
