/* A product as calls of the library: sgemv where a matrix meets a vector, sgemm_batch where there is a batch and the
 * library has it, else sgemm in a loop. A bias is copied into every row of the result, to which the product is added.
 */
#include "blas.h"

#include <string.h>

enum { row_major = 101, as_it_is = 111, transposed = 112 };

static void copy_rows(const float *row, float *into, int64_t rows, int64_t columns)
{
    for (int64_t i = 0; i < rows; i++) memcpy(into + i * columns, row, (size_t)columns * sizeof *row);
}

#define TM_BLAS_INTEGER    int
#define TM_BLAS_MEMBER     narrow
#define TM_BLAS_NAME(name) name##_narrow
#include "calls.inc"
#undef TM_BLAS_INTEGER
#undef TM_BLAS_MEMBER
#undef TM_BLAS_NAME
#define TM_BLAS_INTEGER    int64_t
#define TM_BLAS_MEMBER     wide
#define TM_BLAS_NAME(name) name##_wide
#include "calls.inc"

/* A user makes these once, before his loop; an address changes only when inputs were unbound in between. */
static const float **pointers_of(const tm_blas_product *p, int32_t slot, const float *a, const float *b, float *c)
{
    const void **pointer = p->pointer + (size_t)slot * 3 * (size_t)p->batch;
    if (pointer[0] != a + p->a_at[0] || pointer[p->batch] != b + p->b_at[0]) {
        for (int64_t i = 0; i < p->batch; i++) {
            pointer[i] = a + p->a_at[i];
            pointer[p->batch + i] = b + p->b_at[i];
            pointer[2 * p->batch + i] = c + i * p->m * p->n;
        }
    }
    return (const float **)pointer;
}

void tm_blas_multiply(const tm_blas *blas, const tm_blas_product *p, int32_t slot, const void *a, const void *b,
                      const void *bias, void *c)
{
    if (p->batch == 0 || p->m == 0 || p->n == 0) return;
    if (p->dtype == TM_BF16) {
        (blas->is_wide ? bf16_wide : bf16_narrow)(blas, p, a, b, bias, c);
        return;
    }
    if (p->in_one_call) {
        (blas->is_wide ? all_wide : all_narrow)(blas, p, pointers_of(p, slot, a, b, c));
        return;
    }
    if (p->has_bias) copy_rows(bias, c, p->m, p->n);
    for (int64_t i = 0; i < p->batch; i++) {
        (blas->is_wide ? one_wide : one_narrow)(blas, p, (const float *)a + p->a_at[i], (const float *)b + p->b_at[i],
                                                (float *)c + i * p->m * p->n);
    }
}
