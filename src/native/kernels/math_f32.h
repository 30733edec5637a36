/* exp and log on vectors of float, for the kernel templates: the ISA folder's vec_f32 header comes first.
 *
 * The polynomials are minimax fits (Remez, in 40 digits) of the range named beside each, rounded to float. */
#ifndef TM_KERNELS_MATH_F32_H
#define TM_KERNELS_MATH_F32_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

/* e^x = 2^n e^r with |r| <= ln 2 / 2; e^r = 1 + r + r^2 q(r), q of degree 4: 2^-28 relative. ln 2 is one float: its
 * error comes to |x| / 20 units of roundoff, small beside |x| itself, which every tolerance for e^x allows. NaN gives
 * NaN, -inf gives 0, inf gives inf. */
static inline V exp_clamped(V x)
{
    const V n = ROUND(MUL(x, SET1(0x1.715476p+0f)));
    const V r = FNMA(n, SET1(0x1.62e43p-1f), x);
    V q = SET1(0x1.6a215ap-10f);
    q = FMA(q, r, SET1(0x1.123b9ap-7f));
    q = FMA(q, r, SET1(0x1.5558fcp-5f));
    q = FMA(q, r, SET1(0x1.55549p-3f));
    q = FMA(q, r, SET1(0x1.fffffcp-2f));
    q = FMA(q, r, SET1(1.0f));
    return SCALE2(FMA(q, r, SET1(1.0f)), n);
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

/* ln(1 + t) for 0 <= t <= 1, as t p(t), p of degree 8: 2^-25 relative. */
static inline V log1p_unit(V t)
{
    V p = SET1(0x1.56edf8p-8f);
    p = FMA(p, t, SET1(-0x1.e369dcp-6f));
    p = FMA(p, t, SET1(0x1.4069d2p-4f));
    p = FMA(p, t, SET1(-0x1.17d2bep-3f));
    p = FMA(p, t, SET1(0x1.874a7ep-3f));
    p = FMA(p, t, SET1(-0x1.fcc8c6p-3f));
    p = FMA(p, t, SET1(0x1.553004p-2f));
    p = FMA(p, t, SET1(-0x1.fffeacp-2f));
    p = FMA(p, t, SET1(0x1.fffffep-1f));
    return MUL(t, p);
}

/* ln(m 2^e) + correction, m in [0.75, 1.5): with f = m - 1, f + f^2 q(f), q of degree 7: 2^-25 relative. */
static inline V log_split(V m, V e, V correction)
{
    const V f = SUB(m, SET1(1.0f));
    const V z = MUL(f, f), y = MUL(z, z);
    const V a = FMA(SET1(0x1.5555e6p-2f), f, SET1(-0x1.000014p-1f));
    const V b = FMA(SET1(0x1.99216cp-3f), f, SET1(-0x1.ffdd9ep-3f));
    const V c = FMA(SET1(0x1.32dedep-3f), f, SET1(-0x1.5887fap-3f));
    const V d = FMA(SET1(0x1.bb7424p-5f), f, SET1(-0x1.ee479p-4f));
    const V q = FMA(FMA(d, z, c), y, FMA(b, z, a));
    return FMA(e, SET1(0x1.62e43p-1f), FMA(q, z, ADD(f, correction)));
}

#endif
