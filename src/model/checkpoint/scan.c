/* A JSON reader over a window that moves along the text. Keys are remembered by 96 bits of hash and their offset, on a
 * stack; when an object closes, its part of the stack is sorted and equal neighbours are a key that stands twice. */
#include "model/checkpoint/scan.h"

#include "base/hash.h"
#include "model/checkpoint/shown.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORTH_A_FILTER = 1000 };

void tm_scan_start(tm_scan *scan, tm_scan_read read, void *context, uint64_t begin, uint64_t end)
{
    memset(scan, 0, offsetof(tm_scan, window));
    scan->read = read;
    scan->context = context;
    scan->window_at = begin;
    scan->end = end;
}

void tm_scan_free(tm_scan *scan)
{
    free(scan->keys);
    scan->keys = NULL;
}

uint64_t tm_scan_offset(const tm_scan *scan)
{
    return scan->window_at + scan->at;
}

static void empty_window(tm_scan *scan)
{
    scan->window_at += scan->at;
    scan->at = scan->filled = 0;
}

bool tm_scan_fail(tm_scan *scan, uint64_t offset, const char *format, ...)
{
    if (scan->status != TM_OK) return false;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(scan->reason, sizeof scan->reason, format, arguments);
    va_end(arguments);
    return tm_scan_stop(scan, TM_INVALID_ARGUMENT, offset);
}

bool tm_scan_stop(tm_scan *scan, tm_status status, uint64_t offset)
{
    if (scan->status != TM_OK) return false;
    scan->status = status;
    scan->fault = offset;
    empty_window(scan);
    return false;
}

static bool fail_memory(tm_scan *scan)
{
    return tm_scan_stop(scan, TM_OUT_OF_MEMORY, 0);
}

tm_status tm_scan_status(const tm_scan *scan, const char *what, tm_error *error)
{
    switch (scan->status) {
    case TM_OK: return TM_OK;
    case TM_OUT_OF_MEMORY: return tm_fail_memory(error, what);
    case TM_INVALID_ARGUMENT:
        return tm_fail(error, TM_INVALID_ARGUMENT, "REJECTED(%s, offset %" PRIu64 ")", scan->reason, scan->fault);
    default: return tm_fail(error, scan->status, "%s", scan->reason);
    }
}

/* Moves the window to where the scan is; false at the end of the text. */
static bool refill(tm_scan *scan)
{
    if (scan->status != TM_OK) return false;
    empty_window(scan);
    const uint64_t left = scan->end - scan->window_at;
    if (left == 0) return false;
    const size_t count = left < TM_SCAN_WINDOW ? (size_t)left : TM_SCAN_WINDOW;
    tm_error error = {""};
    const tm_status status = scan->read(scan->context, scan->window_at, scan->window, count, &error);
    if (status != TM_OK) {
        snprintf(scan->reason, sizeof scan->reason, "%.300s", error.message);
        return tm_scan_stop(scan, status, scan->window_at);
    }
    scan->window[count] = '"';
    scan->filled = count;
    return true;
}

/* The next byte, not taken; -1 at the end. */
static int look(tm_scan *scan)
{
    return scan->at < scan->filled || refill(scan) ? scan->window[scan->at] : -1;
}

static int take(tm_scan *scan)
{
    const int byte = look(scan);
    if (byte >= 0) scan->at++;
    return byte;
}

int tm_scan_skip_blanks(tm_scan *scan)
{
    int byte = look(scan);
    while (byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t') {
        scan->at++;
        byte = look(scan);
    }
    return byte;
}

/* A fault at the next character, which is `byte`. */
static bool unexpected(tm_scan *scan, int byte, const char *wanted)
{
    const uint64_t offset = tm_scan_offset(scan);
    if (byte < 0) return tm_scan_fail(scan, offset, "the text ends where %s is wanted", wanted);
    if (byte > 0x20 && byte < 0x7f) return tm_scan_fail(scan, offset, "'%c' where %s is wanted", byte, wanted);
    return tm_scan_fail(scan, offset, "byte 0x%02x where %s is wanted", (unsigned)byte, wanted);
}

static bool open_level(tm_scan *scan, int bracket, const char *what)
{
    const int byte = tm_scan_peek(scan);
    if (byte != bracket) return unexpected(scan, byte, what);
    if (scan->depth + 1 >= TM_SCAN_DEPTH) {
        return tm_scan_fail(scan, tm_scan_offset(scan), "nested %d levels deep or more", TM_SCAN_DEPTH);
    }
    scan->at++;
    scan->depth++;
    scan->inside &= ~(UINT64_C(1) << scan->depth);
    scan->starts[scan->depth] = scan->key_count;
    return true;
}

/* Takes the comma before a further member, or the closing bracket (and then returns false). */
static bool more(tm_scan *scan, int bracket)
{
    int byte = tm_scan_peek(scan);
    const uint64_t bit = UINT64_C(1) << scan->depth;
    if (byte == bracket) {
        scan->at++;
        scan->depth--;
        return false;
    }
    if (!(scan->inside & bit)) {
        scan->inside |= bit;
        return byte >= 0 || unexpected(scan, byte, bracket == '}' ? "a key or '}'" : "a value or ']'");
    }
    if (byte != ',') return unexpected(scan, byte, bracket == '}' ? "',' or '}'" : "',' or ']'");
    scan->at++;
    return true;
}

static bool fail_twice(tm_scan *scan, uint32_t offset)
{
    tm_text key = {0};
    char shown[TM_SHOWN];
    scan->window_at = offset;
    scan->at = scan->filled = 0;
    if (tm_scan_string(scan, "a key", &key)) {
        tm_shown(key.data, key.length, shown);
        tm_scan_fail(scan, offset, "the key \"%s\" stands twice", shown);
    }
    tm_text_free(&key);
    return false;
}

/* The first offset at which a key stands for the second time, UINT32_MAX for none; sorts the keys. */
static uint32_t find_second(tm_sort_item *keys, size_t count)
{
    uint32_t second = UINT32_MAX;
    tm_sort(keys, count);
    for (size_t i = 1; i < count; i++) {
        if (keys[i].key != keys[i - 1].key || keys[i].more != keys[i - 1].more) continue;
        const uint32_t later = keys[i].number > keys[i - 1].number ? keys[i].number : keys[i - 1].number;
        if (later < second) second = later;
    }
    return second;
}

/* Moves keys that may be equal to another to the front: those whose bit, of 8 or more for each key, is not theirs
 * alone. Far fewer are left to be sorted. Returns their number; all when memory is short. */
static size_t keep_suspects(tm_sort_item *keys, size_t count)
{
    size_t bytes = 1;
    while (bytes < count) bytes *= 2;
    uint8_t *const once = calloc(bytes, 2), *const twice = once + bytes;
    if (!once) return count;
    for (size_t i = 0; i < count; i++) {
        const size_t at = (size_t)(keys[i].key >> 3) & (bytes - 1);
        const uint8_t bit = (uint8_t)(1u << (keys[i].key & 7));
        twice[at] |= once[at] & bit;
        once[at] |= bit;
    }
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (twice[(size_t)(keys[i].key >> 3) & (bytes - 1)] >> (keys[i].key & 7) & 1) keys[kept++] = keys[i];
    }
    free(once);
    return kept;
}

/* The keys of the level that just closed are different from each other. */
static void check_keys(tm_scan *scan)
{
    const size_t start = scan->starts[scan->depth + 1];
    size_t count = scan->key_count - start;
    scan->key_count = start;
    if (count < 2) return;
    tm_sort_item *const keys = scan->keys + start;
    if (count >= WORTH_A_FILTER) count = keep_suspects(keys, count);
    const uint32_t second = find_second(keys, count);
    if (second != UINT32_MAX) fail_twice(scan, second);
}

static bool note_key(tm_scan *scan, const tm_text *key, uint64_t offset)
{
    if (scan->key_count == scan->key_capacity) {
        const size_t capacity = scan->key_capacity ? scan->key_capacity + scan->key_capacity / 2 : 64;
        tm_sort_item *keys = realloc(scan->keys, capacity * sizeof *keys);
        if (!keys) return fail_memory(scan);
        scan->keys = keys;
        scan->key_capacity = capacity;
    }
    const tm_hash128 hash = tm_hash128_bytes(key->data, key->length);
    scan->keys[scan->key_count++] = (tm_sort_item){hash.low, (uint32_t)hash.high, (uint32_t)offset};
    return true;
}

bool tm_scan_object(tm_scan *scan, const char *what)
{
    return open_level(scan, '{', what);
}

bool tm_scan_member(tm_scan *scan, tm_text *key)
{
    if (!more(scan, '}')) {
        if (scan->status == TM_OK) check_keys(scan);
        return false;
    }
    tm_scan_peek(scan);
    const uint64_t offset = tm_scan_offset(scan);
    if (!tm_scan_string(scan, "a key", key) || !note_key(scan, key, offset)) return false;
    const int colon = tm_scan_peek(scan);
    if (colon != ':') return unexpected(scan, colon, "':'");
    scan->at++;
    return true;
}

bool tm_scan_array(tm_scan *scan, const char *what)
{
    return open_level(scan, '[', what);
}

bool tm_scan_element(tm_scan *scan)
{
    return more(scan, ']');
}

static bool take_hex(tm_scan *scan, uint32_t *into)
{
    *into = 0;
    for (int i = 0; i < 4; i++) {
        const int byte = look(scan);
        const int digit = byte >= '0' && byte <= '9'   ? byte - '0'
                          : byte >= 'a' && byte <= 'f' ? byte - 'a' + 10
                          : byte >= 'A' && byte <= 'F' ? byte - 'A' + 10
                                                       : -1;
        if (digit < 0) return unexpected(scan, byte, "a hexadecimal digit");
        *into = *into << 4 | (uint32_t)digit;
        scan->at++;
    }
    return true;
}

static void add_point(tm_text *into, uint32_t point)
{
    unsigned char bytes[4];
    size_t count = 0;
    if (point < 0x80) {
        bytes[count++] = (unsigned char)point;
    } else if (point < 0x800) {
        bytes[count++] = (unsigned char)(0xc0 | point >> 6);
    } else if (point < 0x10000) {
        bytes[count++] = (unsigned char)(0xe0 | point >> 12);
        bytes[count++] = (unsigned char)(0x80 | (point >> 6 & 0x3f));
    } else {
        bytes[count++] = (unsigned char)(0xf0 | point >> 18);
        bytes[count++] = (unsigned char)(0x80 | (point >> 12 & 0x3f));
        bytes[count++] = (unsigned char)(0x80 | (point >> 6 & 0x3f));
    }
    if (point >= 0x80) bytes[count++] = (unsigned char)(0x80 | (point & 0x3f));
    if (into) tm_text_add_bytes(into, bytes, count);
}

static bool take_escaped_point(tm_scan *scan, uint64_t offset, tm_text *into)
{
    uint32_t point = 0, low = 0;
    if (!take_hex(scan, &point)) return false;
    if (point >= 0xdc00 && point < 0xe000) return tm_scan_fail(scan, offset, "a lone surrogate in a string");
    if (point >= 0xd800 && point < 0xdc00) {
        if (take(scan) != '\\' || take(scan) != 'u') return tm_scan_fail(scan, offset, "a lone surrogate in a string");
        if (!take_hex(scan, &low)) return false;
        if (low < 0xdc00 || low >= 0xe000) return tm_scan_fail(scan, offset, "a lone surrogate in a string");
        point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
    }
    add_point(into, point);
    return true;
}

/* What stands behind a backslash. */
static bool take_escape(tm_scan *scan, tm_text *into)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    const uint64_t offset = tm_scan_offset(scan) - 1;
    const int byte = take(scan);
    if (byte == 'u') return take_escaped_point(scan, offset, into);
    const char *const found = byte > 0 ? strchr(letters, byte) : NULL;
    if (!found) return tm_scan_fail(scan, offset, "a backslash with nothing that JSON knows behind it");
    if (into) tm_text_add_bytes(into, meanings + (found - letters), 1);
    return true;
}

/* A sequence of UTF-8 whose first byte, >= 0x80, is next. */
static bool take_sequence(tm_scan *scan, tm_text *into)
{
    const uint64_t offset = tm_scan_offset(scan);
    const int first = take(scan);
    const int length = first >= 0xf0 && first < 0xf5 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t point = (uint32_t)first & (0x7fu >> length);
    bool good = length > 0 && first < 0xf5;
    for (int i = 1; i < length && good; i++) {
        const int byte = take(scan);
        good = byte >= 0 && (byte & 0xc0) == 0x80;
        point = point << 6 | ((uint32_t)byte & 0x3fu);
    }
    if (!good || point < least[length] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) {
        return tm_scan_fail(scan, offset, "invalid UTF-8 in a string");
    }
    add_point(into, point);
    return true;
}

/* Plain characters of a string, as many as the window has. */
static void take_plain(tm_scan *scan, tm_text *into)
{
    const unsigned char *const begin = scan->window + scan->at;
    const unsigned char *at = begin;
    while (*at >= 0x20 && *at < 0x80 && *at != '"' && *at != '\\') at++;
    if (into) tm_text_add_bytes(into, begin, (size_t)(at - begin));
    scan->at += (size_t)(at - begin);
}

bool tm_scan_string(tm_scan *scan, const char *what, tm_text *into)
{
    int byte = tm_scan_peek(scan);
    if (byte != '"') return unexpected(scan, byte, what);
    const uint64_t begin = tm_scan_offset(scan);
    scan->at++;
    if (into) {
        into->length = 0;
        tm_text_add_bytes(into, "", 0);
    }
    for (bool good = true; good;) {
        byte = look(scan);
        if (byte < 0) return tm_scan_fail(scan, begin, "a string without an end");
        if (byte < 0x20) return tm_scan_fail(scan, tm_scan_offset(scan), "control character 0x%02x in a string", byte);
        if (byte >= 0x80) {
            good = take_sequence(scan, into);
        } else if (byte == '"' || byte == '\\') {
            scan->at++;
            if (byte == '"') return !into || !into->failed || fail_memory(scan);
            good = take_escape(scan, into);
        } else {
            take_plain(scan, into);
        }
    }
    return false;
}

static bool is_digit(int byte)
{
    return byte >= '0' && byte <= '9';
}

bool tm_scan_size(tm_scan *scan, const char *what, int64_t *into)
{
    int byte = tm_scan_peek(scan);
    const uint64_t begin = tm_scan_offset(scan);
    if (byte == '-') return tm_scan_fail(scan, begin, "%s is negative", what);
    if (!is_digit(byte)) return unexpected(scan, byte, what);
    const bool zero = byte == '0';
    int64_t value = 0;
    bool fits = true;
    for (; is_digit(byte); byte = look(scan)) {
        if (zero && tm_scan_offset(scan) > begin) return tm_scan_fail(scan, begin, "a number that begins with 0");
        fits = fits && !__builtin_mul_overflow(value, 10, &value) && !__builtin_add_overflow(value, byte - '0', &value);
        scan->at++;
    }
    if (byte == '.' || byte == 'e' || byte == 'E') return tm_scan_fail(scan, begin, "%s is no integer", what);
    if (!fits) return tm_scan_fail(scan, begin, "%s is beyond 2^63 - 1", what);
    *into = value;
    return true;
}

static bool take_digits(tm_scan *scan)
{
    if (!is_digit(look(scan))) return unexpected(scan, look(scan), "a digit");
    while (is_digit(look(scan))) scan->at++;
    return true;
}

static bool skip_number(tm_scan *scan)
{
    if (look(scan) == '-') scan->at++;
    if (look(scan) == '0')
        scan->at++;
    else if (!take_digits(scan))
        return false;
    if (look(scan) == '.') {
        scan->at++;
        if (!take_digits(scan)) return false;
    }
    if (look(scan) == 'e' || look(scan) == 'E') {
        scan->at++;
        if (look(scan) == '+' || look(scan) == '-') scan->at++;
        return take_digits(scan);
    }
    return true;
}

static bool skip_word(tm_scan *scan, const char *word)
{
    const uint64_t begin = tm_scan_offset(scan);
    for (; *word; word++) {
        if (take(scan) != *word) return tm_scan_fail(scan, begin, "a word that is not true, false or null");
    }
    return true;
}

static bool skip_scalar(tm_scan *scan)
{
    const int byte = tm_scan_peek(scan);
    switch (byte) {
    case '"': return tm_scan_string(scan, "a string", NULL);
    case 't': return skip_word(scan, "true");
    case 'f': return skip_word(scan, "false");
    case 'n': return skip_word(scan, "null");
    default: return byte == '-' || is_digit(byte) ? skip_number(scan) : unexpected(scan, byte, "a value");
    }
}

bool tm_scan_skip(tm_scan *scan)
{
    const int outside = scan->depth;
    uint64_t objects = 0; /* bit d: level d is an object */
    tm_text key = {0};
    do {
        const int byte = tm_scan_peek(scan);
        const bool opens = byte == '{' || byte == '[';
        if (opens) {
            if (!open_level(scan, byte, "a value")) break;
            const uint64_t bit = UINT64_C(1) << scan->depth;
            objects = byte == '{' ? objects | bit : objects & ~bit;
        } else if (!skip_scalar(scan)) {
            break;
        }
        bool another = false;
        while (scan->status == TM_OK && !another && scan->depth > outside) {
            another = objects >> scan->depth & 1 ? tm_scan_member(scan, &key) : tm_scan_element(scan);
        }
    } while (scan->status == TM_OK && scan->depth > outside);
    tm_text_free(&key);
    return scan->status == TM_OK;
}

bool tm_scan_end(tm_scan *scan)
{
    const int byte = tm_scan_peek(scan);
    if (scan->status != TM_OK) return false;
    return byte < 0 || unexpected(scan, byte, "the end");
}
