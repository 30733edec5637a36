/* Sum of -(t ln p + (1 - t) ln(1 - p)), each logarithm clamped at -100. Template: vec_f32 header and NAME come first.
 *
 * Where all labels of four vectors are 0 or 1 and no p is outside [0, 1], one of the two terms is exactly zero, so one
 * logarithm per element is enough. 1 - p is rounded to q; what was lost, (1 - q) - p, is exact. It matters only where q
 * is near 1, so it is added to ln q as it is. Four vectors are added in float32, then in float64. */
#include "math_f32.h"

/* ln x + correction, at least -100; NaN stays. */
static inline V log_clamped(V x, V correction)
{
    const V m = split_mantissa(x);
    return MAX(SET1(-100.0f), log_split(m, split_exponent(x, m), correction));
}

static inline V log_complement(V p)
{
    const V q = SUB(SET1(1.0f), p);
    return log_clamped(q, SUB(SUB(SET1(1.0f), q), p));
}

static inline V bce_any(V p, V t)
{
    return FMA(t, log_clamped(p, SET1(0.0f)), MUL(SUB(SET1(1.0f), t), log_complement(p)));
}

/* The same where t is 0 or 1. */
static inline V bce_label(V p, V t)
{
    const V one = SET1(1.0f), q = SUB(one, p);
    const M yes = GREATER(t, SET1(0.5f));
    return log_clamped(SELECT(yes, p, q), SELECT(yes, SET1(0.0f), SUB(SUB(one, q), p)));
}

/* Zero in every lane where t - t^2 is +0, so t is 0 or 1, and p - p^2 is not negative, so p is within [0, 1] or NaN. */
static inline I bce_doubt(V p, V t)
{
    const I outside = I_AND(I_FROM_BITS(FNMA(p, p, p)), I_SET1(INT32_MIN));
    return I_OR(outside, I_FROM_BITS(FNMA(t, t, t)));
}

double NAME(const float *p, const float *t, int64_t n)
{
    D low = D_ZERO, high = D_ZERO;
    int64_t i = 0;
    for (; i + 4 * W <= n; i += 4 * W) {
        V v[4];
        I doubt = I_SET1(0);
        for (int k = 0; k < 4; k++) doubt = I_OR(doubt, bce_doubt(LOAD(p + i + k * W), LOAD(t + i + k * W)));
        if (I_ANY(doubt)) {
            for (int k = 0; k < 4; k++) v[k] = bce_any(LOAD(p + i + k * W), LOAD(t + i + k * W));
        } else {
            for (int k = 0; k < 4; k++) v[k] = bce_label(LOAD(p + i + k * W), LOAD(t + i + k * W));
        }
        const V sum = ADD(ADD(v[0], v[1]), ADD(v[2], v[3]));
        low = D_ADD(low, D_LOW(sum));
        high = D_ADD(high, D_HIGH(sum));
    }
    for (; i < n; i += W) {
        const M left = FIRST(n - i < W ? n - i : W);
        /* p = t = 1 adds exactly nothing. */
        const V sum = bce_any(LOAD_SOME(p + i, left, SET1(1.0f)), LOAD_SOME(t + i, left, SET1(1.0f)));
        low = D_ADD(low, D_LOW(sum));
        high = D_ADD(high, D_HIGH(sum));
    }
    return -D_REDUCE(D_ADD(low, high));
}
#undef NAME
