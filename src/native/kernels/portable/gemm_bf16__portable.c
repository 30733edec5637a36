/* Products of bfloat16 matrices in packed pairs, summed in float64. */
#include "kernels.h"

#include "base/dtype.h"

enum { MR = 4, NR = 4 };

static void strip(const tm_gemm_bf16_strip *s)
{
    for (int64_t i = 0; i < s->rows; i++) {
        for (int64_t j = 0; j < s->columns; j++) {
            const uint16_t *b = s->b + j / NR * s->b_panel + j % NR * 2;
            double sum = s->bias ? (double)s->bias[j] : 0.0;
            for (int64_t p = 0; p < s->k; p++) {
                const float x = tm_f32_from_bf16(s->a[i * s->a_row + p]);
                sum += (double)x * (double)tm_f32_from_bf16(b[p / 2 * 2 * NR + p % 2]);
            }
            const int64_t at = i * s->c_row + j;
            if (s->narrow) {
                ((uint16_t *)s->c)[at] = tm_bf16_from_f32((float)sum);
            } else {
                ((float *)s->c)[at] = (float)(s->accumulate ? sum + (double)((float *)s->c)[at] : sum);
            }
        }
    }
}

static void pack(const uint16_t *b, int64_t row, int64_t k, int64_t columns, uint16_t *packed)
{
    for (int64_t j = 0; j < columns; j += NR) {
        for (int64_t p = 0; p < (k + 1) / 2 * 2; p++) {
            uint16_t *to = packed + p / 2 * 2 * NR + p % 2;
            for (int64_t i = 0; i < NR; i++) to[2 * i] = p < k && j + i < columns ? b[p * row + j + i] : 0;
        }
        packed += (k + 1) / 2 * 2 * NR;
    }
}

const tm_gemm_bf16_kernels tm_gemm_bf16__portable = {.mr = MR, .nr = NR, .strip = strip, .pack = pack};
