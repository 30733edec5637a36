/* (x - mean) / sqrt(variance + eps) * scale + shift, row by row. Template: vec_f32 header and NAME come first.
 *
 * Three passes over a row that stays in the nearest caches: mean, sum of squared deviations from it, result. Sums as in
 * sum_row.h: a tree of vectors in float32, the trees in float64. Rows of a few vectors go in step; the sum of their
 * deviations corrects a mean that is of float32 only. */
#include "short_rows.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

enum { NORM_BEYOND = 1024 }; /* floats, from the next row to what is fetched */

typedef struct norm_rows {
    const float *x, *scale, *shift;
    int64_t length;
    float eps;
} norm_rows;

static inline V norm_square(V v, V mean)
{
    const V d = SUB(v, mean);
    return MUL(d, d);
}

static inline double norm_mean(const float *x, int64_t n, double inverse)
{
    D low = D_ZERO, high = D_ZERO;
    int64_t i = 0;
    for (; i + 4 * W <= n; i += 4 * W) {
        const V sum = ADD(ADD(LOAD(x + i), LOAD(x + i + W)), ADD(LOAD(x + i + 2 * W), LOAD(x + i + 3 * W)));
        low = D_ADD(low, D_LOW(sum));
        high = D_ADD(high, D_HIGH(sum));
    }
    if (i < n) {
        V rest = SET1(0.0f);
        for (; i + W <= n; i += W) rest = ADD(rest, LOAD(x + i));
        rest = ADD(rest, LOAD_SOME(x + i, FIRST(n - i), SET1(0.0f)));
        low = D_ADD(low, D_LOW(rest));
        high = D_ADD(high, D_HIGH(rest));
    }
    return D_REDUCE(D_ADD(low, high)) * inverse;
}

/* The deviations from `about`, a float near the mean. Meanwhile what lies behind the next row begins to be fetched. */
static inline double norm_squares(const float *x, int64_t n, V about)
{
    D low = D_ZERO, high = D_ZERO;
    int64_t i = 0;
    for (; i + 4 * W <= n; i += 4 * W) {
        for (int k = 0; k < 4; k++) PREFETCH(x + n + NORM_BEYOND + i + k * W);
        const V a = ADD(norm_square(LOAD(x + i), about), norm_square(LOAD(x + i + W), about));
        const V b = ADD(norm_square(LOAD(x + i + 2 * W), about), norm_square(LOAD(x + i + 3 * W), about));
        const V sum = ADD(a, b);
        low = D_ADD(low, D_LOW(sum));
        high = D_ADD(high, D_HIGH(sum));
    }
    if (i < n) {
        V rest = SET1(0.0f);
        for (; i + W <= n; i += W) {
            PREFETCH(x + n + NORM_BEYOND + i);
            rest = ADD(rest, norm_square(LOAD(x + i), about));
        }
        PREFETCH(x + n + NORM_BEYOND + i);
        rest = ADD(rest, norm_square(LOAD_SOME(x + i, FIRST(n - i), about), about));
        low = D_ADD(low, D_LOW(rest));
        high = D_ADD(high, D_HIGH(rest));
    }
    return D_REDUCE(D_ADD(low, high));
}

static __attribute__((noinline)) void norm_long(const norm_rows *n, float *y, int64_t rows, bool stream)
{
    const int64_t length = n->length;
    const float *x = n->x, *scale = n->scale, *shift = n->shift;
    const bool streams = stream && length % W == 0 && (uintptr_t)y % (W * sizeof(float)) == 0;
    const double inverse = 1.0 / (double)length;
    for (int64_t r = 0; r < rows; r++, x += length, y += length) {
        const double mean = norm_mean(x, length, inverse);
        const float about = (float)mean;
        /* Mean square about `about`, less what rounding the mean put there. */
        const double off = mean - (double)about;
        const double variance = norm_squares(x, length, SET1(about)) * inverse - off * off;
        const V centre = SET1(about), factor = SET1((float)(1.0 / sqrt(variance + (double)n->eps)));
        const V rest = SET1((float)off);
        int64_t i = 0;
        for (; i + W <= length; i += W) {
            const V d = SUB(SUB(LOAD(x + i), centre), rest);
            const V v = FMA(MUL(d, factor), LOAD(scale + i), LOAD(shift + i));
            if (streams) {
                STREAM(y + i, v);
            } else {
                STORE(y + i, v);
            }
        }
        if (i < length) {
            const M some = FIRST(length - i);
            const V zero = SET1(0.0f);
            const V d = SUB(SUB(LOAD_SOME(x + i, some, zero), centre), rest);
            STORE_SOME(y + i, some,
                       FMA(MUL(d, factor), LOAD_SOME(scale + i, some, zero), LOAD_SOME(shift + i, some, zero)));
        }
    }
}

/* `rows` rows, SHORT_ROWS or 1, of `vectors` vectors: both constants. */
static inline __attribute__((always_inline)) void norm_group(const norm_rows *n, short_rows *s, const float *x,
                                                             int rows, int vectors)
{
    const int64_t length = s->length;
    const V zero = SET1(0.0f), inverse = SET1(1.0f / (float)length);
    const M some = FIRST(length - (int64_t)(vectors - 1) * W);
    float mean[W], off[W], factor[W];
    V sum[SHORT_ROWS], square[SHORT_ROWS], d[SHORT_ROWS][SHORT_VECTORS];
    EACH(r, rows)
    {
        EACH(k, vectors)
        {
            PREFETCH(x + r * length + NORM_BEYOND + k * W);
            d[r][k] = short_load(x + r * length, k, vectors, some, zero);
            sum[r] = k == 0 ? MUL(d[r][k], inverse) : FMA(d[r][k], inverse, sum[r]);
        }
    }
    STORE(mean, short_sums(sum, rows));
    EACH(r, rows)
    {
        const V about = SET1(mean[r]);
        EACH(k, vectors)
        {
            d[r][k] = SUB(d[r][k], about);
            if (k + 1 == vectors) d[r][k] = SELECT(some, d[r][k], zero);
            sum[r] = k == 0 ? d[r][k] : ADD(sum[r], d[r][k]);
            square[r] = k == 0 ? MUL(d[r][k], d[r][k]) : FMA(d[r][k], d[r][k], square[r]);
        }
    }
    const V rest = MUL(short_sums(sum, rows), inverse);
    const V variance = MAX(zero, FNMA(rest, rest, MUL(short_sums(square, rows), inverse)));
    STORE(off, rest);
    STORE(factor, DIV(SET1(1.0f), SQRT(ADD(variance, SET1(n->eps)))));
    float *to = short_next(s, rows, vectors);
    V scale[SHORT_VECTORS], shift[SHORT_VECTORS];
    EACH(k, vectors) scale[k] = short_load(n->scale, k, vectors, some, zero);
    EACH(k, vectors) shift[k] = short_load(n->shift, k, vectors, some, zero);
    EACH(r, rows)
    {
        EACH(k, vectors)
        {
            const V whole = MUL(SUB(d[r][k], SET1(off[r])), SET1(factor[r]));
            short_store(to + r * length + k * W, FMA(whole, scale[k], shift[k]), s->streams);
        }
    }
}

static inline __attribute__((always_inline)) void norm_short(const norm_rows *n, float *y, int64_t rows, int vectors,
                                                             bool stream)
{
    short_rows s;
    int64_t r = 0;
    short_begin(&s, y, rows, n->length, stream);
    for (; r + SHORT_ROWS <= rows; r += SHORT_ROWS) norm_group(n, &s, n->x + r * n->length, SHORT_ROWS, vectors);
    for (; r < rows; r++) norm_group(n, &s, n->x + r * n->length, 1, vectors);
    short_flush(&s);
}

/* A function for each, so that each has registers of its own. */
#define NORM_SHORT(vectors)                                                                                            \
    static                                                                                                             \
        __attribute__((noinline)) void norm_short_##vectors(const norm_rows *n, float *y, int64_t rows, bool stream)   \
    {                                                                                                                  \
        norm_short(n, y, rows, vectors, stream);                                                                       \
    }
NORM_SHORT(1)
NORM_SHORT(2)
NORM_SHORT(3)
NORM_SHORT(4)

void NAME(const float *x, const float *scale, const float *shift, float *y, int64_t rows, int64_t length, float eps,
          bool stream)
{
    const norm_rows n = {x, scale, shift, length, eps};
    if (length == 0) return;
    switch ((length + W - 1) / W) {
    case 1: norm_short_1(&n, y, rows, stream); return;
    case 2: norm_short_2(&n, y, rows, stream); return;
    case 3: norm_short_3(&n, y, rows, stream); return;
    case 4: norm_short_4(&n, y, rows, stream); return;
    default: norm_long(&n, y, rows, stream);
    }
}
#undef NAME
