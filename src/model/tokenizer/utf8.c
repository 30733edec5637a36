/* Validity as the Unicode standard's table of well-formed byte sequences has it: the first byte says how many follow
 * and what the second may be; the others are continuation bytes. */
#include "model/tokenizer/utf8.h"

#include <string.h>

/* The length of the well-formed character at `at` with `left` bytes to go; 0 if there is none, and then `*bad` gets the
 * length of the piece that one U+FFFD stands for. */
static size_t well_formed(const unsigned char *at, size_t left, size_t *bad)
{
    unsigned char low = 0x80, high = 0xBF;
    size_t size;
    *bad = 1;
    if (at[0] < 0x80) return 1;
    if (at[0] >= 0xC2 && at[0] <= 0xDF) {
        size = 2;
    } else if (at[0] >= 0xE0 && at[0] <= 0xEF) {
        size = 3;
        if (at[0] == 0xE0) low = 0xA0;
        if (at[0] == 0xED) high = 0x9F; /* no surrogates */
    } else if (at[0] >= 0xF0 && at[0] <= 0xF4) {
        size = 4;
        if (at[0] == 0xF0) low = 0x90;
        if (at[0] == 0xF4) high = 0x8F; /* nothing above U+10FFFF */
    } else {
        return 0;
    }
    for (size_t i = 1; i < size; i++) {
        if (i >= left || at[i] < low || at[i] > high) {
            *bad = i;
            return 0;
        }
        low = 0x80;
        high = 0xBF;
    }
    return size;
}

size_t tm_utf8_ascii(const char *text, size_t bytes)
{
    size_t at = 0;
    for (uint64_t word; at + sizeof word <= bytes; at += sizeof word) {
        memcpy(&word, text + at, sizeof word);
        if (word & 0x8080808080808080u) break;
    }
    while (at < bytes && (unsigned char)text[at] < 0x80) at++;
    return at;
}

size_t tm_utf8_valid(const char *text, size_t bytes)
{
    size_t bad, at = 0;
    while (at < bytes) {
        at += tm_utf8_ascii(text + at, bytes - at);
        if (at == bytes) break;
        const size_t size = well_formed((const unsigned char *)text + at, bytes - at, &bad);
        if (size == 0) break;
        at += size;
    }
    return at;
}

void tm_utf8_add_repaired(tm_text *into, const char *text, size_t bytes)
{
    size_t at = 0;
    while (at < bytes) {
        const size_t good = tm_utf8_valid(text + at, bytes - at);
        tm_text_add_bytes(into, text + at, good);
        at += good;
        if (at == bytes) return;
        size_t bad;
        well_formed((const unsigned char *)text + at, bytes - at, &bad);
        tm_text_add(into, "\xEF\xBF\xBD");
        at += bad;
    }
}
