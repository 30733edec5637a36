/* Two passes in float64: mean, then mean of squared differences; so a large common offset costs nothing. */
#include "kernels.h"

#include <math.h>

enum { CHAINS = 8 };

static double sum_of_squares(const float *x, int64_t n, double mean)
{
    double chain[CHAINS] = {0.0};
    int64_t i = 0;
    for (; i + CHAINS <= n; i += CHAINS) {
        for (int k = 0; k < CHAINS; k++) chain[k] += ((double)x[i + k] - mean) * ((double)x[i + k] - mean);
    }
    double sum = 0.0;
    for (; i < n; i++) sum += ((double)x[i] - mean) * ((double)x[i] - mean);
    for (int k = 0; k < CHAINS; k++) sum += chain[k];
    return sum;
}

void tm_layer_norm_rows_f32__portable(const float *x, const float *scale, const float *shift, float *y, int64_t rows,
                                      int64_t length, float eps, bool stream)
{
    (void)stream;
    for (int64_t r = 0; r < rows; r++, x += length, y += length) {
        const double mean = tm_sum_f32__portable(x, length) / (double)length;
        const double variance = sum_of_squares(x, length, mean) / (double)length;
        const double inverse = 1.0 / sqrt(variance + (double)eps);
        for (int64_t i = 0; i < length; i++) {
            y[i] = (float)(((double)x[i] - mean) * inverse * (double)scale[i] + (double)shift[i]);
        }
    }
}
