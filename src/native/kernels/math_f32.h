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

#ifdef LOOKUP16
/* z = base + ln(1 + 2^z), for z <= 0 and finite or NaN, on up to four vectors (a constant). Tables replace the
 * division, and put work on the units for permutations. The vectors go in step: a chain is so long that the next
 * vector's hardly begins before this one's ends.
 *
 * 2^z = 2^n T[k] 2^r, where n + k / 16 is the nearest sixteenth: k lies in the low bits of z + 1.5 2^19. 2^r has degree
 * 3 (2^-29). ln(1 + t) = t g(t), g a cubic around each fifteenth of [0, 1]: 2^-24 relative. */
#define IN_STEP for (int k = 0; k < vectors; k++)
static inline __attribute__((always_inline)) void log1p_exp2(V *z, const V *base, int vectors)
{
    static const _Alignas(64) float power[16] = {
        0x1p+0f,        0x1.0b5586p+0f, 0x1.172b84p+0f, 0x1.2387a6p+0f, 0x1.306fep+0f,  0x1.3dea64p+0f,
        0x1.4bfdaep+0f, 0x1.5ab07ep+0f, 0x1.6a09e6p+0f, 0x1.7a1148p+0f, 0x1.8ace54p+0f, 0x1.9c4918p+0f,
        0x1.ae89fap+0f, 0x1.c199bep+0f, 0x1.d5818ep+0f, 0x1.ea4afap+0f,
    };
    static const _Alignas(64) float g0[16] = {
        0x1p+0f,        0x1.ffffaep-1f, 0x1.fffae2p-1f, 0x1.ffe9d6p-1f, 0x1.ffc4e2p-1f, 0x1.ff85fp-1f,
        0x1.ff28c4p-1f, 0x1.feaad8p-1f, 0x1.fe0b0cp-1f, 0x1.fd4954p-1f, 0x1.fc666ep-1f, 0x1.fb63a4p-1f,
        0x1.fa42ap-1f,  0x1.f90544p-1f, 0x1.f7ad94p-1f, 0x1.f69a2p-1f,
    };
    static const _Alignas(64) float g1[16] = {
        -0x1.ffff8ap-2f, -0x1.ffd398p-2f, -0x1.feba66p-2f, -0x1.fc5882p-2f, -0x1.f8a448p-2f, -0x1.f3ba16p-2f,
        -0x1.edc574p-2f, -0x1.e6f57ap-2f, -0x1.df773ap-2f, -0x1.d7733ep-2f, -0x1.cf0cc2p-2f, -0x1.c661a4p-2f,
        -0x1.bd8aep-2f,  -0x1.b49d0cp-2f, -0x1.aba8fcp-2f, -0x1.a4ee7cp-2f,
    };
    static const _Alignas(64) float g2[16] = {
        0x1.551p-2f,    0x1.50f74ap-2f, 0x1.460c78p-2f, 0x1.37bf9p-2f,  0x1.27da08p-2f, 0x1.1771cap-2f,
        0x1.072deap-2f, 0x1.eee0aep-3f, 0x1.d0df24p-3f, 0x1.b48dbp-3f,  0x1.9a00aap-3f, 0x1.813752p-3f,
        0x1.6a243ep-3f, 0x1.54b2b8p-3f, 0x1.40ca4p-3f,  0x1.32c386p-3f,
    };
    static const _Alignas(64) float g3[16] = {
        -0x1.e5b2ap-3f,  -0x1.a0a122p-3f, -0x1.56ec66p-3f, -0x1.1d500ep-3f, -0x1.df5964p-4f, -0x1.962b32p-4f,
        -0x1.5adbe2p-4f, -0x1.2a5174p-4f, -0x1.023c6cp-4f, -0x1.c1bc96p-5f, -0x1.89c3cep-5f, -0x1.5a7f4ap-5f,
        -0x1.32538ap-5f, -0x1.0ffc4cp-5f, -0x1.e4efap-6f,  -0x1.bdf25cp-6f,
    };
    const V round_to_16th = SET1(0x1.8p+19f), round_to_1 = SET1(0x1.8p+23f);
    V n[4], r[4], q[4], t[4];
    I at[4];
    IN_STEP at[k] = I_FROM_BITS(ADD(z[k], round_to_16th));
    IN_STEP n[k] = SUB(I_TO_BITS(at[k]), round_to_16th);
    IN_STEP t[k] = LOOKUP16(power, at[k]);
    IN_STEP r[k] = SUB(z[k], n[k]);
    IN_STEP q[k] = FMA(SET1(0x1.c6a898p-5f), r[k], SET1(0x1.ebfffap-3f));
    IN_STEP q[k] = FMA(q[k], r[k], SET1(0x1.62e43p-1f));
    IN_STEP r[k] = MUL(r[k], t[k]);
    IN_STEP t[k] = FMA(q[k], r[k], t[k]);
    IN_STEP t[k] = SCALE2(t[k], n[k]);
    IN_STEP at[k] = I_FROM_BITS(FMA(t[k], SET1(15.0f), round_to_1));
    IN_STEP q[k] = LOOKUP16(g3, at[k]);
    IN_STEP q[k] = FMA(q[k], t[k], LOOKUP16(g2, at[k]));
    IN_STEP q[k] = FMA(q[k], t[k], LOOKUP16(g1, at[k]));
    IN_STEP q[k] = FMA(q[k], t[k], LOOKUP16(g0, at[k]));
    IN_STEP z[k] = FMA(t[k], q[k], base[k]);
}
#undef IN_STEP
#else
static inline __attribute__((always_inline)) void log1p_exp2(V *z, const V *base, int vectors)
{
    for (int k = 0; k < vectors; k++) z[k] = log1p_unit(exp2_any(z[k]), base[k]);
}
#endif

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
