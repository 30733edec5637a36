/* Bytes that are visible characters of Latin-1 stand for themselves; the others get U+0100, U+0101 ... in their order.
 * So every character of the alphabet is below U+0180 and takes one or two bytes. */
#include "model/tokenizer/byte_level.h"

#include "model/tokenizer/utf8.h"

enum { SHIFTED = 0x100 };

static bool is_visible(unsigned byte)
{
    return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

/* The character of a byte that is not visible: those below it are 0 to 0x20 and 0x7F to 0xA0, and 0xAD. */
static uint32_t char_of(unsigned byte)
{
    if (is_visible(byte)) return byte;
    if (byte <= 0x20) return SHIFTED + byte;
    return byte == 0xAD ? SHIFTED + 0x43 : SHIFTED + 0x21 + byte - 0x7F;
}

/* The byte of a character; false if the alphabet does not have it. */
static bool byte_of(uint32_t c, unsigned char *into)
{
    uint32_t byte = c;
    if (c >= SHIFTED && c < SHIFTED + 0x21)
        byte = c - SHIFTED;
    else if (c >= SHIFTED + 0x21 && c < SHIFTED + 0x43)
        byte = c - SHIFTED - 0x21 + 0x7F;
    else if (c == SHIFTED + 0x43)
        byte = 0xAD;
    else if (c > 0xFF || !is_visible(c))
        return false;
    *into = (unsigned char)byte;
    return true;
}

size_t tm_byte_level_put(char *into, const char *bytes, size_t count)
{
    char *out = into;
    for (size_t i = 0; i < count; i++) {
        const unsigned byte = (unsigned char)bytes[i];
        if (byte > 0x20 && byte < 0x7F)
            *out++ = (char)byte;
        else
            out += tm_utf8_put(char_of(byte), out);
    }
    return (size_t)(out - into);
}

void tm_byte_level_add(tm_text *into, const char *bytes, size_t count)
{
    if (!tm_text_reserve(into, 2 * count)) return;
    into->length += tm_byte_level_put(into->data + into->length, bytes, count);
    into->data[into->length] = '\0';
}

void tm_byte_level_add_back(tm_text *into, const char *token, size_t bytes)
{
    const size_t start = into->length;
    size_t size;
    if (!tm_text_reserve(into, bytes)) return;
    for (size_t at = 0; at < bytes; at += size) {
        unsigned char byte;
        if (!byte_of(tm_utf8_get(token + at, &size), &byte)) {
            into->length = start;
            tm_text_add_bytes(into, token, bytes);
            return;
        }
        into->data[into->length++] = (char)byte;
    }
    into->data[into->length] = '\0';
}
