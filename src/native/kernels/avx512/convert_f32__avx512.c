/* 16-bit reals and float32 on 16 lanes. bfloat16 is rounded on its bits, so that subnormal numbers stay; a NaN is made
 * quiet. */
#include "vec_f32__avx512.h"

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

static inline H to_bf16(V v)
{
    const I bits = I_FROM_BITS(v);
    const I odd = I_AND(_mm512_srli_epi32(bits, 16), I_SET1(1));
    const I rounded = _mm512_add_epi32(_mm512_add_epi32(bits, I_SET1(0x7fff)), odd);
    const I quiet = _mm512_or_si512(bits, I_SET1(0x400000));
    return _mm512_cvtepi32_epi16(_mm512_srli_epi32(I_SELECT(UNORDERED(v, v), quiet, rounded), 16));
}
static inline H to_f16(V v)
{
    return _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

#include "convert.h"
