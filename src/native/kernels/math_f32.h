/* exp and log on vectors of float, for the kernel templates: the ISA folder's vec_f32 header comes first.
 *
 * The polynomials are minimax fits (Remez, in 40 digits) of the range named beside each, rounded to float. */
#ifndef TM_KERNELS_MATH_F32_H
#define TM_KERNELS_MATH_F32_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

/* 2^z = 2^n 2^f with f in [0, 1); 2^f = 1 + f q(f), q of degree 5: 2^-28 relative. Every z will do: NaN gives NaN, what
 * underflows 0, what overflows infinity. */
static inline V exp2_any(V z)
{
    V f;
    const V n = split_whole(z, &f);
    V q = SET1(0x1.c54176p-13f);
    q = FMA(q, f, SET1(0x1.46d64cp-10f));
    q = FMA(q, f, SET1(0x1.3d0b92p-7f));
    q = FMA(q, f, SET1(0x1.c68912p-5f));
    q = FMA(q, f, SET1(0x1.ebfd58p-3f));
    q = FMA(q, f, SET1(0x1.62e42cp-1f));
    return SCALE2(FMA(q, f, SET1(1.0f)), n);
}

/* e^x and e^-x. Rounding x log2(e) costs |x| units of roundoff, which every tolerance for e^x allows. */
static inline V exp_of(V x)
{
    return exp2_any(MUL(x, SET1(0x1.715476p+0f)));
}
static inline V exp_minus(V x)
{
    return exp2_any(MUL(x, SET1(-0x1.715476p+0f)));
}

/* base + ln(1 + t) for 0 <= t <= 1. With s = t / (2 + t) it is 2 artanh s = s p(s^2), p of degree 4: 2^-28 relative.
 * The division runs beside the multiplications, so it costs less than the longer polynomial in t. */
static inline V log1p_unit(V t, V base)
{
    const V s = DIV(t, ADD(SET1(2.0f), t)), z = MUL(s, s);
    V p = SET1(0x1.208bdp-2f);
    p = FMA(p, z, SET1(0x1.1e510cp-2f));
    p = FMA(p, z, SET1(0x1.99dae6p-2f));
    p = FMA(p, z, SET1(0x1.5554ep-1f));
    p = FMA(p, z, SET1(2.0f));
    return FMA(s, p, base);
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
