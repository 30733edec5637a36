/* First fit, in the order given: a piece goes to the lowest place where it meets no piece that lives with it. The
 * candidates are the start and the ends of the pieces placed already, so n pieces cost n^3 at worst, which is nothing
 * for graphs of some hundred values; where all live together every piece comes right behind the one before. */
#include "native/lifetime.h"

#define LINE    ((size_t)64)
#define PAGE    ((size_t)4096)
#define STAGGER ((size_t)17 * 64) /* an odd number of lines: 64 pieces before a distance repeats */

static size_t align(size_t next, size_t bytes, size_t number)
{
    const size_t start = (next + LINE - 1) / LINE * LINE;
    return bytes < PAGE ? start : (start + PAGE - 1) / PAGE * PAGE + number * STAGGER % PAGE;
}

static bool live_together(const tm_piece *a, const tm_piece *b)
{
    return a->from <= b->to && b->from <= a->to && a->bytes > 0 && b->bytes > 0;
}

/* The end of a piece that the range meets, or 0. */
static size_t blocked_until(const tm_piece *pieces, int32_t before, size_t begin)
{
    const tm_piece *piece = &pieces[before];
    for (int32_t i = before - 1; i >= 0; i--) {
        const tm_piece *other = &pieces[i];
        if (!live_together(piece, other)) continue;
        if (begin < other->at + other->bytes && other->at < begin + piece->bytes) return other->at + other->bytes;
    }
    return 0;
}

bool tm_lifetime_place(tm_piece *pieces, int32_t count, size_t start, size_t *staggered, size_t *end)
{
    *end = start;
    for (int32_t i = 0; i < count; i++) {
        tm_piece *piece = &pieces[i];
        const size_t number = *staggered;
        if (piece->bytes >= PAGE) ++*staggered;
        if (piece->bytes > SIZE_MAX / 4 || *end > SIZE_MAX / 4) return false;
        size_t begin = align(start, piece->bytes, number);
        for (size_t after; (after = blocked_until(pieces, i, begin)) > 0;) begin = align(after, piece->bytes, number);
        piece->at = begin;
        if (begin + piece->bytes > *end) *end = begin + piece->bytes;
    }
    return true;
}
