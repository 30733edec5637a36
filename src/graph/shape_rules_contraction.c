/* Shape rules of the ops that contract an axis: matmul, linear, convolutions, attention. Convolutions have stride 1 and
 * no padding; a window must fit into the image. */
#include "graph/shape_fail.h"

static int64_t from_right(const tm_shape *shape, int32_t place)
{
    return shape->dim[shape->rank - 1 - place];
}

/* Broadcasts the batch dimensions (all but the last two) of two operands into the result's first sizes. */
static tm_status broadcast_batches(const tm_shape_call *call, const tm_shape *a, const tm_shape *b)
{
    const int32_t a_batches = a->rank > 2 ? a->rank - 2 : 0;
    const int32_t b_batches = b->rank > 2 ? b->rank - 2 : 0;
    const int32_t batches = a_batches > b_batches ? a_batches : b_batches;
    for (int32_t i = 0; i < batches; i++) {
        const int32_t in_a = i - (batches - a_batches);
        const int32_t in_b = i - (batches - b_batches);
        const int64_t a_size = in_a >= 0 ? a->dim[in_a] : 1;
        const int64_t b_size = in_b >= 0 ? b->dim[in_b] : 1;
        if (a_size != b_size && a_size != 1 && b_size != 1) {
            return tm_shape_fail(call, "batch sizes %lld and %lld differ", (long long)a_size, (long long)b_size);
        }
        call->result->dim[call->result->rank++] = a_size == 1 ? b_size : a_size;
    }
    return TM_OK;
}

tm_status tm_shape_rule_matmul(const tm_shape_call *call)
{
    const tm_shape *const a = &call->operand[0];
    const tm_shape *const b = &call->operand[1];
    if (a->rank < 1 || b->rank < 1) return tm_shape_fail(call, "a scalar cannot be multiplied");
    const int64_t a_inner = from_right(a, 0);
    const int64_t b_inner = from_right(b, b->rank > 1 ? 1 : 0);
    if (a_inner != b_inner) {
        return tm_shape_fail(call, "inner sizes %lld and %lld differ", (long long)a_inner, (long long)b_inner);
    }
    const tm_status status = broadcast_batches(call, a, b);
    if (status != TM_OK) return status;
    if (a->rank > 1) call->result->dim[call->result->rank++] = from_right(a, 1);
    if (b->rank > 1) call->result->dim[call->result->rank++] = from_right(b, 0);
    return TM_OK;
}

tm_status tm_shape_rule_linear(const tm_shape_call *call)
{
    const tm_shape *const x = &call->operand[0];
    const tm_shape *const weight = &call->operand[1];
    const tm_shape *const bias = &call->operand[2];
    if (x->rank < 1) return tm_shape_fail(call, "the input is a scalar, it needs a last axis");
    if (weight->rank != 2) return tm_shape_fail(call, "the weight has rank %d, not 2", (int)weight->rank);
    if (from_right(x, 0) != weight->dim[0]) {
        return tm_shape_fail(call, "inner sizes %lld and %lld differ", (long long)from_right(x, 0),
                             (long long)weight->dim[0]);
    }
    if (bias->rank != 1 || bias->dim[0] != weight->dim[1]) {
        return tm_shape_fail(call, "the bias has shape %s, the weight %lld columns", tm_sizes_text(bias).text,
                             (long long)weight->dim[1]);
    }
    *call->result = *x;
    call->result->dim[x->rank - 1] = weight->dim[1];
    return TM_OK;
}

/* Convolution over `spatial` axes: x[N, spatial..., C], w[O, window..., C] -> [N, spatial - window + 1..., O]. */
static tm_status convolution(const tm_shape_call *call, int32_t spatial)
{
    const tm_shape *const x = &call->operand[0];
    const tm_shape *const weight = &call->operand[1];
    const int32_t rank = spatial + 2;
    if (x->rank != rank || weight->rank != rank) {
        return tm_shape_fail(call, "ranks %d and %d given, both must be %d", (int)x->rank, (int)weight->rank,
                             (int)rank);
    }
    if (x->dim[rank - 1] != weight->dim[rank - 1]) {
        return tm_shape_fail(call, "channels %lld and %lld differ", (long long)x->dim[rank - 1],
                             (long long)weight->dim[rank - 1]);
    }
    *call->result = *x;
    for (int32_t i = 1; i <= spatial; i++) {
        if (weight->dim[i] < 1) return tm_shape_fail(call, "the window is empty");
        if (weight->dim[i] > x->dim[i]) {
            return tm_shape_fail(call, "a window of %lld does not fit into %lld", (long long)weight->dim[i],
                                 (long long)x->dim[i]);
        }
        call->result->dim[i] = x->dim[i] - weight->dim[i] + 1;
    }
    call->result->dim[rank - 1] = weight->dim[0];
    return TM_OK;
}

tm_status tm_shape_rule_conv1d(const tm_shape_call *call)
{
    return convolution(call, 1);
}

tm_status tm_shape_rule_conv2d(const tm_shape_call *call)
{
    return convolution(call, 2);
}

/* Every query must see a key, or its softmax would have nothing to sum. */
static tm_status check_visible(const tm_shape_call *call, int64_t queries, int64_t keys)
{
    if (queries > 0 && keys == 0) return tm_shape_fail(call, "there are no keys");
    if (call->attributes->mask == TM_MASK_CAUSAL_END && keys < queries) {
        return tm_shape_fail(call, "mask causal_end needs a key per query, but %lld queries meet %lld keys",
                             (long long)queries, (long long)keys);
    }
    return TM_OK;
}

/* One length per entry of the first axis, which the heads of an entry share. */
static tm_status check_lengths(const tm_shape_call *call)
{
    const tm_shape *const q = &call->operand[0];
    const bool wanted = call->attributes->mask == TM_MASK_LENGTHS;
    if (wanted != (call->operands == 4)) {
        return tm_shape_fail(call, wanted ? "mask lengths needs a fourth operand" : "only mask lengths has a fourth");
    }
    if (!wanted) return TM_OK;
    if (q->rank < 3) return tm_shape_fail(call, "mask lengths needs a batch, rank %d given", (int)q->rank);
    if (call->operand[3].rank == 1 && call->operand[3].dim[0] == q->dim[0]) return TM_OK;
    return tm_shape_fail(call, "lengths of shape %s for a batch of %lld", tm_sizes_text(&call->operand[3]).text,
                         (long long)q->dim[0]);
}

tm_status tm_shape_rule_attention(const tm_shape_call *call)
{
    const tm_shape *const q = &call->operand[0];
    const tm_shape *const k = &call->operand[1];
    const tm_shape *const v = &call->operand[2];
    if (q->rank < 2 || k->rank != q->rank || v->rank != q->rank) {
        return tm_shape_fail(call, "ranks %d, %d and %d given, they must be equal and at least 2", (int)q->rank,
                             (int)k->rank, (int)v->rank);
    }
    for (int32_t i = 0; i < q->rank - 2; i++) {
        const int64_t other = k->dim[i] != q->dim[i] ? k->dim[i] : v->dim[i];
        if (other != q->dim[i]) {
            return tm_shape_fail(call, "leading sizes %lld and %lld differ", (long long)q->dim[i], (long long)other);
        }
    }
    if (from_right(q, 0) != from_right(k, 0)) {
        return tm_shape_fail(call, "head sizes %lld and %lld of q and k differ", (long long)from_right(q, 0),
                             (long long)from_right(k, 0));
    }
    if (from_right(q, 0) == 0) return tm_shape_fail(call, "the head size is 0");
    if (from_right(k, 1) != from_right(v, 1)) {
        return tm_shape_fail(call, "%lld keys but %lld values", (long long)from_right(k, 1),
                             (long long)from_right(v, 1));
    }
    *call->result = *q;
    call->result->dim[q->rank - 1] = from_right(v, 0);
    const tm_status status = check_lengths(call);
    return status == TM_OK ? check_visible(call, from_right(q, 1), from_right(k, 1)) : status;
}
