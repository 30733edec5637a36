/* A line is cut into literals, {lists} and ranges; each piece knows how many alternatives it has without making them,
 * so that 10^9 combinations are counted, and refused, at once. A combination's number is its mixed-radix notation. */
#include "suite/pattern.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct scanner {
    const char *line;
    size_t length, at;
    tm_pattern *into;
    tm_error *error;
} scanner;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static tm_status bad(const scanner *scan, const char *what)
{
    return tm_fail(scan->error, TM_INVALID_ARGUMENT, "%s", what);
}

static tm_status add_piece(const scanner *scan, tm_piece piece)
{
    tm_pattern *const into = scan->into;
    if (into->pieces == TM_PATTERN_PIECES) return bad(scan, "too many ranges and lists in one line");
    into->piece[into->pieces++] = piece;
    if (into->combinations > UINT64_MAX / piece.count) {
        into->combinations = UINT64_MAX;
    } else {
        into->combinations *= piece.count;
    }
    return TM_OK;
}

static tm_status add_literal(const scanner *scan, size_t begin)
{
    if (begin == scan->at) return TM_OK;
    return add_piece(scan,
                     (tm_piece){.text = scan->line + begin, .length = scan->at - begin, .offset = begin, .count = 1});
}

/* Stands on '{'; leaves behind '}'. */
static tm_status read_list(scanner *scan)
{
    tm_piece piece = {.kind = TM_PIECE_LIST, .offset = scan->at, .text = scan->line + scan->at + 1, .count = 1};
    size_t item = ++scan->at;
    for (;; scan->at++) {
        if (scan->at == scan->length) {
            scan->at = piece.offset;
            return bad(scan, "this '{' has no '}'");
        }
        const char c = scan->line[scan->at];
        if (c == '{') return bad(scan, "a list cannot hold a list");
        if (c != ',' && c != '}') continue;
        if (scan->at == item) return bad(scan, "a list with an empty item");
        item = scan->at + 1;
        if (c == '}') break;
        piece.count++;
    }
    piece.length = (size_t)(scan->line + scan->at - piece.text);
    scan->at++;
    return add_piece(scan, piece);
}

static bool read_number(scanner *scan, int64_t *into)
{
    char digits[24];
    size_t count = 0;
    while (scan->at < scan->length && is_digit(scan->line[scan->at]) && count < sizeof digits - 1) {
        digits[count++] = scan->line[scan->at++];
    }
    digits[count] = 0;
    return tm_parse_i64(digits, into);
}

static void count_alternatives(tm_piece *piece, int64_t last)
{
    if (piece->kind == TM_PIECE_SUM) {
        piece->count = (uint64_t)((last - piece->first) / piece->step) + 1;
        return;
    }
    piece->count = 1;
    for (int64_t value = piece->first; value <= last / piece->step; value *= piece->step) piece->count++;
}

/* Stands on the first digit of FIRST..LAST*STEP or FIRST..LAST+STEP; leaves behind it. */
static tm_status read_range(scanner *scan)
{
    static const char form[] = "a range is written as in 256..4096*2 or 64..512+64";
    tm_piece piece = {.offset = scan->at, .text = scan->line + scan->at};
    int64_t last = 0;
    if (!read_number(scan, &piece.first)) return bad(scan, form);
    scan->at += 2;
    if (!read_number(scan, &last) || scan->at == scan->length) return bad(scan, form);
    const char how = scan->line[scan->at];
    if (how != '*' && how != '+') return bad(scan, form);
    scan->at++;
    if (!read_number(scan, &piece.step)) return bad(scan, form);
    piece.kind = how == '*' ? TM_PIECE_PRODUCT : TM_PIECE_SUM;
    scan->at = piece.offset;
    if (last < piece.first) return bad(scan, "this range ends before it begins");
    if (piece.kind == TM_PIECE_SUM && piece.step < 1) return bad(scan, "this range has no step");
    if (piece.kind == TM_PIECE_PRODUCT && (piece.step < 2 || piece.first < 1)) {
        return bad(scan, "a range of products begins at 1 or more and has a factor of 2 or more");
    }
    count_alternatives(&piece, last);
    while (is_digit(scan->line[scan->at])) scan->at++;
    scan->at += 2;
    while (is_digit(scan->line[scan->at])) scan->at++;
    scan->at++;
    while (scan->at < scan->length && is_digit(scan->line[scan->at])) scan->at++;
    piece.length = (size_t)(scan->line + scan->at - piece.text);
    return add_piece(scan, piece);
}

/* Length of the digits at `at` if ".." follows them, else 0. */
static bool range_begins(const scanner *scan, size_t *digits)
{
    size_t at = scan->at;
    while (at < scan->length && is_digit(scan->line[at])) at++;
    *digits = at - scan->at;
    return *digits > 0 && scan->length - at >= 2 && scan->line[at] == '.' && scan->line[at + 1] == '.';
}

static tm_status read_pieces(scanner *scan)
{
    size_t literal = 0;
    size_t digits = 0;
    while (scan->at < scan->length) {
        const char c = scan->line[scan->at];
        const bool range = range_begins(scan, &digits);
        if (c == '}') return bad(scan, "this '}' has no '{'");
        if (c != '{' && !range) {
            scan->at += digits > 0 ? digits : 1;
            continue;
        }
        tm_status status = add_literal(scan, literal);
        if (status == TM_OK) status = range ? read_range(scan) : read_list(scan);
        if (status != TM_OK) return status;
        literal = scan->at;
    }
    return add_literal(scan, literal);
}

tm_status tm_pattern_read(const char *line, size_t length, tm_pattern *into, size_t *offset, tm_error *error)
{
    scanner scan = {line, length, 0, into, error};
    into->pieces = 0;
    into->combinations = 1;
    const tm_status status = read_pieces(&scan);
    *offset = scan.at;
    return status;
}

/* Item `number` of a list, of which there is one. */
static const char *list_item(const tm_piece *piece, uint64_t number, size_t *length)
{
    const char *item = piece->text;
    const char *const end = piece->text + piece->length;
    for (; number > 0; number--) item = (const char *)memchr(item, ',', (size_t)(end - item)) + 1;
    const char *const comma = memchr(item, ',', (size_t)(end - item));
    *length = (size_t)((comma ? comma : end) - item);
    return item;
}

static int64_t range_value(const tm_piece *piece, uint64_t number)
{
    if (piece->kind == TM_PIECE_SUM) return piece->first + piece->step * (int64_t)number;
    int64_t value = piece->first;
    for (; number > 0; number--) value *= piece->step;
    return value;
}

bool tm_pattern_expand(const tm_pattern *pattern, uint64_t number, char *into, size_t *starts)
{
    uint64_t choice[TM_PATTERN_PIECES];
    for (size_t i = pattern->pieces; i-- > 0;) {
        choice[i] = number % pattern->piece[i].count;
        number /= pattern->piece[i].count;
    }
    size_t used = 0;
    for (size_t i = 0; i < pattern->pieces; i++) {
        const tm_piece *const piece = &pattern->piece[i];
        char digits[24];
        size_t length = piece->length;
        const char *text = piece->text;
        if (piece->kind == TM_PIECE_LIST) {
            text = list_item(piece, choice[i], &length);
        } else if (piece->kind != TM_PIECE_LITERAL) {
            length = (size_t)snprintf(digits, sizeof digits, "%" PRId64, range_value(piece, choice[i]));
            text = digits;
        }
        starts[i] = used;
        if (length >= TM_PATTERN_ID - used) return false;
        memcpy(into + used, text, length);
        used += length;
    }
    into[used] = 0;
    return true;
}

size_t tm_pattern_origin(const tm_pattern *pattern, const size_t *starts, size_t at)
{
    size_t found = 0;
    for (size_t i = 0; i < pattern->pieces; i++) {
        if (starts[i] <= at) found = i;
    }
    if (pattern->pieces == 0) return 0;
    const tm_piece *const piece = &pattern->piece[found];
    return piece->offset + (piece->kind == TM_PIECE_LITERAL ? at - starts[found] : 0);
}
