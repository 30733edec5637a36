/* 16-bit reals and float32 on 16 lanes. bfloat16 is rounded on its bits, so that subnormal numbers stay; a NaN is made
 * quiet. */
#include "vec_f32__avx512.h"

#include <stdbool.h>

typedef __m256i H; /* 16 numbers of 16 bits */

#define HALF_LOAD(p, m)     _mm256_maskz_loadu_epi16(m, p)
#define HALF_STORE(p, m, h) _mm256_mask_storeu_epi16(p, m, h)

static inline V from_bf16(H h)
{
    return I_TO_BITS(_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16));
}
static inline V from_f16(H h)
{
    return _mm512_cvtph_ps(h);
}

/* The result in the upper half of each lane. */
static inline I rounded_bf16(V v)
{
    const I bits = I_FROM_BITS(v);
    const I odd = I_AND(_mm512_srli_epi32(bits, 16), I_SET1(1));
    const I rounded = _mm512_add_epi32(_mm512_add_epi32(bits, I_SET1(0x7fff)), odd);
    return _mm512_mask_or_epi32(rounded, UNORDERED(v, v), bits, I_SET1(0x400000));
}
static inline H to_bf16(V v)
{
    return _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded_bf16(v), 16));
}
static inline H to_f16(V v)
{
    return _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

#define HALF_PAIRS
static inline void put(uint16_t *y, I both, bool streams)
{
    if (streams) {
        _mm512_stream_si512((void *)y, both);
    } else {
        _mm512_storeu_si512(y, both);
    }
}
static inline void put_bf16(uint16_t *y, V a, V b, bool streams)
{
    /* The odd halves of a, then of b. */
    const I odd = _mm512_set_epi16(63, 61, 59, 57, 55, 53, 51, 49, 47, 45, 43, 41, 39, 37, 35, 33, 31, 29, 27, 25, 23,
                                   21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1);
    put(y, _mm512_permutex2var_epi16(rounded_bf16(a), odd, rounded_bf16(b)), streams);
}
static inline void put_f16(uint16_t *y, V a, V b, bool streams)
{
    put(y, _mm512_inserti64x4(_mm512_castsi256_si512(to_f16(a)), to_f16(b), 1), streams);
}

#include "convert.h"
