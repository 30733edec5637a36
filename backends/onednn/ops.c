/* The ops as primitives, one each. Data are dense and row-major, images with their channels last; weights that are
 * inputs go into the layout that the primitive likes best, as its documentation asks of a user. */
#include "onednn.h"

#include <stdio.h>
#include <string.h>

enum { MAX_RANK = 12 };

typedef struct sizes {
    int32_t rank;
    int64_t dim[MAX_RANK];
} sizes;

typedef struct maker {
    const tm_onednn *onednn;
    const tm_host *host;
    const tm_graph *graph;
    int32_t node, part;
    tm_onednn_step *step;
    int status; /* oneDNN's; nothing more is made after a failure */
} maker;

static int32_t operand(const maker *m, int32_t position)
{
    return m->host->node_operand(m->graph, m->node, position);
}

static tm_shape shape_of(const maker *m, int32_t position)
{
    return m->host->value_shape(m->graph, operand(m, position));
}

static int32_t result(const maker *m)
{
    return m->host->input_count(m->graph) + m->node;
}

static bool is_input(const maker *m, int32_t position)
{
    return operand(m, position) < m->host->input_count(m->graph);
}

/* A scalar has one element along one axis. */
static sizes sizes_of(const tm_shape *shape)
{
    sizes all = {.rank = shape->rank > 0 ? shape->rank : 1, .dim = {1}};
    for (int32_t i = 0; i < shape->rank; i++) all.dim[i] = shape->dim[i];
    return all;
}

static void *keep(maker *m, void *md)
{
    if (m->status != ONEDNN_SUCCESS) {
        tm_onednn_free_md(m->onednn, md);
        return NULL;
    }
    m->step->md[m->step->mds++] = md;
    return md;
}

static void *with_strides(maker *m, tm_dtype dtype, const sizes *all, const int64_t *strides)
{
    void *md = NULL;
    if (m->status != ONEDNN_SUCCESS) return NULL;
    m->status = tm_onednn_make_md(m->onednn, dtype, all->rank, all->dim, strides, &md);
    return keep(m, md);
}

static void *in_any_layout(maker *m, tm_dtype dtype, const sizes *all)
{
    return with_strides(m, dtype, all, NULL);
}

static void *dense(maker *m, tm_dtype dtype, const sizes *all)
{
    int64_t strides[MAX_RANK], stride = 1;
    for (int32_t i = all->rank; i-- > 0;) {
        strides[i] = stride;
        stride *= all->dim[i] > 1 ? all->dim[i] : 1;
    }
    return with_strides(m, dtype, all, strides);
}

static void *as_it_is(maker *m, const tm_shape *shape)
{
    const sizes all = sizes_of(shape);
    return dense(m, shape->dtype, &all);
}

/* `plain` where the operand may be prepared from that, NULL where it is used as it is. */
static void use(maker *m, int argument, int32_t value, const void *md, const void *plain)
{
    m->step->use[m->step->uses++] =
        (tm_onednn_use){.argument = argument, .value = value, .prepared = -1, .md = md, .plain = plain};
}

static void label(maker *m, const char *text)
{
    char *labels = m->step->labels;
    const size_t used = strlen(labels);
    snprintf(labels + used, sizeof m->step->labels - used, "%s%s", used ? "," : "", text);
}

/* Weights in the layout that the primitive chose. */
static void use_weights(maker *m, const void *plain)
{
    if (m->status != ONEDNN_SUCCESS) return;
    const void *chosen = m->onednn->api.primitive_desc_query_md(m->step->pd, ONEDNN_QUERY_WEIGHTS_MD, 0);
    use(m, ONEDNN_ARG_WEIGHTS, operand(m, 1), chosen, plain);
    if (!m->onednn->api.memory_desc_equal(chosen, plain)) label(m, "WEIGHTS=packed");
}

static void eltwise(maker *m, tm_onednn_eltwise kind, float alpha)
{
    const tm_shape x = shape_of(m, 0);
    const void *md = as_it_is(m, &x);
    if (m->status == ONEDNN_SUCCESS) m->status = tm_onednn_eltwise_op(m->onednn, m->step, kind, alpha, md);
    use(m, ONEDNN_ARG_SRC, operand(m, 0), md, NULL);
    use(m, ONEDNN_ARG_DST, result(m), md, NULL);
}

static void plan_relu(maker *m)
{
    eltwise(m, TM_ONEDNN_RELU, 0.0f);
}

static void plan_leaky_relu(maker *m)
{
    eltwise(m, TM_ONEDNN_RELU, (float)m->host->node_real(m->graph, m->node, "slope"));
}

static void plan_sigmoid(maker *m)
{
    eltwise(m, TM_ONEDNN_LOGISTIC, 0.0f);
}

static void plan_gelu(maker *m)
{
    const bool exact = m->host->node_integer(m->graph, m->node, "approximate") == 0;
    eltwise(m, exact ? TM_ONEDNN_GELU_ERF : TM_ONEDNN_GELU_TANH, 0.0f);
}

static void plan_softplus(maker *m)
{
    eltwise(m, TM_ONEDNN_SOFT_RELU, 1.0f);
}

/* lambda elu(x, alpha): two passes, the second in place. The factor as a post-op would be one pass, of oneDNN's
 * reference code, which is slower by orders of magnitude. */
static void plan_selu(maker *m)
{
    static const double lambda = 1.0507009873554804934193349852946, alpha = 1.6732632423543772848170429916717;
    const tm_shape x = shape_of(m, 0);
    const bool is_second = m->part == 1;
    const void *md = as_it_is(m, &x);
    if (m->status == ONEDNN_SUCCESS) {
        m->status = tm_onednn_eltwise_op(m->onednn, m->step, is_second ? TM_ONEDNN_LINEAR : TM_ONEDNN_ELU,
                                         (float)(is_second ? lambda : alpha), md);
    }
    m->step->has_next = !is_second;
    m->step->rounds = x.dtype != TM_F32;
    use(m, ONEDNN_ARG_SRC, is_second ? result(m) : operand(m, 0), md, NULL);
    use(m, ONEDNN_ARG_DST, result(m), md, NULL);
}

static void plan_prelu(maker *m)
{
    const tm_shape x = shape_of(m, 0);
    sizes ones = sizes_of(&x);
    for (int32_t i = 0; i < ones.rank; i++) ones.dim[i] = 1;
    const void *md = as_it_is(m, &x), *slope = dense(m, x.dtype, &ones);
    if (m->status == ONEDNN_SUCCESS) m->status = tm_onednn_prelu(m->onednn, m->step, md, slope);
    use(m, ONEDNN_ARG_SRC, operand(m, 0), md, NULL);
    use(m, ONEDNN_ARG_WEIGHTS, operand(m, 1), slope, NULL);
    use(m, ONEDNN_ARG_DST, result(m), md, NULL);
}

/* Exponentials are kept in the result's own memory, in its type, until they are scaled. */
static void plan_softmax(maker *m)
{
    const tm_shape x = shape_of(m, 0);
    m->step->rounds = x.dtype != TM_F32;
    const int32_t axis = (int32_t)m->host->node_integer(m->graph, m->node, "axis");
    const void *md = as_it_is(m, &x);
    if (m->status == ONEDNN_SUCCESS) m->status = tm_onednn_softmax(m->onednn, m->step, md, axis);
    use(m, ONEDNN_ARG_SRC, operand(m, 0), md, NULL);
    use(m, ONEDNN_ARG_DST, result(m), md, NULL);
}

/* Scale and shift are float32 whatever x is; the rows are those of a matrix. */
static void plan_layer_norm(maker *m)
{
    static const int arguments[] = {ONEDNN_ARG_SCALE, ONEDNN_ARG_SHIFT};
    const tm_shape x = shape_of(m, 0);
    const float epsilon = (float)m->host->node_real(m->graph, m->node, "eps");
    sizes rows = {.rank = 2, .dim = {1, x.dim[x.rank - 1]}};
    for (int32_t i = 0; i < x.rank - 1; i++) rows.dim[0] *= x.dim[i];
    const sizes row = {.rank = 1, .dim = {rows.dim[1]}};
    const void *md = dense(m, x.dtype, &rows);
    if (m->status == ONEDNN_SUCCESS) m->status = tm_onednn_layer_norm(m->onednn, m->step, md, epsilon);
    use(m, ONEDNN_ARG_SRC, operand(m, 0), md, NULL);
    for (int32_t i = 0; i < 2; i++) {
        const void *plain = dense(m, x.dtype, &row), *wanted = dense(m, TM_F32, &row);
        use(m, arguments[i], operand(m, i + 1), wanted, plain);
    }
    use(m, ONEDNN_ARG_DST, result(m), md, NULL);
}

/* The last two axes, or the one that there is as a row (a) or a column (b); the others padded to `batch` axes. */
static sizes as_matrices(const tm_shape *shape, bool is_left, int32_t batch)
{
    sizes all = {.rank = batch + 2};
    const int32_t own = shape->rank > 2 ? shape->rank - 2 : 0;
    for (int32_t i = 0; i < batch; i++) all.dim[i] = i < batch - own ? 1 : shape->dim[i - (batch - own)];
    if (shape->rank > 1) {
        all.dim[batch] = shape->dim[shape->rank - 2];
        all.dim[batch + 1] = shape->dim[shape->rank - 1];
    } else {
        all.dim[batch] = is_left ? 1 : shape->dim[0];
        all.dim[batch + 1] = is_left ? shape->dim[0] : 1;
    }
    return all;
}

/* All rows as those of one matrix. */
static void fold_rows(sizes *all)
{
    const int64_t columns = all->dim[all->rank - 1];
    int64_t rows = 1;
    for (int32_t i = 0; i < all->rank - 1; i++) rows *= all->dim[i];
    *all = (sizes){.rank = 2, .dim = {rows, columns}};
}

static void plan_matmul(maker *m)
{
    const tm_shape x = shape_of(m, 0), y = shape_of(m, 1);
    const int32_t of_x = x.rank > 2 ? x.rank - 2 : 0, of_y = y.rank > 2 ? y.rank - 2 : 0;
    const int32_t batch = of_x > of_y ? of_x : of_y;
    sizes a = as_matrices(&x, true, of_y > 0 ? batch : of_x), b = as_matrices(&y, false, of_y > 0 ? batch : 0);
    sizes c = a;
    if (of_y == 0) {
        fold_rows(&a);
        c = a;
    }
    for (int32_t i = 0; i < c.rank - 2; i++) c.dim[i] = a.dim[i] == 1 ? b.dim[i] : a.dim[i];
    c.dim[c.rank - 1] = b.dim[b.rank - 1];
    const void *a_md = dense(m, x.dtype, &a), *b_md = dense(m, x.dtype, &b), *c_md = dense(m, x.dtype, &c);
    if (m->status == ONEDNN_SUCCESS) m->status = tm_onednn_matmul(m->onednn, m->step, a_md, b_md, NULL, c_md);
    use(m, ONEDNN_ARG_SRC, operand(m, 0), a_md, NULL);
    use(m, ONEDNN_ARG_WEIGHTS, operand(m, 1), b_md, NULL);
    use(m, ONEDNN_ARG_DST, result(m), c_md, NULL);
}

static void plan_linear(maker *m)
{
    const tm_shape x = shape_of(m, 0), w = shape_of(m, 1);
    sizes rows = sizes_of(&x);
    const sizes weight = sizes_of(&w), bias = {.rank = 2, .dim = {1, w.dim[1]}};
    fold_rows(&rows);
    const sizes made = {.rank = 2, .dim = {rows.dim[0], w.dim[1]}};
    const void *x_md = dense(m, x.dtype, &rows), *plain = dense(m, x.dtype, &weight);
    const void *wanted = is_input(m, 1) ? in_any_layout(m, x.dtype, &weight) : plain;
    const void *bias_md = dense(m, x.dtype, &bias), *y_md = dense(m, x.dtype, &made);
    if (m->status == ONEDNN_SUCCESS) m->status = tm_onednn_matmul(m->onednn, m->step, x_md, wanted, bias_md, y_md);
    use(m, ONEDNN_ARG_SRC, operand(m, 0), x_md, NULL);
    use(m, ONEDNN_ARG_BIAS, operand(m, 2), bias_md, NULL);
    use(m, ONEDNN_ARG_DST, result(m), y_md, NULL);
    use_weights(m, plain);
}

/* oneDNN names channels before space; strides say that they lie behind it. */
static void *channels_last(maker *m, const tm_shape *shape)
{
    int64_t strides[MAX_RANK], stride = shape->dim[shape->rank - 1];
    sizes all = {.rank = shape->rank, .dim = {shape->dim[0], stride}};
    strides[1] = 1;
    for (int32_t i = shape->rank - 1; i > 1; i--) {
        all.dim[i] = shape->dim[i - 1];
        strides[i] = stride;
        stride *= all.dim[i];
    }
    strides[0] = stride;
    return with_strides(m, shape->dtype, &all, strides);
}

static void plan_convolution(maker *m)
{
    const tm_shape x = shape_of(m, 0), w = shape_of(m, 1), y = m->host->value_shape(m->graph, result(m));
    sizes weight = {.rank = w.rank, .dim = {w.dim[0], w.dim[w.rank - 1]}};
    for (int32_t i = 2; i < w.rank; i++) weight.dim[i] = w.dim[i - 1];
    const void *x_md = channels_last(m, &x), *plain = channels_last(m, &w), *y_md = channels_last(m, &y);
    const void *wanted = is_input(m, 1) ? in_any_layout(m, w.dtype, &weight) : plain;
    if (m->status == ONEDNN_SUCCESS) m->status = tm_onednn_convolution(m->onednn, m->step, x_md, wanted, y_md);
    label(m, x.rank == 3 ? "LAYOUT=nwc" : "LAYOUT=nhwc");
    use(m, ONEDNN_ARG_SRC, operand(m, 0), x_md, NULL);
    use(m, ONEDNN_ARG_DST, result(m), y_md, NULL);
    use_weights(m, plain);
}

static void plan_concat(maker *m)
{
    const int32_t axis = (int32_t)m->host->node_integer(m->graph, m->node, "axis");
    const tm_shape made = m->host->value_shape(m->graph, result(m));
    void *part[TM_MAX_RANK] = {NULL};
    int32_t count = 0;
    for (; count < TM_MAX_RANK && operand(m, count) >= 0; count++) {
        const tm_shape x = shape_of(m, count);
        part[count] = as_it_is(m, &x);
        use(m, ONEDNN_ARG_MULTIPLE_SRC + count, operand(m, count), part[count], NULL);
    }
    const void *md = as_it_is(m, &made);
    if (m->status == ONEDNN_SUCCESS) m->status = tm_onednn_concat(m->onednn, m->step, md, count, axis, part);
    use(m, ONEDNN_ARG_DST, result(m), md, NULL);
}

/* The axes that are summed keep a size of one. */
static void plan_sum(maker *m)
{
    const tm_shape x = shape_of(m, 0);
    const bool all_axes = strcmp(m->host->node_op(m->graph, m->node), "sum_all") == 0;
    const int64_t axis = all_axes ? -1 : m->host->node_integer(m->graph, m->node, "axis");
    sizes left = sizes_of(&x);
    for (int32_t i = 0; i < left.rank; i++) left.dim[i] = all_axes || i == axis ? 1 : left.dim[i];
    const void *md = as_it_is(m, &x), *made = dense(m, x.dtype, &left);
    if (m->status == ONEDNN_SUCCESS) m->status = tm_onednn_sum(m->onednn, m->step, md, made);
    use(m, ONEDNN_ARG_SRC, operand(m, 0), md, NULL);
    use(m, ONEDNN_ARG_DST, result(m), made, NULL);
}

static const struct {
    const char *op;
    void (*plan)(maker *m);
} ops[] = {
    {"concat", plan_concat},
    {"conv1d", plan_convolution},
    {"conv2d", plan_convolution},
    {"layer_norm", plan_layer_norm},
    {"leaky_relu", plan_leaky_relu},
    {"linear", plan_linear},
    {"matmul", plan_matmul},
    {"gelu", plan_gelu},
    {"prelu", plan_prelu},
    {"relu", plan_relu},
    {"selu", plan_selu},
    {"sigmoid", plan_sigmoid},
    {"softmax", plan_softmax},
    {"softplus", plan_softplus},
    {"sum", plan_sum},
    {"sum_all", plan_sum},
};

/* Every primitive computes in float32 and as exactly as that allows, whatever the library's default. */
static int make_attributes(const tm_onednn_api *api, tm_onednn_step *step)
{
    const int status = api->primitive_attr_create(&step->attributes);
    return status != ONEDNN_SUCCESS ? status
                                    : api->primitive_attr_set_fpmath_mode(step->attributes, ONEDNN_FPMATH_STRICT);
}

tm_status tm_onednn_describe(const tm_session *session, const tm_graph *graph, int32_t node, int32_t part,
                             tm_onednn_step *into, tm_error *error)
{
    const char *name = session->host->node_op(graph, node);
    maker m = {&session->onednn, session->host, graph, node, part, into, ONEDNN_SUCCESS};
    size_t op = 0;
    *into = (tm_onednn_step){0};
    while (op < sizeof ops / sizeof *ops && strcmp(ops[op].op, name) != 0) op++;
    if (op == sizeof ops / sizeof *ops) {
        return tm_adapter_fail(error, TM_UNSUPPORTED, "oneDNN has no primitive for %s", name);
    }
    m.status = make_attributes(&session->onednn.api, into);
    if (m.status == ONEDNN_SUCCESS) ops[op].plan(&m);
    if (m.status == ONEDNN_SUCCESS) return TM_OK;
    static const char *const types[] = {
        [TM_F32] = "f32", [TM_BF16] = "bf16", [TM_F16] = "f16", [TM_I32] = "i32", [TM_I64] = "i64"};
    char what[64];
    snprintf(what, sizeof what, "%s on %s", name, types[shape_of(&m, 0).dtype]);
    return tm_onednn_refused(&session->onednn, m.status, what, error);
}

void tm_onednn_step_free(const tm_onednn *onednn, tm_onednn_step *step)
{
    const tm_onednn_api *api = &onednn->api;
    if (step->primitive) api->primitive_destroy(step->primitive);
    if (step->pd) api->primitive_desc_destroy(step->pd);
    if (step->attributes) api->primitive_attr_destroy(step->attributes);
    for (int32_t i = 0; i < step->mds; i++) tm_onednn_free_md(onednn, step->md[i]);
    *step = (tm_onednn_step){0};
}
