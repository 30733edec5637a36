/* A complete backend in one file, to start a new one from. It runs graphs made of relu and matmul on f32, plainly.
 *
 * Out of the source tree, all it needs is the folder include/ of Tensormark:
 *
 *     cc -std=c17 -O2 -fPIC -shared -fvisibility=hidden -I include -o libmine.so template.c
 *     tensormark run --backend mine=template@./libmine.so --backends native,mine --filter '^(relu|matmul)/'
 *
 * The numbered comments are the steps of docs/add-a-backend.md. Keep three promises: never report a time, never check
 * a result, and return TM_UNSUPPORTED (with what is missing) rather than run something else than was asked for.
 */
#include "tensormark/backend.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 1. What lives as long as the device is open: a framework's context, its threads. */
struct tm_session {
    const tm_host *host; /* how graphs are read */
};

/* 2. What lives as long as one compiled graph. Here every value of the graph has a buffer of its own; each slot has its
 * own inputs. */
struct tm_program {
    const tm_host *host;
    const tm_graph *graph;
    int32_t slots, inputs, values;
    float **input; /* slots x inputs; NULL until bound */
    float **value; /* by value; those of inputs are set at each execution */
};

/* Fills the error in the form that the host shows: one line that names what it is about. */
static tm_status fail(tm_error *error, tm_status status, const char *message, const char *about)
{
    snprintf(error->message, sizeof error->message, "%s%s", message, about);
    return status;
}

static int64_t elements(const tm_shape *shape)
{
    int64_t count = 1;
    for (int32_t i = 0; i < shape->rank; i++) count *= shape->dim[i];
    return count;
}

static size_t bytes_of(const tm_host *host, const tm_graph *graph, int32_t value)
{
    const tm_shape shape = host->value_shape(graph, value);
    return (size_t)elements(&shape) * sizeof(float);
}

/* 3. Can this device be used here? Cheap, and with a reason that says what to install. A framework's library is loaded
 * here with dlopen, so that the backend itself loads everywhere. */
static tm_status template_probe(const char *device, const char *location, tm_device_info *info, tm_error *error)
{
    (void)location; /* what the user wrote behind the @, when that is not this library itself */
    if (strcmp(device, "cpu") != 0) return fail(error, TM_UNSUPPORTED, "template runs on cpu, not on ", device);
    snprintf(info->framework, sizeof info->framework, "template 1");
    snprintf(info->device, sizeof info->device, "one thread");
    return TM_OK;
}

/* 4. Opens the device. `threads` binds every pool that the framework owns; this backend uses the calling thread alone.
 * An option that is not understood must be refused: a silently ignored "tf32" would be a wrong label. */
static tm_status template_open(const char *device, const char *location, const char *options, int32_t threads,
                               const tm_host *host, tm_session **session, tm_error *error)
{
    (void)device;
    (void)location;
    (void)threads;
    if (options[0]) return fail(error, TM_UNSUPPORTED, "template has no option ", options);
    tm_session *opened = malloc(sizeof *opened);
    if (!opened) return fail(error, TM_OUT_OF_MEMORY, "out of memory for a session", "");
    opened->host = host;
    *session = opened;
    return TM_OK;
}

/* 5. Says for every node whether it can run exactly as asked: op, types, ranks, attributes. */
static tm_status template_supports(tm_session *session, const tm_graph *graph, tm_error *error)
{
    const tm_host *host = session->host;
    const int32_t inputs = host->input_count(graph);
    for (int32_t node = 0; node < host->node_count(graph); node++) {
        const char *op = host->node_op(graph, node);
        const bool matmul = strcmp(op, "matmul") == 0;
        if (!matmul && strcmp(op, "relu") != 0) return fail(error, TM_UNSUPPORTED, "template has no op ", op);
        for (int32_t i = 0, value; (value = host->node_operand(graph, node, i)) >= 0; i++) {
            if (matmul && host->value_shape(graph, value).rank != 2) {
                return fail(error, TM_UNSUPPORTED, "template multiplies matrices, not batches of them", "");
            }
        }
    }
    for (int32_t value = 0; value < inputs + host->node_count(graph); value++) {
        if (host->value_shape(graph, value).dtype != TM_F32)
            return fail(error, TM_UNSUPPORTED, "template has f32 only", "");
    }
    return TM_OK;
}

static void template_unbind(tm_program *program)
{
    for (int32_t i = 0; i < program->slots * program->inputs; i++) {
        free(program->input[i]);
        program->input[i] = NULL;
    }
}

static void template_discard(tm_program *program)
{
    if (program->input) template_unbind(program);
    for (int32_t i = program->inputs; program->value && i < program->values; i++) free(program->value[i]);
    free(program->input);
    free(program->value);
    free(program);
}

/* 6. All slow work, and all memory that executions need. Nothing is allocated afterwards. */
static tm_status template_compile(tm_session *session, const tm_graph *graph, int32_t slots, tm_program **program,
                                  tm_error *error)
{
    const tm_host *host = session->host;
    tm_program *made = calloc(1, sizeof *made);
    if (!made) return fail(error, TM_OUT_OF_MEMORY, "out of memory for a program", "");
    made->host = host;
    made->graph = graph;
    made->slots = slots;
    made->inputs = host->input_count(graph);
    made->values = made->inputs + host->node_count(graph);
    made->input = calloc((size_t)slots * (size_t)made->inputs, sizeof *made->input);
    made->value = calloc((size_t)made->values, sizeof *made->value);
    bool complete = made->input && made->value;
    for (int32_t value = made->inputs; complete && value < made->values; value++) {
        made->value[value] = malloc(bytes_of(host, graph, value) + 1);
        complete = made->value[value] != NULL;
    }
    if (!complete) {
        template_discard(made);
        return fail(error, TM_OUT_OF_MEMORY, "out of memory for a program's values", "");
    }
    *program = made;
    return TM_OK;
}

/* 7. Copies a piece of an input: large ones come in several calls, and `data` is gone afterwards. */
static tm_status template_bind(tm_program *program, int32_t slot, int32_t input, size_t offset_bytes, const void *data,
                               size_t bytes, tm_error *error)
{
    const size_t whole = bytes_of(program->host, program->graph, input);
    if (slot >= program->slots || input >= program->inputs || offset_bytes > whole || bytes > whole - offset_bytes) {
        return fail(error, TM_INVALID_ARGUMENT, "there is no such input", "");
    }
    float **place = &program->input[slot * program->inputs + input];
    if (!*place) *place = malloc(whole + 1);
    if (!*place) return fail(error, TM_OUT_OF_MEMORY, "out of memory for an input", "");
    memcpy((char *)*place + offset_bytes, data, bytes);
    return TM_OK;
}

static void relu(const float *x, float *y, int64_t count)
{
    for (int64_t i = 0; i < count; i++) y[i] = x[i] > 0.0f ? x[i] : 0.0f;
}

static void matmul(const float *a, const float *b, float *c, int64_t m, int64_t k, int64_t n)
{
    memset(c, 0, (size_t)(m * n) * sizeof *c);
    for (int64_t i = 0; i < m; i++) {
        for (int64_t l = 0; l < k; l++) {
            for (int64_t j = 0; j < n; j++) c[i * n + j] += a[i * k + l] * b[l * n + j];
        }
    }
}

static void run_node(tm_program *program, int32_t node)
{
    const tm_host *host = program->host;
    const int32_t first = host->node_operand(program->graph, node, 0),
                  second = host->node_operand(program->graph, node, 1);
    float *result = program->value[program->inputs + node];
    const tm_shape a = host->value_shape(program->graph, first);
    if (second < 0) {
        relu(program->value[first], result, elements(&a));
        return;
    }
    const tm_shape b = host->value_shape(program->graph, second);
    matmul(program->value[first], program->value[second], result, a.dim[0], a.dim[1], b.dim[1]);
}

/* 8. The measured part. On a device that works by itself this only enqueues, and `sync` waits. */
static tm_status template_run(tm_program *program, int32_t first_slot, int64_t count, tm_error *error)
{
    for (int64_t execution = 0; execution < count; execution++) {
        const int64_t slot = (first_slot + execution) % program->slots;
        for (int32_t i = 0; i < program->inputs; i++) {
            program->value[i] = program->input[slot * program->inputs + i];
            if (!program->value[i]) return fail(error, TM_INVALID_ARGUMENT, "an input is not bound", "");
        }
        for (int32_t node = 0; node < program->values - program->inputs; node++) run_node(program, node);
    }
    return TM_OK;
}

static tm_status template_sync(tm_session *session, tm_error *error)
{
    (void)session;
    (void)error;
    return TM_OK;
}

/* 9. Gives back what the last execution produced. */
static tm_status template_read(tm_program *program, int32_t output, size_t offset_bytes, size_t bytes, void *into,
                               tm_error *error)
{
    const int32_t value = program->host->output_value(program->graph, output);
    const size_t whole = value < program->inputs ? 0 : bytes_of(program->host, program->graph, value);
    if (offset_bytes > whole || bytes > whole - offset_bytes) {
        return fail(error, TM_INVALID_ARGUMENT, "there is no such output", "");
    }
    memcpy(into, (const char *)program->value[value] + offset_bytes, bytes);
    return TM_OK;
}

/* 10. Lets the host see that every execution really writes, and that inputs stay as they were. */
static void template_poison(tm_program *program)
{
    for (int32_t value = program->inputs; value < program->values; value++) {
        memset(program->value[value], 0xff, bytes_of(program->host, program->graph, value));
    }
}

static tm_status template_read_input(tm_program *program, int32_t slot, int32_t input, size_t offset_bytes,
                                     size_t bytes, void *into, tm_error *error)
{
    const float *data = program->input[slot * program->inputs + input];
    if (!data) return fail(error, TM_INVALID_ARGUMENT, "the input is not bound", "");
    memcpy(into, (const char *)data + offset_bytes, bytes);
    return TM_OK;
}

static void template_close(tm_session *session)
{
    free(session);
}

/* 11. The one symbol. `devices` is every device that `probe` knows, here or not: "cpu,cuda". Entries left out are NULL:
 * `declared` (nothing to declare), `memory` (nothing to tell), `set_scalar` and `reset_state` (graphs with memory are
 * not supported), `describe` (no option makes `probe` wrong). */
const tm_backend *tensormark_backend(void)
{
    static const tm_backend table = {
        .size = sizeof table,
        .abi = TM_BACKEND_ABI,
        .name = "template",
        .devices = "cpu",
        .probe = template_probe,
        .open = template_open,
        .supports = template_supports,
        .compile = template_compile,
        .bind = template_bind,
        .unbind = template_unbind,
        .run = template_run,
        .sync = template_sync,
        .read = template_read,
        .discard = template_discard,
        .close = template_close,
        .poison = template_poison,
        .read_input = template_read_input,
    };
    return &table;
}
