/* 16-bit reals to float32 and back. Template: vec_f32 header, H (a vector of W 16-bit numbers), HALF_LOAD and
 * HALF_STORE with a lane mask, and the four conversions of one vector come first. */
#include <stdint.h>

static inline M convert_lanes(int64_t left)
{
    return FIRST(left < W ? left : W);
}

void KERNEL(f32_from_bf16)(const uint16_t *x, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i += W) {
        const M some = convert_lanes(n - i);
        STORE_SOME(y + i, some, from_bf16(HALF_LOAD(x + i, some)));
    }
}

void KERNEL(f32_from_f16)(const uint16_t *x, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i += W) {
        const M some = convert_lanes(n - i);
        STORE_SOME(y + i, some, from_f16(HALF_LOAD(x + i, some)));
    }
}

void KERNEL(bf16_from_f32)(const float *x, uint16_t *y, int64_t n)
{
    for (int64_t i = 0; i < n; i += W) {
        const M some = convert_lanes(n - i);
        HALF_STORE(y + i, some, to_bf16(LOAD_SOME(x + i, some, SET1(0.0f))));
    }
}

void KERNEL(f16_from_f32)(const float *x, uint16_t *y, int64_t n)
{
    for (int64_t i = 0; i < n; i += W) {
        const M some = convert_lanes(n - i);
        HALF_STORE(y + i, some, to_f16(LOAD_SOME(x + i, some, SET1(0.0f))));
    }
}
