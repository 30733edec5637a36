/* Sums run over a few columns at a time, in double, in the order of the tokens. */
#include "infer/pooling.h"

#include <math.h>
#include <string.h>

enum { COLUMNS = 64 };

static void mean(const float *states, int64_t length, int64_t width, float *into)
{
    for (int64_t first = 0; first < width; first += COLUMNS) {
        const int64_t count = width - first < COLUMNS ? width - first : COLUMNS;
        double sum[COLUMNS] = {0};
        for (int64_t i = 0; i < length; i++) {
            for (int64_t j = 0; j < count; j++) sum[j] += (double)states[i * width + first + j];
        }
        for (int64_t j = 0; j < count; j++) into[first + j] = (float)(sum[j] / (double)length);
    }
}

static void greatest(const float *states, int64_t length, int64_t width, float *into)
{
    memcpy(into, states, (size_t)width * sizeof *into);
    for (int64_t i = 1; i < length; i++) {
        for (int64_t j = 0; j < width; j++) into[j] = fmaxf(into[j], states[i * width + j]);
    }
}

void tm_pool_states(const float *states, int64_t length, int64_t width, tm_pooled pooled, float *into)
{
    const int64_t rows = pooled == TM_POOLED_NONE ? length : 1;
    if (pooled == TM_POOLED_MEAN)
        mean(states, length, width, into);
    else if (pooled == TM_POOLED_MAX)
        greatest(states, length, width, into);
    else
        memcpy(into, states, (size_t)(rows * width) * sizeof *into);
}

void tm_normalize_row(float *row, int64_t width)
{
    double sum = 0;
    for (int64_t j = 0; j < width; j++) sum += (double)row[j] * (double)row[j];
    const double length = fmax(sqrt(sum), 1e-12);
    for (int64_t j = 0; j < width; j++) row[j] = (float)((double)row[j] / length);
}
