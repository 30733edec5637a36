/* Vectors of 4 floats, for the kernel templates one folder up. Lane masks are all bits of a lane, as integers; those of
 * LOAD_SOME and STORE_SOME must come from FIRST. There are no non-temporal stores: STREAM is a plain one.
 *
 * MIN and MAX give NaN when either is NaN, so MAX(constant, x) lets a NaN in x through. */
#ifndef TM_VEC_F32_NEON_H
#define TM_VEC_F32_NEON_H

#include "native/kernels/kernels.h"
#include "part_f32__neon.h"

#define KERNEL(name) tm_##name##__neon

enum { W = 4 };
typedef float32x4_t V;
typedef int32x4_t I;
typedef float64x2_t D; /* half as many doubles */
typedef uint32x4_t M;

/* The first n lanes, 0 <= n <= W. */
static inline M first_lanes(int32_t n)
{
    const I lane = {0, 1, 2, 3};
    return vcgtq_s32(vdupq_n_s32(n), lane);
}
/* How many lanes a mask has: each is -1. */
static inline int32_t count_lanes(M m)
{
    return -vaddvq_s32(vreinterpretq_s32_u32(m));
}
static inline uint32_t lane_bits(M m)
{
    const M bit = {1, 2, 4, 8};
    return vaddvq_u32(vandq_u32(m, bit));
}
#define FIRST(n)              first_lanes((int32_t)(n))
#define LOAD(p)               vld1q_f32(p)
#define STORE(p, v)           vst1q_f32(p, v)
#define STREAM(p, v)          vst1q_f32(p, v)
#define LOAD_SOME(p, m, fill) part_load(p, count_lanes(m), fill)
#define STORE_SOME(p, m, v)   part_store(p, count_lanes(m), v)
#define PREFETCH(p)           __builtin_prefetch(p) /* any address will do */
#define SET1(a)               vdupq_n_f32(a)
#define ADD(a, b)             vaddq_f32(a, b)
#define SUB(a, b)             vsubq_f32(a, b)
#define MUL(a, b)             vmulq_f32(a, b)
#define DIV(a, b)             vdivq_f32(a, b)
#define FMA(a, b, c)          vfmaq_f32(c, a, b) /* a b + c */
#define FNMA(a, b, c)         vfmsq_f32(c, a, b) /* c - a b */
#define MIN(a, b)             vminq_f32(a, b)
#define MAX(a, b)             vmaxq_f32(a, b)
#define ABS(a)                vabsq_f32(a)
#define SQRT(a)               vsqrtq_f32(a)
#define SELECT(m, a, b)       vbslq_f32(m, a, b) /* m ? a : b */
#define GREATER(a, b)         vcgtq_f32(a, b)
#define EQUAL(a, b)           vceqq_f32(a, b)
#define UNORDERED(a, b)       vmvnq_u32(vandq_u32(vceqq_f32(a, a), vceqq_f32(b, b)))
#define NOT_AT_MOST(a, b)     vmvnq_u32(vcleq_f32(a, b)) /* a > b, or unordered */
#define M_AND(a, b)           vandq_u32(a, b)
#define M_OR(a, b)            vorrq_u32(a, b)
#define M_AND_NOT(a, b)       vbicq_u32(a, b)
#define M_NONE                vdupq_n_u32(0)
#define M_BITS(m)             lane_bits(m) /* lane i is bit i */
#define REDUCE_MAX(v)         vmaxvq_f32(v)
#define REDUCE_SUM(v)         vaddvq_f32(v)

/* Lane r is all of vector r. */
static inline V sums_of_four(V a, V b, V c, V d)
{
    return vpaddq_f32(vpaddq_f32(a, b), vpaddq_f32(c, d));
}
static inline V maxima_of_four(V a, V b, V c, V d)
{
    return vpmaxq_f32(vpmaxq_f32(a, b), vpmaxq_f32(c, d));
}

#define D_ZERO        vdupq_n_f64(0.0)
#define D_ADD(a, b)   vaddq_f64(a, b)
#define D_LOW(v)      vcvt_f64_f32(vget_low_f32(v))
#define D_HIGH(v)     vcvt_high_f64_f32(v)
#define D_LOAD(p)     vld1q_f64(p)
#define D_STORE(p, d) vst1q_f64(p, d)
#define D_REDUCE(d)   vaddvq_f64(d)
/* Two of doubles, low lanes first, rounded to one of floats. */
#define D_NARROW(low, high) vcvt_high_f32_f64(vcvt_f32_f64(low), high)

#define I_LOAD(p)         vld1q_s32((const int32_t *)(p))
#define I_STORE(p, v)     vst1q_s32((int32_t *)(p), v)
#define I_SET1(a)         vdupq_n_s32(a)
#define I_MIN(a, b)       vminq_s32(a, b)
#define I_MAX(a, b)       vmaxq_s32(a, b)
#define I_AND(a, b)       vandq_s32(a, b)
#define I_OR(a, b)        vorrq_s32(a, b)
#define I_ANY(a)          (vmaxvq_u32(vreinterpretq_u32_s32(a)) != 0) /* a bit is set */
#define I_XOR(a, b)       veorq_s32(a, b)
#define I_SIGN(a)         vshrq_n_s32(a, 31) /* all ones where negative */
#define I_SELECT(m, a, b) vbslq_s32(m, a, b)
#define I_FROM_BITS(v)    vreinterpretq_s32_f32(v)
#define I_TO_BITS(v)      vreinterpretq_f32_s32(v)

/* p 2^n for whole n in -150..150, by two factors: gradual underflow, overflow to infinity. */
static inline V SCALE2(V p, V n)
{
    const I whole = vcvtq_s32_f32(n), half = vshrq_n_s32(whole, 1);
    const I bias = I_SET1(127);
    const I one = vshlq_n_s32(vaddq_s32(half, bias), 23);
    const I two = vshlq_n_s32(vaddq_s32(vsubq_s32(whole, half), bias), 23);
    return MUL(MUL(p, I_TO_BITS(one)), I_TO_BITS(two));
}

/* z = n + fraction, in [0, 1), for SCALE2; z is taken to be within -150..150, where 2^z is 0 or infinite in float. */
static inline V split_whole(V z, V *fraction)
{
    const V inside = MAX(SET1(-150.0f), MIN(SET1(150.0f), z)), n = vrndmq_f32(inside);
    *fraction = SUB(inside, n);
    return n;
}

/* x = m 2^e with m in [0.75, 1.5): the pair tells also of 0 (e = -inf), infinity (e = inf) and, in m, of NaN and
 * negative numbers (NaN). Numbers below the normal ones are scaled first. */
static inline M split_is_small(V x)
{
    return GREATER(SET1(0x1p-126f), x);
}
static inline I split_bits(V x)
{
    return I_FROM_BITS(SELECT(split_is_small(x), MUL(x, SET1(0x1p23f)), x));
}
static inline I split_shift(I bits)
{
    return vshrq_n_s32(vsubq_s32(bits, I_SET1(0x3f400000)), 23);
}
static inline V split_mantissa(V x)
{
    const I bits = split_bits(x);
    const V m = I_TO_BITS(vsubq_s32(bits, vshlq_n_s32(split_shift(bits), 23)));
    return SELECT(NOT_AT_MOST(SET1(0.0f), x), SET1(__builtin_nanf("")), m);
}
static inline V split_exponent(V x, V m)
{
    const V infinity = SET1(__builtin_inff()), zero = SET1(0.0f);
    (void)m;
    V e = vcvtq_f32_s32(split_shift(split_bits(x)));
    e = SUB(e, SELECT(split_is_small(x), SET1(23.0f), zero));
    e = SELECT(EQUAL(x, infinity), infinity, e);
    return SELECT(EQUAL(x, zero), SUB(zero, infinity), e);
}

#endif
