/* Each op as the call that a user of PyTorch makes for it; docs/torch.md is the table. With +tuned, results go into
 * preallocated buffers wherever PyTorch has a form of the op that writes into one without a detour. Views of inputs
 * (transposed weights, channels moved to where PyTorch has them) are steps of their own, made at bind. */
#include "torch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A graph becoming steps. The first failure sticks. */
typedef struct maker {
    tm_program *program;
    const tm_host *host;
    const tm_graph *graph;
    int32_t node;
    const char *name;
    tm_status status;
    tm_error *error;
    tm_torch_step spare; /* written to once something has failed */
} maker;

static void out_of_memory(maker *m)
{
    if (m->status == TM_OK) m->status = tm_torch_fail(m->error, TM_OUT_OF_MEMORY, "out of memory for %s", m->name);
}

static int32_t new_register(maker *m, tm_torch_life life)
{
    const int32_t made = tm_torch_register(m->program, life);
    if (made < 0) out_of_memory(m);
    return made < 0 ? 0 : made;
}

static int32_t operand(const maker *m, int32_t position)
{
    return m->program->where[m->host->node_operand(m->graph, m->node, position)];
}

static tm_shape operand_shape(const maker *m, int32_t position)
{
    return m->host->value_shape(m->graph, m->host->node_operand(m->graph, m->node, position));
}

static int32_t own_value(const maker *m)
{
    return m->program->inputs + m->node;
}

static int64_t integer(const maker *m, const char *attribute)
{
    return m->host->node_integer(m->graph, m->node, attribute);
}

/* A step at the end of the list. The pointer holds until the next is added. */
static tm_torch_step *add_step(maker *m, tm_torch_steps *steps, const char *op, const char *overload, int32_t results)
{
    tm_torch_step *items = realloc(steps->item, ((size_t)steps->count + 1) * sizeof *items);
    tm_torch_step *step = &m->spare;
    if (items) {
        steps->item = items;
        step = &items[steps->count++];
    } else {
        out_of_memory(m);
    }
    *step = (tm_torch_step){
        .op = op, .overload = overload, .name = op ? op : m->name, .into = -1, .results = results, .result = -1};
    return step;
}

static tm_torch_step *call(maker *m, const char *op, const char *overload, int32_t results)
{
    return add_step(m, &m->program->steps, op, overload, results);
}

static tm_torch_argument *argument(tm_torch_step *step, tm_torch_kind kind)
{
    tm_torch_argument *made = &step->argument[step->arguments++];
    *made = (tm_torch_argument){.kind = kind};
    return made;
}

static void pass_bits(tm_torch_step *step, cell bits)
{
    argument(step, TM_TORCH_BITS)->bits = bits;
}

static void pass_integer(tm_torch_step *step, int64_t value)
{
    pass_bits(step, (cell)value);
}

static void pass_nothing(tm_torch_step *step)
{
    pass_bits(step, 0);
}

static cell real_bits(double value)
{
    cell bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void pass_some(tm_torch_step *step, cell bits)
{
    argument(step, TM_TORCH_SOME_BITS)->bits = bits;
}

static void pass_tensor(tm_torch_step *step, int32_t where)
{
    argument(step, TM_TORCH_TENSOR)->tensor = where;
}

static void pass_some_tensor(tm_torch_step *step, int32_t where)
{
    argument(step, TM_TORCH_SOME_TENSOR)->tensor = where;
}

static void pass_list(tm_torch_step *step, tm_torch_kind kind, const int64_t *items, int32_t count)
{
    tm_torch_argument *made = argument(step, kind);
    made->count = count;
    for (int32_t i = 0; i < count; i++) made->list[i] = items[i];
}

static bool tuned(const maker *m)
{
    return m->program->session->tuned;
}

/* The step's result is the node's. */
static void gives_result(maker *m, tm_torch_step *step)
{
    step->result = m->program->where[own_value(m)] = new_register(m, TM_TORCH_OF_RUN);
}

static int32_t buffer_of(maker *m, const tm_shape *shape)
{
    int32_t where = 0;
    if (m->status == TM_OK) m->status = tm_torch_program_tensor(m->program, shape, NULL, &where, m->error);
    return m->status == TM_OK ? where : 0;
}

/* The node's result lies in a preallocated buffer, which is the register returned. */
static int32_t result_buffer(maker *m)
{
    const tm_shape shape = m->host->value_shape(m->graph, own_value(m));
    const int32_t where = buffer_of(m, &shape);
    m->program->where[own_value(m)] = where;
    return where;
}

/* The step's result is the node's, or is written into its buffer, the last argument of forms with an output. */
static void ends(maker *m, tm_torch_step *step, bool into_buffer)
{
    if (into_buffer) {
        pass_tensor(step, result_buffer(m));
    } else {
        gives_result(m, step);
    }
}

/* A step that makes a view of `from`: once per slot if that is an input. */
static tm_torch_step *view(maker *m, int32_t from, const char *op, const char *overload, int32_t *into)
{
    const bool of_slot = m->status == TM_OK && m->program->life[from] == TM_TORCH_OF_SLOT;
    *into = new_register(m, of_slot ? TM_TORCH_OF_SLOT : TM_TORCH_OF_RUN);
    tm_torch_step *step = add_step(m, of_slot ? &m->program->views : &m->program->steps, op, overload, 1);
    step->result = *into;
    pass_tensor(step, from);
    return step;
}

static int32_t permuted(maker *m, int32_t from, const int64_t *order, int32_t rank)
{
    int32_t into;
    tm_torch_step *step = view(m, from, "aten::permute", "", &into);
    pass_list(step, TM_TORCH_INTS, order, rank);
    return into;
}

static int32_t reshaped(maker *m, int32_t from, const int64_t *sizes, int32_t rank)
{
    int32_t into;
    tm_torch_step *step = view(m, from, "aten::view", "", &into);
    pass_list(step, TM_TORCH_INTS, sizes, rank);
    return into;
}

static int32_t transposed(maker *m, int32_t from)
{
    static const int64_t order[] = {1, 0};
    return permuted(m, from, order, 2);
}

static void plan_scalar(maker *m, tm_torch_scalar_op op, double real, bool into_buffer)
{
    tm_torch_step *step = call(m, NULL, NULL, 1);
    step->scalar = op;
    step->real = real;
    pass_tensor(step, operand(m, 0));
    if (into_buffer) {
        step->into = result_buffer(m);
    } else {
        gives_result(m, step);
    }
}

static void plan_relu(maker *m)
{
    const tm_torch_scalar_op into = m->program->session->torch.relu_into;
    if (tuned(m) && into) {
        plan_scalar(m, into, 0, true);
        return;
    }
    tm_torch_step *step = call(m, "aten::relu", "", 1);
    pass_tensor(step, operand(m, 0));
    gives_result(m, step);
}

static void plan_leaky_relu(maker *m)
{
    plan_scalar(m, m->program->session->torch.leaky_relu, m->host->node_real(m->graph, m->node, "slope"), tuned(m));
}

static void plan_softplus(maker *m)
{
    plan_scalar(m, m->program->session->torch.softplus, 0, tuned(m));
}

static void plan_selu(maker *m)
{
    tm_torch_step *step = call(m, "aten::selu", "", 1);
    pass_tensor(step, operand(m, 0));
    gives_result(m, step);
}

static void plan_sigmoid(maker *m)
{
    tm_torch_step *step = call(m, "aten::sigmoid", tuned(m) ? "out" : "", 1);
    pass_tensor(step, operand(m, 0));
    ends(m, step, tuned(m));
}

/* PyTorch takes slopes of rank 0 and 1. */
static void plan_prelu(maker *m)
{
    static const int64_t one[] = {1};
    const int32_t slope = operand_shape(m, 1).rank > 1 ? reshaped(m, operand(m, 1), one, 1) : operand(m, 1);
    tm_torch_step *step = call(m, "aten::prelu", "", 1);
    pass_tensor(step, operand(m, 0));
    pass_tensor(step, slope);
    gives_result(m, step);
}

static void plan_softmax(maker *m)
{
    tm_torch_step *step = call(m, "aten::softmax", tuned(m) ? "int_out" : "int", 1);
    pass_tensor(step, operand(m, 0));
    pass_integer(step, integer(m, "axis"));
    pass_nothing(step); /* dtype */
    ends(m, step, tuned(m));
}

static void plan_layer_norm(maker *m)
{
    const tm_shape x = operand_shape(m, 0);
    tm_torch_step *step = call(m, "aten::layer_norm", "", 1);
    pass_tensor(step, operand(m, 0));
    pass_list(step, TM_TORCH_INTS, &x.dim[x.rank - 1], 1);
    pass_some_tensor(step, operand(m, 1));
    pass_some_tensor(step, operand(m, 2));
    pass_bits(step, real_bits(m->host->node_real(m->graph, m->node, "eps")));
    pass_integer(step, 1); /* cudnn_enable, as the Python function passes it */
    gives_result(m, step);
}

/* The form with an output adds the bias in a step of its own, unless x is a matrix: exact enough in float32 only. */
static void plan_linear(maker *m)
{
    const tm_shape x = operand_shape(m, 0);
    const bool into_buffer = tuned(m) && (x.dtype == TM_F32 || x.rank == 2);
    const int32_t weight = transposed(m, operand(m, 1));
    tm_torch_step *step = call(m, "aten::linear", into_buffer ? "out" : "", 1);
    pass_tensor(step, operand(m, 0));
    pass_tensor(step, weight);
    pass_some_tensor(step, operand(m, 2));
    ends(m, step, into_buffer);
}

static void plan_matmul(maker *m)
{
    tm_torch_step *step = call(m, "aten::matmul", tuned(m) ? "out" : "", 1);
    pass_tensor(step, operand(m, 0));
    pass_tensor(step, operand(m, 1));
    ends(m, step, tuned(m));
}

/* PyTorch's logical order is channels first; the data stay where they are. */
static void plan_convolution(maker *m, const char *op, int32_t spatial)
{
    static const int64_t first[2][4] = {{0, 2, 1}, {0, 3, 1, 2}}, last[2][4] = {{0, 2, 1}, {0, 2, 3, 1}};
    static const int64_t ones[] = {1, 1}, zeros[] = {0, 0};
    const int32_t x = permuted(m, operand(m, 0), first[spatial - 1], spatial + 2);
    const int32_t weight = permuted(m, operand(m, 1), first[spatial - 1], spatial + 2);
    const int32_t made = new_register(m, TM_TORCH_OF_RUN);
    tm_torch_step *step = call(m, op, "", 1);
    pass_tensor(step, x);
    pass_tensor(step, weight);
    pass_nothing(step); /* bias */
    pass_list(step, TM_TORCH_INTS, ones, spatial);
    pass_list(step, TM_TORCH_INTS, zeros, spatial);
    pass_list(step, TM_TORCH_INTS, ones, spatial);
    pass_integer(step, 1);
    step->result = made;
    m->program->where[own_value(m)] = permuted(m, made, last[spatial - 1], spatial + 2);
}

static void plan_conv1d(maker *m)
{
    plan_convolution(m, "aten::conv1d", 1);
}

static void plan_conv2d(maker *m)
{
    plan_convolution(m, "aten::conv2d", 2);
}

/* 0 where key <= query + keys - queries, -inf elsewhere: is_causal is aligned the other way. */
static int32_t end_mask(maker *m, int64_t queries, int64_t keys, tm_dtype dtype)
{
    const tm_shape shape = {.dtype = dtype, .rank = 2, .dim = {queries, keys}};
    const uint32_t minus_infinity = dtype == TM_F16 ? 0xfc00u : dtype == TM_BF16 ? 0xff80u : 0xff800000u;
    const size_t size = dtype == TM_F32 ? 4 : 2;
    unsigned char *mask = calloc((size_t)(queries * keys) + 1, size);
    int32_t where = 0;
    if (!mask) {
        out_of_memory(m);
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

static void plan_sdpa(maker *m)
{
    enum { none, causal, causal_end };
    const tm_shape q = operand_shape(m, 0), k = operand_shape(m, 1);
    const int64_t queries = q.dim[q.rank - 2], keys = k.dim[k.rank - 2], mask = integer(m, "mask");
    const double scale = m->host->node_real(m->graph, m->node, "scale");
    const bool usual_scale = scale == 1 / sqrt((double)q.dim[q.rank - 1]);
    const int32_t bias = mask == causal_end && queries != keys ? end_mask(m, queries, keys, q.dtype) : -1;
    tm_torch_step *step = call(m, "aten::scaled_dot_product_attention", "", 1);
    for (int32_t i = 0; i < 3; i++) pass_tensor(step, operand(m, i));
    if (bias >= 0)
        pass_some_tensor(step, bias);
    else
        pass_nothing(step);
    pass_bits(step, real_bits(0)); /* dropout */
    pass_integer(step, mask != none && bias < 0);
    if (usual_scale)
        pass_nothing(step);
    else
        pass_some(step, real_bits(scale));
    pass_integer(step, 0); /* enable_gqa */
    gives_result(m, step);
}

static void plan_gather(maker *m)
{
    tm_torch_step *step = call(m, "aten::index_select", tuned(m) ? "out" : "", 1);
    pass_tensor(step, operand(m, 0));
    pass_integer(step, 0);
    pass_tensor(step, operand(m, 1));
    ends(m, step, tuned(m));
}

/* Zeros to scatter into: fresh ones, or the buffer cleared. */
static int32_t zeros(maker *m)
{
    const tm_shape shape = m->host->value_shape(m->graph, own_value(m));
    const tm_torch *torch = &m->program->session->torch;
    if (tuned(m)) {
        const int32_t where = result_buffer(m);
        tm_torch_step *step = call(m, "aten::zero_", "", 1);
        pass_tensor(step, where);
        return where;
    }
    const int32_t where = new_register(m, TM_TORCH_OF_RUN);
    tm_torch_step *step = call(m, "aten::zeros", "", 1);
    pass_list(step, TM_TORCH_INTS, shape.dim, shape.rank);
    pass_some(step, (cell)tm_torch_dtype(torch, shape.dtype));
    pass_nothing(step); /* layout */
    if (torch->device == TM_TORCH_CPU)
        pass_nothing(step);
    else
        pass_some(step, (cell)(uint32_t)torch->device_type << 32);
    pass_nothing(step); /* pin_memory */
    step->result = where;
    return where;
}

static void plan_scatter(maker *m)
{
    const int32_t into = zeros(m);
    const int64_t index = operand(m, 1);
    tm_torch_step *step = call(m, "aten::index_put_", "", 1);
    pass_tensor(step, into);
    pass_list(step, TM_TORCH_SOME_TENSORS, &index, 1);
    pass_tensor(step, operand(m, 0));
    pass_integer(step, 0); /* accumulate */
    if (!tuned(m)) gives_result(m, step);
}

static void plan_scatter_sum(maker *m)
{
    const int32_t into = zeros(m);
    tm_torch_step *step = call(m, NULL, NULL, 1);
    step->scalar = m->program->session->torch.index_add;
    pass_tensor(step, into);
    pass_tensor(step, operand(m, 1));
    pass_tensor(step, operand(m, 0));
    if (!tuned(m)) gives_result(m, step);
}

/* The index of a row as that of each of its elements, without a copy. */
static int32_t expanded_index(maker *m)
{
    const tm_shape source = operand_shape(m, 0);
    int64_t column[TM_MAX_RANK] = {source.dim[0]};
    int32_t into;
    if (source.rank == 1) return operand(m, 1);
    for (int32_t i = 1; i < source.rank; i++) column[i] = 1;
    const int32_t index = reshaped(m, operand(m, 1), column, source.rank);
    tm_torch_step *step = view(m, index, "aten::expand", "", &into);
    pass_list(step, TM_TORCH_INTS, source.dim, source.rank);
    pass_integer(step, 0); /* implicit */
    return into;
}

static void plan_scatter_max(maker *m)
{
    const int32_t index = expanded_index(m), into = zeros(m);
    tm_torch_step *step = call(m, tuned(m) ? "aten::scatter_reduce_" : "aten::scatter_reduce", "two", 1);
    pass_tensor(step, into);
    pass_integer(step, 0);
    pass_tensor(step, index);
    pass_tensor(step, operand(m, 0));
    argument(step, TM_TORCH_TEXT)->text = "amax";
    pass_integer(step, 1); /* include_self */
    if (!tuned(m)) gives_result(m, step);
}

/* Values and their former places: PyTorch always makes both. */
static void plan_sort(maker *m)
{
    tm_torch_step *step = call(m, "aten::sort", tuned(m) ? "values" : "", 2);
    pass_tensor(step, operand(m, 0));
    pass_integer(step, integer(m, "axis"));
    pass_integer(step, 0); /* descending */
    if (!tuned(m)) {
        gives_result(m, step);
        return;
    }
    tm_shape indices = operand_shape(m, 0);
    indices.dtype = TM_I64;
    pass_tensor(step, result_buffer(m));
    pass_tensor(step, buffer_of(m, &indices));
}

static void plan_argmax(maker *m)
{
    tm_torch_step *step = call(m, "aten::argmax", tuned(m) ? "out" : "", 1);
    pass_tensor(step, operand(m, 0));
    pass_some(step, (cell)integer(m, "axis"));
    pass_integer(step, 0); /* keepdim */
    ends(m, step, tuned(m));
}

static void plan_sum(maker *m)
{
    const int64_t axis = integer(m, "axis");
    tm_torch_step *step = call(m, "aten::sum", tuned(m) ? "IntList_out" : "dim_IntList", 1);
    pass_tensor(step, operand(m, 0));
    pass_list(step, TM_TORCH_SOME_INTS, &axis, 1);
    pass_integer(step, 0); /* keepdim */
    pass_nothing(step);    /* dtype */
    ends(m, step, tuned(m));
}

static void plan_sum_all(maker *m)
{
    tm_torch_step *step = call(m, "aten::sum", tuned(m) ? "IntList_out" : "", 1);
    pass_tensor(step, operand(m, 0));
    if (tuned(m)) {
        pass_nothing(step); /* all axes */
        pass_integer(step, 0);
    }
    pass_nothing(step); /* dtype */
    ends(m, step, tuned(m));
}

/* The form with an output is not used: given room for the mean, PyTorch 2.13 leaves a wrong number there. */
static void plan_bce(maker *m)
{
    tm_torch_step *step = call(m, "aten::binary_cross_entropy", "", 1);
    pass_tensor(step, operand(m, 0));
    pass_tensor(step, operand(m, 1));
    pass_nothing(step);    /* weight */
    pass_integer(step, 1); /* the mean */
    gives_result(m, step);
}

static void plan_concat(maker *m)
{
    int64_t parts[TM_MAX_RANK];
    int32_t count = 0;
    while (count < TM_MAX_RANK && m->host->node_operand(m->graph, m->node, count) >= 0) {
        parts[count] = operand(m, count);
        count++;
    }
    tm_torch_step *step = call(m, "aten::cat", tuned(m) ? "out" : "", 1);
    pass_list(step, TM_TORCH_TENSORS, parts, count);
    pass_integer(step, integer(m, "axis"));
    ends(m, step, tuned(m));
}

enum {
    NEEDS_SCALAR = 1, /* reached through scalar_ops */
    ROUNDS = 2,       /* on 16-bit types: an intermediate is rounded to them */
    NARROW = 4        /* on 16-bit types: what is added up, or the sum, is rounded to them */
};

static const struct {
    const char *op;
    void (*plan)(maker *m);
    int flags;
} ops[] = {
    {"argmax", plan_argmax, 0},
    {"bce", plan_bce, ROUNDS},
    {"concat", plan_concat, 0},
    {"conv1d", plan_conv1d, 0},
    {"conv2d", plan_conv2d, 0},
    {"gather", plan_gather, 0},
    {"layer_norm", plan_layer_norm, 0},
    {"leaky_relu", plan_leaky_relu, NEEDS_SCALAR},
    {"linear", plan_linear, 0},
    {"matmul", plan_matmul, 0},
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
    {"sort", plan_sort, 0},
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
        if (op < 0) return tm_torch_fail(error, TM_UNSUPPORTED, "torch has no op %s", name);
        if ((ops[op].flags & NEEDS_SCALAR) && !session->torch.leaky_relu) {
            return tm_torch_fail(error, TM_UNSUPPORTED, "%s: %s", name, session->torch.scalar_reason);
        }
    }
    return TM_OK;
}

tm_status tm_torch_plan(tm_program *program, tm_error *error)
{
    const tm_host *host = program->session->host;
    maker m = {.program = program, .host = host, .graph = program->graph, .error = error, .status = TM_OK};
    tm_declared *declared = &program->declared;
    declared->tf32 = program->session->tf32;
    for (m.node = 0; m.node < host->node_count(m.graph) && m.status == TM_OK; m.node++) {
        m.name = host->node_op(m.graph, m.node);
        const int32_t op = find_op(m.name);
        if (op < 0) return tm_torch_fail(error, TM_UNSUPPORTED, "torch has no op %s", m.name);
        const tm_dtype dtype = operand_shape(&m, 0).dtype;
        const bool narrow = dtype == TM_BF16 || dtype == TM_F16;
        if (narrow && (ops[op].flags & ROUNDS)) declared->rounds_between_ops = 1;
        if (narrow && (ops[op].flags & NARROW)) declared->accumulator = dtype;
        ops[op].plan(&m);
    }
    return m.status;
}
