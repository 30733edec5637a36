/* Products are exact, but the running sums are kept in float16. */
#include "double.h"

static tm_status run_f16_sums(tm_program *program, int32_t first_slot, int64_t count, tm_error *error)
{
    (void)error;
    int64_t m, k, n;
    double_product_sizes(program, &m, &k, &n);
    for (int64_t i = 0; i < count; i++) {
        char *const *operand = program->input + (first_slot + i) % program->slots * program->inputs;
        const float *a = (const float *)(const void *)operand[0], *b = (const float *)(const void *)operand[1];
        float *c = (float *)(void *)program->output;
        for (int64_t row = 0; row < m; row++) {
            for (int64_t column = 0; column < n; column++) {
                uint16_t sum = 0;
                for (int64_t l = 0; l < k; l++) {
                    sum = tm_f16_from_f32(tm_f32_from_f16(sum) + a[row * k + l] * b[l * n + column]);
                }
                c[row * n + column] = tm_f32_from_f16(sum);
            }
        }
    }
    return TM_OK;
}

const tm_backend *tensormark_backend(void)
{
    static tm_backend table;
    table = double_table_own_output("f16_sums");
    table.supports = double_supports_product;
    table.run = run_f16_sums;
    return &table;
}
