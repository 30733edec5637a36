/* The table of the PyTorch backend: opening, and what verification must know. */
#include "torch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static tm_status torch_probe(const char *device, const char *location, tm_device_info *info, tm_error *error)
{
    tm_torch torch;
    char name[128];
    tm_status status = tm_torch_load(device, location, &torch, error);
    if (status == TM_OK) status = tm_torch_device_name(&torch, name, sizeof name, error);
    if (status != TM_OK) return status;
    snprintf(info->framework, sizeof info->framework, "PyTorch %.40s", torch.place.version);
    snprintf(info->device, sizeof info->device, "%s", name);
    snprintf(info->library, sizeof info->library, "%.490s/libtorch_cpu" TM_LIBRARY_SUFFIX, torch.place.folder);
    return TM_OK;
}

static tm_status read_options(const char *options, const char *device, tm_session *session, tm_error *error)
{
    for (const char *at = options; *at;) {
        const size_t length = strcspn(at, ",");
        if (length == 5 && strncmp(at, "tuned", 5) == 0) {
            session->tuned = true;
        } else if (length == 4 && strncmp(at, "tf32", 4) == 0) {
            if (strcmp(device, "cuda") != 0) {
                return tm_adapter_fail(error, TM_UNSUPPORTED, "torch:%s has no TF32, only torch:cuda", device);
            }
            session->tf32 = true;
        } else if (length == 7 && strncmp(at, "compile", 7) == 0) {
            session->compiled = true;
        } else {
            return tm_adapter_fail(error, TM_UNSUPPORTED, "torch has no option '%.*s'", (int)length, at);
        }
        at += length + (at[length] == ',');
    }
    if (!session->compiled || !session->tuned) return TM_OK;
    return tm_adapter_fail(error, TM_UNSUPPORTED,
                           "torch+compile cannot be +tuned: a compiled package makes its results itself");
}

static tm_status torch_open(const char *device, const char *location, const char *options, int32_t threads,
                            const tm_host *host, tm_session **session, tm_error *error)
{
    tm_session *opened = calloc(1, sizeof *opened);
    if (!opened) return tm_adapter_fail(error, TM_OUT_OF_MEMORY, "out of memory for a session");
    opened->host = host;
    opened->pages.threads = threads;
    opened->threads = threads;
    tm_status status = read_options(options, device, opened, error);
    /* PyTorch reads this when it first allocates a tensor. */
    if (status == TM_OK && setenv("THP_MEM_ALLOC_ENABLE", opened->tuned ? "1" : "0", 1) != 0) {
        status = tm_adapter_fail(error, TM_OUT_OF_MEMORY, "out of memory for the environment");
    }
    if (status == TM_OK) status = tm_torch_load(device, location, &opened->torch, error);
    if (status == TM_OK) status = tm_torch_set_threads(&opened->torch, threads, error);
    if (status == TM_OK && opened->torch.device == TM_TORCH_CUDA) {
        status = tm_torch_set_tf32(&opened->torch, opened->tf32, error);
    }
    if (status != TM_OK) {
        free(opened);
        return status;
    }
    opened->torch.api.aoti_torch_grad_mode_set_enabled(false);
    *session = opened;
    return TM_OK;
}

static tm_status torch_supports(tm_session *session, const tm_graph *graph, tm_error *error)
{
    return session->compiled ? tm_torch_package_supports(session, graph, error)
                             : tm_torch_supports(session, graph, error);
}

static void torch_declared(const tm_program *program, tm_declared *into)
{
    *into = program->declared;
}

static tm_status torch_sync(tm_session *session, tm_error *error)
{
    const tm_torch *torch = &session->torch;
    session->syncs++;
    if (torch->device == TM_TORCH_MPS) torch->mps_wait();
    if (torch->device != TM_TORCH_CUDA) return TM_OK;
    const int failed = torch->cuda_wait();
    if (!failed) return TM_OK;
    return tm_adapter_fail(error, TM_DEVICE_ERROR, "cudaDeviceSynchronize: %s (%d)",
                           torch->cuda_words ? torch->cuda_words(failed) : "error", failed);
}

static void torch_close(tm_session *session)
{
    tm_pages_free(&session->pages);
    free(session);
}

const tm_backend *tensormark_backend(void)
{
    static const tm_backend table = {
        .size = sizeof table,
        .abi = TM_BACKEND_ABI,
        .flags = TM_PARALLEL_READ,
        .name = "torch",
        .devices = "cpu,cuda,mps",
        .probe = torch_probe,
        .open = torch_open,
        .supports = torch_supports,
        .compile = tm_torch_compile,
        .declared = torch_declared,
        .bind = tm_torch_bind,
        .unbind = tm_torch_unbind,
        .run = tm_torch_run,
        .sync = torch_sync,
        .read = tm_torch_read,
        .discard = tm_torch_discard,
        .close = torch_close,
        .poison = tm_torch_poison,
        .read_input = tm_torch_read_input,
    };
    return &table;
}
