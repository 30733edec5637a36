/* The table of the mock backend. Every execution computes its output; with `call_ns` in the script it then spins until
 * that much time has passed. */
#include "mock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct tm_session {
    const tm_host *host;
    mock_script script;
    int64_t compiles, binds, runs, reads; /* how often each was called */
};

struct tm_program {
    tm_session *session;
    const tm_graph *graph;
    int32_t slots, inputs;
    float **data; /* slots x inputs; NULL until bound */
    float *output;
    int64_t elements;   /* of the output */
    int64_t since_bind; /* executions since an input was bound */
};

static double now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return 1e9 * (double)now.tv_sec + (double)now.tv_nsec;
}

static tm_status mock_probe(const char *device, const char *location, tm_device_info *info, tm_error *error)
{
    if (strcmp(device, "cpu") != 0) return mock_fail(error, TM_UNSUPPORTED, "mock runs on cpu, not on ", device);
    snprintf(info->framework, sizeof info->framework, "mock 1");
    snprintf(info->device, sizeof info->device, "pretended");
    mock_script script;
    const tm_status status = mock_script_read(location, &script, error);
    return status == TM_OK ? mock_strike(&script, MOCK_PROBE, 1, NULL, NULL, error) : status;
}

static tm_status mock_open(const char *device, const char *location, const char *options, int32_t threads,
                           const tm_host *host, tm_session **session, tm_error *error)
{
    (void)device;
    (void)options;
    (void)threads;
    tm_session *opened = calloc(1, sizeof *opened);
    if (!opened) return mock_fail(error, TM_OUT_OF_MEMORY, "a session", "");
    opened->host = host;
    tm_status status = mock_script_read(location, &opened->script, error);
    if (status == TM_OK) status = mock_strike(&opened->script, MOCK_OPEN, 1, host, NULL, error);
    if (status != TM_OK) {
        free(opened);
        return status;
    }
    *session = opened;
    return TM_OK;
}

static tm_status mock_supports(tm_session *session, const tm_graph *graph, tm_error *error)
{
    for (int32_t i = 0; i < session->script.rules; i++) {
        const mock_rule *rule = &session->script.rule[i];
        if (rule->fault == MOCK_UNSUPPORTED && mock_graph_has(session->host, graph, rule->text)) {
            return mock_fail(error, TM_UNSUPPORTED, "by script: ", rule->text);
        }
    }
    return mock_can_compute(session->host, graph, error);
}

static void mock_unbind(tm_program *program)
{
    for (int32_t i = 0; program->data && i < program->slots * program->inputs; i++) {
        free(program->data[i]);
        program->data[i] = NULL;
    }
}

static void mock_discard(tm_program *program)
{
    mock_unbind(program);
    free(program->data);
    free(program->output);
    free(program);
}

static tm_status mock_compile(tm_session *session, const tm_graph *graph, int32_t slots, tm_program **program,
                              tm_error *error)
{
    const tm_status status =
        mock_strike(&session->script, MOCK_COMPILE, ++session->compiles, session->host, graph, error);
    if (status != TM_OK) return status;
    tm_program *made = calloc(1, sizeof *made);
    if (!made) return mock_fail(error, TM_OUT_OF_MEMORY, "a program", "");
    const tm_host *host = session->host;
    const tm_shape shape = host->value_shape(graph, host->output_value(graph, 0));
    made->session = session;
    made->graph = graph;
    made->slots = slots;
    made->inputs = host->input_count(graph);
    made->elements = mock_elements(&shape);
    made->data = calloc((size_t)slots * (size_t)made->inputs, sizeof *made->data);
    made->output = malloc((size_t)made->elements * sizeof(float) + 1);
    if (!made->data || !made->output) {
        mock_discard(made);
        return mock_fail(error, TM_OUT_OF_MEMORY, "a program's buffers", "");
    }
    *program = made;
    return TM_OK;
}

static tm_status mock_bind(tm_program *program, int32_t slot, int32_t input, size_t offset_bytes, const void *data,
                           size_t bytes, tm_error *error)
{
    tm_session *session = program->session;
    const tm_status status =
        mock_strike(&session->script, MOCK_BIND, ++session->binds, session->host, program->graph, error);
    if (status != TM_OK) return status;
    const tm_shape shape = session->host->value_shape(program->graph, input);
    const size_t whole = (size_t)mock_elements(&shape) * sizeof(float);
    if (slot < 0 || slot >= program->slots || input < 0 || input >= program->inputs || offset_bytes > whole ||
        bytes > whole - offset_bytes) {
        return mock_fail(error, TM_INVALID_ARGUMENT, "mock: no such input", "");
    }
    float **place = &program->data[slot * program->inputs + input];
    if (!*place) *place = malloc(whole + 1);
    if (!*place) return mock_fail(error, TM_OUT_OF_MEMORY, "an input", "");
    memcpy((char *)*place + offset_bytes, data, bytes);
    program->since_bind = 0;
    return TM_OK;
}

static bool is_bound(const tm_program *program, int32_t slot)
{
    for (int32_t i = 0; i < program->inputs; i++) {
        if (!program->data[slot * program->inputs + i]) return false;
    }
    return true;
}

/* Makes a negative element more so, which relu does not show. */
static void spoil(float *data, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        if (data[i] < 0) {
            data[i] -= 1;
            return;
        }
    }
}

static double call_ns(const tm_program *program)
{
    const tm_session *session = program->session;
    const mock_rule *pace = mock_find(&session->script, MOCK_CALL_NS, session->host, program->graph);
    const mock_rule *later = mock_find(&session->script, MOCK_LATER_NS, session->host, program->graph);
    if (later && program->since_bind >= later->at) pace = later;
    return pace ? pace->amount : 0;
}

static tm_status run_once(tm_program *program, int32_t slot, tm_error *error)
{
    tm_session *session = program->session;
    const mock_script *script = &session->script;
    const double begin = now_ns();
    const tm_status status = mock_strike(script, MOCK_RUN, ++session->runs, session->host, program->graph, error);
    if (status != TM_OK) return status;
    program->since_bind++;
    if (mock_find(script, MOCK_NOTHING, session->host, program->graph)) return TM_OK;
    if (!is_bound(program, slot)) return mock_fail(error, TM_INVALID_ARGUMENT, "mock: inputs are not bound", "");
    mock_compute(session->host, program->graph, program->data + slot * program->inputs, program->output);
    if (mock_find(script, MOCK_WRONG, session->host, program->graph) && program->elements > 0) {
        program->output[program->elements / 2] += 1.0f;
    }
    const mock_rule *changes = mock_find(script, MOCK_SPOIL, session->host, program->graph);
    if (changes && program->since_bind >= changes->at) {
        const tm_shape shape = session->host->value_shape(program->graph, 0);
        spoil(program->data[slot * program->inputs], mock_elements(&shape));
    }
    while (now_ns() < begin + call_ns(program)) {}
    return TM_OK;
}

static tm_status mock_run(tm_program *program, int32_t first_slot, int64_t count, tm_error *error)
{
    tm_status status = TM_OK;
    for (int64_t i = 0; i < count && status == TM_OK; i++) {
        status = run_once(program, (int32_t)((first_slot + i) % program->slots), error);
    }
    const double end = now_ns();
    const mock_rule *once = mock_find(&program->session->script, MOCK_BATCH_NS, program->session->host, program->graph);
    while (once && now_ns() < end + once->amount) {}
    return status;
}

static tm_status mock_sync(tm_session *session, tm_error *error)
{
    (void)session;
    (void)error;
    return TM_OK;
}

static tm_status mock_read(tm_program *program, int32_t output, size_t offset_bytes, size_t bytes, void *into,
                           tm_error *error)
{
    tm_session *session = program->session;
    const tm_status status =
        mock_strike(&session->script, MOCK_READ, ++session->reads, session->host, program->graph, error);
    if (status != TM_OK) return status;
    const size_t whole = (size_t)program->elements * sizeof(float);
    if (output != 0 || offset_bytes > whole || bytes > whole - offset_bytes) {
        return mock_fail(error, TM_INVALID_ARGUMENT, "mock: no such output", "");
    }
    memcpy(into, (const char *)program->output + offset_bytes, bytes);
    return TM_OK;
}

static tm_status mock_read_input(tm_program *program, int32_t slot, int32_t input, size_t offset_bytes, size_t bytes,
                                 void *into, tm_error *error)
{
    if (!is_bound(program, slot)) return mock_fail(error, TM_INVALID_ARGUMENT, "mock: inputs are not bound", "");
    memcpy(into, (const char *)program->data[slot * program->inputs + input] + offset_bytes, bytes);
    return TM_OK;
}

static void mock_poison(tm_program *program)
{
    memset(program->output, 0xff, (size_t)program->elements * sizeof(float));
}

static tm_status mock_memory(tm_session *session, uint64_t *host_bytes, uint64_t *device_bytes, tm_error *error)
{
    (void)session;
    (void)error;
    *host_bytes = 0;
    *device_bytes = 0;
    return TM_OK;
}

static void mock_close(tm_session *session)
{
    free(session);
}

const tm_backend *tensormark_backend(void)
{
    static const tm_backend table = {
        .size = sizeof table,
        .abi = TM_BACKEND_ABI,
        .name = "mock",
        .devices = "cpu",
        .probe = mock_probe,
        .open = mock_open,
        .supports = mock_supports,
        .compile = mock_compile,
        .bind = mock_bind,
        .unbind = mock_unbind,
        .run = mock_run,
        .sync = mock_sync,
        .read = mock_read,
        .memory = mock_memory,
        .discard = mock_discard,
        .close = mock_close,
        .poison = mock_poison,
        .read_input = mock_read_input,
    };
    return &table;
}
