/* One element at a time, each formula in the form that keeps its relative accuracy over the whole range of float32: no
 * exponential of a positive number, expm1 and log1p near 0. A NaN comes out as a NaN. */
#include "kernels.h"

#include <math.h>
#include <string.h>

void tm_relu_f32__portable(const float *x, float *y, int64_t n, float parameter, bool stream)
{
    (void)parameter;
    (void)stream;
    for (int64_t i = 0; i < n; i++) y[i] = x[i] < 0.0f ? 0.0f : x[i];
}

void tm_leaky_relu_f32__portable(const float *x, float *y, int64_t n, float parameter, bool stream)
{
    (void)stream;
    for (int64_t i = 0; i < n; i++) y[i] = x[i] > 0.0f ? x[i] : x[i] * parameter;
}

void tm_selu_f32__portable(const float *x, float *y, int64_t n, float parameter, bool stream)
{
    (void)parameter;
    (void)stream;
    const float lambda = 1.0507009873554805f, lambda_alpha = 1.7580993408473766f;
    for (int64_t i = 0; i < n; i++) y[i] = x[i] > 0.0f ? lambda * x[i] : lambda_alpha * expm1f(x[i]);
}

void tm_gelu_f32__portable(const float *x, float *y, int64_t n, float parameter, bool stream)
{
    (void)parameter;
    (void)stream;
    for (int64_t i = 0; i < n; i++) {
        const float t = x[i] < -16.0f || x[i] > 16.0f ? 16.0f : fabsf(x[i]); /* beyond 16 lies nothing */
        y[i] = (x[i] < 0.0f ? 0.0f : x[i]) - t * 0.5f * erfcf(0.70710678f * t);
    }
}

void tm_gelu_tanh_f32__portable(const float *x, float *y, int64_t n, float parameter, bool stream)
{
    (void)parameter;
    (void)stream;
    for (int64_t i = 0; i < n; i++) {
        const float v = x[i] < -16.0f ? -16.0f : x[i]; /* where the result is 0 */
        y[i] = v / (1.0f + expf(-1.5957691f * v * (1.0f + 0.044715f * v * v)));
    }
}

void tm_sigmoid_f32__portable(const float *x, float *y, int64_t n, float parameter, bool stream)
{
    (void)parameter;
    (void)stream;
    for (int64_t i = 0; i < n; i++) {
        const float e = expf(-fabsf(x[i]));
        y[i] = (x[i] < 0.0f ? e : 1.0f) / (1.0f + e);
    }
}

void tm_softplus_f32__portable(const float *x, float *y, int64_t n, float parameter, bool stream)
{
    (void)parameter;
    (void)stream;
    for (int64_t i = 0; i < n; i++) y[i] = (x[i] < 0.0f ? 0.0f : x[i]) + log1pf(expf(-fabsf(x[i])));
}

void tm_copy_f32__portable(const float *x, float *y, int64_t n, float parameter, bool stream)
{
    (void)parameter;
    (void)stream;
    if (n > 0) memmove(y, x, (size_t)n * sizeof *x);
}

void tm_add_f32__portable(const float *a, const float *b, float *y, int64_t n, bool stream)
{
    (void)stream;
    for (int64_t i = 0; i < n; i++) y[i] = a[i] + b[i];
}

void tm_add_row_f32__portable(float *y, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] += x[i];
}

void tm_max_row_f32__portable(float *y, const float *x, int64_t n)
{
    /* y stays unless x is greater or no number; a NaN in y compares false and stays. */
    for (int64_t i = 0; i < n; i++) y[i] = x[i] > y[i] || x[i] != x[i] ? x[i] : y[i];
}
