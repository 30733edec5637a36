/* The table of the ONNX Runtime backend: opening, and what verification must know. */
#include "ort.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static tm_status onnxruntime_probe(const char *device, const char *location, tm_device_info *info, tm_error *error)
{
    tm_ort ort;
    const tm_status status = tm_ort_load(device, location, &ort, error);
    if (status != TM_OK) return status;
    snprintf(info->framework, sizeof info->framework, "ONNX Runtime %s", ort.version);
    tm_adapter_cpu_name(info->device, sizeof info->device);
    snprintf(info->library, sizeof info->library, "%.500s", ort.path);
    return TM_OK;
}

static tm_status read_options(const char *options, tm_session *session, tm_error *error)
{
    char option[32];
    for (const char *at = options; tm_adapter_option(&at, option, sizeof option);) {
        if (strcmp(option, "tuned") == 0) {
            session->tuned = true;
        } else if (strcmp(option, "compile") == 0) {
            return tm_adapter_fail(error, TM_UNSUPPORTED,
                                   "onnxruntime has no +compile: it optimises every model when it loads it");
        } else {
            return tm_adapter_fail(error, TM_UNSUPPORTED, "onnxruntime has no option '%s'", option);
        }
    }
    return TM_OK;
}

static void close_session(tm_session *session)
{
    const tm_ort_api *api = &session->ort.api;
    if (session->memory) api->drop_memory(session->memory);
    if (session->options) api->drop_options(session->options);
    if (session->env) api->drop_env(session->env);
    tm_pages_free(&session->inputs);
    tm_pages_free(&session->outputs);
    free(session);
}

/* One pool for all of ONNX Runtime's sessions: with weights inside, every slot has a session of its own, and threads of
 * one would spin while the other works. */
static tm_status make_env(tm_session *session, int32_t threads, tm_error *error)
{
    enum { fatal_only = 4, device_allocator = 0, default_memory = 0 };
    const tm_ort *ort = &session->ort;
    ort_threading *threading = NULL;
    tm_status status = tm_ort_check(ort, ort->api.make_threading(&threading), "threads", error);
    if (status == TM_OK) status = tm_ort_check(ort, ort->api.set_intra_threads(threading, threads), "threads", error);
    if (status == TM_OK) status = tm_ort_check(ort, ort->api.set_inter_threads(threading, 1), "threads", error);
    if (status == TM_OK) {
        ort_status *made = ort->api.make_env(fatal_only, "tensormark", threading, &session->env);
        status = tm_ort_check(ort, made, "environment", error);
    }
    if (threading) ort->api.drop_threading(threading);
    if (status == TM_OK) status = tm_ort_check(ort, ort->api.make_options(&session->options), "options", error);
    if (status == TM_OK) status = tm_ort_check(ort, ort->api.use_threads_of_env(session->options), "options", error);
    if (status != TM_OK) return status;
    ort_status *made = ort->api.make_cpu_memory(device_allocator, default_memory, &session->memory);
    return tm_ort_check(ort, made, "memory", error);
}

static tm_status onnxruntime_open(const char *device, const char *location, const char *options, int32_t threads,
                                  const tm_host *host, tm_session **session, tm_error *error)
{
    tm_session *opened = calloc(1, sizeof *opened);
    if (!opened) return tm_adapter_fail(error, TM_OUT_OF_MEMORY, "out of memory for a session");
    opened->host = host;
    opened->inputs.threads = threads;
    tm_status status = read_options(options, opened, error);
    if (status == TM_OK) status = tm_ort_load(device, location, &opened->ort, error);
    if (status == TM_OK) status = make_env(opened, threads, error);
    if (status != TM_OK) {
        close_session(opened);
        return status;
    }
    *session = opened;
    return TM_OK;
}

static tm_status onnxruntime_supports(tm_session *session, const tm_graph *graph, tm_error *error)
{
    return tm_ort_supports(session, graph, error);
}

static void onnxruntime_declared(const tm_program *program, tm_declared *into)
{
    *into = program->declared;
}

static tm_status onnxruntime_sync(tm_session *session, tm_error *error)
{
    (void)session;
    (void)error;
    return TM_OK;
}

const tm_backend *tensormark_backend(void)
{
    static const tm_backend table = {
        .size = sizeof table,
        .abi = TM_BACKEND_ABI,
        .flags = TM_PARALLEL_READ,
        .name = "onnxruntime",
        .probe = onnxruntime_probe,
        .open = onnxruntime_open,
        .supports = onnxruntime_supports,
        .compile = tm_ort_compile,
        .declared = onnxruntime_declared,
        .bind = tm_ort_bind,
        .unbind = tm_ort_unbind,
        .run = tm_ort_run,
        .sync = onnxruntime_sync,
        .read = tm_ort_read,
        .discard = tm_ort_discard,
        .close = close_session,
        .poison = tm_ort_poison,
        .read_input = tm_ort_read_input,
    };
    return &table;
}
