/* A node as a product, or as a batch of products. Where all of a batch share one right operand, and with linear, the
 * rows of the left operand are those of one large matrix, as a user would see them. */
#include "blas.h"

#include <stdlib.h>
#include <string.h>

/* Elements between neighbours along each axis of the result's batch: 0 where the operand has one for all. */
static void batch_strides(const tm_shape *shape, int32_t matrix_axes, int32_t batch_rank, int64_t *stride)
{
    int64_t elements = 1;
    for (int32_t i = 0; i < matrix_axes; i++) elements *= shape->dim[shape->rank - 1 - i];
    for (int32_t i = 0; i < batch_rank; i++) {
        const int32_t axis = shape->rank - matrix_axes - 1 - i;
        const int64_t size = axis >= 0 ? shape->dim[axis] : 1;
        stride[batch_rank - 1 - i] = size == 1 ? 0 : elements;
        elements *= size;
    }
}

static tm_status place_batch(const tm_shape *a, const tm_shape *b, const tm_shape *c, int32_t batch_rank,
                             tm_blas_product *p, tm_error *error)
{
    int64_t a_stride[TM_MAX_RANK], b_stride[TM_MAX_RANK];
    batch_strides(a, a->rank > 1 ? 2 : 1, batch_rank, a_stride);
    batch_strides(b, b->rank > 1 ? 2 : 1, batch_rank, b_stride);
    p->a_at = calloc((size_t)p->batch + 1, sizeof *p->a_at);
    p->b_at = calloc((size_t)p->batch + 1, sizeof *p->b_at);
    if (!p->a_at || !p->b_at) return tm_adapter_fail(error, TM_OUT_OF_MEMORY, "out of memory for a batch");
    for (int64_t i = 0; p->batch > 1 && i < p->batch; i++) {
        int64_t rest = i;
        for (int32_t axis = batch_rank - 1; axis >= 0; axis--) {
            const int64_t index = rest % c->dim[axis];
            p->a_at[i] += (size_t)(index * a_stride[axis]);
            p->b_at[i] += (size_t)(index * b_stride[axis]);
            rest /= c->dim[axis];
        }
    }
    return TM_OK;
}

/* The sizes of matmul, and the rank of its batch. */
static int32_t measure_matmul(const tm_shape *a, const tm_shape *b, const tm_shape *c, tm_blas_product *p)
{
    const int32_t batch_rank = c->rank - (a->rank > 1) - (b->rank > 1);
    int64_t of_b = 1;
    p->k = a->dim[a->rank - 1];
    p->m = a->rank > 1 ? a->dim[a->rank - 2] : 1;
    p->n = b->rank > 1 ? b->dim[b->rank - 1] : 1;
    p->batch = 1;
    for (int32_t i = 0; i < batch_rank; i++) p->batch *= c->dim[i];
    for (int32_t i = 0; i < b->rank - 2; i++) of_b *= b->dim[i];
    if (of_b != 1 || a->rank < 2) return batch_rank;
    p->m *= p->batch;
    p->batch = 1;
    return 0;
}

static void measure_linear(const tm_shape *x, const tm_shape *weight, tm_blas_product *p)
{
    p->has_bias = true;
    p->m = 1;
    for (int32_t i = 0; i < x->rank - 1; i++) p->m *= x->dim[i];
    p->k = weight->dim[0];
    p->n = weight->dim[1];
    p->batch = 1;
}

static tm_status check_sizes(const tm_blas *blas, const char *op, const tm_blas_product *p, tm_error *error)
{
    if (p->dtype == TM_F16) {
        return tm_adapter_fail(error, TM_UNSUPPORTED, "%s has no product of float16 matrices with a C interface",
                               blas->name);
    }
    if (p->dtype == TM_BF16 && !tm_blas_has_bf16(blas)) {
        return tm_adapter_fail(error, TM_UNSUPPORTED,
                               "%s has no cblas_sbgemm with cblas_sbstobf16 and cblas_sbf16tos: OpenBLAS built with "
                               "BUILD_BFLOAT16=1 has",
                               blas->name);
    }
    if (!blas->is_wide && (p->m > INT_MAX || p->n > INT_MAX || p->k > INT_MAX || p->batch > INT_MAX)) {
        return tm_adapter_fail(error, TM_UNSUPPORTED,
                               "%s of %lld x %lld x %lld is too large for a BLAS with integers of 32 bits", op,
                               (long long)p->m, (long long)p->k, (long long)p->n);
    }
    return TM_OK;
}

static tm_status allocate(const tm_blas *blas, int32_t slots, tm_blas_product *p, tm_error *error)
{
    bool complete = true;
    p->in_one_call = p->batch > 1 && p->dtype == TM_F32 && tm_blas_has_batch(blas);
    if (p->in_one_call) {
        p->pointer = calloc((size_t)slots * 3 * (size_t)p->batch, sizeof *p->pointer);
        complete = p->pointer != NULL;
    }
    if (p->dtype == TM_BF16) {
        p->wide_c = calloc((size_t)(p->batch * p->m * p->n) + 1, sizeof *p->wide_c);
        complete = complete && p->wide_c;
    }
    return complete ? TM_OK : tm_adapter_fail(error, TM_OUT_OF_MEMORY, "out of memory for a product");
}

tm_status tm_blas_plan(const tm_blas *blas, const tm_host *host, const tm_graph *graph, int32_t node, int32_t slots,
                       tm_blas_product *p, tm_error *error)
{
    const char *op = host->node_op(graph, node);
    const bool linear = strcmp(op, "linear") == 0;
    *p = (tm_blas_product){.bias = -1};
    if (!linear && strcmp(op, "matmul") != 0) {
        return tm_adapter_fail(error, TM_UNSUPPORTED, "BLAS has no %s: this backend does matmul and linear", op);
    }
    p->a = host->node_operand(graph, node, 0);
    p->b = host->node_operand(graph, node, 1);
    p->c = host->input_count(graph) + node;
    if (linear) p->bias = host->node_operand(graph, node, 2);
    const tm_shape a = host->value_shape(graph, p->a), b = host->value_shape(graph, p->b),
                   c = host->value_shape(graph, p->c);
    int32_t batch_rank = 0;
    p->dtype = a.dtype;
    if (linear)
        measure_linear(&a, &b, p);
    else
        batch_rank = measure_matmul(&a, &b, &c, p);
    tm_status status = check_sizes(blas, op, p, error);
    if (status == TM_OK && slots > 0) status = place_batch(&a, &b, &c, batch_rank, p, error);
    if (status == TM_OK && slots > 0) status = allocate(blas, slots, p, error);
    return status;
}

void tm_blas_product_free(tm_blas_product *product)
{
    free(product->a_at);
    free(product->b_at);
    free(product->wide_c);
    free(product->pointer);
    *product = (tm_blas_product){0};
}
