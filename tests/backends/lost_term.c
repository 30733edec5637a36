/* One product of one element's sum is left out. */
#include "double.h"

#include <string.h>

static tm_status run_without_term(tm_program *program, int32_t first_slot, int64_t count, tm_error *error)
{
    int64_t m, k, n;
    double_product_sizes(program, &m, &k, &n);
    for (int64_t i = 0; i < count; i++) {
        const tm_status status = double_execute(program, first_slot + i, error);
        if (status != TM_OK) return status;
        char *const *operand = program->input + (first_slot + i) % program->slots * program->inputs;
        const float *a = (const float *)(const void *)operand[0], *b = (const float *)(const void *)operand[1];
        const int64_t row = m / 2, column = n / 3, term = k / 2;
        float *element = (float *)(void *)program->output + row * n + column;
        *element -= a[row * k + term] * b[term * n + column];
    }
    return TM_OK;
}

const tm_backend *tensormark_backend(void)
{
    static tm_backend table;
    table = double_table_own_output("lost_term");
    table.supports = double_supports_product;
    table.run = run_without_term;
    return &table;
}
