/* A compiled graph: a model, loaded into sessions of ONNX Runtime, and tensors on the memory of each slot. A user's
 * model carries its weights, so that the runtime can arrange them when it loads it: a graph with weights gets a session
 * for each slot, made when the slot's last input is bound; any other graph has one session for all. The result of the
 * last execution is kept until the next one begins, so every execution frees one result and makes one. */
#include "ort.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t largest_model = (size_t)2000 << 20; /* protobuf ends at 2 GiB */

static tm_shape value_shape(const tm_program *program, int32_t value)
{
    return program->session->host->value_shape(program->graph, value);
}

static tm_shape held_shape(const tm_program *program, int32_t value)
{
    const tm_shape shape = value_shape(program, value);
    return tm_ort_held_shape(&shape, program->form[value]);
}

static int32_t session_of(const tm_program *program, int32_t slot)
{
    return program->any_weight ? slot : 0;
}

/* The model, with the weights of `slot`. */
static tm_status write_model(const tm_program *program, int32_t slot, tm_wire *into, tm_error *error)
{
    const tm_host *host = program->session->host;
    tm_maker m = {.program = program, .host = host, .graph = program->graph, .slot = slot};
    m.numbers = program->values;
    m.opset = TM_ORT_OPSET;
    for (int32_t i = 0; i < program->slots.inputs; i++) {
        const tm_shape shape = held_shape(program, i);
        if (program->weight[i]) {
            tm_model_constant(&m, i, &shape, tm_slots_input(&program->slots, slot, i));
        } else {
            tm_model_input(&m, i, &shape);
        }
    }
    for (m.node = 0; m.node < host->node_count(program->graph); m.node++) tm_ort_write_node(&m);
    for (int32_t i = 0; i < program->result_count; i++) {
        const tm_shape shape = held_shape(program, program->made[i]);
        tm_model_output(&m, program->made[i], &shape);
    }
    if (tm_model_finish(&m, into)) return TM_OK;
    return tm_adapter_fail(error, TM_OUT_OF_MEMORY, "out of memory for a model");
}

static tm_status make_runtime(tm_program *program, int32_t slot, tm_error *error)
{
    const tm_session *session = program->session;
    const tm_ort *ort = &session->ort;
    tm_wire model;
    tm_status status = write_model(program, slot, &model, error);
    if (status == TM_OK) {
        ort_session **into = &program->runtime[session_of(program, slot)];
        ort_status *made = ort->api.make_session(session->env, model.data, model.bytes, session->options, into);
        status = tm_ort_check(ort, made, "CreateSession", error);
    }
    free(model.data);
    return status;
}

static void drop_runtime(tm_program *program, int32_t at)
{
    if (program->runtime[at]) program->session->ort.api.drop_session(program->runtime[at]);
    program->runtime[at] = NULL;
}

/* A tensor on memory of ours. */
static tm_status make_value(const tm_program *program, int32_t value, void *data, ort_value **into, tm_error *error)
{
    const tm_session *session = program->session;
    const tm_shape shape = held_shape(program, value);
    if (!data) return tm_adapter_fail(error, TM_OUT_OF_MEMORY, "out of memory for a program's values");
    ort_status *made = session->ort.api.make_value(session->memory, data, tm_adapter_bytes(&shape), shape.dim,
                                                   (size_t)shape.rank, tm_ort_type(shape.dtype), into);
    return tm_ort_check(&session->ort, made, "CreateTensor", error);
}

static void drop_value(const tm_program *program, ort_value **value)
{
    if (*value) program->session->ort.api.drop_value(*value);
    *value = NULL;
}

/* What an execution leaves; with +tuned the tensors stay, and only what was seen of them is forgotten. */
static void drop_results(tm_program *program)
{
    for (int32_t i = 0; i < program->result_count; i++) {
        if (!program->session->tuned) drop_value(program, &program->result[i]);
        program->data[i] = NULL;
    }
}

static tm_status make_results(tm_program *program, tm_error *error)
{
    tm_status status = TM_OK;
    if (!program->session->tuned) return TM_OK;
    for (int32_t i = 0; i < program->result_count && status == TM_OK; i++) {
        char *base = tm_pages_take(&program->session->outputs, program->result_bytes);
        if (program->result[i]) continue;
        void *data = base ? base + program->result_at[i] : NULL;
        status = make_value(program, program->made[i], data, &program->result[i], error);
    }
    return status;
}

static tm_status execute(tm_program *program, int32_t slot, tm_error *error)
{
    const tm_ort *ort = &program->session->ort;
    const size_t feeds = (size_t)program->feed_count;
    ort_value **feed = program->feed + (size_t)slot * feeds;
    drop_results(program);
    program->last_slot = slot;
    ort_status *failed =
        ort->api.run(program->runtime[session_of(program, slot)], NULL, program->feeds, (const ort_value *const *)feed,
                     feeds, program->results, (size_t)program->result_count, program->result);
    return failed ? tm_ort_check(ort, failed, "Run", error) : TM_OK;
}

/* Everything that executions on a slot need. A session that replaces one which was given back is run once, so that it
 * has the memory that its predecessor had. */
static tm_status prepare(tm_program *program, int32_t slot, tm_error *error)
{
    tm_status status = TM_OK;
    const bool fresh = !program->runtime[session_of(program, slot)];
    if (!tm_slots_all_bound(&program->slots, slot)) {
        return tm_adapter_fail(error, TM_INVALID_ARGUMENT, "slot %d is not bound", (int)slot);
    }
    if (fresh) status = make_runtime(program, slot, error);
    for (int32_t i = 0; i < program->feed_count && status == TM_OK; i++) {
        ort_value **value = &program->feed[slot * program->feed_count + i];
        if (*value) continue;
        status =
            make_value(program, program->fed[i], tm_slots_input(&program->slots, slot, program->fed[i]), value, error);
    }
    if (status == TM_OK) status = make_results(program, error);
    if (status == TM_OK && fresh && program->emptied) {
        status = execute(program, slot, error);
        drop_results(program);
    }
    program->ready[slot] = status == TM_OK;
    return status;
}

/* Room for a piece of an input that is converted: the checks, and the mark, of one that is copied. */
static tm_status bind_converted(tm_program *program, int32_t slot, int32_t input, size_t offset, const void *data,
                                size_t bytes, tm_error *error)
{
    const tm_shape shape = value_shape(program, input);
    const size_t whole = tm_adapter_bytes(&shape);
    if (offset > whole || bytes > whole - offset) {
        return tm_adapter_fail(error, TM_INVALID_ARGUMENT, "a piece goes beyond input %d", (int)input);
    }
    const tm_status status = tm_slots_bind(&program->slots, slot, input, offset, NULL, 0, error);
    if (status != TM_OK) return status;
    /* Only read from: move_channels takes one pointer for both directions. */
    return tm_ort_move_channels(&shape, offset, bytes, (void *)(uintptr_t)data,
                                tm_slots_input(&program->slots, slot, input), true, error);
}

static bool is_input(const tm_program *program, int32_t slot, int32_t input)
{
    return slot >= 0 && slot < program->slots.slots && input >= 0 && input < program->slots.inputs;
}

tm_status tm_ort_bind(tm_program *program, int32_t slot, int32_t input, size_t offset_bytes, const void *data,
                      size_t bytes, tm_error *error)
{
    const bool converted = is_input(program, slot, input) && program->form[input] == TM_ORT_CHANNELS_FIRST;
    tm_status status = converted ? bind_converted(program, slot, input, offset_bytes, data, bytes, error)
                                 : tm_slots_bind(&program->slots, slot, input, offset_bytes, data, bytes, error);
    if (status != TM_OK) return status;
    if (program->weight[input]) {
        drop_runtime(program, slot);
        program->ready[slot] = false;
    }
    const tm_shape shape = value_shape(program, input);
    const bool last = input == program->slots.inputs - 1 && offset_bytes + bytes == tm_adapter_bytes(&shape);
    if (!last || program->ready[slot] || !tm_slots_all_bound(&program->slots, slot)) return TM_OK;
    return prepare(program, slot, error);
}

tm_status tm_ort_read_input(tm_program *program, int32_t slot, int32_t input, size_t offset_bytes, size_t bytes,
                            void *into, tm_error *error)
{
    const bool converted = is_input(program, slot, input) && program->form[input] == TM_ORT_CHANNELS_FIRST;
    tm_status status = tm_slots_read_input(&program->slots, slot, input, offset_bytes, bytes, into, error);
    if (status != TM_OK || !converted) return status;
    const tm_shape shape = value_shape(program, input);
    return tm_ort_move_channels(&shape, offset_bytes, bytes, into, tm_slots_input(&program->slots, slot, input), false,
                                error);
}

static void drop_all(tm_program *program)
{
    drop_results(program);
    for (int32_t i = 0; i < program->result_count; i++) drop_value(program, &program->result[i]);
    for (int32_t i = 0; i < program->slots.slots * program->feed_count; i++) drop_value(program, &program->feed[i]);
    for (int32_t slot = 0; slot < program->slots.slots; slot++) {
        drop_runtime(program, slot);
        program->ready[slot] = false;
    }
}

/* The sessions go, too: their arenas keep what results lay in. */
void tm_ort_unbind(tm_program *program)
{
    drop_all(program);
    tm_slots_unbind(&program->slots);
    tm_pages_free(&program->session->outputs);
    program->emptied = true;
}

tm_status tm_ort_run(tm_program *program, int32_t first_slot, int64_t count, tm_error *error)
{
    tm_status status = TM_OK;
    for (int64_t i = 0; i < count && status == TM_OK; i++) {
        const int32_t slot = (int32_t)((first_slot + i) % program->slots.slots);
        if (!program->ready[slot]) status = prepare(program, slot, error);
        if (status == TM_OK) status = execute(program, slot, error);
    }
    return status;
}

/* A result that is not what the graph says would be read beyond its end. */
static tm_status check_result(const tm_program *program, ort_value *result, const tm_shape *wanted, tm_error *error)
{
    const tm_ort_api *api = &program->session->ort.api;
    ort_shape *shape = NULL;
    int64_t dims[TM_MAX_RANK] = {0};
    size_t rank = 0;
    int type = 0;
    tm_status status = tm_ort_check(&program->session->ort, api->value_shape(result, &shape), "result", error);
    if (status != TM_OK) return status;
    ort_status *failed = api->shape_type(shape, &type);
    if (!failed) failed = api->shape_rank(shape, &rank);
    if (!failed && rank <= TM_MAX_RANK) failed = api->shape_dims(shape, dims, rank);
    status = tm_ort_check(&program->session->ort, failed, "result", error);
    api->drop_shape(shape);
    if (status != TM_OK) return status;
    bool equal = rank == (size_t)wanted->rank && type == tm_ort_type(wanted->dtype);
    for (int32_t i = 0; equal && i < wanted->rank; i++) equal = dims[i] == wanted->dim[i];
    if (equal) return TM_OK;
    return tm_adapter_fail(error, TM_FAILED, "ONNX Runtime's result has another shape or type than the graph's");
}

static tm_status look_at_result(tm_program *program, int32_t at, tm_error *error)
{
    const tm_shape wanted = held_shape(program, program->made[at]);
    if (program->data[at]) return TM_OK;
    if (!program->result[at]) return tm_adapter_fail(error, TM_INVALID_ARGUMENT, "there is no result to be read");
    const tm_status status = check_result(program, program->result[at], &wanted, error);
    if (status != TM_OK) return status;
    const tm_ort *ort = &program->session->ort;
    return tm_ort_check(ort, ort->api.value_data(program->result[at], &program->data[at]), "result", error);
}

static int32_t find_made(const tm_program *program, int32_t value)
{
    for (int32_t i = 0; i < program->result_count; i++) {
        if (program->made[i] == value) return i;
    }
    return -1;
}

tm_status tm_ort_read(tm_program *program, int32_t output, size_t offset_bytes, size_t bytes, void *into,
                      tm_error *error)
{
    const tm_host *host = program->session->host;
    if (output < 0 || output >= host->output_count(program->graph)) {
        return tm_adapter_fail(error, TM_INVALID_ARGUMENT, "there is no output %d", (int)output);
    }
    const int32_t value = host->output_value(program->graph, output), at = find_made(program, value);
    if (at < 0) return tm_ort_read_input(program, program->last_slot, value, offset_bytes, bytes, into, error);
    const tm_shape shape = value_shape(program, value);
    const size_t whole = tm_adapter_bytes(&shape);
    if (offset_bytes > whole || bytes > whole - offset_bytes) {
        return tm_adapter_fail(error, TM_INVALID_ARGUMENT, "a piece goes beyond output %d", (int)output);
    }
    const tm_status status = look_at_result(program, at, error);
    if (status != TM_OK || bytes == 0) return status;
    char *data = program->data[at];
    if (program->form[value] == TM_ORT_CHANNELS_FIRST) {
        return tm_ort_move_channels(&shape, offset_bytes, bytes, into, data, false, error);
    }
    memcpy(into, data + offset_bytes, bytes);
    return TM_OK;
}

/* Results that the runtime made are filled before they are freed: its arena hands out what was freed last. */
void tm_ort_poison(tm_program *program)
{
    for (int32_t i = 0; i < program->result_count; i++) {
        const tm_shape shape = held_shape(program, program->made[i]);
        if (!program->result[i] || look_at_result(program, i, NULL) != TM_OK) continue;
        if (program->data[i]) memset(program->data[i], 0xff, tm_adapter_bytes(&shape));
    }
    drop_results(program);
}

void tm_ort_discard(tm_program *program)
{
    if (program->slots.bound && program->runtime && program->feed && program->result) drop_all(program);
    tm_slots_free(&program->slots);
    free(program->form);
    free(program->weight);
    free(program->name);
    free(program->fed);
    free(program->feeds);
    free(program->made);
    free(program->results);
    free(program->runtime);
    free(program->feed);
    free(program->result);
    free(program->data);
    free(program->result_at);
    free(program->ready);
    free(program);
}

static bool allocate(tm_program *made, int32_t slots, int32_t outputs)
{
    const size_t inputs = (size_t)made->slots.inputs + 1, results = (size_t)outputs + 1;
    made->form = calloc((size_t)made->values + 1, sizeof *made->form);
    made->weight = calloc(inputs, sizeof *made->weight);
    made->name = calloc((size_t)made->values + 1, sizeof *made->name);
    made->fed = calloc(inputs, sizeof *made->fed);
    made->feeds = calloc(inputs, sizeof *made->feeds);
    made->made = calloc(results, sizeof *made->made);
    made->results = calloc(results, sizeof *made->results);
    made->runtime = calloc((size_t)slots + 1, sizeof(ort_session *));
    made->feed = calloc((size_t)slots * inputs, sizeof(ort_value *));
    made->result = calloc(results, sizeof(ort_value *));
    made->data = calloc(results, sizeof(void *));
    made->result_at = calloc(results, sizeof *made->result_at);
    made->ready = calloc((size_t)slots + 1, sizeof *made->ready);
    return made->form && made->weight && made->name && made->fed && made->feeds && made->made && made->results &&
           made->runtime && made->feed && made->result && made->data && made->result_at && made->ready;
}

static tm_status list_inputs(tm_program *made, tm_error *error)
{
    size_t weights = 0;
    for (int32_t i = 0; i < made->slots.inputs; i++) {
        const tm_shape shape = value_shape(made, i);
        if (made->weight[i]) {
            made->any_weight = true;
            weights += tm_adapter_bytes(&shape);
            continue;
        }
        made->fed[made->feed_count] = i;
        made->feeds[made->feed_count++] = made->name[i];
    }
    if (weights <= largest_model) return TM_OK;
    return tm_adapter_fail(error, TM_UNSUPPORTED,
                           "weights of %zu MB do not fit into an ONNX model in memory, which ends at 2 GiB",
                           weights >> 20);
}

/* Outputs that are inputs are read from there. */
static void list_results(tm_program *made)
{
    enum { pitch = 4096 };
    const tm_host *host = made->session->host;
    for (int32_t i = 0; i < host->output_count(made->graph); i++) {
        const int32_t value = host->output_value(made->graph, i);
        if (value < made->slots.inputs || find_made(made, value) >= 0) continue;
        const tm_shape shape = value_shape(made, value);
        made->results[made->result_count] = made->name[value];
        made->result_at[made->result_count] = made->result_bytes;
        made->made[made->result_count++] = value;
        made->result_bytes += (tm_adapter_bytes(&shape) + pitch) / pitch * pitch;
    }
}

tm_status tm_ort_compile(tm_session *session, const tm_graph *graph, int32_t slots, tm_program **program,
                         tm_error *error)
{
    const tm_host *host = session->host;
    tm_program *made = calloc(1, sizeof *made);
    if (!made) return tm_adapter_fail(error, TM_OUT_OF_MEMORY, "out of memory for a program");
    made->session = session;
    made->graph = graph;
    tm_status status = tm_slots_make(&made->slots, host, graph, slots, &session->inputs, error);
    made->values = made->slots.inputs + host->node_count(graph);
    if (status == TM_OK && !allocate(made, slots, host->output_count(graph))) {
        status = tm_adapter_fail(error, TM_OUT_OF_MEMORY, "out of memory for a program's values");
    }
    if (status == TM_OK) {
        tm_ort_find_forms(host, graph, session->tuned, made->form, made->weight);
        for (int32_t i = 0; i < made->values; i++) snprintf(made->name[i], sizeof made->name[i], "v%d", (int)i);
        status = list_inputs(made, error);
        list_results(made);
    }
    if (status == TM_OK && !made->any_weight) status = make_runtime(made, 0, error);
    if (status != TM_OK) {
        tm_ort_discard(made);
        return status;
    }
    tm_ort_declare(session, graph, &made->declared);
    *program = made;
    return TM_OK;
}
