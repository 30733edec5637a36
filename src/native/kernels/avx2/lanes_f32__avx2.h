/* What the tile templates need of an instruction set: eight floats and FMA. */
#ifndef TM_LANES_F32_H
#define TM_LANES_F32_H

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>

enum { W = 8, TILE_ROWS = 6, DOT_COLUMNS = 4 };
#define TILES(X)   X(1, 8) X(2, 4) X(3, 2) X(4, 2) X(5, 2) X(6, 2)
#define FILTERS(X) X(1) X(2) X(3) X(4)
#define NAME(base) base##__avx2

typedef __m256 V;
typedef __m256i tm_mask_lanes;

static inline tm_mask_lanes lanes_mask(int64_t lanes)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int32_t)lanes), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
static inline V lanes_set1(float x)
{
    return _mm256_set1_ps(x);
}
static inline V lanes_load(const float *p)
{
    return _mm256_loadu_ps(p);
}
static inline void lanes_store(float *p, V v)
{
    _mm256_storeu_ps(p, v);
}
static inline void lanes_stream(float *p, V v)
{
    _mm256_stream_ps(p, v);
}
static inline V lanes_load_part(const float *p, tm_mask_lanes mask)
{
    return _mm256_maskload_ps(p, mask);
}
static inline void lanes_store_part(float *p, V v, tm_mask_lanes mask)
{
    _mm256_maskstore_ps(p, mask, v);
}
/* v, loaded: else the compiler makes the load a part of each instruction that uses it, and loads become the limit. */
static inline V lanes_loaded(V v)
{
    __asm__("" : "+x"(v));
    return v;
}
static inline V lanes_fma(V a, V b, V c)
{
    return _mm256_fmadd_ps(a, b, c);
}
static inline V lanes_add(V a, V b)
{
    return _mm256_add_ps(a, b);
}
/* The greater; NaN wins: MAXPS gives its second operand when either is NaN. */
static inline V lanes_max(V a, V b)
{
    return _mm256_blendv_ps(_mm256_max_ps(a, b), a, _mm256_cmp_ps(a, a, _CMP_UNORD_Q));
}
static inline float lanes_sum(V v)
{
    const __m128 half = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    const __m128 pair = _mm_add_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_add_ss(pair, _mm_movehdup_ps(pair)));
}

/* DOT_COLUMNS sums across lanes at once. */
static inline __attribute__((always_inline)) void lanes_sums(float *to, const V *v)
{
    for (int32_t j = 0; j < DOT_COLUMNS; j++) to[j] = lanes_sum(v[j]);
}

/* Pixel p of filter f to y[p * filters + f]. */
static inline __attribute__((always_inline)) void lanes_store_transposed(float *y, const V *sum, int32_t filters,
                                                                         int32_t pixels, bool stream)
{
    float flat[W];
    (void)stream;
    for (int32_t f = 0; f < filters; f++) {
        lanes_store(flat, sum[f]);
        for (int32_t p = 0; p < pixels; p++) y[p * filters + f] = flat[p];
    }
}

#endif
