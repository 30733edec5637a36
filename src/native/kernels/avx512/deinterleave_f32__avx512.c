/* Channels side by side become planes, sixteen pixels at a time: their `channels` vectors stay in the first-level
 * cache, and each plane's vector is collected from those of them that hold its elements by masked permutation. */
#include "native/kernels/kernels.h"

#include <immintrin.h>

void tm_deinterleave_f32__avx512(const float *x, int64_t channels, int64_t width, float *planes, int64_t plane)
{
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i step = _mm512_mullo_epi32(lane, _mm512_set1_epi32((int32_t)channels));
    const int64_t whole = width - width % 16;
    for (int64_t i = 0; i < whole; i += 16, x += 16 * channels) {
        for (int64_t c = 0; c < channels; c++) {
            __m512i from = _mm512_add_epi32(step, _mm512_set1_epi32((int32_t)c));
            __m512 collected = _mm512_setzero_ps();
            for (int64_t v = 0; v < channels; v++) {
                const __mmask16 here = _mm512_cmplt_epu32_mask(from, _mm512_set1_epi32(16));
                collected = _mm512_mask_permutexvar_ps(collected, here, from, _mm512_loadu_ps(x + 16 * v));
                from = _mm512_sub_epi32(from, _mm512_set1_epi32(16));
            }
            _mm512_storeu_ps(planes + c * plane + i, collected);
        }
    }
    for (int64_t c = 0; c < channels; c++) {
        for (int64_t i = whole; i < width; i++) planes[c * plane + i] = x[(i - whole) * channels + c];
    }
}
