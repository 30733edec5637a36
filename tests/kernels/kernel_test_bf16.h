/* Test of the product of bfloat16 matrices, exact on small whole numbers: each kernel packs for itself. */
#ifndef TM_TESTS_KERNEL_TEST_BF16_H
#define TM_TESTS_KERNEL_TEST_BF16_H

#include "base/dtype.h"

static void bf16_whole_numbers(uint16_t *x, int64_t n, uint64_t *state)
{
    for (int64_t i = 0; i < n; i++) x[i] = tm_bf16_from_f32((float)(int)(next_random(state) % 7) - 3.0f);
}

/* C of one strip into guarded memory that ends with its last element. */
static guarded bf16_product(const tm_gemm_bf16_kernels *gemm, const tm_gemm_bf16_strip *like, const uint16_t *b)
{
    const int64_t k = like->k, n = like->columns, panels = (n + gemm->nr - 1) / gemm->nr;
    const int64_t panel = (k + 1) / 2 * 2 * gemm->nr;
    guarded packed = guarded_new((size_t)(panels * panel) * sizeof(uint16_t));
    guarded c = guarded_new((size_t)(like->rows * n) * (like->narrow ? sizeof(uint16_t) : sizeof(float)));
    gemm->pack(b, n, k, n, packed.data);
    for (int64_t i = 0; !like->narrow && i < like->rows * n; i++) ((float *)c.data)[i] = (float)(i % 5);
    /* Kernels of fewer rows go over it in several steps. */
    for (int32_t row = 0; row < like->rows; row += gemm->mr) {
        tm_gemm_bf16_strip strip = *like;
        strip.rows = like->rows - row < gemm->mr ? like->rows - row : gemm->mr;
        strip.a = like->a + row * like->a_row;
        strip.b = packed.data;
        strip.b_panel = panel;
        strip.c = (unsigned char *)c.data + (size_t)(row * n) * (like->narrow ? sizeof(uint16_t) : sizeof(float));
        gemm->strip(&strip);
    }
    guarded_free(&packed);
    return c;
}

static void test_gemm_bf16(const kernel_case *c)
{
    static const int64_t widths[] = {1, 7, 15, 16, 17, 31, 32, 33, 64, 100}, depths[] = {1, 2, 3, 17, 64, 101};
    const tm_gemm_bf16_kernels *tried = &c->tried->gemm_bf16;
    uint64_t state = 5;
    for (size_t w = 0; w < COUNT(widths); w++) {
        for (size_t d = 0; d < COUNT(depths); d++) {
            const int64_t n = widths[w], k = depths[d];
            const int32_t rows = 1 + (int32_t)((w * COUNT(depths) + d) % (size_t)tried->mr);
            guarded a = guarded_new((size_t)(rows * k) * sizeof(uint16_t));
            guarded b = guarded_new((size_t)(k * n) * sizeof(uint16_t)), bias = guarded_new((size_t)n * sizeof(float));
            bf16_whole_numbers(a.data, rows * k, &state);
            bf16_whole_numbers(b.data, k * n, &state);
            for (int64_t i = 0; i < n; i++) ((float *)bias.data)[i] = (float)(i % 11) - 5.0f;
            for (int way = 0; way < 8; way++) {
                const tm_gemm_bf16_strip strip = {.a = a.data,
                                                  .a_row = k,
                                                  .k = k,
                                                  .c_row = n,
                                                  .narrow = way % 2 != 0,
                                                  .accumulate = way == 2 || way == 4,
                                                  .stream = way > 4,
                                                  .rows = rows,
                                                  .columns = n,
                                                  .bias = way > 3 ? bias.data : NULL};
                guarded got = bf16_product(tried, &strip, b.data);
                guarded want = bf16_product(&c->portable->gemm_bf16, &strip, b.data);
                const size_t bytes = (size_t)(rows * n) * (strip.narrow ? sizeof(uint16_t) : sizeof(float));
                /* -0 and +0 are equal. */
                for (size_t i = 0; i < bytes / (strip.narrow ? 2 : 4); i++) {
                    const float x = strip.narrow ? tm_f32_from_bf16(((uint16_t *)got.data)[i]) : ((float *)got.data)[i];
                    const float y =
                        strip.narrow ? tm_f32_from_bf16(((uint16_t *)want.data)[i]) : ((float *)want.data)[i];
                    check_error(c, x == y ? 0.0 : 1.0, 0.0, k, (int64_t)i);
                }
                guarded_free(&got);
                guarded_free(&want);
            }
            guarded_free(&a);
            guarded_free(&b);
            guarded_free(&bias);
        }
    }
}

#endif
