/* Index of the first maximum of each row, a NaN counting as the maximum. Template: vec_f32 header and NAME come first.
 *
 * Rows of a few vectors, four of them in step: the maxima of all, then which elements equal them. Longer ones in one
 * pass without data-dependent branches: every lane of two vectors keeps its best value and where it came from; the
 * lanes that hold the maximum are compared at the end. A NaN, which is rare, is looked for when one has been seen. */
#include "short_rows.h"

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

static int64_t argmax_long(const float *x, int64_t n)
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

/* SHORT_ROWS rows of `vectors` vectors, a constant. False, and nothing is written, if one of them holds a NaN. */
static inline __attribute__((always_inline)) bool argmax_group(const float *x, int64_t *y, int64_t length, int vectors)
{
    const M some = FIRST(length - (int64_t)(vectors - 1) * W);
    float top[W];
    V v[SHORT_ROWS], part[SHORT_ROWS][SHORT_VECTORS];
    M nan = M_NONE;
    EACH(r, SHORT_ROWS)
    {
        EACH(k, vectors)
        {
            PREFETCH(x + r * length + ARGMAX_AHEAD + k * W);
            part[r][k] = short_load(x + r * length, k, vectors, some, SET1(-INFINITY));
            nan = M_OR(nan, UNORDERED(part[r][k], part[r][k]));
            v[r] = k == 0 ? part[r][k] : MAX(v[r], part[r][k]);
        }
    }
    if (M_BITS(nan) != 0) return false;
    STORE(top, short_maxima(v, SHORT_ROWS));
    EACH(r, SHORT_ROWS)
    {
        /* Lanes that no element fills come last, and so do not count even where all is -inf. */
        uint64_t bits = 0;
        EACH(k, vectors) bits |= (uint64_t)M_BITS(EQUAL(part[r][k], SET1(top[r]))) << (k * W);
        y[r] = __builtin_ctzll(bits);
    }
    return true;
}

static inline __attribute__((always_inline)) void argmax_short(const float *x, int64_t *y, int64_t rows, int64_t length,
                                                               int vectors)
{
    int64_t r = 0;
    while (r < rows) {
        if (r + SHORT_ROWS <= rows && argmax_group(x + r * length, y + r, length, vectors)) {
            r += SHORT_ROWS;
            continue;
        }
        const int64_t end = r + SHORT_ROWS < rows ? r + SHORT_ROWS : rows;
        for (; r < end; r++) y[r] = argmax_long(x + r * length, length);
    }
}

void NAME(const float *x, int64_t *y, int64_t rows, int64_t length)
{
    switch ((length + W - 1) / W) {
    case 1: argmax_short(x, y, rows, length, 1); return;
    case 2: argmax_short(x, y, rows, length, 2); return;
    case 3: argmax_short(x, y, rows, length, 3); return;
    case 4: argmax_short(x, y, rows, length, 4); return;
    default:
        for (int64_t r = 0; r < rows; r++) y[r] = argmax_long(x + r * length, length);
    }
}
#undef NAME
