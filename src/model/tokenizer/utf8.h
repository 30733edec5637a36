/* UTF-8 by hand: what the tokenizers need between bytes and characters. */
#ifndef TM_MODEL_TOKENIZER_UTF8_H
#define TM_MODEL_TOKENIZER_UTF8_H

#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TM_UTF8_LONGEST = 4, TM_UTF8_REPLACEMENT = 0xFFFD };

/* The character that begins at `text`, which must be valid UTF-8 with at least one byte; `*size` gets its bytes. */
static inline uint32_t tm_utf8_get(const char *text, size_t *size)
{
    const unsigned char *at = (const unsigned char *)text;
    if (at[0] < 0x80) {
        *size = 1;
        return at[0];
    }
    if (at[0] < 0xE0) {
        *size = 2;
        return (at[0] & 0x1Fu) << 6 | (at[1] & 0x3Fu);
    }
    if (at[0] < 0xF0) {
        *size = 3;
        return (at[0] & 0x0Fu) << 12 | (at[1] & 0x3Fu) << 6 | (at[2] & 0x3Fu);
    }
    *size = 4;
    return (at[0] & 0x07u) << 18 | (at[1] & 0x3Fu) << 12 | (at[2] & 0x3Fu) << 6 | (at[3] & 0x3Fu);
}

/* Where the character that ends before `text + end` begins; `end` is above 0 and the text valid. */
static inline size_t tm_utf8_before(const char *text, size_t end)
{
    do {
        end--;
    } while (((unsigned char)text[end] & 0xC0) == 0x80);
    return end;
}

/* Writes a character, of at most TM_UTF8_LONGEST bytes; returns how many. */
static inline size_t tm_utf8_put(uint32_t c, char *into)
{
    if (c < 0x80) {
        into[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        into[0] = (char)(0xC0 | c >> 6);
        into[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        into[0] = (char)(0xE0 | c >> 12);
        into[1] = (char)(0x80 | (c >> 6 & 0x3F));
        into[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    into[0] = (char)(0xF0 | c >> 18);
    into[1] = (char)(0x80 | (c >> 12 & 0x3F));
    into[2] = (char)(0x80 | (c >> 6 & 0x3F));
    into[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

/* How many bytes from the start are valid UTF-8. */
size_t tm_utf8_valid(const char *text, size_t bytes);

/* How many bytes from the start are below 0x80. */
size_t tm_utf8_ascii(const char *text, size_t bytes);

/* Appends `text` with U+FFFD for every longest piece that is the start of no character or of one cut short: what a
 * decoder that replaces does, in Python and in Rust alike. */
void tm_utf8_add_repaired(tm_text *into, const char *text, size_t bytes);

#endif
