/* 16-bit reals and float32. bfloat16 is the upper half of a float32; float16 goes through the conversions of base. */
#include "kernels.h"

#include "base/dtype.h"

void tm_f32_from_bf16__portable(const uint16_t *x, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] = tm_f32_from_bf16(x[i]);
}

void tm_f32_from_f16__portable(const uint16_t *x, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] = tm_f32_from_f16(x[i]);
}

void tm_bf16_from_f32__portable(const float *x, uint16_t *y, int64_t n, bool stream)
{
    (void)stream;
    for (int64_t i = 0; i < n; i++) y[i] = tm_bf16_from_f32(x[i]);
}

void tm_f16_from_f32__portable(const float *x, uint16_t *y, int64_t n, bool stream)
{
    (void)stream;
    for (int64_t i = 0; i < n; i++) y[i] = tm_f16_from_f32(x[i]);
}
