/* Sorting networks on vectors of 32-bit keys: every lane is a column of its own. Include after the vec_f32 header.
 *
 * A float's key is an integer of the same order: the bits of negative numbers other than the sign are inverted, and
 * every NaN becomes the greatest integer, so NaN comes last and the padding of short columns (the same key) behind it.
 * Blocks of 16 are sorted in registers (Batcher's odd-even merge, 63 comparators), then merged bitonically, two levels
 * to a pass. */
#ifndef TM_KERNELS_SORT_NETWORK_H
#define TM_KERNELS_SORT_NETWORK_H

#include <stdint.h>

enum { SORT_BLOCK = 16 };

static inline I sort_key(V v)
{
    const I bits = I_FROM_BITS(v);
    const I key = I_XOR(bits, I_AND(I_SIGN(bits), I_SET1(INT32_MAX)));
    return I_SELECT(UNORDERED(v, v), I_SET1(INT32_MAX), key);
}

static inline V sort_value(I key)
{
    return I_TO_BITS(I_XOR(key, I_AND(I_SIGN(key), I_SET1(INT32_MAX))));
}

static inline void sort_order(I *a, I *b)
{
    const I low = I_MIN(*a, *b);
    *b = I_MAX(*a, *b);
    *a = low;
}

/* The formatter never settles on a layout here. */
/* clang-format off */
#define SORT_16(ORDER)                                                                          \
    ORDER(0, 1) ORDER(2, 3) ORDER(4, 5) ORDER(6, 7) ORDER(8, 9) ORDER(10, 11) ORDER(12, 13)     \
    ORDER(14, 15) ORDER(0, 2) ORDER(1, 3) ORDER(4, 6) ORDER(5, 7) ORDER(8, 10) ORDER(9, 11)     \
    ORDER(12, 14) ORDER(13, 15) ORDER(1, 2) ORDER(5, 6) ORDER(0, 4) ORDER(3, 7) ORDER(9, 10)    \
    ORDER(13, 14) ORDER(8, 12) ORDER(11, 15) ORDER(2, 6) ORDER(1, 5) ORDER(10, 14) ORDER(9, 13) \
    ORDER(0, 8) ORDER(7, 15) ORDER(2, 4) ORDER(3, 5) ORDER(10, 12) ORDER(11, 13) ORDER(1, 2)    \
    ORDER(3, 4) ORDER(5, 6) ORDER(9, 10) ORDER(11, 12) ORDER(13, 14) ORDER(4, 12) ORDER(2, 10)  \
    ORDER(6, 14) ORDER(1, 9) ORDER(5, 13) ORDER(3, 11) ORDER(4, 8) ORDER(6, 10) ORDER(5, 9)     \
    ORDER(7, 11) ORDER(2, 4) ORDER(6, 8) ORDER(10, 12) ORDER(3, 5) ORDER(7, 9) ORDER(11, 13)    \
    ORDER(1, 2) ORDER(3, 4) ORDER(5, 6) ORDER(7, 8) ORDER(9, 10) ORDER(11, 12) ORDER(13, 14)
/* clang-format on */

#define SORT_ORDER_IN_V(i, j) sort_order(&v[i], &v[j]);

static inline void sort_load(I *v, const int32_t *key)
{
    for (int i = 0; i < SORT_BLOCK; i++) v[i] = I_LOAD((const void *)(key + i * W));
}

static inline void sort_store(const I *v, int32_t *key)
{
    for (int i = 0; i < SORT_BLOCK; i++) I_STORE((void *)(key + i * W), v[i]);
}

/* A bitonic block becomes sorted. Distances are constants, so that the block stays in registers. */
static inline __attribute__((always_inline)) void sort_clean_level(I *v, int distance)
{
    for (int i = 0; i < SORT_BLOCK / 2; i++) {
        const int at = i / distance * 2 * distance + i % distance;
        sort_order(&v[at], &v[at + distance]);
    }
}

static inline void sort_clean_16(I *v)
{
    sort_clean_level(v, 8);
    sort_clean_level(v, 4);
    sort_clean_level(v, 2);
    sort_clean_level(v, 1);
}

/* Two bitonic blocks, or one of twice the size, from a to a + 16 and b to b + 16 vectors: a gets the lesser keys. */
static inline void sort_clean_32(int32_t *a, int32_t *b, bool flip)
{
    I v[SORT_BLOCK];
    for (int i = 0; i < SORT_BLOCK; i++) {
        void *other = b + (flip ? SORT_BLOCK - 1 - i : i) * W;
        I high = I_LOAD(other);
        v[i] = I_LOAD((const void *)(a + i * W));
        sort_order(&v[i], &high);
        I_STORE(other, high);
    }
    sort_clean_16(v);
    sort_store(v, a);
    sort_load(v, b);
    sort_clean_16(v);
    sort_store(v, b);
}

/* Two levels of a bitonic merge of `count` vectors. The first compares vector i with i + half, or, where two sorted
 * runs meet (flip), with its mirror image; the second splits each half again. */
static inline void sort_two_levels(int32_t *key, int64_t count, bool flip)
{
    const int64_t half = count / 2, quarter = count / 4;
    for (int64_t i = 0; i < quarter; i++) {
        void *p = key + i * W, *q = key + (i + quarter) * W;
        void *r = key + (flip ? half + quarter - 1 - i : half + i) * W;
        void *s = key + (flip ? count - 1 - i : half + quarter + i) * W;
        I a = I_LOAD(p), b = I_LOAD(q), c = I_LOAD(r), d = I_LOAD(s);
        if (flip) {
            sort_order(&a, &d);
            sort_order(&b, &c);
        } else {
            sort_order(&a, &c);
            sort_order(&b, &d);
        }
        sort_order(&a, &b);
        sort_order(&c, &d);
        I_STORE(p, a);
        I_STORE(q, b);
        I_STORE(r, c);
        I_STORE(s, d);
    }
}

/* Merges two sorted runs of count / 2 >= 16 vectors. */
static inline void sort_merge(int32_t *key, int64_t count)
{
    int64_t width = count;
    bool flip = true;
    for (; width > 2 * SORT_BLOCK; width /= 4, flip = false) {
        for (int64_t at = 0; at < count; at += width) sort_two_levels(key + at * W, width, flip);
    }
    if (width == 2 * SORT_BLOCK) {
        for (int64_t at = 0; at < count; at += width) {
            sort_clean_32(key + at * W, key + (at + SORT_BLOCK) * W, flip);
        }
    } else {
        I v[SORT_BLOCK];
        for (int64_t at = 0; at < count; at += SORT_BLOCK) {
            sort_load(v, key + at * W);
            sort_clean_16(v);
            sort_store(v, key + at * W);
        }
    }
}

/* Sorts `count` vectors, a power of two of at least 16, lane by lane. */
static inline void sort_vectors(int32_t *key, int64_t count)
{
    for (int64_t i = 0; i < count; i += SORT_BLOCK) {
        I v[SORT_BLOCK];
        sort_load(v, key + i * W);
        SORT_16(SORT_ORDER_IN_V)
        sort_store(v, key + i * W);
    }
    for (int64_t width = 2 * SORT_BLOCK; width <= count; width *= 2) {
        for (int64_t at = 0; at < count; at += width) sort_merge(key + at * W, width);
    }
}

static inline int64_t sort_padded(int64_t n, int64_t least)
{
    while (least < n) least *= 2;
    return least;
}

#endif
