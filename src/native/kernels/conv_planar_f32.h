/* One output row of a convolution with few filters. Template, see gemm_f32.h, which also needs FILTERS and
 * lanes_store_transposed. Lanes run along the pixels: each window position of a channel is one unaligned load from its
 * plane and feeds every filter, so that all lanes work although there are fewer filters than lanes. The sums are turned
 * into pixels x filters when they are stored. */
#include "native/kernels/kernels.h"

#define INLINE        static inline __attribute__((always_inline))
#define UNROLL        _Pragma("GCC unroll 16")
#define PIXEL_VECTORS 3

/* Pixels [begin, begin + N * W), as far as the row goes. */
INLINE const float *block(const tm_conv_planar *s, int64_t begin, const float *ahead, const int F, const int N)
{
    V sum[PIXEL_VECTORS][W / 2];
    UNROLL for (int v = 0; v < N; v++) UNROLL for (int f = 0; f < F; f++) sum[v][f] = lanes_set1(0.0f);
    const float *weight = s->weights;
    for (int64_t r = 0; r < s->kernel_height; r++) {
        for (int64_t q = 0; q < s->kernel_width; q++) {
            const float *x = s->planes[r] + begin + q;
            for (int64_t c = 0; c < s->channels; c++, x += s->plane, weight += F) {
                V pixel[PIXEL_VECTORS];
                __builtin_prefetch(ahead, 0, 2);
                ahead += s->ahead_step;
                UNROLL for (int v = 0; v < N; v++) pixel[v] = lanes_load(x + v * W);
                UNROLL for (int f = 0; f < F; f++)
                {
                    const V y = lanes_set1(weight[f]);
                    UNROLL for (int v = 0; v < N; v++) sum[v][f] = lanes_fma(pixel[v], y, sum[v][f]);
                }
            }
        }
    }
    UNROLL for (int v = 0; v < N; v++)
    {
        const int64_t at = begin + v * W, left = s->width - at;
        if (left > 0) lanes_store_transposed(s->y + at * F, sum[v], F, left < W ? (int32_t)left : W, s->stream);
    }
    return ahead;
}

INLINE void row(const tm_conv_planar *s, const int F)
{
    const float *ahead = s->ahead;
    int64_t at = 0, left = (s->width + W - 1) / W;
    /* Four vectors are two blocks of two: a block of one would wait for its sums. */
    for (; left > 4 || left == PIXEL_VECTORS; left -= PIXEL_VECTORS, at += PIXEL_VECTORS * W)
        ahead = block(s, at, ahead, F, PIXEL_VECTORS);
    for (; left >= 2; left -= 2, at += 2 * W) ahead = block(s, at, ahead, F, 2);
    if (left > 0) block(s, at, ahead, F, 1);
}

#define ROW(F)                                                                                                         \
    static void row_##F(const tm_conv_planar *s)                                                                       \
    {                                                                                                                  \
        row(s, F);                                                                                                     \
    }
FILTERS(ROW)
#undef ROW

void NAME(tm_conv_planar_f32)(const tm_conv_planar *s)
{
    switch (s->filters) {
#define ROW(F)                                                                                                         \
    case F: row_##F(s); return;
        FILTERS(ROW)
#undef ROW
    default: return;
    }
}
