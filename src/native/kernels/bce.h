/* Sum of -(t ln p + (1 - t) ln(1 - p)), each logarithm clamped at -100. Template: vec_f32 header and NAME come first.
 *
 * Where all labels of a vector are 0 or 1 and all p within [0, 1], one of the two terms is exactly zero, so one
 * logarithm per element is enough. 1 - p is rounded to q; what was lost, (1 - q) - p, is exact and enters as
 * lost / q. Four vectors are added in float32, then in float64. */
#include "math_f32.h"

/* ln x + correction, at least -100; NaN stays. */
static inline V log_clamped(V x, V correction)
{
    const V m = split_mantissa(x);
    return MAX(SET1(-100.0f), log_split(m, split_exponent(x, m), correction));
}

static inline V log_complement(V p)
{
    const V one = SET1(1.0f), q = SUB(one, p);
    const V lost = SUB(SUB(one, q), p);
    /* At p = 1 the inverse of q is infinite, but nothing was lost. */
    const V part = SELECT(EQUAL(lost, SET1(0.0f)), SET1(0.0f), MUL(lost, ABOUT_INVERSE(q)));
    return log_clamped(q, part);
}

static inline V bce_any(V p, V t)
{
    const V one = SET1(1.0f);
    return FMA(t, log_clamped(p, SET1(0.0f)), MUL(SUB(one, t), log_complement(p)));
}

/* t ln p + (1 - t) ln(1 - p) */
static inline V bce_terms(V p, V t)
{
    const V zero = SET1(0.0f), one = SET1(1.0f);
    const M yes = EQUAL(t, one), no = EQUAL(t, zero);
    const M outside = M_OR(NOT_AT_MOST(p, one), NOT_AT_MOST(zero, p));
    if (M_BITS(M_AND_NOT(M_OR(yes, no), outside)) != M_BITS(FIRST(W))) return bce_any(p, t);
    const V q = SUB(one, p);
    const V lost = SUB(SUB(one, q), p);
    const V part = SELECT(M_OR(yes, EQUAL(lost, zero)), zero, MUL(lost, ABOUT_INVERSE(q)));
    return log_clamped(SELECT(yes, p, q), part);
}

double NAME(const float *p, const float *t, int64_t n)
{
    D low = D_ZERO, high = D_ZERO;
    int64_t i = 0;
    for (; i + 4 * W <= n; i += 4 * W) {
        const V a = bce_terms(LOAD(p + i), LOAD(t + i));
        const V b = bce_terms(LOAD(p + i + W), LOAD(t + i + W));
        const V c = bce_terms(LOAD(p + i + 2 * W), LOAD(t + i + 2 * W));
        const V d = bce_terms(LOAD(p + i + 3 * W), LOAD(t + i + 3 * W));
        const V sum = ADD(ADD(a, b), ADD(c, d));
        low = D_ADD(low, D_LOW(sum));
        high = D_ADD(high, D_HIGH(sum));
    }
    for (; i < n; i += W) {
        const M left = FIRST(n - i < W ? n - i : W);
        /* p = t = 1 adds exactly nothing. */
        const V sum = bce_terms(LOAD_SOME(p + i, left, SET1(1.0f)), LOAD_SOME(t + i, left, SET1(1.0f)));
        low = D_ADD(low, D_LOW(sum));
        high = D_ADD(high, D_HIGH(sum));
    }
    return -D_REDUCE(D_ADD(low, high));
}
#undef NAME
