/* Sorts one row. Template: vec_f32 header and NAME come first.
 *
 * Pieces of up to SORT_PIECE keys are sorted on the stack: laid out as W columns, the columns are sorted by a network,
 * a transposition makes them W sorted runs, and bitonic merges, now across lanes too, join them. Pieces are then merged
 * pairwise between y and scratch, without branches. Keys stand in for the floats until the end. */
#include "sort_network.h"

#include <string.h>

enum { SORT_PIECE = 2048 };

static inline int32_t sort_bits_to_key(int32_t bits)
{
    return bits ^ ((bits >> 31) & INT32_MAX);
}

/* The levels of a bitonic merge that stay within a vector. */
static inline I sort_clean_lanes(I v)
{
#if SORT_LANES >= 16
    v = SORT_LEVEL_8(v);
#endif
#if SORT_LANES >= 8
    v = SORT_LEVEL_4(v);
#endif
    v = SORT_LEVEL_2(v);
    return SORT_LEVEL_1(v);
}

/* Merges two sorted runs of count / 2 vectors each, keys in row order. */
static inline void sort_join(int32_t *key, int64_t count)
{
    for (int64_t i = 0; i < count / 2; i++) {
        void *p = key + i * W, *q = key + (count - 1 - i) * W;
        I a = I_LOAD(p), b = SORT_REVERSE(I_LOAD(q));
        sort_order(&a, &b);
        I_STORE(p, a);
        I_STORE(q, SORT_REVERSE(b));
    }
    int64_t width = count / 2;
    for (; width >= 4; width /= 4) {
        for (int64_t at = 0; at < count; at += width) sort_two_levels(key + at * W, width, false);
    }
    for (int64_t i = 0; i < count; i += 2) {
        void *p = key + i * W, *q = key + (i + 1) * W;
        I a = I_LOAD(p), b = I_LOAD(q);
        if (width == 2) sort_order(&a, &b);
        I_STORE(p, sort_clean_lanes(a));
        I_STORE(q, sort_clean_lanes(b));
    }
}

/* n <= SORT_PIECE floats to sorted keys. */
static void sort_piece(const float *x, int32_t *to, int64_t n)
{
    _Alignas(64) int32_t column[SORT_PIECE], key[SORT_PIECE];
    const int64_t padded = sort_padded(n, W * SORT_BLOCK), rows = padded / W;
    for (int64_t i = 0; i < padded; i += W) {
        I v = I_SET1(INT32_MAX);
        if (i < n)
            v = I_SELECT(FIRST(n - i < W ? n - i : W),
                         sort_key(LOAD_SOME(x + i, FIRST(n - i < W ? n - i : W), SET1(0.0f))), v);
        I_STORE((void *)(column + i), v);
    }
    sort_vectors(column, rows);
    for (int64_t i = 0; i < rows; i += W) sort_transpose(column + i * W, key + i, rows);
    for (int64_t width = 2 * rows / W; width <= rows; width *= 2) {
        for (int64_t at = 0; at < rows; at += width) sort_join(key + at * W, width);
    }
    memcpy(to, key, (size_t)n * sizeof *to);
}

static void sort_merge_runs(const int32_t *a, int64_t a_count, const int32_t *b, int64_t b_count, int32_t *to)
{
    const int32_t *const a_end = a + a_count, *const b_end = b + b_count;
    while (a < a_end && b < b_end) {
        const bool first = *a <= *b;
        *to++ = first ? *a : *b;
        a += first;
        b += !first;
    }
    memcpy(to, a, (size_t)(a_end - a) * sizeof *to);
    memcpy(to + (a_end - a), b, (size_t)(b_end - b) * sizeof *to);
}

void NAME(const float *x, float *y, int64_t n, float *scratch)
{
    int32_t *from = (int32_t *)(void *)y, *to = (int32_t *)(void *)scratch;
    for (int64_t i = 0; i < n; i += SORT_PIECE) sort_piece(x + i, from + i, n - i < SORT_PIECE ? n - i : SORT_PIECE);
    for (int64_t width = SORT_PIECE; width < n; width *= 2) {
        for (int64_t i = 0; i < n; i += 2 * width) {
            const int64_t left = n - i < width ? n - i : width;
            const int64_t right = n - i - left < width ? n - i - left : width;
            sort_merge_runs(from + i, left, from + i + left, right, to + i);
        }
        int32_t *swap = from;
        from = to;
        to = swap;
    }
    for (int64_t i = 0; i < n; i += W) {
        const M some = FIRST(n - i < W ? n - i : W);
        const V bits = LOAD_SOME((const float *)(const void *)(from + i), some, SET1(0.0f));
        STORE_SOME(y + i, some, sort_value(I_FROM_BITS(bits)));
    }
}
#undef NAME
