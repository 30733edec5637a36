/* Growable strings and strict number parsing. */
#include "base/text.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool tm_text_reserve(tm_text *text, size_t extra)
{
    if (text->failed) return false;
    if (text->length + extra + 1 <= text->capacity) return true;
    size_t capacity = text->capacity ? text->capacity * 2 : 256;
    while (capacity < text->length + extra + 1) capacity *= 2;
    char *data = realloc(text->data, capacity);
    if (!data) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->capacity = capacity;
    return true;
}

void tm_text_add_bytes(tm_text *text, const void *bytes, size_t count)
{
    if (!tm_text_reserve(text, count)) return;
    if (count) memcpy(text->data + text->length, bytes, count);
    text->length += count;
    text->data[text->length] = '\0';
}

void tm_text_add(tm_text *text, const char *string)
{
    tm_text_add_bytes(text, string, strlen(string));
}

void tm_text_format(tm_text *text, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    const int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length >= 0 && tm_text_reserve(text, (size_t)length)) {
        vsnprintf(text->data + text->length, (size_t)length + 1, format, again);
        text->length += (size_t)length;
    }
    va_end(again);
}

void tm_text_free(tm_text *text)
{
    free(text->data);
    *text = (tm_text){0};
}

/* True if strtoX may be trusted with it: non-empty and not starting with a space or sign it should not have. */
static bool starts_number(const char *string, const char *allowed)
{
    return *string && ((*string >= '0' && *string <= '9') || strchr(allowed, *string));
}

bool tm_parse_i64(const char *string, int64_t *into)
{
    if (!starts_number(string, "-")) return false;
    char *end = NULL;
    errno = 0;
    const long long value = strtoll(string, &end, 10);
    if (errno || *end || end == string) return false;
    *into = value;
    return true;
}

bool tm_parse_u64(const char *string, uint64_t *into)
{
    if (!starts_number(string, "")) return false;
    char *end = NULL;
    errno = 0;
    const unsigned long long value = strtoull(string, &end, 10);
    if (errno || *end) return false;
    *into = value;
    return true;
}

bool tm_parse_real(const char *string, double *into)
{
    if (!starts_number(string, "-.")) return false;
    if (strpbrk(string, "xXnN")) return false;
    char *end = NULL;
    const double value = strtod(string, &end);
    if (*end || end == string || !isfinite(value)) return false;
    *into = value;
    return true;
}

bool tm_parse_duration(const char *string, double *seconds)
{
    static const struct {
        const char *unit;
        double seconds;
    } units[] = {{"", 1}, {"ms", 1e-3}, {"s", 1}, {"m", 60}, {"h", 3600}};
    char number[64];
    const size_t digits = strspn(string, "0123456789.");
    if (digits == 0 || digits >= sizeof number) return false;
    memcpy(number, string, digits);
    number[digits] = '\0';
    double value = 0;
    if (!tm_parse_real(number, &value)) return false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(string + digits, units[i].unit) == 0) {
            *seconds = value * units[i].seconds;
            return true;
        }
    }
    return false;
}

/* Length of the UTF-8 sequence at `s`, 0 if it is not valid; the code point goes to `*point`. */
static size_t utf8_decode(const unsigned char *s, uint32_t *point)
{
    if (s[0] < 0x80) {
        *point = s[0];
        return 1;
    }
    const size_t length = s[0] >= 0xf0 && s[0] < 0xf5   ? 4
                          : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
                          : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
                                                        : 0;
    if (!length) return 0;
    uint32_t value = s[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((s[i] & 0xc0) != 0x80) return 0;
        value = value << 6 | (s[i] & 0x3fu);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (value < least[length] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) return 0;
    *point = value;
    return length;
}

static bool is_visible(uint32_t point)
{
    if (point < 0x20 || (point >= 0x7f && point < 0xa0)) return false;
    if ((point >= 0x200b && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e)) return false;
    return !((point >= 0x2066 && point <= 0x2069) || point == 0xfeff);
}

void tm_text_add_visible(tm_text *text, const char *string)
{
    const unsigned char *s = (const unsigned char *)string;
    while (*s) {
        uint32_t point = 0;
        const size_t length = utf8_decode(s, &point);
        if (length && is_visible(point))
            tm_text_add_bytes(text, s, length);
        else
            tm_text_add(text, "?");
        s += length ? length : 1;
    }
}

void tm_text_add_escaped(tm_text *text, const char *bytes, size_t count)
{
    static const char letters[] = "\n\t\r\"\\", names[] = "ntr\"\\";
    for (size_t at = 0; at < count;) {
        unsigned char sequence[5] = {0}; /* ends in a zero byte, so what is cut off is not UTF-8 */
        memcpy(sequence, bytes + at, count - at < 4 ? count - at : 4);
        uint32_t point = 0;
        const size_t length = utf8_decode(sequence, &point);
        const char *const letter = length == 1 && point ? strchr(letters, (int)point) : NULL;
        if (!length)
            tm_text_format(text, "\\x%02x", sequence[0]);
        else if (letter)
            tm_text_format(text, "\\%c", names[letter - letters]);
        else if (is_visible(point))
            tm_text_add_bytes(text, sequence, length);
        else
            tm_text_format(text, "\\u%04x", point);
        at += length ? length : 1;
    }
}
