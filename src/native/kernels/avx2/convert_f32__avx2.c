/* 16-bit reals and float32 on 8 lanes. bfloat16 is rounded on its bits, so that subnormal numbers stay; a NaN is made
 * quiet. There are no masks for 16-bit lanes: a partial vector goes by way of the stack. */
#include "vec_f32__avx2.h"

#include <stdbool.h>
#include <string.h>

typedef __m128i H; /* 8 numbers of 16 bits */

static inline H half_load(const uint16_t *p, int count)
{
    H h = _mm_setzero_si128();
    if (count == W) return _mm_loadu_si128((const void *)p);
    memcpy(&h, p, (size_t)count * sizeof *p);
    return h;
}
static inline void half_store(uint16_t *p, int count, H h)
{
    if (count == W) {
        _mm_storeu_si128((void *)p, h);
    } else {
        memcpy(p, &h, (size_t)count * sizeof *p);
    }
}
#define HALF_LOAD(p, m)     half_load(p, __builtin_popcount(M_BITS(m)))
#define HALF_STORE(p, m, h) half_store(p, __builtin_popcount(M_BITS(m)), h)

static inline V from_bf16(H h)
{
    return I_TO_BITS(_mm256_slli_epi32(_mm256_cvtepu16_epi32(h), 16));
}
static inline V from_f16(H h)
{
    return _mm256_cvtph_ps(h);
}

static inline H to_bf16(V v)
{
    const I bits = I_FROM_BITS(v);
    const I odd = I_AND(_mm256_srli_epi32(bits, 16), I_SET1(1));
    const I rounded = _mm256_add_epi32(_mm256_add_epi32(bits, I_SET1(0x7fff)), odd);
    const I quiet = _mm256_or_si256(bits, I_SET1(0x400000));
    const I upper = _mm256_srli_epi32(I_SELECT(UNORDERED(v, v), quiet, rounded), 16);
    return _mm_packus_epi32(_mm256_castsi256_si128(upper), _mm256_extracti128_si256(upper, 1));
}
static inline H to_f16(V v)
{
    return _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

#define HALF_PAIRS
static inline void put(uint16_t *y, H low, H high, bool streams)
{
    const I both = _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
    if (streams) {
        _mm256_stream_si256((void *)y, both);
    } else {
        _mm256_storeu_si256((void *)y, both);
    }
}
static inline void put_bf16(uint16_t *y, V a, V b, bool streams)
{
    put(y, to_bf16(a), to_bf16(b), streams);
}
static inline void put_f16(uint16_t *y, V a, V b, bool streams)
{
    put(y, to_f16(a), to_f16(b), streams);
}

#include "convert.h"
