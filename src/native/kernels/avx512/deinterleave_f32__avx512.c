/* Channels side by side become planes, sixteen pixels at a time. Up to four channels: each plane's vector is collected
 * from the vectors that hold its elements by masked permutation. More: blocks of 16 pixels x 16 channels are
 * transposed. Planes are written in whole vectors, so up to 15 floats beyond the width. */
#include "native/kernels/kernels.h"

#include <immintrin.h>

#define UNROLL _Pragma("GCC unroll 16")

enum { FEW = 4 };

static __mmask16 first_lanes(int64_t lanes)
{
    if (lanes <= 0) return 0;
    return (__mmask16)(lanes >= 16 ? 0xFFFFu : (1u << (uint32_t)lanes) - 1u);
}

/* `channels` is a constant: what to take from which vector is worked out once for the whole row. */
static inline __attribute__((always_inline)) void collect_row(const float *x, const int channels, int64_t width,
                                                              float *planes, int64_t plane)
{
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i step = _mm512_mullo_epi32(lane, _mm512_set1_epi32(channels));
    __m512i from[FEW];
    __mmask16 here[FEW][FEW];
    UNROLL for (int c = 0; c < channels; c++)
    {
        from[c] = _mm512_add_epi32(step, _mm512_set1_epi32(c));
        UNROLL for (int v = 0; v < channels; v++) here[c][v] =
            _mm512_cmpeq_epi32_mask(_mm512_srli_epi32(from[c], 4), _mm512_set1_epi32(v));
    }
    for (int64_t i = 0; i < width; i += 16, x += 16 * channels, planes += 16) {
        const int64_t floats = (width - i) * channels;
        __m512 part[FEW];
        UNROLL for (int v = 0; v < channels; v++)
        {
            part[v] = _mm512_maskz_loadu_ps(first_lanes(floats - 16 * v), x + 16 * v);
        }
        UNROLL for (int c = 0; c < channels; c++)
        {
            /* A permutation looks at the low four bits of `from`. */
            __m512 collected = _mm512_permutexvar_ps(from[c], part[0]);
            UNROLL for (int v = 1; v < channels; v++) collected =
                _mm512_mask_permutexvar_ps(collected, here[c][v], from[c], part[v]);
            _mm512_storeu_ps(planes + c * plane, collected);
        }
    }
}

/* Sixteen rows of sixteen, transposed: pairs, quads within 128 bits, then the 128-bit pieces. */
static inline __attribute__((always_inline)) void transpose(__m512 r[16])
{
    __m512 t[16];
    UNROLL for (int i = 0; i < 16; i += 4)
    {
        const __m512 a = _mm512_unpacklo_ps(r[i], r[i + 1]), b = _mm512_unpackhi_ps(r[i], r[i + 1]);
        const __m512 c = _mm512_unpacklo_ps(r[i + 2], r[i + 3]), d = _mm512_unpackhi_ps(r[i + 2], r[i + 3]);
        t[i] = _mm512_shuffle_ps(a, c, 0x44);
        t[i + 1] = _mm512_shuffle_ps(a, c, 0xEE);
        t[i + 2] = _mm512_shuffle_ps(b, d, 0x44);
        t[i + 3] = _mm512_shuffle_ps(b, d, 0xEE);
    }
    UNROLL for (int i = 0; i < 4; i++)
    {
        const __m512 a = _mm512_shuffle_f32x4(t[i], t[i + 4], 0x88), b = _mm512_shuffle_f32x4(t[i], t[i + 4], 0xDD);
        const __m512 c = _mm512_shuffle_f32x4(t[i + 8], t[i + 12], 0x88);
        const __m512 d = _mm512_shuffle_f32x4(t[i + 8], t[i + 12], 0xDD);
        r[i] = _mm512_shuffle_f32x4(a, c, 0x88);
        r[i + 8] = _mm512_shuffle_f32x4(a, c, 0xDD);
        r[i + 4] = _mm512_shuffle_f32x4(b, d, 0x88);
        r[i + 12] = _mm512_shuffle_f32x4(b, d, 0xDD);
    }
}

static void transpose_block(const float *x, int64_t row, int64_t pixels, int64_t channels, float *planes, int64_t plane)
{
    const __mmask16 mask = first_lanes(channels);
    __m512 r[16];
    UNROLL for (int i = 0; i < 16; i++) r[i] =
        _mm512_maskz_loadu_ps((__mmask16)(i < pixels ? mask : 0u), i < pixels ? x + i * row : x);
    transpose(r);
    UNROLL for (int c = 0; c < 16; c++)
    {
        if (c < channels) _mm512_storeu_ps(planes + c * plane, r[c]);
    }
}

void tm_deinterleave_f32__avx512(const float *x, int64_t channels, int64_t width, float *planes, int64_t plane)
{
    switch (channels) {
    case 1: collect_row(x, 1, width, planes, plane); return;
    case 2: collect_row(x, 2, width, planes, plane); return;
    case 3: collect_row(x, 3, width, planes, plane); return;
    case 4: collect_row(x, 4, width, planes, plane); return;
    default: break;
    }
    for (int64_t i = 0; i < width; i += 16, x += 16 * channels, planes += 16) {
        const int64_t pixels = width - i < 16 ? width - i : 16;
        for (int64_t c = 0; c < channels; c += 16)
            transpose_block(x + c, channels, pixels, channels - c, planes + c * plane, plane);
    }
}
