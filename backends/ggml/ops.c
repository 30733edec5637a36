/* Each op as the calls that a user of ggml writes for it; docs/ggml.md is the table. Operands are held as he holds
 * them: the second matrix of a product transposed, images with the channels outside, indices in 32 bits. What ggml can
 * do along the innermost dimension only is done there, with copies (ggml_cont) before and behind it that count. */
#include "adapter_ggml.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

tm_shape tm_ggml_operand_shape(const tm_ggml_call *call, int32_t position)
{
    const tm_host *host = call->session->host;
    return host->value_shape(call->graph, host->node_operand(call->graph, 0, position));
}

tm_ggml_form tm_ggml_operand_form(const tm_ggml_call *call, int32_t position)
{
    const tm_shape shape = tm_ggml_operand_shape(call, position);
    return tm_ggml_form_of(&shape);
}

tm_shape tm_ggml_result_shape(const tm_ggml_call *call)
{
    const tm_host *host = call->session->host;
    return host->value_shape(call->graph, host->input_count(call->graph));
}

static tensor new_tensor(const tm_ggml_call *call, const tm_ggml_form *form)
{
    return call->api->ggml_new_tensor_4d(call->context, tm_ggml_type(form->held), form->ne[0], form->ne[1], form->ne[2],
                                         form->ne[3]);
}

static tensor hold(tm_ggml_call *call, int32_t input, const tm_ggml_form *form)
{
    for (int32_t i = 0; i < call->held_count; i++) {
        const tm_ggml_held *held = &call->held[i];
        if (held->input == input && tm_ggml_same_form(&held->form, form)) return call->operand[i];
    }
    call->operand[call->held_count] = new_tensor(call, form);
    call->held[call->held_count] = (tm_ggml_held){.input = input, .form = *form};
    return call->operand[call->held_count++];
}

tensor tm_ggml_hold(tm_ggml_call *call, int32_t position, const tm_ggml_form *form)
{
    return hold(call, call->session->host->node_operand(call->graph, 0, position), form);
}

tensor tm_ggml_hold_mask(tm_ggml_call *call, int64_t keys, int64_t queries)
{
    const tm_shape shape = {.dtype = TM_F16, .rank = 2, .dim = {queries, keys}};
    const tm_ggml_form form = tm_ggml_form_of(&shape);
    return hold(call, -1, &form);
}

void tm_ggml_gives(tm_ggml_call *call, tensor result, tm_dtype type, const int32_t *order)
{
    const tm_shape shape = tm_ggml_result_shape(call);
    call->result = result;
    call->result_form = tm_ggml_form_of(&shape);
    call->result_form.held = type;
    if (order) tm_ggml_reorder(&call->result_form, order);
    if (type == TM_F32 && (shape.dtype == TM_F16 || shape.dtype == TM_BF16)) tm_ggml_label(call, "OUT=f32");
}

void tm_ggml_label(tm_ggml_call *call, const char *label)
{
    char *labels = call->declared.labels;
    const size_t used = strlen(labels);
    snprintf(labels + used, sizeof call->declared.labels - used, "%s%s", used ? "," : "", label);
}

void tm_ggml_refuse(tm_ggml_call *call, const char *format, ...)
{
    char words[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    call->status = tm_adapter_fail(call->error, TM_UNSUPPORTED, "%s", words);
}

static bool lacks(tm_ggml_call *call, bool present, const char *function)
{
    if (!present) tm_ggml_refuse(call, "ggml %s has no %s", call->session->ggml.version, function);
    return !present;
}

static tensor hold_plain(tm_ggml_call *call, int32_t position)
{
    const tm_ggml_form form = tm_ggml_operand_form(call, position);
    return tm_ggml_hold(call, position, &form);
}

static tensor hold_wide(tm_ggml_call *call, int32_t position)
{
    tm_ggml_form form = tm_ggml_operand_form(call, position);
    form.held = TM_F32;
    return tm_ggml_hold(call, position, &form);
}

/* As matrix of `rows`, each dense. */
static tensor hold_rows(tm_ggml_call *call, int32_t position, int64_t rows, tm_dtype type)
{
    tm_ggml_form form = tm_ggml_operand_form(call, position);
    int64_t count = form.ne[0] * form.ne[1] * form.ne[2] * form.ne[3];
    form.held = type;
    form.ne[0] = count / rows;
    form.ne[1] = rows;
    form.ne[2] = form.ne[3] = 1;
    return tm_ggml_hold(call, position, &form);
}

static void call_unary(tm_ggml_call *call, tensor (*function)(context, tensor), const char *name)
{
    if (lacks(call, function != NULL, name)) return;
    tm_ggml_gives(call, function(call->context, hold_plain(call, 0)), tm_ggml_operand_shape(call, 0).dtype, NULL);
}

static void call_relu(tm_ggml_call *call)
{
    call_unary(call, call->api->ggml_relu, "ggml_relu");
}

static void call_gelu(tm_ggml_call *call)
{
    if (call->session->host->node_integer(call->graph, 0, "approximate") == 0)
        call_unary(call, call->api->ggml_gelu_erf, "ggml_gelu_erf");
    else
        call_unary(call, call->api->ggml_gelu, "ggml_gelu");
}

static void call_sigmoid(tm_ggml_call *call)
{
    call_unary(call, call->api->ggml_sigmoid, "ggml_sigmoid");
}

static void call_softplus(tm_ggml_call *call)
{
    call_unary(call, call->api->ggml_softplus, "ggml_softplus");
}

static void call_leaky_relu(tm_ggml_call *call)
{
    const float slope = (float)call->session->host->node_real(call->graph, 0, "slope");
    const tensor y = call->api->ggml_leaky_relu(call->context, hold_plain(call, 0), slope, false);
    tm_ggml_gives(call, y, tm_ggml_operand_shape(call, 0).dtype, NULL);
}

/* What is outside the axis, along it and inside it. */
typedef struct axis_view {
    int64_t outer, length, inner;
} axis_view;

static axis_view view_axis(const tm_ggml_call *call)
{
    const tm_shape shape = tm_ggml_operand_shape(call, 0);
    int64_t axis = call->session->host->node_integer(call->graph, 0, "axis");
    axis_view view = {1, 1, 1};
    if (axis < 0) axis += shape.rank;
    for (int32_t i = 0; i < shape.rank; i++) {
        int64_t *part = i < axis ? &view.outer : i > axis ? &view.inner : &view.length;
        *part *= shape.dim[i];
    }
    return view;
}

/* The first operand with the axis innermost: as it is, or copied so. */
static tensor hold_along_axis(tm_ggml_call *call)
{
    const tm_ggml_api *api = call->api;
    const axis_view view = view_axis(call);
    tm_ggml_form form = tm_ggml_operand_form(call, 0);
    if (view.inner == 1) return tm_ggml_hold(call, 0, &form);
    tm_ggml_label(call, "ALSO=cont");
    const int64_t ne[4] = {view.inner, view.length, view.outer, 1};
    memcpy(form.ne, ne, sizeof ne);
    const tensor x = tm_ggml_hold(call, 0, &form);
    return api->ggml_cont(call->context, api->ggml_permute(call->context, x, 1, 0, 2, 3));
}

/* A result of the same shape back to where the axis was. */
static tensor from_along_axis(tm_ggml_call *call, tensor y)
{
    const tm_ggml_api *api = call->api;
    if (view_axis(call).inner == 1) return y;
    return api->ggml_cont(call->context, api->ggml_permute(call->context, y, 1, 0, 2, 3));
}

static void call_softmax(tm_ggml_call *call)
{
    const tensor y = call->api->ggml_soft_max(call->context, hold_along_axis(call));
    tm_ggml_gives(call, from_along_axis(call, y), TM_F32, NULL);
}

static void call_sum(tm_ggml_call *call)
{
    tm_ggml_gives(call, call->api->ggml_sum_rows(call->context, hold_along_axis(call)), TM_F32, NULL);
}

static void call_sum_all(tm_ggml_call *call)
{
    tm_ggml_gives(call, call->api->ggml_sum(call->context, hold_plain(call, 0)), tm_ggml_operand_shape(call, 0).dtype,
                  NULL);
}

static tensor as_matrix(tm_ggml_call *call, tensor x, const axis_view *view)
{
    return call->api->ggml_reshape_4d(call->context, x, view->length, view->outer * view->inner, 1, 1);
}

static void call_argmax(tm_ggml_call *call)
{
    const axis_view view = view_axis(call);
    if (lacks(call, call->api->ggml_argmax != NULL, "ggml_argmax")) return;
    const tensor x = as_matrix(call, hold_along_axis(call), &view);
    tm_ggml_gives(call, call->api->ggml_argmax(call->context, x), TM_I32, NULL);
}

/* Values as rows of one element each, chosen by their sorted places. */
static void call_sort(tm_ggml_call *call)
{
    enum { ascending = 0 };
    const tm_ggml_api *api = call->api;
    const axis_view view = view_axis(call);
    const int64_t rows = view.outer * view.inner;
    tm_ggml_label(call, "ALSO=indices");
    const tensor x = as_matrix(call, hold_along_axis(call), &view);
    const tensor places = api->ggml_argsort(call->context, x, ascending);
    const tensor single = api->ggml_reshape_4d(call->context, x, 1, view.length, rows, 1);
    tensor y = api->ggml_get_rows(call->context, single, places);
    if (view.inner > 1) {
        y = from_along_axis(call, api->ggml_reshape_4d(call->context, y, view.length, view.inner, view.outer, 1));
    }
    tm_ggml_gives(call, y, TM_F32, NULL);
}

static void call_layer_norm(tm_ggml_call *call)
{
    const tm_ggml_api *api = call->api;
    const float eps = (float)call->session->host->node_real(call->graph, 0, "eps");
    const tensor x = hold_plain(call, 0), scale = hold_plain(call, 1), shift = hold_plain(call, 2);
    const tensor scaled = api->ggml_mul(call->context, api->ggml_norm(call->context, x, eps), scale);
    tm_ggml_gives(call, api->ggml_add(call->context, scaled, shift), TM_F32, NULL);
}

/* A matrix, or a batch of them, with the columns in memory one after another: ggml multiplies rows by rows. */
static tensor hold_transposed(tm_ggml_call *call, int32_t position)
{
    tm_ggml_form form = tm_ggml_operand_form(call, position);
    if (form.rank < 2) return tm_ggml_hold(call, position, &form);
    int32_t order[TM_MAX_RANK];
    for (int32_t i = 0; i < form.rank; i++) order[i] = i;
    order[form.rank - 2] = form.rank - 1;
    order[form.rank - 1] = form.rank - 2;
    tm_ggml_reorder(&form, order);
    return tm_ggml_hold(call, position, &form);
}

static void declare_product(tm_ggml_call *call)
{
    const tm_dtype dtype = tm_ggml_operand_shape(call, 0).dtype;
    if (dtype == TM_F16 && call->session->ggml.adds_in_f16) call->declared.accumulator = TM_F16;
}

static void call_linear(tm_ggml_call *call)
{
    const tm_ggml_api *api = call->api;
    tm_ggml_label(call, "W=transposed");
    declare_product(call);
    const tensor weight = hold_transposed(call, 1), x = hold_plain(call, 0), bias = hold_wide(call, 2);
    const tensor y = api->ggml_mul_mat(call->context, weight, x);
    tm_ggml_gives(call, api->ggml_add(call->context, y, bias), TM_F32, NULL);
}

/* ggml repeats the matrix that comes first in its call, ours behind, for every one of the other batch. Batches that
 * count as one must be alike. */
static bool can_repeat(const tm_shape *a, const tm_shape *b)
{
    const int32_t a_batches = a->rank > 2 ? a->rank - 2 : 0, b_batches = b->rank > 2 ? b->rank - 2 : 0;
    bool alike = a_batches == b_batches, single = true;
    for (int32_t i = 0; i < b_batches; i++) {
        alike = alike && a->dim[i] == b->dim[i];
        single = single && b->dim[i] == 1;
    }
    if (alike || single) return true;
    if (a_batches > 2 || b_batches > 2) return false;
    for (int32_t i = 1; i <= b_batches; i++) {
        const int64_t of_a = i <= a_batches ? a->dim[a_batches - i] : 1, of_b = b->dim[b_batches - i];
        if (of_b != of_a && of_b != 1) return false;
    }
    return true;
}

static void call_matmul(tm_ggml_call *call)
{
    const tm_shape a = tm_ggml_operand_shape(call, 0), b = tm_ggml_operand_shape(call, 1);
    if (!can_repeat(&a, &b)) {
        tm_ggml_refuse(call, "ggml_mul_mat repeats the second operand's matrices alone, along two dimensions at most");
        return;
    }
    if (b.rank > 1) tm_ggml_label(call, "B=transposed");
    declare_product(call);
    const tensor second = hold_transposed(call, 1), first = hold_plain(call, 0);
    tm_ggml_gives(call, call->api->ggml_mul_mat(call->context, second, first), TM_F32, NULL);
}

/* Channels outside the image, as ggml has them. A sequence is an image one row high where `flat`. */
static tensor hold_image(tm_ggml_call *call, int32_t position, tm_dtype type, bool flat)
{
    static const int32_t order[2][4] = {{0, 2, 1}, {0, 3, 1, 2}};
    tm_ggml_form form = tm_ggml_operand_form(call, position);
    tm_ggml_reorder(&form, order[form.rank - 3]);
    form.held = type;
    if (flat) {
        const int64_t ne[4] = {form.ne[0], 1, form.ne[1], form.ne[2]};
        memcpy(form.ne, ne, sizeof ne);
    }
    return tm_ggml_hold(call, position, &form);
}

/* In float32 only ggml_conv_2d_direct keeps the type: the others round images and weights to f16. */
static void call_convolution(tm_ggml_call *call, bool sequence)
{
    static const int32_t order[2][4] = {{0, 2, 1}, {0, 3, 1, 2}};
    const tm_ggml_api *api = call->api;
    const tm_dtype dtype = tm_ggml_operand_shape(call, 0).dtype;
    const bool direct = dtype == TM_F32;
    if (direct && lacks(call, api->ggml_conv_2d_direct != NULL, "ggml_conv_2d_direct, and ggml_conv_2d rounds to f16"))
        return;
    tm_ggml_label(call, "LAYOUT=channels-first");
    declare_product(call);
    const tensor weight = hold_image(call, 1, dtype, sequence && direct);
    const tensor x = hold_image(call, 0, TM_F32, sequence && direct);
    const tensor y = direct     ? api->ggml_conv_2d_direct(call->context, weight, x, 1, 1, 0, 0, 1, 1)
                     : sequence ? api->ggml_conv_1d(call->context, weight, x, 1, 0, 1)
                                : api->ggml_conv_2d(call->context, weight, x, 1, 1, 0, 0, 1, 1);
    tm_ggml_gives(call, y, TM_F32, order[sequence ? 0 : 1]);
}

static void call_conv1d(tm_ggml_call *call)
{
    call_convolution(call, true);
}

static void call_conv2d(tm_ggml_call *call)
{
    call_convolution(call, false);
}

static tensor hold_indices(tm_ggml_call *call, int64_t rows)
{
    const tm_shape shape = tm_ggml_operand_shape(call, 1);
    if (rows > INT32_MAX || shape.dim[0] > INT32_MAX) {
        tm_ggml_refuse(call, "ggml's indices have 32 bits, too few for %lld rows", (long long)rows);
        return NULL;
    }
    tm_ggml_label(call, "INDICES=i32");
    return hold_rows(call, 1, 1, TM_I32);
}

static void call_gather(tm_ggml_call *call)
{
    const tm_shape table = tm_ggml_operand_shape(call, 0);
    const tensor indices = hold_indices(call, table.dim[0]);
    if (!indices) return;
    const tensor rows = hold_rows(call, 0, table.dim[0], table.dtype);
    tm_ggml_gives(call, call->api->ggml_get_rows(call->context, rows, indices), TM_F32, NULL);
}

/* Rows of the result, which is made by the graph and zero where nothing is put. */
static void call_scatter(tm_ggml_call *call)
{
    const tm_ggml_api *api = call->api;
    const tm_shape source = tm_ggml_operand_shape(call, 0), result = tm_ggml_result_shape(call);
    if (lacks(call, api->ggml_set_rows != NULL, "ggml_set_rows") ||
        lacks(call, api->ggml_fill_inplace != NULL, "ggml_fill_inplace"))
        return;
    if (source.dtype != TM_F32) tm_ggml_label(call, "IN=f32");
    const tensor rows = hold_rows(call, 0, source.dim[0], TM_F32), indices = hold_rows(call, 1, 1, TM_I64);
    const int64_t columns = tm_adapter_elements(&result) / result.dim[0];
    const tensor into =
        api->ggml_new_tensor_4d(call->context, tm_ggml_type(result.dtype), columns, result.dim[0], 1, 1);
    const tensor zeros = api->ggml_fill_inplace(call->context, into, 0);
    tm_ggml_gives(call, api->ggml_set_rows(call->context, zeros, rows, indices), result.dtype, NULL);
}

/* The gradient of ggml_get_rows. Its third operand only says how many rows there are. */
static void call_scatter_sum(tm_ggml_call *call)
{
    const tm_ggml_api *api = call->api;
    const tm_shape source = tm_ggml_operand_shape(call, 0), result = tm_ggml_result_shape(call);
    if (lacks(call, api->ggml_get_rows_back != NULL, "ggml_get_rows_back")) return;
    const tensor indices = hold_indices(call, result.dim[0]);
    if (!indices) return;
    const tensor rows = hold_rows(call, 0, source.dim[0], source.dtype);
    const int64_t columns = tm_adapter_elements(&result) / result.dim[0];
    const tensor like = api->ggml_new_tensor_4d(call->context, tm_ggml_type(TM_F32), columns, result.dim[0], 1, 1);
    tm_ggml_gives(call, api->ggml_get_rows_back(call->context, rows, indices, like), TM_F32, NULL);
}

/* Two at a time. What is outside and inside the axis counts as one where there are more dimensions than ggml has. */
static void call_concat(tm_ggml_call *call)
{
    const tm_shape first = tm_ggml_operand_shape(call, 0);
    const axis_view view = view_axis(call);
    int64_t axis = call->session->host->node_integer(call->graph, 0, "axis");
    if (axis < 0) axis += first.rank;
    tensor y = NULL;
    for (int32_t i = 0; call->session->host->node_operand(call->graph, 0, i) >= 0; i++) {
        const tm_shape part = tm_ggml_operand_shape(call, i);
        tm_ggml_form form = tm_ggml_form_of(&part);
        const int64_t ne[4] = {view.inner, part.dim[axis], view.outer, 1};
        if (first.rank > 4) memcpy(form.ne, ne, sizeof ne);
        const tensor next = tm_ggml_hold(call, i, &form);
        const int dimension = first.rank > 4 ? 1 : (int)(first.rank - 1 - axis);
        y = y ? call->api->ggml_concat(call->context, y, next, dimension) : next;
    }
    tm_ggml_gives(call, y, first.dtype, NULL);
}

enum { F32 = 1 << TM_F32, BF16 = 1 << TM_BF16, F16 = 1 << TM_F16, ANY = F32 | BF16 | F16 };

static const struct {
    const char *op;
    void (*make)(tm_ggml_call *call); /* NULL: ggml has no such op */
    int types;
    const char *function; /* named where a type is refused; what ggml has instead where there is no op */
} ops[] = {
    {"argmax", call_argmax, F32, "ggml_argmax"},
    {"bce", NULL, 0, "its cross entropy is of classes after a softmax"},
    {"concat", call_concat, ANY, "ggml_concat"},
    {"conv1d", call_conv1d, ANY, "ggml_conv_1d"},
    {"conv2d", call_conv2d, ANY, "ggml_conv_2d"},
    {"gather", call_gather, ANY, "ggml_get_rows"},
    {"gelu", call_gelu, ANY, "ggml_gelu"},
    {"layer_norm", call_layer_norm, F32, "ggml_norm"},
    {"leaky_relu", call_leaky_relu, F32 | F16, "ggml_leaky_relu"},
    {"linear", call_linear, ANY, "ggml_mul_mat"},
    {"matmul", call_matmul, ANY, "ggml_mul_mat"},
    {"prelu", NULL, 0, "ggml_leaky_relu takes a constant, not a tensor"},
    {"relu", call_relu, ANY, "ggml_relu"},
    {"scatter", call_scatter, F32 | F16, "ggml_fill_inplace"},
    {"scatter_max", NULL, 0, "ggml_set_rows keeps the last row, ggml_get_rows_back adds"},
    {"scatter_sum", call_scatter_sum, F32 | F16, "ggml_get_rows_back"},
    {"sdpa", tm_ggml_call_sdpa, ANY, "ggml_flash_attn_ext"},
    {"selu", NULL, 0, "ggml_elu has no scale and no alpha"},
    {"sigmoid", call_sigmoid, ANY, "ggml_sigmoid"},
    {"softmax", call_softmax, F32, "ggml_soft_max"},
    {"softplus", call_softplus, ANY, "ggml_softplus"},
    {"sort", call_sort, F32, "ggml_argsort"},
    {"sum", call_sum, F32, "ggml_sum_rows"},
    {"sum_all", call_sum_all, ANY, "ggml_sum"},
};

enum { OPS = sizeof ops / sizeof *ops };

static int find_op(const char *name)
{
    for (int i = 0; i < OPS; i++) {
        if (strcmp(ops[i].op, name) == 0) return i;
    }
    return -1;
}

/* Empty tensors are skipped by ggml, which is no answer where a result is not empty. */
static bool is_empty(const tm_ggml_call *call)
{
    const int32_t values = call->session->host->input_count(call->graph) + 1;
    for (int32_t i = 0; i < values; i++) {
        const tm_shape shape = call->session->host->value_shape(call->graph, i);
        if (tm_adapter_elements(&shape) == 0) return true;
    }
    return false;
}

static void check_graph(tm_ggml_call *call, int *op)
{
    const tm_host *host = call->session->host;
    const char *name = host->node_count(call->graph) == 1 ? host->node_op(call->graph, 0) : "";
    *op = find_op(name);
    if (host->node_count(call->graph) != 1) {
        tm_ggml_refuse(call, "ggml is asked for one op at a time, not for a graph of %d",
                       (int)host->node_count(call->graph));
    } else if (*op < 0) {
        tm_ggml_refuse(call, "ggml has no %s", name);
    } else if (!ops[*op].make) {
        tm_ggml_refuse(call, "ggml has no %s: %s", name, ops[*op].function);
    } else if (!(ops[*op].types & 1 << tm_ggml_operand_shape(call, 0).dtype)) {
        static const char *const names[] = {[TM_F32] = "f32", [TM_BF16] = "bf16", [TM_F16] = "f16"};
        tm_ggml_refuse(call, "%s has no %s on its CPU backend", ops[*op].function,
                       names[tm_ggml_operand_shape(call, 0).dtype]);
    } else if (is_empty(call)) {
        tm_ggml_refuse(call, "ggml skips tensors without elements");
    }
}

tm_status tm_ggml_make_call(tm_ggml_call *call, const tm_session *session, const tm_graph *graph, tm_error *error)
{
    int op = -1;
    const tm_ggml_api *api = &session->ggml.api;
    *call = (tm_ggml_call){.session = session, .api = api, .graph = graph, .error = error};
    check_graph(call, &op);
    if (call->status != TM_OK) return call->status;
    const size_t bytes = TM_GGML_MOST_TENSORS * api->ggml_tensor_overhead() +
                         api->ggml_graph_overhead_custom(TM_GGML_MOST_TENSORS, false);
    call->context = api->ggml_init((tm_ggml_memory){bytes, NULL, true});
    if (!call->context) return tm_adapter_fail(error, TM_OUT_OF_MEMORY, "out of memory for a context of ggml");
    ops[op].make(call);
    return call->status;
}
