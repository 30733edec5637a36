/* ggml, found and loaded. What cannot be seen in advance is asked: the names of the types that numbers are passed for,
 * and whether a context got the size and the flag that it was made with. The functions needed to open a device came
 * after the last change to the parameters of any function used here, so a ggml that has them can be called. */
#include "adapter_ggml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* First as a part of a Python package, then as a library of its own. */
#define PACKAGE  "llama-cpp-python"
#define VARIABLE "TENSORMARK_GGML"
#define OPTION   "--backend NAME=ggml@PATH"

static const tm_wanted wanted = {
    .name = "ggml",
    .package = PACKAGE,
    .variable = VARIABLE,
    .option = OPTION,
    .folder = "llama_cpp/lib",
    .file = "libggml" TM_LIBRARY_SUFFIX,
};

static const char *const files[] = {"libggml" TM_LIBRARY_SUFFIX, "libggml" TM_LIBRARY_SUFFIX ".0", NULL};
static const tm_sought sought = {
    .name = "ggml",
    .package = PACKAGE,
    .variable = VARIABLE,
    .files = files,
    .function = "ggml_init",
    .install = "pip install " PACKAGE ", or " OPTION,
};

static const struct {
    tm_dtype dtype;
    int number;
    const char *name;
} types[] = {{TM_F32, 0, "f32"}, {TM_F16, 1, "f16"}, {TM_BF16, 30, "bf16"}, {TM_I32, 26, "i32"}, {TM_I64, 27, "i64"}};

enum { TYPES = sizeof types / sizeof *types };

int tm_ggml_type(tm_dtype dtype)
{
    for (int i = 0; i < TYPES; i++) {
        if (types[i].dtype == dtype) return types[i].number;
    }
    return -1;
}

static tm_status open_library(const char *location, tm_ggml *into, void **library, tm_error *error)
{
    char place[PATH_MAX];
    const bool packaged = tm_adapter_locate(&wanted, location, place, NULL) == TM_OK;
    return tm_adapter_load(&sought, packaged ? place : location, library, into->path, error);
}

static tm_status find_functions(void *library, tm_ggml *into, tm_error *error)
{
    const char *missing = NULL;
#define X(result, name, parameters, optional)                                                                          \
    if (!tm_adapter_symbol(library, #name, &into->api.name, sizeof into->api.name) && !(optional)) missing = #name;
    TM_GGML_FUNCTIONS(X)
#undef X
    if (!missing) return TM_OK;
    return tm_adapter_fail(error, TM_UNSUPPORTED, "%.300s lacks %s: pip install -U " PACKAGE, into->path, missing);
}

static tm_status check_numbers(const tm_ggml *ggml, tm_error *error)
{
    const tm_ggml_api *api = &ggml->api;
    for (int i = 0; i < TYPES; i++) {
        const char *name = api->ggml_type_name(types[i].number);
        if (name && strcmp(name, types[i].name) == 0) continue;
        return tm_adapter_fail(error, TM_UNSUPPORTED, "%.300s calls its type %d %.20s, not %s: another ggml is needed",
                               ggml->path, types[i].number, name ? name : "nothing", types[i].name);
    }
    const size_t bytes = 1 << 16;
    context made = api->ggml_init((tm_ggml_memory){bytes, NULL, true});
    const bool same = made && api->ggml_get_mem_size(made) == bytes && api->ggml_get_no_alloc(made);
    if (made) api->ggml_free(made);
    if (same) return TM_OK;
    return tm_adapter_fail(error, TM_UNSUPPORTED, "%.300s takes other parameters in ggml_init: another ggml is needed",
                           ggml->path);
}

/* The processor's part may be a library of its own, one for each instruction set, which ggml chooses and loads. */
static registry find_cpu(const tm_ggml *ggml)
{
    const tm_ggml_api *api = &ggml->api;
    if (api->ggml_backend_cpu_reg) return api->ggml_backend_cpu_reg();
    if (!api->ggml_backend_load_all_from_path || !api->ggml_backend_reg_by_name) return NULL;
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", ggml->path);
    char *slash = strrchr(folder, '/');
    if (slash) {
        *slash = '\0';
        api->ggml_backend_load_all_from_path(folder);
    }
    registry found = api->ggml_backend_reg_by_name("CPU");
    if (found) return found;
    api->ggml_backend_load_all_from_path(NULL);
    return api->ggml_backend_reg_by_name("CPU");
}

static bool find_by_name(const tm_ggml *ggml, const char *name, void *into)
{
    void *found = ggml->api.ggml_backend_reg_get_proc_address(ggml->cpu, name);
    memcpy(into, &found, sizeof found);
    return found != NULL;
}

/* Names and values, ended by a NULL name. */
static bool has_feature(const tm_ggml *ggml, const char *name)
{
    const char **(*features)(registry);
    if (!find_by_name(ggml, "ggml_backend_get_features", &features)) return false;
    for (const char **at = features(ggml->cpu); at && at[0]; at += 2) {
        if (strcmp(at[0], name) == 0) return true;
    }
    return false;
}

static tm_status find_device(tm_ggml *into, tm_error *error)
{
    into->cpu = find_cpu(into);
    if (!into->cpu) {
        return tm_adapter_fail(error, TM_UNSUPPORTED, "%.300s has no CPU backend beside it: install ggml whole",
                               into->path);
    }
    into->device = into->api.ggml_backend_reg_dev_get(into->cpu, 0);
    const bool complete = into->device && find_by_name(into, "ggml_backend_set_n_threads", &into->set_threads) &&
                          find_by_name(into, "ggml_threadpool_new", &into->new_pool) &&
                          find_by_name(into, "ggml_threadpool_free", &into->free_pool) &&
                          find_by_name(into, "ggml_backend_cpu_set_threadpool", &into->set_pool);
    into->adds_in_f16 = has_feature(into, "FP16_VA");
    if (complete) return TM_OK;
    return tm_adapter_fail(error, TM_UNSUPPORTED, "the threads of %.300s cannot be set: pip install -U " PACKAGE,
                           into->path);
}

static void read_version(tm_ggml *into)
{
    char package[48];
    const char *own = into->api.ggml_version ? into->api.ggml_version() : "";
    tm_adapter_version(into->path, "llama_cpp_python", package, sizeof package);
    if (package[0]) {
        snprintf(into->version, sizeof into->version, "%.20s%s(llama-cpp-python %.16s)", own, own[0] ? " " : "",
                 package);
    } else {
        snprintf(into->version, sizeof into->version, "%.40s", own);
    }
}

tm_status tm_ggml_load(const char *location, tm_ggml *into, tm_error *error)
{
    void *library = NULL;
    memset(into, 0, sizeof *into);
    /* A failed assertion would start a debugger before it aborts. */
    if (setenv("GGML_NO_BACKTRACE", "1", 1) != 0) return tm_adapter_fail(error, TM_OUT_OF_MEMORY, "out of memory");
    tm_status status = open_library(location, into, &library, error);
    if (status == TM_OK) status = find_functions(library, into, error);
    if (status == TM_OK) status = check_numbers(into, error);
    if (status == TM_OK) status = find_device(into, error);
    if (status == TM_OK) read_version(into);
    return status;
}
