/* Vectors of 16 floats, for the kernel templates one folder up. Lane masks stand in for scalar tails.
 *
 * MIN and MAX return their second operand when either is NaN, so MAX(constant, x) lets a NaN in x through. */
#ifndef TM_VEC_F32_AVX512_H
#define TM_VEC_F32_AVX512_H

#include "native/kernels/kernels.h"

#include <immintrin.h>

#define KERNEL(name) tm_##name##__avx512

enum { W = 16 };
typedef __m512 V;
typedef __m512i I;
typedef __m512d D; /* half as many doubles */
typedef __mmask16 M;

#define FIRST(n)              ((M)((1u << (n)) - 1u)) /* the first n lanes, 0 <= n <= W */
#define LOAD(p)               _mm512_loadu_ps(p)
#define STORE(p, v)           _mm512_storeu_ps(p, v)
#define STREAM(p, v)          _mm512_stream_ps(p, v) /* p aligned to a vector */
#define LOAD_SOME(p, m, fill) _mm512_mask_loadu_ps(fill, m, p)
#define STORE_SOME(p, m, v)   _mm512_mask_storeu_ps(p, m, v)
#define PREFETCH(p)           _mm_prefetch((const char *)(p), _MM_HINT_T0) /* any address will do */
#define SET1(a)               _mm512_set1_ps(a)
#define ADD(a, b)             _mm512_add_ps(a, b)
#define SUB(a, b)             _mm512_sub_ps(a, b)
#define MUL(a, b)             _mm512_mul_ps(a, b)
#define DIV(a, b)             _mm512_div_ps(a, b)
#define FMA(a, b, c)          _mm512_fmadd_ps(a, b, c)  /* a b + c */
#define FNMA(a, b, c)         _mm512_fnmadd_ps(a, b, c) /* c - a b */
#define MIN(a, b)             _mm512_min_ps(a, b)
#define MAX(a, b)             _mm512_max_ps(a, b)
#define ABS(a)                _mm512_abs_ps(a)
#define ABOUT_INVERSE(a)      _mm512_rcp14_ps(a)
#define SELECT(m, a, b)       _mm512_mask_blend_ps(m, b, a) /* m ? a : b */
#define GREATER(a, b)         _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ)
#define EQUAL(a, b)           _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ)
#define UNORDERED(a, b)       _mm512_cmp_ps_mask(a, b, _CMP_UNORD_Q)
#define NOT_AT_MOST(a, b)     _mm512_cmp_ps_mask(a, b, _CMP_NLE_UQ) /* a > b, or unordered */
#define M_AND(a, b)           ((M)((a) & (b)))
#define M_OR(a, b)            ((M)((a) | (b)))
#define M_AND_NOT(a, b)       ((M)((a) & ~(b)))
#define M_NONE                ((M)0)
#define M_BITS(m)             ((uint32_t)(m)) /* lane i is bit i */
#define SQRT(a)               _mm512_sqrt_ps(a)
#define REDUCE_MAX(v)         _mm512_reduce_max_ps(v)
#define REDUCE_SUM(v)         _mm512_reduce_add_ps(v)

/* Lane r, 0 <= r < 4, is all of vector r. Each step puts what is left of two vectors into one. */
#define OF_FOUR(name, COMBINE)                                                                                         \
    static inline V name##_of_four(V a, V b, V c, V d)                                                                 \
    {                                                                                                                  \
        a = COMBINE(_mm512_mask_blend_ps(0xcccc, a, b), _mm512_shuffle_ps(a, b, 0x4e));                                \
        c = COMBINE(_mm512_mask_blend_ps(0xcccc, c, d), _mm512_shuffle_ps(c, d, 0x4e));                                \
        a = COMBINE(_mm512_shuffle_ps(a, c, 0x88), _mm512_shuffle_ps(a, c, 0xdd));                                     \
        a = COMBINE(a, _mm512_shuffle_f32x4(a, a, 0x4e));                                                              \
        return COMBINE(a, _mm512_shuffle_f32x4(a, a, 0xb1));                                                           \
    }
OF_FOUR(sums, ADD)
OF_FOUR(maxima, MAX)

#define D_ZERO        _mm512_setzero_pd()
#define D_ADD(a, b)   _mm512_add_pd(a, b)
#define D_LOW(v)      _mm512_cvtps_pd(_mm512_castps512_ps256(v))
#define D_HIGH(v)     _mm512_cvtps_pd(_mm512_extractf32x8_ps(v, 1))
#define D_LOAD(p)     _mm512_loadu_pd(p)
#define D_STORE(p, d) _mm512_storeu_pd(p, d)
#define D_REDUCE(d)   _mm512_reduce_add_pd(d)
/* Two of doubles, low lanes first, rounded to one of floats. */
#define D_NARROW(low, high) _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(low)), _mm512_cvtpd_ps(high), 1)

#define I_LOAD(p)         _mm512_loadu_si512(p)
#define I_STORE(p, v)     _mm512_storeu_si512(p, v)
#define I_SET1(a)         _mm512_set1_epi32(a)
#define I_MIN(a, b)       _mm512_min_epi32(a, b)
#define I_MAX(a, b)       _mm512_max_epi32(a, b)
#define I_AND(a, b)       _mm512_and_si512(a, b)
#define I_OR(a, b)        _mm512_or_si512(a, b)
#define I_ANY(a)          (_mm512_test_epi32_mask(a, a) != 0) /* a bit is set */
#define I_XOR(a, b)       _mm512_xor_si512(a, b)
#define I_SIGN(a)         _mm512_srai_epi32(a, 31) /* all ones where negative */
#define I_SELECT(m, a, b) _mm512_mask_blend_epi32(m, b, a)
#define I_FROM_BITS(v)    _mm512_castps_si512(v)
#define I_TO_BITS(v)      _mm512_castsi512_ps(v)

/* The entries of a table of 16 that the low four bits of each lane of i choose. */
#define LOOKUP16(table, i) _mm512_permutexvar_ps(i, _mm512_load_ps(table))

/* p 2^n, n rounded down: gradual underflow, overflow to infinity. */
#define SCALE2(p, n) _mm512_scalef_ps(p, n)

/* z = n + fraction, in [0, 1), for SCALE2, which does the rounding itself. Infinities have the fraction 0. */
static inline V split_whole(V z, V *fraction)
{
    *fraction = _mm512_reduce_ps(z, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
    return z;
}

/* x = m 2^e with m in [0.75, 1.5): the pair tells also of 0 (e = -inf), infinity (e = inf) and, in m, of NaN and
 * negative numbers (NaN). */
static inline V split_mantissa(V x)
{
    return _mm512_getmant_ps(x, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_nan);
}
static inline V split_exponent(V x, V m)
{
    return SUB(_mm512_getexp_ps(x), _mm512_getexp_ps(m));
}

/* Reductions within groups of 8 lanes, the result in every lane of the group. */
#define GROUPS 2
static inline V group_max(V v)
{
    v = MAX(v, _mm512_shuffle_f32x4(v, v, 0xb1));
    v = MAX(v, _mm512_shuffle_ps(v, v, 0x4e));
    return MAX(v, _mm512_shuffle_ps(v, v, 0xb1));
}
static inline V group_sum(V v)
{
    v = ADD(v, _mm512_shuffle_f32x4(v, v, 0xb1));
    v = ADD(v, _mm512_shuffle_ps(v, v, 0x4e));
    return ADD(v, _mm512_shuffle_ps(v, v, 0xb1));
}

#endif
