/* Index of the first maximum, a NaN counting as the maximum. Template: vec_f32 header and NAME come first.
 *
 * Blocks: the maximum of each first, four vectors at a time; only the block that holds the winner is searched for its
 * place. A block with a NaN ends the search. */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>

enum { ARGMAX_BLOCK = 4096, ARGMAX_AHEAD = 1024 }; /* floats; the latter from what is compared to what is fetched */

/* The first place of `value` (NaN: of any NaN) in x, which has it. Four vectors are tested before a branch. */
static inline int64_t argmax_find(const float *x, int64_t n, float value)
{
    const V wanted = SET1(value);
    const bool nan = isnan(value);
    int64_t i = 0;
    for (; i + 4 * W <= n; i += 4 * W) {
        uint64_t found = 0;
        for (int k = 0; k < 4; k++) {
            const V v = LOAD(x + i + k * W);
            const uint64_t bits = nan ? M_BITS(UNORDERED(v, v)) : M_BITS(EQUAL(v, wanted));
            found |= bits << (k * W);
        }
        if (found != 0) return i + __builtin_ctzll(found);
    }
    for (; i < n; i++) {
        if (nan ? isnan(x[i]) : x[i] >= value) return i;
    }
    return n - 1;
}

/* The maximum of a block, NaN if it has one. */
static inline float argmax_value(const float *x, int64_t n)
{
    V a = SET1(-INFINITY), b = a, c = a, d = a;
    M nan = M_NONE;
    int64_t i = 0;
    for (; i + 4 * W <= n; i += 4 * W) {
        for (int k = 0; k < 4; k++) PREFETCH(x + i + ARGMAX_AHEAD + k * W);
        const V p = LOAD(x + i), q = LOAD(x + i + W), r = LOAD(x + i + 2 * W), s = LOAD(x + i + 3 * W);
        nan = M_OR(nan, M_OR(UNORDERED(p, q), UNORDERED(r, s)));
        a = MAX(a, p);
        b = MAX(b, q);
        c = MAX(c, r);
        d = MAX(d, s);
    }
    for (; i < n; i += W) {
        const V p = LOAD_SOME(x + i, FIRST(n - i < W ? n - i : W), SET1(-INFINITY));
        nan = M_OR(nan, UNORDERED(p, p));
        a = MAX(a, p);
    }
    if (M_BITS(nan) != 0) return NAN;
    return REDUCE_MAX(MAX(MAX(a, b), MAX(c, d)));
}

int64_t NAME(const float *x, int64_t n)
{
    float best = -INFINITY;
    int64_t block = 0;
    for (int64_t i = 0; i < n; i += ARGMAX_BLOCK) {
        const float value = argmax_value(x + i, n - i < ARGMAX_BLOCK ? n - i : ARGMAX_BLOCK);
        if (value > best || isnan(value)) {
            best = value;
            block = i;
        }
        if (isnan(value)) break;
    }
    return block + argmax_find(x + block, n - block < ARGMAX_BLOCK ? n - block : ARGMAX_BLOCK, best);
}
#undef NAME
