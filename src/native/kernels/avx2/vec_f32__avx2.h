/* Vectors of 8 floats, for the kernel templates one folder up. Lane masks (all bits of a lane, as floats) stand in for
 * scalar tails.
 *
 * MIN and MAX return their second operand when either is NaN, so MAX(constant, x) lets a NaN in x through. */
#ifndef TM_VEC_F32_AVX2_H
#define TM_VEC_F32_AVX2_H

#include "native/kernels/kernels.h"

#include <immintrin.h>

#define KERNEL(name) tm_##name##__avx2

enum { W = 8 };
typedef __m256 V;
typedef __m256i I;
typedef __m256d D; /* half as many doubles */
typedef __m256 M;

/* The first n lanes, 0 <= n <= W. */
static inline M first_lanes(int32_t n)
{
    const I lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_castsi256_ps(_mm256_cmpgt_epi32(_mm256_set1_epi32(n), lane));
}
#define FIRST(n)              first_lanes((int32_t)(n))
#define LOAD(p)               _mm256_loadu_ps(p)
#define STORE(p, v)           _mm256_storeu_ps(p, v)
#define STREAM(p, v)          _mm256_stream_ps(p, v) /* p aligned to a vector */
#define LOAD_SOME(p, m, fill) _mm256_blendv_ps(fill, _mm256_maskload_ps(p, _mm256_castps_si256(m)), m)
#define STORE_SOME(p, m, v)   _mm256_maskstore_ps(p, _mm256_castps_si256(m), v)
#define PREFETCH(p)           _mm_prefetch((const char *)(p), _MM_HINT_T0) /* any address will do */
#define SET1(a)               _mm256_set1_ps(a)
#define ADD(a, b)             _mm256_add_ps(a, b)
#define SUB(a, b)             _mm256_sub_ps(a, b)
#define MUL(a, b)             _mm256_mul_ps(a, b)
#define DIV(a, b)             _mm256_div_ps(a, b)
#define FMA(a, b, c)          _mm256_fmadd_ps(a, b, c)  /* a b + c */
#define FNMA(a, b, c)         _mm256_fnmadd_ps(a, b, c) /* c - a b */
#define MIN(a, b)             _mm256_min_ps(a, b)
#define MAX(a, b)             _mm256_max_ps(a, b)
#define ABS(a)                _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a)
#define ABOUT_INVERSE(a)      _mm256_rcp_ps(a)
#define SELECT(m, a, b)       _mm256_blendv_ps(b, a, m) /* m ? a : b */
#define GREATER(a, b)         _mm256_cmp_ps(a, b, _CMP_GT_OQ)
#define EQUAL(a, b)           _mm256_cmp_ps(a, b, _CMP_EQ_OQ)
#define UNORDERED(a, b)       _mm256_cmp_ps(a, b, _CMP_UNORD_Q)
#define NOT_AT_MOST(a, b)     _mm256_cmp_ps(a, b, _CMP_NLE_UQ) /* a > b, or unordered */
#define SQRT(a)               _mm256_sqrt_ps(a)
#define M_AND(a, b)           _mm256_and_ps(a, b)
#define M_OR(a, b)            _mm256_or_ps(a, b)
#define M_AND_NOT(a, b)       _mm256_andnot_ps(b, a)
#define M_NONE                _mm256_setzero_ps()
#define M_BITS(m)             ((uint32_t)_mm256_movemask_ps(m)) /* lane i is bit i */

static inline float REDUCE_MAX(V v)
{
    __m128 half = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    half = _mm_max_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_max_ss(half, _mm_movehdup_ps(half)));
}
static inline float REDUCE_SUM(V v)
{
    __m128 half = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    half = _mm_add_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
}

/* Lane r, 0 <= r < 4, is all of vector r. Each step puts what is left of two vectors into one. */
#define OF_FOUR(name, COMBINE)                                                                                         \
    static inline V name##_of_four(V a, V b, V c, V d)                                                                 \
    {                                                                                                                  \
        a = COMBINE(_mm256_blend_ps(a, b, 0xcc), _mm256_shuffle_ps(a, b, 0x4e));                                       \
        c = COMBINE(_mm256_blend_ps(c, d, 0xcc), _mm256_shuffle_ps(c, d, 0x4e));                                       \
        a = COMBINE(_mm256_shuffle_ps(a, c, 0x88), _mm256_shuffle_ps(a, c, 0xdd));                                     \
        return COMBINE(a, _mm256_permute2f128_ps(a, a, 1));                                                            \
    }
OF_FOUR(sums, ADD)
OF_FOUR(maxima, MAX)

#define D_ZERO        _mm256_setzero_pd()
#define D_ADD(a, b)   _mm256_add_pd(a, b)
#define D_LOW(v)      _mm256_cvtps_pd(_mm256_castps256_ps128(v))
#define D_HIGH(v)     _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1))
#define D_LOAD(p)     _mm256_loadu_pd(p)
#define D_STORE(p, d) _mm256_storeu_pd(p, d)
/* Two of doubles, low lanes first, rounded to one of floats. */
#define D_NARROW(low, high) _mm256_set_m128(_mm256_cvtpd_ps(high), _mm256_cvtpd_ps(low))

static inline double D_REDUCE(D d)
{
    const __m128d half = _mm_add_pd(_mm256_castpd256_pd128(d), _mm256_extractf128_pd(d, 1));
    return _mm_cvtsd_f64(_mm_add_sd(half, _mm_unpackhi_pd(half, half)));
}

#define I_LOAD(p)         _mm256_loadu_si256(p)
#define I_STORE(p, v)     _mm256_storeu_si256(p, v)
#define I_SET1(a)         _mm256_set1_epi32(a)
#define I_MIN(a, b)       _mm256_min_epi32(a, b)
#define I_MAX(a, b)       _mm256_max_epi32(a, b)
#define I_AND(a, b)       _mm256_and_si256(a, b)
#define I_OR(a, b)        _mm256_or_si256(a, b)
#define I_ANY(a)          (!_mm256_testz_si256(a, a)) /* a bit is set */
#define I_XOR(a, b)       _mm256_xor_si256(a, b)
#define I_SIGN(a)         _mm256_srai_epi32(a, 31) /* all ones where negative */
#define I_SELECT(m, a, b) _mm256_blendv_epi8(b, a, _mm256_castps_si256(m))
#define I_FROM_BITS(v)    _mm256_castps_si256(v)
#define I_TO_BITS(v)      _mm256_castsi256_ps(v)

/* p 2^n for whole n in -150..150, by two factors: gradual underflow, overflow to infinity. */
static inline V SCALE2(V p, V n)
{
    const I whole = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(whole, 1);
    const I bias = _mm256_set1_epi32(127);
    const I one = _mm256_slli_epi32(_mm256_add_epi32(half, bias), 23);
    const I two = _mm256_slli_epi32(_mm256_add_epi32(_mm256_sub_epi32(whole, half), bias), 23);
    return MUL(MUL(p, _mm256_castsi256_ps(one)), _mm256_castsi256_ps(two));
}

/* z = n + fraction, in [0, 1), for SCALE2; z is taken to be within -150..150, where 2^z is 0 or infinite in float. */
static inline V split_whole(V z, V *fraction)
{
    const V inside = MAX(SET1(-150.0f), MIN(SET1(150.0f), z)), n = _mm256_floor_ps(inside);
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
    return _mm256_castps_si256(SELECT(split_is_small(x), MUL(x, SET1(0x1p23f)), x));
}
static inline I split_shift(I bits)
{
    return _mm256_srai_epi32(_mm256_sub_epi32(bits, _mm256_set1_epi32(0x3f400000)), 23);
}
static inline V split_mantissa(V x)
{
    const I bits = split_bits(x);
    const V m = _mm256_castsi256_ps(_mm256_sub_epi32(bits, _mm256_slli_epi32(split_shift(bits), 23)));
    return SELECT(NOT_AT_MOST(SET1(0.0f), x), SET1(__builtin_nanf("")), m);
}
static inline V split_exponent(V x, V m)
{
    const V infinity = SET1(__builtin_inff()), zero = SET1(0.0f);
    (void)m;
    V e = _mm256_cvtepi32_ps(split_shift(split_bits(x)));
    e = SUB(e, _mm256_and_ps(split_is_small(x), SET1(23.0f)));
    e = SELECT(EQUAL(x, infinity), infinity, e);
    return SELECT(EQUAL(x, zero), SUB(zero, infinity), e);
}

/* Reductions within groups of 8 lanes, the result in every lane of the group. */
#define GROUPS 1
static inline V group_max(V v)
{
    v = MAX(v, _mm256_permute2f128_ps(v, v, 1));
    v = MAX(v, _mm256_shuffle_ps(v, v, 0x4e));
    return MAX(v, _mm256_shuffle_ps(v, v, 0xb1));
}
static inline V group_sum(V v)
{
    v = ADD(v, _mm256_permute2f128_ps(v, v, 1));
    v = ADD(v, _mm256_shuffle_ps(v, v, 0x4e));
    return ADD(v, _mm256_shuffle_ps(v, v, 0xb1));
}

#endif
