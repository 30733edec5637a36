/* Each op as the ONNX operators that a model has for it; docs/onnxruntime.md is the table. Where ONNX has no operator,
 * the ones that exporters write in its place, and the cell's label says how many. */
#include "ort.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int32_t operand(const tm_maker *m, int32_t position)
{
    return m->host->node_operand(m->graph, m->node, position);
}

static tm_shape operand_shape(const tm_maker *m, int32_t position)
{
    return m->host->value_shape(m->graph, operand(m, position));
}

static int32_t own_value(const tm_maker *m)
{
    return m->host->input_count(m->graph) + m->node;
}

static int64_t axis_of(const tm_maker *m)
{
    return m->host->node_integer(m->graph, m->node, "axis");
}

/* An operator of one result, of up to three operands; -1 stands for none. */
static int32_t apply(tm_maker *m, const char *type, int32_t into, int32_t a, int32_t b, int32_t c)
{
    const int32_t operands[] = {a, b, c};
    tm_operator(m, type, operands, b < 0 ? 1 : c < 0 ? 2 : 3, &into, 1);
    return into;
}

static int32_t apply_one(tm_maker *m, const char *type, int32_t a)
{
    return apply(m, type, tm_new_number(m), a, -1, -1);
}

static int32_t apply_two(tm_maker *m, const char *type, int32_t a, int32_t b)
{
    return apply(m, type, tm_new_number(m), a, b, -1);
}

static int32_t integers(tm_maker *m, const int64_t *values, int32_t count)
{
    const tm_shape row = {.dtype = TM_I64, .rank = 1, .dim = {count}};
    const int32_t number = tm_new_number(m);
    tm_model_constant(m, number, &row, values);
    return number;
}

/* A float32 constant as one of `dtype`: the runtime folds the cast when it loads the model. */
static int32_t as_type(tm_maker *m, int32_t number, tm_dtype dtype)
{
    if (dtype == TM_F32) return number;
    tm_with_integer(m, "to", tm_ort_type(dtype));
    return apply_one(m, "Cast", number);
}

static int32_t real(tm_maker *m, tm_dtype dtype, double value)
{
    const tm_shape scalar = {.dtype = TM_F32};
    const float narrow = (float)value;
    const int32_t number = tm_new_number(m);
    tm_model_constant(m, number, &scalar, &narrow);
    return as_type(m, number, dtype);
}

static void needs_opset(tm_maker *m, int opset)
{
    if (m->opset < opset) m->opset = opset;
}

static void write_elementwise(tm_maker *m, const char *type)
{
    apply(m, type, own_value(m), operand(m, 0), -1, -1);
}

static void write_relu(tm_maker *m)
{
    write_elementwise(m, "Relu");
}

static void write_selu(tm_maker *m)
{
    write_elementwise(m, "Selu");
}

/* An operator of its own since opset 20. */
static void write_gelu(tm_maker *m)
{
    needs_opset(m, TM_ORT_OPSET_GELU);
    tm_with_text(m, "approximate", m->host->node_integer(m->graph, m->node, "approximate") == 0 ? "none" : "tanh");
    write_elementwise(m, "Gelu");
}

static void write_sigmoid(tm_maker *m)
{
    write_elementwise(m, "Sigmoid");
}

static void write_softplus(tm_maker *m)
{
    write_elementwise(m, "Softplus");
}

static void write_leaky_relu(tm_maker *m)
{
    tm_with_real(m, "alpha", m->host->node_real(m->graph, m->node, "slope"));
    write_elementwise(m, "LeakyRelu");
}

static void write_prelu(tm_maker *m)
{
    apply(m, "PRelu", own_value(m), operand(m, 0), operand(m, 1), -1);
}

static void write_softmax(tm_maker *m)
{
    tm_with_integer(m, "axis", axis_of(m));
    write_elementwise(m, "Softmax");
}

static void write_layer_norm(tm_maker *m)
{
    tm_with_integer(m, "axis", -1);
    tm_with_real(m, "epsilon", m->host->node_real(m->graph, m->node, "eps"));
    apply(m, "LayerNormalization", own_value(m), operand(m, 0), operand(m, 1), operand(m, 2));
}

static void write_linear(tm_maker *m)
{
    if (operand_shape(m, 0).rank == 2) {
        apply(m, "Gemm", own_value(m), operand(m, 0), operand(m, 1), operand(m, 2));
        return;
    }
    const int32_t product = apply_two(m, "MatMul", operand(m, 0), operand(m, 1));
    apply(m, "Add", own_value(m), product, operand(m, 2), -1);
}

static void write_matmul(tm_maker *m)
{
    apply(m, "MatMul", own_value(m), operand(m, 0), operand(m, 1), -1);
}

/* The order of axes that brings the channels to the front, or back to the end. */
static int32_t moved_channels(tm_maker *m, int32_t number, int32_t rank, bool to_front, int32_t into)
{
    int64_t order[TM_MAX_RANK] = {0, rank - 1};
    for (int32_t i = 2; to_front && i < rank; i++) order[i] = i - 1;
    for (int32_t i = 1; !to_front && i < rank; i++) order[i] = i + 1 < rank ? i + 1 : 1;
    tm_with_integers(m, "perm", order, rank);
    return apply(m, "Transpose", into, number, -1, -1);
}

static int32_t channels_first(tm_maker *m, int32_t position)
{
    const int32_t value = operand(m, position);
    if (m->program->form[value] == TM_ORT_CHANNELS_FIRST) return value;
    return moved_channels(m, value, operand_shape(m, position).rank, true, tm_new_number(m));
}

static void write_convolution(tm_maker *m)
{
    const tm_shape weight = operand_shape(m, 1);
    const int32_t x = channels_first(m, 0), w = channels_first(m, 1);
    const bool as_is = m->program->form[own_value(m)] == TM_ORT_CHANNELS_FIRST;
    tm_with_integers(m, "kernel_shape", &weight.dim[1], weight.rank - 2);
    const int32_t made = apply(m, "Conv", as_is ? own_value(m) : tm_new_number(m), x, w, -1);
    if (!as_is) moved_channels(m, made, weight.rank, false, own_value(m));
}

static void write_add(tm_maker *m)
{
    apply(m, "Add", own_value(m), operand(m, 0), operand(m, 1), -1);
}

static int32_t shaped(tm_maker *m, int32_t number, const int64_t *sizes, int32_t rank, int32_t into)
{
    const int32_t shape = integers(m, sizes, rank);
    tm_with_integer(m, "allowzero", 1);
    return apply(m, "Reshape", into, number, shape, -1);
}

/* The two axes before the last one change places. */
static int32_t heads_swapped(tm_maker *m, int32_t number, int32_t rank, int32_t into)
{
    int64_t order[TM_MAX_RANK];
    for (int32_t i = 0; i < rank; i++) order[i] = i;
    order[rank - 3] = rank - 2;
    order[rank - 2] = rank - 3;
    tm_with_integers(m, "perm", order, rank);
    return apply(m, "Transpose", into, number, -1, -1);
}

static void write_split_heads(tm_maker *m)
{
    const tm_shape y = m->host->value_shape(m->graph, own_value(m));
    int64_t sizes[TM_MAX_RANK];
    memcpy(sizes, y.dim, sizeof sizes);
    sizes[y.rank - 3] = y.dim[y.rank - 2];
    sizes[y.rank - 2] = y.dim[y.rank - 3];
    const int32_t apart = shaped(m, operand(m, 0), sizes, y.rank, tm_new_number(m));
    heads_swapped(m, apart, y.rank, own_value(m));
}

static void write_merge_heads(tm_maker *m)
{
    const tm_shape y = m->host->value_shape(m->graph, own_value(m));
    const int32_t swapped = heads_swapped(m, operand(m, 0), y.rank + 1, tm_new_number(m));
    shaped(m, swapped, y.dim, y.rank, own_value(m));
}

static void write_gather(tm_maker *m)
{
    tm_with_integer(m, "axis", 0);
    apply(m, "Gather", own_value(m), operand(m, 0), operand(m, 1), -1);
}

/* Zeros to scatter into, made by each execution. */
static int32_t zeros(tm_maker *m)
{
    const tm_shape made = m->host->value_shape(m->graph, own_value(m));
    const int32_t shape = integers(m, made.dim, made.rank);
    tm_with_zero(m, "value", made.dtype);
    return apply_one(m, "ConstantOfShape", shape);
}

static void write_rows(tm_maker *m, const char *reduction)
{
    const int64_t one = 1;
    int32_t index = operand(m, 1);
    if (m->program->form[index] != TM_ORT_COLUMN) index = apply_two(m, "Unsqueeze", index, integers(m, &one, 1));
    const int32_t made = zeros(m);
    tm_with_text(m, "reduction", reduction);
    apply(m, "ScatterND", own_value(m), made, index, operand(m, 0));
}

static void write_scatter(tm_maker *m)
{
    write_rows(m, "none");
}

/* With the index of a row as that of each of its elements, as exporters write it. ScatterND takes rows and is much
 * faster, but on several threads now and then loses what two of them add to one row: so it is what +tuned gets. */
static void write_reduction(tm_maker *m, const char *reduction)
{
    const tm_shape source = operand_shape(m, 0);
    int64_t axes[TM_MAX_RANK];
    int32_t index = operand(m, 1);
    if (m->program->session->tuned) {
        write_rows(m, reduction);
        return;
    }
    if (source.rank > 1) {
        for (int32_t i = 1; i < source.rank; i++) axes[i - 1] = i;
        index = apply_two(m, "Unsqueeze", index, integers(m, axes, source.rank - 1));
        index = apply_two(m, "Expand", index, integers(m, source.dim, source.rank));
    }
    const int32_t made = zeros(m);
    tm_with_integer(m, "axis", 0);
    tm_with_text(m, "reduction", reduction);
    apply(m, "ScatterElements", own_value(m), made, index, operand(m, 0));
}

static void write_scatter_sum(tm_maker *m)
{
    write_reduction(m, "add");
}

static void write_scatter_max(tm_maker *m)
{
    write_reduction(m, "max");
}

/* The least of all elements, which comes with all their places: ONNX has no sort. */
static void write_sort(tm_maker *m)
{
    const int64_t axis = axis_of(m), length = operand_shape(m, 0).dim[axis];
    const int32_t operands[] = {operand(m, 0), integers(m, &length, 1)};
    const int32_t results[] = {own_value(m), tm_new_number(m)};
    tm_with_integer(m, "axis", axis);
    tm_with_integer(m, "largest", 0);
    tm_with_integer(m, "sorted", 1);
    tm_operator(m, "TopK", operands, 2, results, 2);
}

static void write_argmax(tm_maker *m)
{
    tm_with_integer(m, "axis", axis_of(m));
    tm_with_integer(m, "keepdims", 0);
    tm_with_integer(m, "select_last_index", 0);
    write_elementwise(m, "ArgMax");
}

static void write_sum(tm_maker *m)
{
    const int64_t axis = axis_of(m);
    const int32_t axes = integers(m, &axis, 1);
    tm_with_integer(m, "keepdims", 0);
    apply(m, "ReduceSum", own_value(m), operand(m, 0), axes, -1);
}

static void write_sum_all(tm_maker *m)
{
    tm_with_integer(m, "keepdims", 0);
    write_elementwise(m, "ReduceSum");
}

/* mean((t - 1) max(log(1 - p), -100) - t max(log p, -100)), operator for operator as PyTorch's exporter writes it. */
static void write_bce(tm_maker *m)
{
    const int32_t p = operand(m, 0), t = operand(m, 1);
    const tm_dtype dtype = operand_shape(m, 0).dtype;
    const int32_t one = real(m, dtype, 1), least = real(m, dtype, -100);
    const int32_t not_p = apply_two(m, "Add", apply_one(m, "Neg", p), one);
    const int32_t of_zeros = apply_two(m, "Max", apply_one(m, "Log", not_p), least);
    const int32_t of_ones = apply_two(m, "Max", apply_one(m, "Log", p), least);
    const int32_t zeros = apply_two(m, "Mul", apply_two(m, "Sub", t, one), of_zeros);
    const int32_t ones = apply_two(m, "Mul", t, of_ones);
    const int32_t losses = apply_two(m, "Sub", zeros, ones);
    tm_with_integer(m, "keepdims", 0);
    apply(m, "ReduceMean", own_value(m), losses, -1, -1);
}

static void write_concat(tm_maker *m)
{
    int32_t parts[TM_MAX_RANK], count = 0;
    while (count < TM_MAX_RANK && operand(m, count) >= 0) {
        parts[count] = operand(m, count);
        count++;
    }
    const int32_t into = own_value(m);
    tm_with_integer(m, "axis", axis_of(m));
    tm_operator(m, "Concat", parts, count, &into, 1);
}

enum { MASK_NONE, MASK_CAUSAL, MASK_CAUSAL_END, MASK_LENGTHS };

/* 0 where the query sees the key, -inf elsewhere. */
static int32_t dense_mask(tm_maker *m, int64_t queries, int64_t keys, int64_t shift, tm_dtype dtype)
{
    const tm_shape shape = {.dtype = TM_F32, .rank = 2, .dim = {queries, keys}};
    const int32_t number = tm_new_number(m);
    float *mask = calloc((size_t)(queries * keys) + 1, sizeof *mask);
    if (!mask) {
        m->body.failed = true;
        return number;
    }
    for (int64_t q = 0; q < queries; q++) {
        for (int64_t k = q + shift + 1; k < keys; k++) mask[q * keys + k] = -INFINITY;
    }
    tm_model_constant(m, number, &shape, mask);
    free(mask);
    return as_type(m, number, dtype);
}

/* The operators that exporters write below opset 23, and for ranks that Attention does not take. */
static void write_composed_sdpa(tm_maker *m, int64_t mask, double scale)
{
    const tm_shape q = operand_shape(m, 0), k = operand_shape(m, 1);
    const int64_t queries = q.dim[q.rank - 2], keys = k.dim[k.rank - 2];
    int64_t order[TM_MAX_RANK];
    for (int32_t i = 0; i < k.rank; i++) order[i] = i;
    order[k.rank - 2] = k.rank - 1;
    order[k.rank - 1] = k.rank - 2;
    tm_with_integers(m, "perm", order, k.rank);
    const int32_t turned = apply_one(m, "Transpose", operand(m, 1));
    const int32_t products = apply_two(m, "MatMul", operand(m, 0), turned);
    int32_t scores = apply_two(m, "Mul", products, real(m, q.dtype, scale));
    if (mask != MASK_NONE) {
        const int64_t shift = mask == MASK_CAUSAL_END ? keys - queries : 0;
        scores = apply_two(m, "Add", scores, dense_mask(m, queries, keys, shift, q.dtype));
    }
    tm_with_integer(m, "axis", -1);
    const int32_t shares = apply_one(m, "Softmax", scores);
    apply(m, "MatMul", own_value(m), shares, operand(m, 2), -1);
}

/* Attention takes batch, heads, tokens, features. */
static bool has_attention(const tm_session *session, const tm_shape *q)
{
    return session->ort.minor >= TM_ORT_MINOR_ATTENTION && q->rank == 4;
}

static void write_sdpa(tm_maker *m)
{
    const tm_shape q = operand_shape(m, 0), k = operand_shape(m, 1);
    const int64_t queries = q.dim[q.rank - 2], keys = k.dim[k.rank - 2];
    const int64_t mask = m->host->node_integer(m->graph, m->node, "mask");
    const double scale = m->host->node_real(m->graph, m->node, "scale");
    const bool at_end = mask == MASK_CAUSAL_END && queries != keys;
    if (!has_attention(m->program->session, &q)) {
        write_composed_sdpa(m, mask, scale);
        return;
    }
    needs_opset(m, TM_ORT_OPSET_ATTENTION);
    const int32_t operands[] = {operand(m, 0), operand(m, 1), operand(m, 2),
                                at_end ? dense_mask(m, queries, keys, keys - queries, q.dtype) : -1};
    const int32_t into = own_value(m);
    tm_with_real(m, "scale", scale);
    tm_with_integer(m, "is_causal", mask != MASK_NONE && !at_end);
    tm_operator(m, "Attention", operands, at_end ? 4 : 3, &into, 1);
}

enum {
    ALONG_AXIS = 1, /* ONNX has no axis of a scalar */
    IMAGES = 2,
    INDICES = 4,
    ROUNDS = 8, /* several operators: on 16-bit types each rounds its result */
    NARROW = 16 /* on 16-bit types: what is added up is rounded to them */
};

static const struct {
    const char *op;
    void (*write)(tm_maker *m);
    int flags;
} ops[] = {
    {"add", write_add, 0},
    {"argmax", write_argmax, ALONG_AXIS},
    {"bce", write_bce, ROUNDS},
    {"concat", write_concat, 0},
    {"conv1d", write_convolution, IMAGES},
    {"conv2d", write_convolution, IMAGES},
    {"gather", write_gather, 0},
    {"gelu", write_gelu, 0},
    {"layer_norm", write_layer_norm, 0},
    {"leaky_relu", write_leaky_relu, 0},
    {"linear", write_linear, ROUNDS},
    {"matmul", write_matmul, 0},
    {"merge_heads", write_merge_heads, 0},
    {"prelu", write_prelu, 0},
    {"relu", write_relu, 0},
    {"selu", write_selu, 0},
    {"sigmoid", write_sigmoid, 0},
    {"softplus", write_softplus, 0},
    {"sdpa", write_sdpa, NARROW},
    {"scatter", write_scatter, 0},
    {"scatter_sum", write_scatter_sum, 0},
    {"scatter_max", write_scatter_max, 0},
    {"softmax", write_softmax, ALONG_AXIS},
    {"sort", write_sort, ALONG_AXIS | INDICES},
    {"split_heads", write_split_heads, 0},
    {"sum", write_sum, ALONG_AXIS},
    {"sum_all", write_sum_all, 0},
};

enum { OPS = sizeof ops / sizeof *ops };

static int32_t find_op(const char *name)
{
    for (int32_t i = 0; i < OPS; i++) {
        if (strcmp(ops[i].op, name) == 0) return i;
    }
    return -1;
}

void tm_ort_write_node(tm_maker *m)
{
    const int32_t op = find_op(m->host->node_op(m->graph, m->node));
    if (op >= 0) ops[op].write(m);
}

static tm_status node_supported(const tm_session *session, const tm_graph *graph, int32_t node, tm_error *error)
{
    const tm_host *host = session->host;
    const char *name = host->node_op(graph, node);
    const int32_t op = find_op(name);
    if (op < 0) return tm_adapter_fail(error, TM_UNSUPPORTED, "onnxruntime has no op %s", name);
    const tm_shape x = host->value_shape(graph, host->node_operand(graph, node, 0));
    if ((ops[op].flags & ALONG_AXIS) && x.rank == 0) {
        return tm_adapter_fail(error, TM_UNSUPPORTED, "%s: ONNX has no axis of a scalar", name);
    }
    if (strcmp(name, "sdpa") == 0 && host->node_integer(graph, node, "mask") == MASK_LENGTHS) {
        return tm_adapter_fail(error, TM_UNSUPPORTED,
                               "sdpa: lengths of keys are no input of the operators written here");
    }
    if (strcmp(name, "gelu") == 0 && session->ort.minor < TM_ORT_MINOR_GELU) {
        return tm_adapter_fail(error, TM_UNSUPPORTED, "gelu: ONNX has it since opset %d, ONNX Runtime since 1.%d",
                               TM_ORT_OPSET_GELU, TM_ORT_MINOR_GELU);
    }
    if (strcmp(name, "prelu") != 0) return TM_OK;
    if (host->value_shape(graph, host->node_operand(graph, node, 1)).rank <= x.rank) return TM_OK;
    return tm_adapter_fail(error, TM_UNSUPPORTED, "prelu: ONNX takes no slope of more axes than x has");
}

tm_status tm_ort_supports(const tm_session *session, const tm_graph *graph, tm_error *error)
{
    const tm_host *host = session->host;
    tm_status status = TM_OK;
    if (host->node_count(graph) == 0) {
        return tm_adapter_fail(error, TM_UNSUPPORTED, "onnxruntime runs no model without operators");
    }
    for (int32_t node = 0; node < host->node_count(graph) && status == TM_OK; node++) {
        status = node_supported(session, graph, node, error);
    }
    return status;
}

static void add_label(tm_declared *into, const char *label)
{
    const size_t used = strlen(into->labels);
    if (strstr(into->labels, label) || used + strlen(label) + 2 > sizeof into->labels) return;
    snprintf(into->labels + used, sizeof into->labels - used, "%s%s", used ? "," : "", label);
}

void tm_ort_declare(const tm_session *session, const tm_graph *graph, tm_declared *into)
{
    const tm_host *host = session->host;
    for (int32_t node = 0; node < host->node_count(graph); node++) {
        const char *name = host->node_op(graph, node);
        const int32_t op = find_op(name);
        if (op < 0) continue;
        const tm_shape x = host->value_shape(graph, host->node_operand(graph, node, 0));
        const bool short_type = x.dtype == TM_BF16 || x.dtype == TM_F16;
        if (short_type && (ops[op].flags & ROUNDS)) into->rounds_between_ops = 1;
        if (short_type && (ops[op].flags & NARROW)) into->accumulator = x.dtype;
        if (ops[op].flags & IMAGES) add_label(into, "LAYOUT=NCHW");
        if (ops[op].flags & INDICES) add_label(into, "ALSO=indices");
        if (strcmp(name, "bce") == 0) add_label(into, "OPERATORS=11");
        if (strcmp(name, "sdpa") == 0 && !has_attention(session, &x)) {
            const bool masked = host->node_integer(graph, node, "mask") != MASK_NONE;
            add_label(into, masked ? "OPERATORS=6" : "OPERATORS=5");
        }
    }
}
