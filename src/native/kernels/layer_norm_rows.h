/* (x - mean) / sqrt(variance + eps) * scale + shift, row by row. Template: vec_f32 header and NAME come first.
 *
 * Three passes over a row that stays in the nearest caches: mean, sum of squared deviations from it, result. Sums as in
 * sum_row.h: a tree of vectors in float32, the trees in float64. */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>

enum { NORM_BEYOND = 1024 }; /* floats, from the next row to what is fetched */

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

void NAME(const float *x, const float *scale, const float *shift, float *y, int64_t rows, int64_t length, float eps,
          bool stream)
{
    const bool streams = stream && length % W == 0 && (uintptr_t)y % (W * sizeof(float)) == 0;
    const double inverse = 1.0 / (double)length;
    for (int64_t r = 0; r < rows; r++, x += length, y += length) {
        const double mean = norm_mean(x, length, inverse);
        const float about = (float)mean;
        /* Mean square about `about`, less what rounding the mean put there. */
        const double off = mean - (double)about;
        const double variance = norm_squares(x, length, SET1(about)) * inverse - off * off;
        const V centre = SET1(about), factor = SET1((float)(1.0 / sqrt(variance + (double)eps)));
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
#undef NAME
