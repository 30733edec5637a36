/* Inputs are kept twice: in the engine, which computes, and here, for lies that look at them. */
#include "double.h"

#include <stdlib.h>
#include <string.h>

static tm_status double_open(const char *device, const char *location, const char *options, int32_t threads,
                             const tm_host *host, tm_session **into, tm_error *error)
{
    tm_session *session = calloc(1, sizeof *session);
    if (!session) return tm_fail_memory(error, "a session");
    session->host = host;
    const tm_status status =
        tm_native_backend()->open(device, location, options, threads, host, &session->engine, error);
    if (status != TM_OK) {
        free(session);
        session = NULL;
    }
    *into = session;
    return status;
}

static tm_status double_supports(tm_session *session, const tm_graph *graph, tm_error *error)
{
    return tm_native_backend()->supports(session->engine, graph, error);
}

tm_status double_supports_product(tm_session *session, const tm_graph *graph, tm_error *error)
{
    const tm_host *host = session->host;
    const bool product = host->node_count(graph) == 1 && strcmp(host->node_op(graph, 0), "matmul") == 0;
    for (int32_t value = 0; product && value < 2; value++) {
        const tm_shape shape = host->value_shape(graph, value);
        if (shape.dtype != TM_F32 || shape.rank != 2) {
            return tm_fail(error, TM_UNSUPPORTED, "this lie is about products of two f32 matrices");
        }
    }
    if (!product) return tm_fail(error, TM_UNSUPPORTED, "this lie is about products of two f32 matrices");
    return double_supports(session, graph, error);
}

void double_product_sizes(const tm_program *program, int64_t *m, int64_t *k, int64_t *n)
{
    const tm_shape a = program->session->host->value_shape(program->graph, 0);
    const tm_shape b = program->session->host->value_shape(program->graph, 1);
    *m = a.dim[0];
    *k = a.dim[1];
    *n = b.dim[1];
}

static void double_unbind(tm_program *program)
{
    tm_native_backend()->unbind(program->engine);
    for (int32_t i = 0; i < program->slots * program->inputs; i++) {
        free(program->input[i]);
        program->input[i] = NULL;
    }
}

void double_discard(tm_program *program)
{
    if (program->input) {
        for (int32_t i = 0; i < program->slots * program->inputs; i++) free(program->input[i]);
    }
    if (program->engine) tm_native_backend()->discard(program->engine);
    free(program->input);
    free(program->input_bytes);
    free(program->output);
    free(program->lie);
    free(program);
}

static tm_status double_compile(tm_session *session, const tm_graph *graph, int32_t slots, tm_program **into,
                                tm_error *error)
{
    const tm_host *host = session->host;
    tm_program *program = calloc(1, sizeof *program);
    if (!program) return tm_fail_memory(error, "a program");
    const tm_shape output = host->value_shape(graph, host->output_value(graph, 0));
    *program = (tm_program){.session = session,
                            .graph = graph,
                            .slots = slots,
                            .inputs = host->input_count(graph),
                            .output_bytes = tm_shape_bytes(&output)};
    program->input = calloc((size_t)slots * (size_t)program->inputs + 1, sizeof *program->input);
    program->input_bytes = calloc((size_t)program->inputs + 1, sizeof *program->input_bytes);
    program->output = calloc(1, program->output_bytes + 1);
    tm_status status = TM_OK;
    if (!program->input || !program->input_bytes || !program->output) status = tm_fail_memory(error, "a program");
    for (int32_t i = 0; status == TM_OK && i < program->inputs; i++) {
        const tm_shape shape = host->value_shape(graph, i);
        program->input_bytes[i] = tm_shape_bytes(&shape);
    }
    if (status == TM_OK) {
        status = tm_native_backend()->compile(session->engine, graph, slots, &program->engine, error);
    }
    if (status != TM_OK) {
        double_discard(program);
        program = NULL;
    }
    *into = program;
    return status;
}

static void double_declared(const tm_program *program, tm_declared *into)
{
    tm_native_backend()->declared(program->engine, into);
}

tm_status double_bind(tm_program *program, int32_t slot, int32_t input, size_t offset, const void *data, size_t bytes,
                      tm_error *error)
{
    const tm_status status = tm_native_backend()->bind(program->engine, slot, input, offset, data, bytes, error);
    if (status != TM_OK) return status;
    char **place = &program->input[slot * program->inputs + input];
    if (!*place) *place = malloc(program->input_bytes[input] + 1);
    if (!*place) return tm_fail_memory(error, "an input");
    memcpy(*place + offset, data, bytes);
    return TM_OK;
}

static tm_status double_run(tm_program *program, int32_t first_slot, int64_t count, tm_error *error)
{
    return tm_native_backend()->run(program->engine, first_slot, count, error);
}

static tm_status double_sync(tm_session *session, tm_error *error)
{
    return tm_native_backend()->sync(session->engine, error);
}

static tm_status double_read(tm_program *program, int32_t output, size_t offset, size_t bytes, void *into,
                             tm_error *error)
{
    return tm_native_backend()->read(program->engine, output, offset, bytes, into, error);
}

tm_status double_read_own(tm_program *program, int32_t output, size_t offset, size_t bytes, void *into, tm_error *error)
{
    if (output != 0 || offset > program->output_bytes || bytes > program->output_bytes - offset) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "there is no such output");
    }
    memcpy(into, program->output + offset, bytes);
    return TM_OK;
}

static void double_poison(tm_program *program)
{
    tm_native_backend()->poison(program->engine);
}

static void poison_own(tm_program *program)
{
    memset(program->output, 0xff, program->output_bytes);
}

static tm_status double_read_input(tm_program *program, int32_t slot, int32_t input, size_t offset, size_t bytes,
                                   void *into, tm_error *error)
{
    return tm_native_backend()->read_input(program->engine, slot, input, offset, bytes, into, error);
}

static void double_close(tm_session *session)
{
    tm_native_backend()->close(session->engine);
    free(session);
}

tm_status double_execute(tm_program *program, int64_t slot, tm_error *error)
{
    const tm_backend *engine = tm_native_backend();
    tm_status status = engine->run(program->engine, (int32_t)(slot % program->slots), 1, error);
    if (status == TM_OK) status = engine->sync(program->session->engine, error);
    if (status != TM_OK) return status;
    return engine->read(program->engine, 0, 0, program->output_bytes, program->output, error);
}

tm_backend double_table(const char *name)
{
    return (tm_backend){
        .size = sizeof(tm_backend),
        .abi = TM_BACKEND_ABI,
        .name = name,
        .probe = tm_native_backend()->probe,
        .open = double_open,
        .supports = double_supports,
        .compile = double_compile,
        .declared = double_declared,
        .bind = double_bind,
        .unbind = double_unbind,
        .run = double_run,
        .sync = double_sync,
        .read = double_read,
        .discard = double_discard,
        .close = double_close,
        .poison = double_poison,
        .read_input = double_read_input,
    };
}

tm_backend double_table_own_output(const char *name)
{
    tm_backend table = double_table(name);
    table.read = double_read_own;
    table.poison = poison_own;
    return table;
}
