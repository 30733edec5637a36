/* The table of the oneDNN backend: opening, and what verification must know. */
#include "onednn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static tm_status onednn_probe(const char *device, const char *location, tm_device_info *info, tm_error *error)
{
    tm_onednn onednn;
    tm_status status = tm_adapter_only_cpu("onednn", device, error);
    if (status == TM_OK) status = tm_onednn_load(location, &onednn, error);
    if (status != TM_OK) return status;
    snprintf(info->framework, sizeof info->framework, "%s", onednn.name);
    snprintf(info->library, sizeof info->library, "%.500s", onednn.path);
    tm_adapter_cpu_name(info->device, sizeof info->device);
    return TM_OK;
}

static void onednn_close(tm_session *session)
{
    tm_onednn_close(&session->onednn);
    tm_pages_free(&session->inputs);
    tm_pages_free(&session->prepared);
    free(session);
}

static tm_status onednn_open(const char *device, const char *location, const char *options, int32_t threads,
                             const tm_host *host, tm_session **session, tm_error *error)
{
    tm_session *opened = calloc(1, sizeof *opened);
    if (!opened) return tm_adapter_fail(error, TM_OUT_OF_MEMORY, "out of memory for a session");
    opened->host = host;
    opened->inputs.threads = threads;
    tm_status status = tm_adapter_only_cpu("onednn", device, error);
    if (status == TM_OK) status = tm_adapter_only_tuned("onednn", options, &opened->tuned, error);
    if (status == TM_OK) status = tm_onednn_load(location, &opened->onednn, error);
    if (status == TM_OK) status = tm_onednn_set_threads(&opened->onednn, threads, error);
    if (status == TM_OK) status = tm_onednn_open(&opened->onednn, error);
    if (status != TM_OK) {
        onednn_close(opened);
        return status;
    }
    *session = opened;
    return TM_OK;
}

static tm_status onednn_supports(tm_session *session, const tm_graph *graph, tm_error *error)
{
    tm_onednn_step step;
    tm_status status = TM_OK;
    for (int32_t node = 0; status == TM_OK && node < session->host->node_count(graph); node++) {
        status = tm_onednn_describe(session, graph, node, 0, &step, error);
        tm_onednn_step_free(&session->onednn, &step);
    }
    return status;
}

/* The threads' label, and those of each step, each once. */
static void onednn_declared(const tm_program *program, tm_declared *into)
{
    const char *threads = program->session->onednn.threads;
    *into = (tm_declared){0};
    int used = threads ? snprintf(into->labels, sizeof into->labels, "THREADS=%s", threads) : 0;
    for (int32_t i = 0; i < program->steps; i++) {
        const char *labels = program->step[i].labels;
        into->rounds_between_ops |= program->step[i].rounds;
        if (!labels[0] || strstr(into->labels, labels) || (size_t)used + strlen(labels) + 2 > sizeof into->labels) {
            continue;
        }
        used += snprintf(into->labels + used, sizeof into->labels - (size_t)used, "%s%s", used ? "," : "", labels);
    }
}

static tm_status onednn_sync(tm_session *session, tm_error *error)
{
    const int status = session->onednn.api.stream_wait(session->onednn.stream);
    return status == ONEDNN_SUCCESS ? TM_OK : tm_onednn_refused(&session->onednn, status, "stream_wait", error);
}

static tm_status onednn_read_input(tm_program *program, int32_t slot, int32_t input, size_t offset_bytes, size_t bytes,
                                   void *into, tm_error *error)
{
    return tm_slots_read_input(&program->slots, slot, input, offset_bytes, bytes, into, error);
}

static tm_status onednn_read(tm_program *program, int32_t output, size_t offset_bytes, size_t bytes, void *into,
                             tm_error *error)
{
    return tm_results_read(&program->results, output, offset_bytes, bytes, into, error);
}

static void onednn_poison(tm_program *program)
{
    tm_results_poison(&program->results);
}

const tm_backend *tensormark_backend(void)
{
    static const tm_backend table = {
        .size = sizeof table,
        .abi = TM_BACKEND_ABI,
        .flags = TM_PARALLEL_READ,
        .name = "onednn",
        .probe = onednn_probe,
        .open = onednn_open,
        .supports = onednn_supports,
        .compile = tm_onednn_compile,
        .declared = onednn_declared,
        .bind = tm_onednn_bind,
        .unbind = tm_onednn_unbind,
        .run = tm_onednn_run,
        .sync = onednn_sync,
        .read = onednn_read,
        .discard = tm_onednn_discard,
        .close = onednn_close,
        .poison = onednn_poison,
        .read_input = onednn_read_input,
    };
    return &table;
}
