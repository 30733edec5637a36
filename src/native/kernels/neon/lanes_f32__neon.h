/* What the tile templates need of an instruction set: four floats, FMA, 32 registers. */
#ifndef TM_LANES_F32_H
#define TM_LANES_F32_H

#include "part_f32__neon.h"

#include <stdbool.h>

enum { W = 4, TILE_ROWS = 6, DOT_COLUMNS = 8 };
#define PANEL_VECTORS 4
#define TILES(X)      X(1, 8) X(2, 8) X(3, 8) X(4, 4) X(5, 4) X(6, 4)
#define FILTERS(X)    X(1) X(2)
#define NAME(base)    base##__neon

typedef float32x4_t V;
typedef int32_t tm_mask_lanes; /* how many lanes, from the first */

static inline tm_mask_lanes lanes_mask(int64_t lanes)
{
    return (int32_t)lanes;
}
static inline V lanes_set1(float x)
{
    return vdupq_n_f32(x);
}
static inline V lanes_load(const float *p)
{
    return vld1q_f32(p);
}
static inline void lanes_store(float *p, V v)
{
    vst1q_f32(p, v);
}
static inline void lanes_stream(float *p, V v)
{
    vst1q_f32(p, v);
}
static inline V lanes_load_part(const float *p, tm_mask_lanes mask)
{
    return part_load(p, mask, vdupq_n_f32(0.0f));
}
static inline void lanes_store_part(float *p, V v, tm_mask_lanes mask)
{
    part_store(p, mask, v);
}
/* v, loaded once for all that use it: here it cannot be otherwise. */
static inline V lanes_loaded(V v)
{
    return v;
}
static inline V lanes_fma(V a, V b, V c)
{
    return vfmaq_f32(c, a, b);
}
static inline V lanes_add(V a, V b)
{
    return vaddq_f32(a, b);
}
/* The greater; NaN wins. */
static inline V lanes_max(V a, V b)
{
    return vmaxq_f32(a, b);
}
static inline float lanes_sum(V v)
{
    return vaddvq_f32(v);
}

/* DOT_COLUMNS sums across lanes at once: neighbours are added, always of two vectors in one. */
static inline __attribute__((always_inline)) void lanes_sums(float *to, const V *v)
{
    for (int32_t j = 0; j < DOT_COLUMNS; j += 4)
        vst1q_f32(to + j, vpaddq_f32(vpaddq_f32(v[j], v[j + 1]), vpaddq_f32(v[j + 2], v[j + 3])));
}

/* Pixel p of filter f to y[p * filters + f]. */
static inline __attribute__((always_inline)) void lanes_store_transposed(float *y, const V *sum, int32_t filters,
                                                                         int32_t pixels, bool stream)
{
    (void)stream;
    if (filters == 1) {
        part_store(y, pixels, sum[0]);
        return;
    }
    const V low = vzip1q_f32(sum[0], sum[1]), high = vzip2q_f32(sum[0], sum[1]);
    part_store(y, pixels >= 2 ? W : 2 * pixels, low);
    if (pixels > 2) part_store(y + W, 2 * pixels - W, high);
}

#endif
