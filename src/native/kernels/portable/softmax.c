/* y = exp(x - max) / sum. The maximum is taken over numbers only; a NaN reaches every result of its row through the
 * sum. Sums are float64. A row without elements has nothing to write. */
#include "kernels.h"

#include <math.h>

enum { BLOCK = 64 };

static float maximum(const float *x, int64_t n)
{
    float max = -INFINITY;
    for (int64_t i = 0; i < n; i++) max = x[i] > max ? x[i] : max;
    return max;
}

void tm_softmax_rows_f32__portable(const float *x, float *y, int64_t rows, int64_t length, bool stream)
{
    (void)stream;
    for (int64_t r = 0; r < rows; r++, x += length, y += length) {
        const float max = maximum(x, length);
        double sum = 0.0;
        for (int64_t i = 0; i < length; i++) {
            y[i] = expf(x[i] - max);
            sum += (double)y[i];
        }
        const float scale = (float)(1.0 / sum);
        for (int64_t i = 0; i < length; i++) y[i] *= scale;
    }
}

void tm_softmax_columns_f32__portable(const float *x, float *y, int64_t length, int64_t stride, int64_t columns)
{
    for (int64_t first = 0; first < columns; first += BLOCK) {
        const int64_t width = columns - first < BLOCK ? columns - first : BLOCK;
        float max[BLOCK], scale[BLOCK];
        double sum[BLOCK] = {0.0};
        for (int64_t c = 0; c < width; c++) max[c] = -INFINITY;
        for (int64_t i = 0; i < length; i++) {
            const float *row = x + i * stride + first;
            for (int64_t c = 0; c < width; c++) max[c] = row[c] > max[c] ? row[c] : max[c];
        }
        for (int64_t i = 0; i < length; i++) {
            const float *row = x + i * stride + first;
            float *result = y + i * stride + first;
            for (int64_t c = 0; c < width; c++) {
                result[c] = expf(row[c] - max[c]);
                sum[c] += (double)result[c];
            }
        }
        for (int64_t c = 0; c < width; c++) scale[c] = (float)(1.0 / sum[c]);
        for (int64_t i = 0; i < length; i++) {
            float *result = y + i * stride + first;
            for (int64_t c = 0; c < width; c++) result[c] *= scale[c];
        }
    }
}

void tm_softmax_part_f32__portable(const float *x, int64_t n, float *max, double *sum)
{
    *max = maximum(x, n);
    *sum = 0.0;
    bool number = true;
    for (int64_t i = 0; i < n; i++) {
        number = number && !isnan(x[i]);
        /* -inf against a maximum of -inf adds nothing: another part may hold the row's real maximum. */
        if (x[i] != -INFINITY) *sum += (double)expf(x[i] - *max);
    }
    if (!number) *max = NAN;
}

void tm_softmax_apply_f32__portable(const float *x, float *y, int64_t n, float max, float scale, bool stream)
{
    (void)stream;
    for (int64_t i = 0; i < n; i++) y[i] = expf(x[i] - max) * scale;
}
