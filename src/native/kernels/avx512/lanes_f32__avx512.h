/* What the tile templates need of an instruction set: sixteen floats, FMA and masks. */
#ifndef TM_LANES_F32_H
#define TM_LANES_F32_H

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>

enum { W = 16, TILE_ROWS = 14, DOT_COLUMNS = 8 };
#define TILES(X)                                                                                                       \
    X(1, 8) X(2, 8) X(3, 8) X(4, 4) X(5, 4) X(6, 4) X(7, 2) X(8, 2) X(9, 2) X(10, 2) X(11, 2) X(12, 2) X(13, 2) X(14, 2)
#define FILTERS(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8)
#define NAME(base) base##__avx512

typedef __m512 V;
typedef __mmask16 tm_mask_lanes;

static inline tm_mask_lanes lanes_mask(int64_t lanes)
{
    return (__mmask16)((1u << (uint32_t)lanes) - 1u);
}
static inline V lanes_set1(float x)
{
    return _mm512_set1_ps(x);
}
static inline V lanes_load(const float *p)
{
    return _mm512_loadu_ps(p);
}
static inline void lanes_store(float *p, V v)
{
    _mm512_storeu_ps(p, v);
}
static inline void lanes_stream(float *p, V v)
{
    _mm512_stream_ps(p, v);
}
static inline V lanes_load_part(const float *p, tm_mask_lanes mask)
{
    return _mm512_maskz_loadu_ps(mask, p);
}
static inline void lanes_store_part(float *p, V v, tm_mask_lanes mask)
{
    _mm512_mask_storeu_ps(p, mask, v);
}
/* v, loaded: else the compiler makes the load a part of each instruction that uses it, and loads become the limit. */
static inline V lanes_loaded(V v)
{
    __asm__("" : "+v"(v));
    return v;
}
static inline V lanes_fma(V a, V b, V c)
{
    return _mm512_fmadd_ps(a, b, c);
}
static inline V lanes_add(V a, V b)
{
    return _mm512_add_ps(a, b);
}
/* The greater; NaN wins: VMAXPS gives its second operand when either is NaN. */
static inline V lanes_max(V a, V b)
{
    return _mm512_mask_mov_ps(_mm512_max_ps(a, b), _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q), a);
}
static inline float lanes_sum(V v)
{
    const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    const __m128 quarter = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
    const __m128 pair = _mm_add_ps(quarter, _mm_movehl_ps(quarter, quarter));
    return _mm_cvtss_f32(_mm_add_ss(pair, _mm_movehdup_ps(pair)));
}

/* Eight sums across lanes at once: halves, then quarters, then neighbours are added, always of two vectors in one. */
static inline __attribute__((always_inline)) void lanes_sums(float *to, const V *v)
{
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 0, 0, 0, 0, 0, 0, 0, 0);
    V half[4], quarter[2];
    for (int32_t j = 0; j < 4; j++)
        half[j] = _mm512_add_ps(_mm512_shuffle_f32x4(v[2 * j], v[2 * j + 1], 0x44),
                                _mm512_shuffle_f32x4(v[2 * j], v[2 * j + 1], 0xEE));
    for (int32_t j = 0; j < 2; j++)
        quarter[j] = _mm512_add_ps(_mm512_shuffle_f32x4(half[2 * j], half[2 * j + 1], 0x88),
                                   _mm512_shuffle_f32x4(half[2 * j], half[2 * j + 1], 0xDD));
    const V pair =
        _mm512_add_ps(_mm512_shuffle_ps(quarter[0], quarter[1], 0x88), _mm512_shuffle_ps(quarter[0], quarter[1], 0xDD));
    const V all = _mm512_add_ps(_mm512_shuffle_ps(pair, pair, 0x88), _mm512_shuffle_ps(pair, pair, 0xDD));
    _mm256_storeu_ps(to, _mm512_castps512_ps256(_mm512_permutexvar_ps(order, all)));
}

/* Eight filters of sixteen pixels to y[p * 8 + f]. Each of three steps trades a bit of the filter's number for one of
 * the pixel's, and leaves the pixel's last bit: two pixels fill a vector. */
static inline __attribute__((always_inline)) void lanes_store_eights(float *y, const V *sum, bool stream)
{
    const __m512i low = _mm512_setr_epi32(0, 1, 8, 9, 16, 17, 24, 25, 2, 3, 10, 11, 18, 19, 26, 27);
    const __m512i high = _mm512_setr_epi32(4, 5, 12, 13, 20, 21, 28, 29, 6, 7, 14, 15, 22, 23, 30, 31);
    for (int32_t second = 0; second < 2; second++) { /* pixels 2 and 3 of each four */
        V two[4], four[4];
        for (int32_t f = 0; f < 4; f++)
            two[f] = second ? _mm512_unpackhi_ps(sum[2 * f], sum[2 * f + 1])
                            : _mm512_unpacklo_ps(sum[2 * f], sum[2 * f + 1]);
        for (int32_t f = 0; f < 2; f++) {
            four[f] = _mm512_shuffle_f32x4(two[2 * f], two[2 * f + 1], 0x44);
            four[2 + f] = _mm512_shuffle_f32x4(two[2 * f], two[2 * f + 1], 0xEE);
        }
        for (int32_t half = 0; half < 2; half++) { /* of the pixels */
            const V a = _mm512_permutex2var_ps(four[2 * half], low, four[2 * half + 1]);
            const V b = _mm512_permutex2var_ps(four[2 * half], high, four[2 * half + 1]);
            float *to = y + 64 * half + 16 * second;
            if (stream) {
                _mm512_stream_ps(to, a);
                _mm512_stream_ps(to + 32, b);
            } else {
                _mm512_storeu_ps(to, a);
                _mm512_storeu_ps(to + 32, b);
            }
        }
    }
}

/* Pixel p of filter f to y[p * filters + f]: an 8 x 16 transposition, a pixel's filters side by side in 32 bytes. */
static inline __attribute__((always_inline)) void lanes_store_transposed(float *y, const V *sum, int32_t filters,
                                                                         int32_t pixels, bool stream)
{
    const __m512i pair = _mm512_setr_epi32(0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
    const __m512i last = _mm512_setr_epi32(8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
    if (filters == 8 && pixels == 16) {
        lanes_store_eights(y, sum, stream && (uintptr_t)y % 64 == 0);
        return;
    }
    V a[8], two[8], four[8];
    for (int32_t f = 0; f < 8; f++) a[f] = f < filters ? sum[f] : _mm512_setzero_ps();
    for (int32_t f = 0; f < 8; f += 2) {
        two[f] = _mm512_unpacklo_ps(a[f], a[f + 1]);
        two[f + 1] = _mm512_unpackhi_ps(a[f], a[f + 1]);
    }
    for (int32_t h = 0; h < 8; h += 4) {
        for (int32_t i = 0; i < 2; i++) {
            const __m512d low = _mm512_castps_pd(two[h + i]), high = _mm512_castps_pd(two[h + 2 + i]);
            four[h + 2 * i] = _mm512_castpd_ps(_mm512_unpacklo_pd(low, high));
            four[h + 2 * i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low, high));
        }
    }
    const __mmask8 mask = (__mmask8)((1u << (uint32_t)filters) - 1u);
    const bool whole = stream && filters == 8 && (uintptr_t)y % 32 == 0;
    for (int32_t quarter = 0; quarter < 4; quarter++) { /* of the pixels */
        for (int32_t i = 0; i < 4; i++) {
            const int32_t p = 4 * quarter + i;
            if (p >= pixels) return;
            const V both = _mm512_permutex2var_ps(four[i], quarter < 2 ? pair : last, four[4 + i]);
            __m256 one = quarter % 2 ? _mm512_extractf32x8_ps(both, 1) : _mm512_castps512_ps256(both);
            /* Keeps the extraction out of the store: the two as one instruction fault on masked-out bytes as well. */
            __asm__("" : "+v"(one));
            if (whole) {
                _mm256_stream_ps(y + p * 8, one);
            } else {
                _mm256_mask_storeu_ps(y + p * filters, mask, one);
            }
        }
    }
}

#endif
