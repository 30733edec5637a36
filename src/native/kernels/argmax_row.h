/* Index of the first maximum, a NaN counting as the maximum. Template: vec_f32 header and NAME come first.
 *
 * One pass without data-dependent branches, so that short rows overlap: every lane of two vectors keeps its best value
 * and where it came from; the lanes that hold the maximum are compared at the end. A NaN, which is rare, is looked for
 * when the pass has seen one. */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>

enum { ARGMAX_BLOCK = 1 << 30, ARGMAX_AHEAD = 1024 }; /* floats: places fit 32 bits; how far memory is fetched ahead */

/* The least place in lanes whose best value is the maximum. Usually there is one. */
static inline int64_t argmax_place(const V best[2], const I where[2], float max)
{
    int32_t at[2 * W];
    I_STORE((void *)at, where[0]);
    I_STORE((void *)(at + W), where[1]);
    const V wanted = SET1(max);
    uint64_t bits = M_BITS(EQUAL(best[0], wanted)) | (uint64_t)M_BITS(EQUAL(best[1], wanted)) << W;
    int64_t first = INT64_MAX;
    for (; bits != 0; bits &= bits - 1) {
        const int lane = __builtin_ctzll(bits);
        const int64_t place = at[lane] + lane % W;
        if (place < first) first = place;
    }
    return first;
}

static inline int64_t argmax_first_nan(const float *x, int64_t n)
{
    int64_t i = 0;
    while (i + 1 < n && !isnan(x[i])) i++;
    return i;
}

/* 1 <= n <= ARGMAX_BLOCK; also the value found. */
static inline int64_t argmax_block(const float *x, int64_t n, float *value)
{
    V best[2] = {SET1(-INFINITY), SET1(-INFINITY)};
    I where[2] = {I_SET1(0), I_SET1(W)};
    M nan = M_NONE;
    int64_t i = 0;
    for (; i + 2 * W <= n; i += 2 * W) {
        PREFETCH(x + i + ARGMAX_AHEAD);
        PREFETCH(x + i + ARGMAX_AHEAD + W);
        const V p = LOAD(x + i), q = LOAD(x + i + W);
        nan = M_OR(nan, UNORDERED(p, q));
        where[0] = I_SELECT(GREATER(p, best[0]), I_SET1((int32_t)i), where[0]);
        where[1] = I_SELECT(GREATER(q, best[1]), I_SET1((int32_t)i + W), where[1]);
        best[0] = MAX(best[0], p);
        best[1] = MAX(best[1], q);
    }
    for (; i < n; i += W) {
        PREFETCH(x + i + ARGMAX_AHEAD);
        const V p = LOAD_SOME(x + i, FIRST(n - i < W ? n - i : W), SET1(-INFINITY));
        nan = M_OR(nan, UNORDERED(p, p));
        where[0] = I_SELECT(GREATER(p, best[0]), I_SET1((int32_t)i), where[0]);
        best[0] = MAX(best[0], p);
    }
    if (M_BITS(nan) != 0) {
        *value = NAN;
        return argmax_first_nan(x, n);
    }
    *value = REDUCE_MAX(MAX(best[0], best[1]));
    return argmax_place(best, where, *value);
}

int64_t NAME(const float *x, int64_t n)
{
    float best;
    int64_t place = argmax_block(x, n < ARGMAX_BLOCK ? n : ARGMAX_BLOCK, &best);
    for (int64_t i = ARGMAX_BLOCK; i < n && !isnan(best); i += ARGMAX_BLOCK) {
        float value;
        const int64_t at = argmax_block(x + i, n - i < ARGMAX_BLOCK ? n - i : ARGMAX_BLOCK, &value);
        if (value > best || isnan(value)) {
            best = value;
            place = i + at;
        }
    }
    return place;
}
#undef NAME
