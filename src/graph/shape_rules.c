/* From operand shapes to the result's shape, or to one line that says what does not fit.
 *
 * tm_op_shape checks what all ops share (number of operands, dtypes by the letters of ops.def's data column, sizes) and
 * then calls the op's rule; the rules for contractions are in shape_rules_contraction.c. */
#include "base/dtype.h"
#include "graph/shape_fail.h"

#include <limits.h>

typedef tm_status shape_rule(const tm_shape_call *call);

static shape_rule *const shape_rules[TM_OP_COUNT] = {
#define TM_OP(name, least, most, attributes, shape, work, id, data, check) [TM_OP_##name] = tm_shape_rule_##shape,
#include "graph/ops.def"
#undef TM_OP
};

tm_status tm_shape_check(const tm_shape *shape, const char *what, tm_error *error)
{
    if (tm_dtype_size(shape->dtype) == 0) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "%s: there is no dtype number %d", what, (int)shape->dtype);
    }
    if (shape->rank < 0 || shape->rank > TM_MAX_RANK) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "%s: rank %d is not in 0..%d", what, (int)shape->rank, TM_MAX_RANK);
    }
    int64_t bytes = 8;
    for (int32_t i = 0; i < shape->rank; i++) {
        const int64_t size = shape->dim[i];
        if (size < 0) {
            return tm_fail(error, TM_INVALID_ARGUMENT, "%s: size %lld is negative", what, (long long)size);
        }
        if (size > 1 && bytes > INT64_MAX / size) {
            return tm_fail(error, TM_INVALID_ARGUMENT, "%s: the product of the sizes overflows", what);
        }
        bytes *= size > 1 ? size : 1;
    }
    return TM_OK;
}

static tm_status check_operands(const tm_shape_call *call)
{
    const char *const op = tm_op_name(call->op);
    for (int32_t i = 0; i < call->operands; i++) {
        const tm_shape *const shape = &call->operand[i];
        const tm_status status = tm_shape_check(shape, op, call->error);
        if (status != TM_OK) return status;
        if (tm_op_takes_integers(call->op, i)) {
            if (shape->dtype == TM_I64) continue;
            return tm_shape_fail(call, "operand %d must be i64, not %s", i + 1, tm_dtype_name(shape->dtype));
        }
        if (!tm_dtype_is_real(shape->dtype)) {
            return tm_shape_fail(call, "operand %d must be f32, bf16 or f16, not %s", i + 1,
                                 tm_dtype_name(shape->dtype));
        }
        if (shape->dtype != call->operand[0].dtype) {
            return tm_shape_fail(call, "dtypes %s and %s are mixed", tm_dtype_name(call->operand[0].dtype),
                                 tm_dtype_name(shape->dtype));
        }
    }
    return TM_OK;
}

tm_status tm_op_shape(tm_op op, const tm_shape *operands, int32_t count, const tm_attributes *attributes,
                      tm_shape *result, tm_error *error)
{
    if ((unsigned)op >= TM_OP_COUNT) return tm_fail(error, TM_INVALID_ARGUMENT, "there is no op number %d", (int)op);
    int32_t least = 0;
    int32_t most = 0;
    tm_op_arity(op, &least, &most);
    if (count < least || count > most) {
        if (least == most) {
            return tm_fail(error, TM_INVALID_ARGUMENT, "%s: takes %d operand%s, not %d", tm_op_name(op), (int)least,
                           least == 1 ? "" : "s", (int)count);
        }
        return tm_fail(error, TM_INVALID_ARGUMENT, "%s: takes %d to %d operands, not %d", tm_op_name(op), (int)least,
                       (int)most, (int)count);
    }
    tm_shape made = {0};
    const tm_shape_call call = {op, operands, count, attributes, &made, error};
    tm_status status = tm_attributes_check(op, attributes, error);
    if (status == TM_OK) status = check_operands(&call);
    if (status != TM_OK) return status;
    made.dtype = operands[0].dtype;
    status = shape_rules[op](&call);
    if (status == TM_OK) status = tm_shape_check(&made, tm_op_name(op), error);
    if (status == TM_OK) *result = made;
    return status;
}

/* A rank-0 tensor counts as one element along axis 0 or -1. */
static tm_status check_axis(const tm_shape_call *call)
{
    const int64_t axis = call->attributes->axis;
    const int32_t rank = call->operand[0].rank > 0 ? call->operand[0].rank : 1;
    if (axis < -rank || axis >= rank) {
        return tm_shape_fail(call, "axis %lld is out of range for rank %d", (long long)axis,
                             (int)call->operand[0].rank);
    }
    return TM_OK;
}

static bool same_sizes(const tm_shape *a, const tm_shape *b)
{
    if (a->rank != b->rank) return false;
    for (int32_t i = 0; i < a->rank; i++) {
        if (a->dim[i] != b->dim[i]) return false;
    }
    return true;
}

tm_status tm_shape_rule_same_as_first(const tm_shape_call *call)
{
    *call->result = call->operand[0];
    return TM_OK;
}

static tm_status check_pair(const tm_shape_call *call)
{
    if (same_sizes(&call->operand[0], &call->operand[1])) return TM_OK;
    return tm_shape_fail(call, "shapes %s and %s differ", tm_sizes_text(&call->operand[0]).text,
                         tm_sizes_text(&call->operand[1]).text);
}

tm_status tm_shape_rule_same_pair(const tm_shape_call *call)
{
    *call->result = call->operand[0];
    return check_pair(call);
}

/* x[..., T, heads d] -> [..., heads, T, d]. */
tm_status tm_shape_rule_split_heads(const tm_shape_call *call)
{
    const tm_shape *const x = &call->operand[0];
    const int64_t heads = call->attributes->heads;
    if (x->rank < 2) return tm_shape_fail(call, "rank %d given, it must be at least 2", (int)x->rank);
    if (x->rank == TM_MAX_RANK) return tm_shape_fail(call, "the result would have rank %d", TM_MAX_RANK + 1);
    const int64_t features = x->dim[x->rank - 1];
    if (features % heads != 0) {
        return tm_shape_fail(call, "%lld features cannot be divided among %lld heads", (long long)features,
                             (long long)heads);
    }
    *call->result = *x;
    call->result->rank = x->rank + 1;
    call->result->dim[x->rank - 2] = heads;
    call->result->dim[x->rank - 1] = x->dim[x->rank - 2];
    call->result->dim[x->rank] = features / heads;
    return TM_OK;
}

/* x[..., heads, T, d] -> [..., T, heads d]. */
tm_status tm_shape_rule_merge_heads(const tm_shape_call *call)
{
    const tm_shape *const x = &call->operand[0];
    if (x->rank < 3) return tm_shape_fail(call, "rank %d given, it must be at least 3", (int)x->rank);
    *call->result = *x;
    call->result->rank = x->rank - 1;
    call->result->dim[x->rank - 3] = x->dim[x->rank - 2];
    call->result->dim[x->rank - 2] = x->dim[x->rank - 3] * x->dim[x->rank - 1];
    return TM_OK;
}

tm_status tm_shape_rule_along_axis(const tm_shape_call *call)
{
    *call->result = call->operand[0];
    return check_axis(call);
}

tm_status tm_shape_rule_to_scalar(const tm_shape_call *call)
{
    call->result->rank = 0;
    return TM_OK;
}

tm_status tm_shape_rule_pair_to_scalar(const tm_shape_call *call)
{
    const tm_status status = check_pair(call);
    if (status != TM_OK) return status;
    if (tm_shape_elements(&call->operand[0]) == 0) return tm_shape_fail(call, "the mean of no elements is undefined");
    return TM_OK;
}

tm_status tm_shape_rule_drop_axis(const tm_shape_call *call)
{
    const tm_shape *const x = &call->operand[0];
    const tm_status status = check_axis(call);
    if (status != TM_OK || x->rank == 0) return status;
    const int32_t axis = tm_axis(x, call->attributes->axis);
    for (int32_t i = 0; i < x->rank; i++) {
        if (i != axis) call->result->dim[call->result->rank++] = x->dim[i];
    }
    return TM_OK;
}

tm_status tm_shape_rule_index_of_axis(const tm_shape_call *call)
{
    const tm_status status = tm_shape_rule_drop_axis(call);
    if (status != TM_OK) return status;
    call->result->dtype = TM_I64;
    const tm_axis_view view = tm_view_axis(&call->operand[0], call->attributes->axis);
    if (view.length == 0 && view.outer > 0 && view.inner > 0) {
        return tm_shape_fail(call, "axis %lld has no elements", (long long)call->attributes->axis);
    }
    return TM_OK;
}

tm_status tm_shape_rule_concat(const tm_shape_call *call)
{
    const tm_shape *const first = &call->operand[0];
    if (first->rank == 0) return tm_shape_fail(call, "a scalar cannot be joined");
    const tm_status status = check_axis(call);
    if (status != TM_OK) return status;
    const int32_t axis = tm_axis(first, call->attributes->axis);
    *call->result = *first;
    for (int32_t o = 1; o < call->operands; o++) {
        const tm_shape *const next = &call->operand[o];
        if (next->rank != first->rank) {
            return tm_shape_fail(call, "ranks %d and %d differ", (int)first->rank, (int)next->rank);
        }
        for (int32_t i = 0; i < first->rank; i++) {
            if (i != axis && next->dim[i] != first->dim[i]) {
                return tm_shape_fail(call, "sizes %lld and %lld differ outside axis %lld", (long long)first->dim[i],
                                     (long long)next->dim[i], (long long)call->attributes->axis);
            }
        }
        if (call->result->dim[axis] > INT64_MAX - next->dim[axis]) return tm_shape_fail(call, "the result overflows");
        call->result->dim[axis] += next->dim[axis];
    }
    return TM_OK;
}

/* Rows and the indices that choose among them; every index must have a row to mean. */
static tm_status check_rows(const tm_shape_call *call, int64_t rows, int64_t indices)
{
    if (rows == 0 && indices > 0) return tm_shape_fail(call, "%lld indices into no rows", (long long)indices);
    return TM_OK;
}

tm_status tm_shape_rule_gather(const tm_shape_call *call)
{
    const tm_shape *const table = &call->operand[0];
    const tm_shape *const index = &call->operand[1];
    if (table->rank < 1) return tm_shape_fail(call, "the table is a scalar, it needs rows");
    if (index->rank < 1) return tm_shape_fail(call, "the index is a scalar, it needs an axis");
    const int32_t rank = index->rank + table->rank - 1;
    if (rank > TM_MAX_RANK) return tm_shape_fail(call, "the result would have rank %d", (int)rank);
    *call->result = *index;
    call->result->dtype = table->dtype;
    call->result->rank = rank;
    for (int32_t d = 1; d < table->rank; d++) call->result->dim[index->rank + d - 1] = table->dim[d];
    return check_rows(call, table->dim[0], tm_shape_elements(index));
}

tm_status tm_shape_rule_scatter(const tm_shape_call *call)
{
    const tm_shape *const source = &call->operand[0];
    const tm_shape *const index = &call->operand[1];
    if (source->rank < 1) return tm_shape_fail(call, "the source is a scalar, it needs rows");
    if (index->rank != 1) return tm_shape_fail(call, "the indices have rank %d, not 1", (int)index->rank);
    if (index->dim[0] != source->dim[0]) {
        return tm_shape_fail(call, "%lld source rows but %lld indices", (long long)source->dim[0],
                             (long long)index->dim[0]);
    }
    *call->result = *source;
    call->result->dim[0] = call->attributes->rows;
    return check_rows(call, call->attributes->rows, index->dim[0]);
}

tm_status tm_shape_rule_layer_norm(const tm_shape_call *call)
{
    const tm_shape *const x = &call->operand[0];
    static const char *const names[] = {"x", "scale", "shift"};
    if (x->rank < 1) return tm_shape_fail(call, "a scalar has no axis to normalise");
    const int64_t last = x->dim[x->rank - 1];
    for (int32_t i = 1; i < 3; i++) {
        const tm_shape *const affine = &call->operand[i];
        if (affine->rank != 1 || affine->dim[0] != last) {
            return tm_shape_fail(call, "%s has shape %s, the last axis %lld", names[i], tm_sizes_text(affine).text,
                                 (long long)last);
        }
    }
    *call->result = *x;
    return TM_OK;
}

tm_status tm_shape_rule_prelu(const tm_shape_call *call)
{
    const int64_t slopes = tm_shape_elements(&call->operand[1]);
    if (slopes != 1) return tm_shape_fail(call, "%lld slopes given, not 1", (long long)slopes);
    *call->result = call->operand[0];
    return TM_OK;
}
