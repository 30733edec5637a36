/* The table is a double array of 32-bit units and, behind it, zero-terminated texts. A walk through the array spells a
 * prefix; where the prefix is an entry, the unit beside it says where its text begins.
 *
 * It is applied to whole grapheme clusters of less than 6 bytes, and to each character of the longer ones. What counts
 * is the shortest entry that the piece begins with, and its text stands for all of the piece: odd, but the ids of
 * XLM-RoBERTa are made so. Every access is checked, for the table comes from a file. */
#include "model/tokenizer/charsmap.h"

#include "model/tokenizer/utf8.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

enum { SHORT_GRAPHEME = 6 };

typedef struct replacement {
    const char *text; /* NULL: none */
    size_t length;
} replacement;

struct tm_charsmap {
    uint32_t *units;
    size_t unit_count;
    char *texts; /* zero-terminated behind text_bytes */
    size_t text_bytes;
    replacement ascii[128];
};

static int base64_digit(unsigned char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Returns the bytes written, or SIZE_MAX. `into` has room for length / 4 * 3. */
static size_t decode_base64(const char *text, size_t length, unsigned char *into)
{
    size_t written = 0;
    if (length % 4 != 0) return SIZE_MAX;
    for (size_t at = 0; at < length; at += 4) {
        const bool last = at + 4 == length;
        const size_t padding = last && text[at + 3] == '=' ? (text[at + 2] == '=' ? 2 : 1) : 0;
        uint32_t bits = 0;
        for (size_t i = 0; i < 4; i++) {
            const int digit = i < 4 - padding ? base64_digit((unsigned char)text[at + i]) : 0;
            if (digit < 0) return SIZE_MAX;
            bits = bits << 6 | (uint32_t)digit;
        }
        for (size_t i = 0; i < 3 - padding; i++) into[written++] = (unsigned char)(bits >> (16 - 8 * i));
    }
    return written;
}

static size_t unit_offset(uint32_t unit)
{
    return (size_t)(unit >> 10) << ((unit & 1u << 9) >> 6);
}

static replacement find(const tm_charsmap *map, const char *piece, size_t bytes)
{
    const replacement none = {NULL, 0};
    size_t node = unit_offset(map->units[0]);
    for (size_t i = 0; i < bytes && piece[i]; i++) {
        const unsigned char c = (unsigned char)piece[i];
        node ^= c;
        if (node >= map->unit_count || (map->units[node] & (1u << 31 | 0xFF)) != c) return none;
        const uint32_t unit = map->units[node];
        node ^= unit_offset(unit);
        if (!(unit >> 8 & 1)) continue;
        const size_t start = node < map->unit_count ? map->units[node] & 0x7FFFFFFFu : SIZE_MAX;
        if (start > map->text_bytes || ((unsigned char)map->texts[start] & 0xC0) == 0x80) return none;
        return (replacement){map->texts + start, strlen(map->texts + start)};
    }
    return none;
}

/* Splits what was decoded into units and texts. */
static tm_status take_parts(const tm_json_place *place, const unsigned char *blob, size_t bytes, tm_charsmap *map,
                            tm_error *error)
{
    if (bytes < 8) return tm_json_refuse(place, error, "\"precompiled_charsmap\" ends before its table");
    const size_t array = (size_t)blob[0] | (size_t)blob[1] << 8 | (size_t)blob[2] << 16 | (size_t)blob[3] << 24;
    if (array < 4 || array % 4 != 0 || array > bytes - 4) {
        return tm_json_refuse(place, error, "\"precompiled_charsmap\" has a table of %zu bytes in %zu", array, bytes);
    }
    map->unit_count = array / 4;
    map->text_bytes = bytes - 4 - array;
    map->units = malloc(array);
    map->texts = malloc(map->text_bytes + 1);
    if (!map->units || !map->texts) return tm_fail_memory(error, "a tokenizer");
    for (size_t i = 0; i < map->unit_count; i++) {
        const unsigned char *const at = blob + 4 + 4 * i;
        map->units[i] = at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
    }
    memcpy(map->texts, blob + 4 + array, map->text_bytes);
    map->texts[map->text_bytes] = '\0';
    if (tm_utf8_valid(map->texts, map->text_bytes) != map->text_bytes) {
        return tm_json_refuse(place, error, "\"precompiled_charsmap\" holds text that is not UTF-8");
    }
    return TM_OK;
}

tm_status tm_charsmap_read(const tm_json_place *place, const char *base64, size_t length, tm_charsmap **into,
                           tm_error *error)
{
    *into = NULL;
    tm_charsmap *const map = calloc(1, sizeof *map);
    unsigned char *const blob = malloc(length / 4 * 3 + 1);
    tm_status status = TM_OK;
    if (!map || !blob) {
        status = tm_fail_memory(error, "a tokenizer");
        goto done;
    }
    const size_t bytes = decode_base64(base64, length, blob);
    if (bytes == SIZE_MAX)
        status = tm_json_refuse(place, error, "\"precompiled_charsmap\" is not base64");
    else
        status = take_parts(place, blob, bytes, map, error);
    if (status != TM_OK) goto done;
    for (int c = 1; c < 128; c++) {
        const char piece = (char)c;
        map->ascii[c] = find(map, &piece, 1);
    }
    *into = map;
done:
    free(blob);
    if (status != TM_OK) tm_charsmap_free(map);
    return status;
}

void tm_charsmap_free(tm_charsmap *map)
{
    if (!map) return;
    free(map->units);
    free(map->texts);
    free(map);
}

/* The bytes of the grapheme cluster at `text`. */
static size_t grapheme(const char *text, size_t bytes)
{
    size_t size, next;
    utf8proc_int32_t state = 0;
    uint32_t before = tm_utf8_get(text, &size);
    while (size < bytes) {
        const uint32_t after = tm_utf8_get(text + size, &next);
        if (utf8proc_grapheme_break_stateful((utf8proc_int32_t)before, (utf8proc_int32_t)after, &state)) break;
        size += next;
        before = after;
    }
    return size;
}

static void add_piece(const char *piece, size_t bytes, replacement instead, tm_text *into)
{
    if (instead.text)
        tm_text_add_bytes(into, instead.text, instead.length);
    else
        tm_text_add_bytes(into, piece, bytes);
}

static void add_grapheme(const tm_charsmap *map, const char *text, size_t bytes, tm_text *into)
{
    if (bytes < SHORT_GRAPHEME) {
        const replacement whole = find(map, text, bytes);
        if (whole.text) {
            add_piece(text, bytes, whole, into);
            return;
        }
    }
    for (size_t at = 0, size; at < bytes; at += size) {
        tm_utf8_get(text + at, &size);
        add_piece(text + at, size, find(map, text + at, size), into);
    }
}

void tm_charsmap_add(const tm_charsmap *map, const char *text, size_t bytes, size_t limit, tm_text *into)
{
    for (size_t at = 0; at < bytes && into->length < limit && !into->failed;) {
        const unsigned char c = (unsigned char)text[at];
        const bool alone = c < 0x80 && c != '\r' && (at + 1 == bytes || (unsigned char)text[at + 1] < 0x80);
        if (alone) {
            add_piece(text + at, 1, map->ascii[c], into);
            at++;
            continue;
        }
        const size_t size = grapheme(text + at, bytes - at);
        add_grapheme(map, text + at, size, into);
        at += size;
    }
}
