/* The table of the ggml backend: opening it. */
#include "adapter_ggml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static tm_status check_device(const char *device, tm_error *error)
{
    if (strcmp(device, "cpu") == 0) return TM_OK;
    return tm_adapter_fail(error, TM_UNSUPPORTED, "ggml runs on cpu here, not on %.40s", device);
}

static tm_status ggml_probe(const char *device, const char *location, tm_device_info *info, tm_error *error)
{
    tm_ggml ggml;
    tm_status status = check_device(device, error);
    if (status == TM_OK) status = tm_ggml_load(location, &ggml, error);
    if (status != TM_OK) return status;
    snprintf(info->framework, sizeof info->framework, "ggml %.58s", ggml.version);
    snprintf(info->device, sizeof info->device, "%.120s", ggml.api.ggml_backend_dev_description(ggml.device));
    snprintf(info->library, sizeof info->library, "%.500s", ggml.path);
    return TM_OK;
}

/* A pool that stays, as llama.cpp's programs have it. Its parameters are filled by ggml, in room for more of them than
 * there are. */
static tm_status set_threads(tm_session *session, int32_t threads, tm_error *error)
{
    const tm_ggml *ggml = &session->ggml;
    _Alignas(64) unsigned char parameters[8192] = {0};
    ggml->api.ggml_threadpool_params_init(parameters, threads);
    session->pool = ggml->new_pool(parameters);
    if (!session->pool) return tm_adapter_fail(error, TM_FAILED, "ggml made no pool of %d threads", (int)threads);
    ggml->set_threads(session->backend, threads);
    ggml->set_pool(session->backend, session->pool);
    return TM_OK;
}

static void ggml_close(tm_session *session)
{
    const tm_ggml *ggml = &session->ggml;
    if (session->backend) ggml->api.ggml_backend_free(session->backend);
    if (session->pool) ggml->free_pool(session->pool);
    tm_pages_free(&session->pages);
    free(session);
}

static tm_status ggml_open(const char *device, const char *location, const char *options, int32_t threads,
                           const tm_host *host, tm_session **session, tm_error *error)
{
    tm_session *opened = calloc(1, sizeof *opened);
    if (!opened) return tm_adapter_fail(error, TM_OUT_OF_MEMORY, "out of memory for a session");
    opened->host = host;
    opened->pages.threads = threads;
    tm_status status = check_device(device, error);
    if (status == TM_OK) status = tm_adapter_only_tuned("ggml", options, &opened->tuned, error);
    if (status == TM_OK) status = tm_ggml_load(location, &opened->ggml, error);
    if (status == TM_OK) {
        opened->backend = opened->ggml.api.ggml_backend_dev_init(opened->ggml.device, NULL);
        status = opened->backend ? set_threads(opened, threads, error)
                                 : tm_adapter_fail(error, TM_FAILED, "ggml did not open its CPU backend");
    }
    if (status != TM_OK) {
        ggml_close(opened);
        return status;
    }
    *session = opened;
    return TM_OK;
}

static void ggml_declared(const tm_program *program, tm_declared *into)
{
    *into = program->call.declared;
}

/* ggml returns from a graph when it is done. */
static tm_status ggml_sync(tm_session *session, tm_error *error)
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
        .name = "ggml",
        .probe = ggml_probe,
        .open = ggml_open,
        .supports = tm_ggml_supports,
        .compile = tm_ggml_compile,
        .declared = ggml_declared,
        .bind = tm_ggml_bind,
        .unbind = tm_ggml_unbind,
        .run = tm_ggml_run,
        .sync = ggml_sync,
        .read = tm_ggml_read,
        .discard = tm_ggml_discard,
        .close = ggml_close,
        .poison = tm_ggml_poison,
        .read_input = tm_ggml_read_input,
    };
    return &table;
}
