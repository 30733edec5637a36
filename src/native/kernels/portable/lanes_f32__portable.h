/* What the tile templates need of an instruction set; here compiler vectors of four floats, which every target has. */
#ifndef TM_LANES_F32_H
#define TM_LANES_F32_H

#include <stdbool.h>
#include <stdint.h>

enum { W = 4, TILE_ROWS = 4, DOT_COLUMNS = 4 };
#define TILES(X)   X(1, 8) X(2, 4) X(3, 2) X(4, 2)
#define FILTERS(X) X(1) X(2)
#define NAME(base) base##__portable

typedef float V __attribute__((vector_size(16)));
typedef int32_t tm_mask_lanes; /* how many lanes, from the first */

static inline tm_mask_lanes lanes_mask(int64_t lanes)
{
    return (int32_t)lanes;
}
static inline V lanes_set1(float x)
{
    return (V){x, x, x, x};
}
static inline V lanes_load(const float *p)
{
    V v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}
static inline void lanes_store(float *p, V v)
{
    __builtin_memcpy(p, &v, sizeof v);
}
static inline void lanes_stream(float *p, V v)
{
    lanes_store(p, v);
}
static inline V lanes_load_part(const float *p, tm_mask_lanes mask)
{
    V v = {0, 0, 0, 0};
    for (int32_t i = 0; i < mask; i++) v[i] = p[i];
    return v;
}
static inline void lanes_store_part(float *p, V v, tm_mask_lanes mask)
{
    for (int32_t i = 0; i < mask; i++) p[i] = v[i];
}
/* v, loaded once for all that use it: here it cannot be otherwise. */
static inline V lanes_loaded(V v)
{
    return v;
}
static inline V lanes_fma(V a, V b, V c)
{
    return a * b + c;
}
static inline V lanes_add(V a, V b)
{
    return a + b;
}
/* The greater; NaN wins. */
static inline V lanes_max(V a, V b)
{
    for (int32_t i = 0; i < W; i++) a[i] = a[i] >= b[i] || a[i] != a[i] ? a[i] : b[i];
    return a;
}
static inline float lanes_sum(V v)
{
    return (v[0] + v[1]) + (v[2] + v[3]);
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
