/* Sums are carried in float64, in several chains so that additions overlap: the rounding of float32 terms is all that
 * is lost. The maximum is found by comparisons that a NaN wins. */
#include "kernels.h"

#include <math.h>

enum { CHAINS = 8, BLOCK = 64 };

double tm_sum_f32__portable(const float *x, int64_t n)
{
    double chain[CHAINS] = {0.0};
    int64_t i = 0;
    for (; i + CHAINS <= n; i += CHAINS) {
        for (int k = 0; k < CHAINS; k++) chain[k] += (double)x[i + k];
    }
    double sum = 0.0;
    for (; i < n; i++) sum += (double)x[i];
    for (int k = 0; k < CHAINS; k++) sum += chain[k];
    return sum;
}

void tm_sum_columns_f32__portable(const float *x, float *y, int64_t length, int64_t stride, int64_t columns)
{
    for (int64_t first = 0; first < columns; first += BLOCK) {
        const int64_t width = columns - first < BLOCK ? columns - first : BLOCK;
        double sum[BLOCK] = {0.0};
        for (int64_t i = 0; i < length; i++) {
            const float *row = x + i * stride + first;
            for (int64_t c = 0; c < width; c++) sum[c] += (double)row[c];
        }
        for (int64_t c = 0; c < width; c++) y[first + c] = (float)sum[c];
    }
}

static int64_t argmax(const float *x, int64_t n)
{
    int64_t best = 0;
    if (isnan(x[0])) return 0;
    for (int64_t i = 1; i < n; i++) {
        if (isnan(x[i])) return i;
        if (x[i] > x[best]) best = i;
    }
    return best;
}

void tm_argmax_f32__portable(const float *x, int64_t *y, int64_t rows, int64_t length)
{
    for (int64_t r = 0; r < rows; r++) y[r] = argmax(x + r * length, length);
}

void tm_argmax_columns_f32__portable(const float *x, int64_t *y, int64_t length, int64_t stride, int64_t columns)
{
    for (int64_t first = 0; first < columns; first += BLOCK) {
        const int64_t width = columns - first < BLOCK ? columns - first : BLOCK;
        float best[BLOCK];
        for (int64_t c = 0; c < width; c++) {
            best[c] = x[first + c];
            y[first + c] = 0;
        }
        for (int64_t i = 1; i < length; i++) {
            const float *row = x + i * stride + first;
            for (int64_t c = 0; c < width; c++) {
                /* A best that is NaN stays; otherwise a greater value or a NaN takes its place. */
                if (isnan(best[c]) || row[c] <= best[c]) continue;
                best[c] = row[c];
                y[first + c] = i;
            }
        }
    }
}

static double clamped(double logarithm)
{
    return logarithm < -100.0 ? -100.0 : logarithm;
}

double tm_bce_f32__portable(const float *p, const float *t, int64_t n)
{
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++) {
        const double chance = (double)p[i], target = (double)t[i];
        sum -= target * clamped(log(chance)) + (1.0 - target) * clamped(log1p(-chance));
    }
    return sum;
}
