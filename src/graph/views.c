/* Tensors seen the way kernels and oracles walk them: around an axis, as batches of matrices, as visible keys.
 *
 * The batch number of a matmul counts the broadcast batch dimensions row-major; an operand's matrix is found by taking
 * that number apart and leaving out the dimensions in which the operand has size 1. */
#include "graph/graph.h"

int32_t tm_axis(const tm_shape *shape, int64_t axis)
{
    if (shape->rank == 0) return 0;
    return (int32_t)(axis < 0 ? axis + shape->rank : axis);
}

tm_axis_view tm_view_axis(const tm_shape *shape, int64_t axis)
{
    tm_axis_view view = {1, 1, 1};
    const int32_t place = tm_axis(shape, axis);
    for (int32_t i = 0; i < shape->rank; i++) {
        if (i < place) view.outer *= shape->dim[i];
        if (i == place) view.length = shape->dim[i];
        if (i > place) view.inner *= shape->dim[i];
    }
    return view;
}

static int32_t batch_rank(const tm_shape *shape)
{
    return shape->rank > 2 ? shape->rank - 2 : 0;
}

/* Size of batch dimension `from_right` (0 is the innermost); 1 beyond the operand's rank. */
static int64_t batch_size(const tm_shape *shape, int32_t from_right)
{
    const int32_t rank = batch_rank(shape);
    return from_right < rank ? shape->dim[rank - 1 - from_right] : 1;
}

static int32_t larger(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

tm_matmul_view tm_view_matmul(const tm_shape *a, const tm_shape *b)
{
    tm_matmul_view view = {1, 1, 1, 1};
    const int32_t batches = larger(batch_rank(a), batch_rank(b));
    for (int32_t i = 0; i < batches; i++) {
        const int64_t size = batch_size(a, i);
        view.batch *= size == 1 ? batch_size(b, i) : size;
    }
    view.k = a->dim[a->rank - 1];
    if (a->rank > 1) view.m = a->dim[a->rank - 2];
    if (b->rank > 1) view.n = b->dim[b->rank - 1];
    return view;
}

static int64_t matrix_of(const tm_shape *own, const tm_shape *other, int64_t batch)
{
    const int32_t batches = larger(batch_rank(own), batch_rank(other));
    int64_t index = 0;
    int64_t step = 1;
    for (int32_t i = 0; i < batches; i++) {
        const int64_t size = batch_size(own, i);
        const int64_t whole = size == 1 ? batch_size(other, i) : size;
        if (size != 1) index += batch % whole * step;
        step *= size;
        batch /= whole;
    }
    return index;
}

int64_t tm_matmul_batch_a(const tm_shape *a, const tm_shape *b, int64_t batch)
{
    return matrix_of(a, b, batch);
}

int64_t tm_matmul_batch_b(const tm_shape *a, const tm_shape *b, int64_t batch)
{
    return matrix_of(b, a, batch);
}

int64_t tm_key_length(int64_t length, int64_t keys)
{
    return length < 0 ? 0 : length < keys ? length : keys;
}

int64_t tm_visible_keys(tm_mask mask, int64_t i, int64_t queries, int64_t keys)
{
    int64_t visible = keys;
    if (mask == TM_MASK_CAUSAL) visible = i + 1;
    if (mask == TM_MASK_CAUSAL_END) visible = keys - queries + i + 1;
    if (visible < 0) return 0;
    return visible < keys ? visible : keys;
}
