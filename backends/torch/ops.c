/* Each op as the call that a user of PyTorch makes for it; docs/torch.md is the table. With +tuned, results go into
 * preallocated buffers wherever PyTorch has a form of the op that writes into one without a detour. Views of inputs
 * (transposed weights, channels moved to where PyTorch has them) are steps of their own, made at bind. */
#include "maker.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void plan_scalar(tm_maker *m, tm_torch_scalar_op op, double real, bool into_buffer)
{
    tm_torch_step *step = tm_call(m, NULL, NULL, 1);
    step->scalar = op;
    step->real = real;
    tm_step_tensor(step, tm_operand(m, 0));
    if (into_buffer) {
        step->into = tm_result_buffer(m);
    } else {
        tm_gives_result(m, step);
    }
}

static void plan_relu(tm_maker *m)
{
    const tm_torch_scalar_op into = m->program->session->torch.relu_into;
    if (tm_tuned(m) && into) {
        plan_scalar(m, into, 0, true);
        return;
    }
    tm_torch_step *step = tm_call(m, "aten::relu", "", 1);
    tm_step_tensor(step, tm_operand(m, 0));
    tm_gives_result(m, step);
}

static void plan_leaky_relu(tm_maker *m)
{
    plan_scalar(m, m->program->session->torch.leaky_relu, m->host->node_real(m->graph, m->node, "slope"), tm_tuned(m));
}

static void plan_softplus(tm_maker *m)
{
    plan_scalar(m, m->program->session->torch.softplus, 0, tm_tuned(m));
}

static void plan_add(tm_maker *m)
{
    tm_torch_step *step = tm_call(m, NULL, NULL, 1);
    step->scalar = m->program->session->torch.add;
    step->real = 1; /* alpha */
    tm_step_tensor(step, tm_operand(m, 0));
    tm_step_tensor(step, tm_operand(m, 1));
    if (tm_tuned(m)) {
        step->into = tm_result_buffer(m);
    } else {
        tm_gives_result(m, step);
    }
}

static void plan_selu(tm_maker *m)
{
    tm_torch_step *step = tm_call(m, "aten::selu", "", 1);
    tm_step_tensor(step, tm_operand(m, 0));
    tm_gives_result(m, step);
}

static void plan_gelu(tm_maker *m)
{
    tm_torch_step *step = tm_call(m, "aten::gelu", tm_tuned(m) ? "out" : "", 1);
    tm_step_tensor(step, tm_operand(m, 0));
    tm_step_argument(step, TM_TORCH_TEXT)->text = tm_integer(m, "approximate") == 0 ? "none" : "tanh";
    tm_ends(m, step, tm_tuned(m));
}

static void plan_sigmoid(tm_maker *m)
{
    tm_torch_step *step = tm_call(m, "aten::sigmoid", tm_tuned(m) ? "out" : "", 1);
    tm_step_tensor(step, tm_operand(m, 0));
    tm_ends(m, step, tm_tuned(m));
}

/* PyTorch takes slopes of rank 0 and 1. */
static void plan_prelu(tm_maker *m)
{
    static const int64_t one[] = {1};
    const int32_t slope = tm_operand_shape(m, 1).rank > 1 ? tm_reshaped(m, tm_operand(m, 1), one, 1) : tm_operand(m, 1);
    tm_torch_step *step = tm_call(m, "aten::prelu", "", 1);
    tm_step_tensor(step, tm_operand(m, 0));
    tm_step_tensor(step, slope);
    tm_gives_result(m, step);
}

static void plan_softmax(tm_maker *m)
{
    tm_torch_step *step = tm_call(m, "aten::softmax", tm_tuned(m) ? "int_out" : "int", 1);
    tm_step_tensor(step, tm_operand(m, 0));
    tm_step_integer(step, tm_integer(m, "axis"));
    tm_step_nothing(step); /* dtype */
    tm_ends(m, step, tm_tuned(m));
}

static void plan_layer_norm(tm_maker *m)
{
    const tm_shape x = tm_operand_shape(m, 0);
    tm_torch_step *step = tm_call(m, "aten::layer_norm", "", 1);
    tm_step_tensor(step, tm_operand(m, 0));
    tm_step_list(step, TM_TORCH_INTS, &x.dim[x.rank - 1], 1);
    tm_step_some_tensor(step, tm_operand(m, 1));
    tm_step_some_tensor(step, tm_operand(m, 2));
    tm_step_bits(step, tm_real_bits(m->host->node_real(m->graph, m->node, "eps")));
    tm_step_integer(step, 1); /* cudnn_enable, as the Python function passes it */
    tm_gives_result(m, step);
}

/* The form with an output adds the bias in a step of its own, unless x is a matrix: exact enough in float32 only. */
static void plan_linear(tm_maker *m)
{
    const tm_shape x = tm_operand_shape(m, 0);
    const bool into_buffer = tm_tuned(m) && (x.dtype == TM_F32 || x.rank == 2);
    const int32_t weight = tm_transposed(m, tm_operand(m, 1));
    tm_torch_step *step = tm_call(m, "aten::linear", into_buffer ? "out" : "", 1);
    tm_step_tensor(step, tm_operand(m, 0));
    tm_step_tensor(step, weight);
    tm_step_some_tensor(step, tm_operand(m, 2));
    tm_ends(m, step, into_buffer);
}

static void plan_matmul(tm_maker *m)
{
    tm_torch_step *step = tm_call(m, "aten::matmul", tm_tuned(m) ? "out" : "", 1);
    tm_step_tensor(step, tm_operand(m, 0));
    tm_step_tensor(step, tm_operand(m, 1));
    tm_ends(m, step, tm_tuned(m));
}

/* PyTorch's logical order is channels first; the data stay where they are. */
static void plan_convolution(tm_maker *m, const char *op, int32_t spatial)
{
    static const int64_t first[2][4] = {{0, 2, 1}, {0, 3, 1, 2}}, last[2][4] = {{0, 2, 1}, {0, 2, 3, 1}};
    static const int64_t ones[] = {1, 1}, zeros[] = {0, 0};
    const int32_t x = tm_permuted(m, tm_operand(m, 0), first[spatial - 1], spatial + 2);
    const int32_t weight = tm_permuted(m, tm_operand(m, 1), first[spatial - 1], spatial + 2);
    const int32_t made = tm_make_register(m, TM_TORCH_OF_RUN);
    tm_torch_step *step = tm_call(m, op, "", 1);
    tm_step_tensor(step, x);
    tm_step_tensor(step, weight);
    tm_step_nothing(step); /* bias */
    tm_step_list(step, TM_TORCH_INTS, ones, spatial);
    tm_step_list(step, TM_TORCH_INTS, zeros, spatial);
    tm_step_list(step, TM_TORCH_INTS, ones, spatial);
    tm_step_integer(step, 1);
    step->result = made;
    m->program->where[tm_own_value(m)] = tm_permuted(m, made, last[spatial - 1], spatial + 2);
}

static void plan_conv1d(tm_maker *m)
{
    plan_convolution(m, "aten::conv1d", 1);
}

static void plan_conv2d(tm_maker *m)
{
    plan_convolution(m, "aten::conv2d", 2);
}

/* 0 where key <= query + keys - queries, -inf elsewhere: is_causal is aligned the other way. */
static int32_t end_mask(tm_maker *m, int64_t queries, int64_t keys, tm_dtype dtype)
{
    const tm_shape shape = {.dtype = dtype, .rank = 2, .dim = {queries, keys}};
    const uint32_t minus_infinity = dtype == TM_F16 ? 0xfc00u : dtype == TM_BF16 ? 0xff80u : 0xff800000u;
    const size_t size = dtype == TM_F32 ? 4 : 2;
    unsigned char *mask = calloc((size_t)(queries * keys) + 1, size);
    int32_t where = 0;
    if (!mask) {
        tm_make_failed(m);
        return 0;
    }
    for (int64_t q = 0; q < queries; q++) {
        for (int64_t k = q + keys - queries + 1; k < keys; k++) {
            memcpy(mask + (size_t)(q * keys + k) * size, &minus_infinity, size);
        }
    }
    if (m->status == TM_OK) m->status = tm_torch_program_tensor(m->program, &shape, mask, &where, m->error);
    free(mask);
    return m->status == TM_OK ? where : 0;
}

/* torch.arange(keys) < lengths.view(-1, 1, ...): true where a key is seen. The numbers are made once. */
static int32_t length_mask(tm_maker *m, int32_t rank, int64_t keys)
{
    const tm_shape numbers = {.dtype = TM_I64, .rank = 1, .dim = {keys}};
    int64_t *number = calloc((size_t)keys + 1, sizeof *number), ones[TM_MAX_RANK] = {-1};
    int32_t where = 0;
    if (!number) {
        tm_make_failed(m);
        return 0;
    }
    for (int64_t i = 0; i < keys; i++) number[i] = i;
    for (int32_t i = 1; i < rank; i++) ones[i] = 1;
    if (m->status == TM_OK) m->status = tm_torch_program_tensor(m->program, &numbers, number, &where, m->error);
    free(number);
    const int32_t lengths = tm_reshaped(m, tm_operand(m, 3), ones, rank), mask = tm_make_register(m, TM_TORCH_OF_RUN);
    tm_torch_step *step = tm_call(m, "aten::lt", "Tensor", 1);
    tm_step_tensor(step, where);
    tm_step_tensor(step, lengths);
    step->result = mask;
    return m->status == TM_OK ? mask : 0;
}

static void plan_sdpa(tm_maker *m)
{
    enum { none, causal, causal_end, lengths };
    const tm_shape q = tm_operand_shape(m, 0), k = tm_operand_shape(m, 1);
    const int64_t queries = q.dim[q.rank - 2], keys = k.dim[k.rank - 2], mask = tm_integer(m, "mask");
    const double scale = m->host->node_real(m->graph, m->node, "scale");
    const bool usual_scale = scale == 1 / sqrt((double)q.dim[q.rank - 1]);
    const int32_t bias = mask == lengths                         ? length_mask(m, q.rank, keys)
                         : mask == causal_end && queries != keys ? end_mask(m, queries, keys, q.dtype)
                                                                 : -1;
    tm_torch_step *step = tm_call(m, "aten::scaled_dot_product_attention", "", 1);
    for (int32_t i = 0; i < 3; i++) tm_step_tensor(step, tm_operand(m, i));
    if (bias >= 0)
        tm_step_some_tensor(step, bias);
    else
        tm_step_nothing(step);
    tm_step_bits(step, tm_real_bits(0)); /* dropout */
    tm_step_integer(step, mask != none && bias < 0);
    if (usual_scale)
        tm_step_nothing(step);
    else
        tm_step_some(step, tm_real_bits(scale));
    tm_step_integer(step, 0); /* enable_gqa */
    tm_gives_result(m, step);
}

/* What users write is a view, which moves no bytes. A result of the graph is an array of its own. */
static void gives_moved(tm_maker *m, int32_t moved)
{
    const int32_t own = tm_own_value(m);
    bool output = false;
    for (int32_t i = 0; i < m->host->output_count(m->graph); i++)
        output = output || m->host->output_value(m->graph, i) == own;
    if (!output) {
        m->program->where[own] = moved;
        return;
    }
    if (tm_tuned(m)) {
        const int32_t into = tm_result_buffer(m);
        tm_torch_step *step = tm_call(m, "aten::copy_", "", 1);
        tm_step_tensor(step, into);
        tm_step_tensor(step, moved);
        tm_step_integer(step, 0); /* non_blocking */
        return;
    }
    tm_torch_step *step = tm_call(m, "aten::clone", "", 1);
    tm_step_tensor(step, moved);
    tm_step_some(step, 0); /* contiguous_format */
    tm_gives_result(m, step);
}

/* The two axes before the last one change places. */
static int32_t heads_swapped(tm_maker *m, int32_t from, int32_t rank)
{
    int64_t order[TM_MAX_RANK];
    for (int32_t i = 0; i < rank; i++) order[i] = i;
    order[rank - 3] = rank - 2;
    order[rank - 2] = rank - 3;
    return tm_permuted(m, from, order, rank);
}

/* x.reshape(..., tokens, heads, width).transpose(-3, -2) */
static void plan_split_heads(tm_maker *m)
{
    const tm_shape y = m->host->value_shape(m->graph, tm_own_value(m));
    int64_t sizes[TM_MAX_RANK];
    int32_t apart;
    memcpy(sizes, y.dim, sizeof sizes);
    sizes[y.rank - 3] = y.dim[y.rank - 2];
    sizes[y.rank - 2] = y.dim[y.rank - 3];
    tm_torch_step *step = tm_view(m, tm_operand(m, 0), "aten::reshape", "", &apart);
    tm_step_list(step, TM_TORCH_INTS, sizes, y.rank);
    gives_moved(m, heads_swapped(m, apart, y.rank));
}

/* x.transpose(-3, -2).reshape(..., tokens, heads width), which copies where it has to: at each execution. */
static void plan_merge_heads(tm_maker *m)
{
    const tm_shape y = m->host->value_shape(m->graph, tm_own_value(m));
    const int32_t swapped = heads_swapped(m, tm_operand(m, 0), y.rank + 1);
    tm_torch_step *step = tm_call(m, "aten::reshape", "", 1);
    tm_step_tensor(step, swapped);
    tm_step_list(step, TM_TORCH_INTS, y.dim, y.rank);
    tm_gives_result(m, step);
}

static void plan_gather(tm_maker *m)
{
    tm_torch_step *step = tm_call(m, "aten::index_select", tm_tuned(m) ? "out" : "", 1);
    tm_step_tensor(step, tm_operand(m, 0));
    tm_step_integer(step, 0);
    tm_step_tensor(step, tm_operand(m, 1));
    tm_ends(m, step, tm_tuned(m));
}

/* Zeros to scatter into: fresh ones, or the buffer cleared. */
static int32_t zeros(tm_maker *m)
{
    const tm_shape shape = m->host->value_shape(m->graph, tm_own_value(m));
    const tm_torch *torch = &m->program->session->torch;
    if (tm_tuned(m)) {
        const int32_t where = tm_result_buffer(m);
        tm_torch_step *step = tm_call(m, "aten::zero_", "", 1);
        tm_step_tensor(step, where);
        return where;
    }
    const int32_t where = tm_make_register(m, TM_TORCH_OF_RUN);
    tm_torch_step *step = tm_call(m, "aten::zeros", "", 1);
    tm_step_list(step, TM_TORCH_INTS, shape.dim, shape.rank);
    tm_step_some(step, (cell)tm_torch_dtype(torch, shape.dtype));
    tm_step_nothing(step); /* layout */
    if (torch->device == TM_TORCH_CPU)
        tm_step_nothing(step);
    else
        tm_step_some(step, (cell)(uint32_t)torch->device_type << 32);
    tm_step_nothing(step); /* pin_memory */
    step->result = where;
    return where;
}

static void plan_scatter(tm_maker *m)
{
    const int32_t into = zeros(m);
    const int64_t index = tm_operand(m, 1);
    tm_torch_step *step = tm_call(m, "aten::index_put_", "", 1);
    tm_step_tensor(step, into);
    tm_step_list(step, TM_TORCH_SOME_TENSORS, &index, 1);
    tm_step_tensor(step, tm_operand(m, 0));
    tm_step_integer(step, 0); /* accumulate */
    if (!tm_tuned(m)) tm_gives_result(m, step);
}

static void plan_scatter_sum(tm_maker *m)
{
    const int32_t into = zeros(m);
    tm_torch_step *step = tm_call(m, NULL, NULL, 1);
    step->scalar = m->program->session->torch.index_add;
    tm_step_tensor(step, into);
    tm_step_tensor(step, tm_operand(m, 1));
    tm_step_tensor(step, tm_operand(m, 0));
    if (!tm_tuned(m)) tm_gives_result(m, step);
}

/* The index of a row as that of each of its elements, without a copy. */
static int32_t expanded_index(tm_maker *m)
{
    const tm_shape source = tm_operand_shape(m, 0);
    int64_t column[TM_MAX_RANK] = {source.dim[0]};
    int32_t into;
    if (source.rank == 1) return tm_operand(m, 1);
    for (int32_t i = 1; i < source.rank; i++) column[i] = 1;
    const int32_t index = tm_reshaped(m, tm_operand(m, 1), column, source.rank);
    tm_torch_step *step = tm_view(m, index, "aten::expand", "", &into);
    tm_step_list(step, TM_TORCH_INTS, source.dim, source.rank);
    tm_step_integer(step, 0); /* implicit */
    return into;
}

static void plan_scatter_max(tm_maker *m)
{
    const int32_t index = expanded_index(m), into = zeros(m);
    tm_torch_step *step = tm_call(m, tm_tuned(m) ? "aten::scatter_reduce_" : "aten::scatter_reduce", "two", 1);
    tm_step_tensor(step, into);
    tm_step_integer(step, 0);
    tm_step_tensor(step, index);
    tm_step_tensor(step, tm_operand(m, 0));
    tm_step_argument(step, TM_TORCH_TEXT)->text = "amax";
    tm_step_integer(step, 1); /* include_self */
    if (!tm_tuned(m)) tm_gives_result(m, step);
}

/* Values and their former places: PyTorch always makes both. */
static void plan_sort(tm_maker *m)
{
    tm_torch_step *step = tm_call(m, "aten::sort", tm_tuned(m) ? "values" : "", 2);
    tm_step_tensor(step, tm_operand(m, 0));
    tm_step_integer(step, tm_integer(m, "axis"));
    tm_step_integer(step, 0); /* descending */
    if (!tm_tuned(m)) {
        tm_gives_result(m, step);
        return;
    }
    tm_shape indices = tm_operand_shape(m, 0);
    indices.dtype = TM_I64;
    tm_step_tensor(step, tm_result_buffer(m));
    tm_step_tensor(step, tm_buffer_of(m, &indices));
}

static void plan_argmax(tm_maker *m)
{
    tm_torch_step *step = tm_call(m, "aten::argmax", tm_tuned(m) ? "out" : "", 1);
    tm_step_tensor(step, tm_operand(m, 0));
    tm_step_some(step, (cell)tm_integer(m, "axis"));
    tm_step_integer(step, 0); /* keepdim */
    tm_ends(m, step, tm_tuned(m));
}

static void plan_sum(tm_maker *m)
{
    const int64_t axis = tm_integer(m, "axis");
    tm_torch_step *step = tm_call(m, "aten::sum", tm_tuned(m) ? "IntList_out" : "dim_IntList", 1);
    tm_step_tensor(step, tm_operand(m, 0));
    tm_step_list(step, TM_TORCH_SOME_INTS, &axis, 1);
    tm_step_integer(step, 0); /* keepdim */
    tm_step_nothing(step);    /* dtype */
    tm_ends(m, step, tm_tuned(m));
}

static void plan_sum_all(tm_maker *m)
{
    tm_torch_step *step = tm_call(m, "aten::sum", tm_tuned(m) ? "IntList_out" : "", 1);
    tm_step_tensor(step, tm_operand(m, 0));
    if (tm_tuned(m)) {
        tm_step_nothing(step); /* all axes */
        tm_step_integer(step, 0);
    }
    tm_step_nothing(step); /* dtype */
    tm_ends(m, step, tm_tuned(m));
}

/* The form with an output is not used: given room for the mean, PyTorch 2.13 leaves a wrong number there. */
static void plan_bce(tm_maker *m)
{
    tm_torch_step *step = tm_call(m, "aten::binary_cross_entropy", "", 1);
    tm_step_tensor(step, tm_operand(m, 0));
    tm_step_tensor(step, tm_operand(m, 1));
    tm_step_nothing(step);    /* weight */
    tm_step_integer(step, 1); /* the mean */
    tm_gives_result(m, step);
}

static void plan_concat(tm_maker *m)
{
    int64_t parts[TM_MAX_RANK];
    int32_t count = 0;
    while (count < TM_MAX_RANK && m->host->node_operand(m->graph, m->node, count) >= 0) {
        parts[count] = tm_operand(m, count);
        count++;
    }
    tm_torch_step *step = tm_call(m, "aten::cat", tm_tuned(m) ? "out" : "", 1);
    tm_step_list(step, TM_TORCH_TENSORS, parts, count);
    tm_step_integer(step, tm_integer(m, "axis"));
    tm_ends(m, step, tm_tuned(m));
}

enum {
    NEEDS_SCALAR = 1, /* reached through scalar_ops */
    ROUNDS = 2,       /* on 16-bit types: an intermediate is rounded to them */
    NARROW = 4,       /* on 16-bit types: what is added up, or the sum, is rounded to them */
    INDICES = 8       /* makes the indices as well */
};

static const struct {
    const char *op;
    void (*plan)(tm_maker *m);
    int flags;
} ops[] = {
    {"add", plan_add, NEEDS_SCALAR},
    {"argmax", plan_argmax, 0},
    {"bce", plan_bce, ROUNDS},
    {"concat", plan_concat, 0},
    {"conv1d", plan_conv1d, 0},
    {"conv2d", plan_conv2d, 0},
    {"gather", plan_gather, 0},
    {"gelu", plan_gelu, 0},
    {"layer_norm", plan_layer_norm, 0},
    {"leaky_relu", plan_leaky_relu, NEEDS_SCALAR},
    {"linear", plan_linear, 0},
    {"matmul", plan_matmul, 0},
    {"merge_heads", plan_merge_heads, 0},
    {"prelu", plan_prelu, 0},
    {"relu", plan_relu, 0},
    {"selu", plan_selu, 0},
    {"sigmoid", plan_sigmoid, 0},
    {"softplus", plan_softplus, NEEDS_SCALAR},
    {"sdpa", plan_sdpa, NARROW},
    {"scatter", plan_scatter, 0},
    {"scatter_sum", plan_scatter_sum, NEEDS_SCALAR | NARROW},
    {"scatter_max", plan_scatter_max, 0},
    {"softmax", plan_softmax, 0},
    {"sort", plan_sort, INDICES},
    {"split_heads", plan_split_heads, 0},
    {"sum", plan_sum, 0},
    {"sum_all", plan_sum_all, 0},
};

enum { OPS = sizeof ops / sizeof *ops };

static int32_t find_op(const char *name)
{
    for (int32_t i = 0; i < OPS; i++) {
        if (strcmp(ops[i].op, name) == 0) return i;
    }
    return -1;
}

tm_status tm_torch_supports(const tm_session *session, const tm_graph *graph, tm_error *error)
{
    const tm_host *host = session->host;
    for (int32_t node = 0; node < host->node_count(graph); node++) {
        const char *name = host->node_op(graph, node);
        const int32_t op = find_op(name);
        if (op < 0) return tm_adapter_fail(error, TM_UNSUPPORTED, "torch has no op %s", name);
        if ((ops[op].flags & NEEDS_SCALAR) && !session->torch.leaky_relu) {
            return tm_adapter_fail(error, TM_UNSUPPORTED, "%s: %s", name, session->torch.scalar_reason);
        }
        if (strcmp(name, "gather") == 0 && host->value_shape(graph, host->node_operand(graph, node, 1)).rank != 1) {
            return tm_adapter_fail(error, TM_UNSUPPORTED, "gather: index_select takes indices of one axis");
        }
    }
    return TM_OK;
}

void tm_torch_declare(tm_program *program)
{
    const tm_host *host = program->session->host;
    tm_declared *declared = &program->declared;
    declared->tf32 = program->session->tf32;
    for (int32_t node = 0; node < host->node_count(program->graph); node++) {
        const int32_t op = find_op(host->node_op(program->graph, node));
        const int flags = op < 0 ? 0 : ops[op].flags;
        const tm_dtype dtype = host->value_shape(program->graph, host->node_operand(program->graph, node, 0)).dtype;
        const bool narrow = dtype == TM_BF16 || dtype == TM_F16;
        if (narrow && (flags & ROUNDS)) declared->rounds_between_ops = 1;
        if (narrow && (flags & NARROW)) declared->accumulator = dtype;
        if (flags & INDICES) snprintf(declared->labels, sizeof declared->labels, "ALSO=indices");
    }
}

tm_status tm_torch_plan(tm_program *program, tm_error *error)
{
    const tm_host *host = program->session->host;
    tm_maker m = {.program = program, .host = host, .graph = program->graph, .error = error, .status = TM_OK};
    for (m.node = 0; m.node < host->node_count(m.graph) && m.status == TM_OK; m.node++) {
        m.name = host->node_op(m.graph, m.node);
        const int32_t op = find_op(m.name);
        if (op < 0) return tm_adapter_fail(error, TM_UNSUPPORTED, "torch has no op %s", m.name);
        ops[op].plan(&m);
    }
    return m.status;
}
