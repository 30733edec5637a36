/* exp and log on vectors of float, for the kernel templates: the ISA folder's vec_f32 header comes first.
 *
 * The polynomials are minimax fits (Remez, in 40 digits) of the range named beside each, rounded to float. */
#ifndef TM_KERNELS_MATH_F32_H
#define TM_KERNELS_MATH_F32_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

/* e^x = 2^n e^r with |r| <= ln 2 / 2; e^r = 1 + r + r^2 q(r), q of degree 4: 2^-28 relative. Within 1 ulp of the result
 * where that is normal. NaN gives NaN, -inf gives 0, inf gives inf. */
static inline V exp_clamped(V x)
{
    const V n = ROUND(MUL(x, SET1(0x1.715476p+0f)));
    V r = FNMA(n, SET1(0x1.62e43p-1f), x);
    r = FNMA(n, SET1(-0x1.05c61p-29f), r);
    V q = SET1(0x1.6a215ap-10f);
    q = FMA(q, r, SET1(0x1.123b9ap-7f));
    q = FMA(q, r, SET1(0x1.5558fcp-5f));
    q = FMA(q, r, SET1(0x1.55549p-3f));
    q = FMA(q, r, SET1(0x1.fffffcp-2f));
    return SCALE2(ADD(FMA(MUL(r, r), q, r), SET1(1.0f)), n);
}

/* For x <= 0 or NaN: below -104 every result rounds to 0. */
static inline V exp_nonpositive(V x)
{
    return exp_clamped(MAX(SET1(-104.0f), x));
}
static inline V exp_any(V x)
{
    return exp_clamped(MAX(SET1(-104.0f), MIN(SET1(104.0f), x)));
}

/* ln(1 + t) for 0 <= t <= 1: 2 atanh(s), s = t / (2 + t) <= 1/3, as 2 s + s^3 q(s^2), q of degree 4: 2^-32 relative. */
static inline V log1p_unit(V t)
{
    const V s = DIV(t, ADD(t, SET1(2.0f)));
    const V z = MUL(s, s);
    V q = SET1(0x1.f1aee2p-3f);
    q = FMA(q, z, SET1(0x1.b6d6a4p-3f));
    q = FMA(q, z, SET1(0x1.250972p-2f));
    q = FMA(q, z, SET1(0x1.9996a8p-2f));
    q = FMA(q, z, SET1(0x1.555558p-1f));
    return FMA(MUL(s, z), q, ADD(s, s));
}

/* ln(m 2^e) + correction, m in [0.75, 1.5): 2 atanh(s), s = (m - 1) / (m + 1) in [-1/7, 1/5], as 2 s + s^3 q(s^2), q of
 * degree 2: 2^-27 relative. */
static inline V log_split(V m, V e, V correction)
{
    const V f = SUB(m, SET1(1.0f));
    const V s = DIV(f, ADD(f, SET1(2.0f)));
    const V z = MUL(s, s);
    V q = SET1(0x1.36e464p-2f);
    q = FMA(q, z, SET1(0x1.992b0ap-2f));
    q = FMA(q, z, SET1(0x1.5555b4p-1f));
    V low = FMA(e, SET1(0x1.7f7d1cp-20f), correction);
    low = FMA(MUL(s, z), q, low);
    return FMA(e, SET1(0x1.62e4p-1f), ADD(ADD(s, s), low));
}

#endif
