/* Loading ONNX Runtime: one exported function leads to the table of all others. Nothing is loaded before the file is
 * known to be a library for this processor, and nothing is ever unloaded: thread pools do not survive that. */
#include "ort.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { oldest_minor = 14 }; /* the first with every op of TM_ORT_OPSET, and its version of the table */

static const tm_wanted wanted = {.name = "ONNX Runtime",
                                 .package = "onnxruntime",
                                 .variable = "TENSORMARK_ONNXRUNTIME",
                                 .option = "TENSORMARK_ONNXRUNTIME=PATH",
                                 .folder = "onnxruntime/capi",
                                 .file = "libonnxruntime.*"};

/* Behind the exported function. */
typedef struct ort_base {
    const void *const *(*table)(uint32_t version);
    const char *(*version)(void);
} ort_base;

/* Where distributions and the release archives put it. */
static tm_status locate(const char *location, char into[PATH_MAX], tm_error *error)
{
    static const char *const folders[] = {
        "/usr/local/lib",   "/usr/lib", "/usr/lib64", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu",
        "/opt/homebrew/lib"};
    const tm_status status = tm_adapter_locate(&wanted, location, into, error);
    const char *named = getenv(wanted.variable);
    if (status == TM_OK || location[0] || (named && named[0])) return status;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        if (tm_adapter_locate(&wanted, folders[i], into, NULL) == TM_OK) return TM_OK;
    }
    return status;
}

tm_status tm_ort_check(const tm_ort *ort, ort_status *status, const char *about, tm_error *error)
{
    enum { not_implemented = 9 };
    if (!status) return TM_OK;
    const char *words = ort->api.status_words(status);
    tm_status as = TM_FAILED;
    if (ort->api.status_code(status) == not_implemented || strstr(words, "Type Error: Type 'tensor(") ||
        strstr(words, "data type is not supported")) {
        as = TM_UNSUPPORTED;
    } else if (strstr(words, "bad_alloc") || strstr(words, "Failed to allocate memory")) {
        as = TM_OUT_OF_MEMORY;
    }
    tm_adapter_fail(error, as, "%s: %s", about, words);
    ort->api.drop_status(status);
    return as;
}

int tm_ort_type(tm_dtype dtype)
{
    switch (dtype) {
    case TM_F32: return 1;
    case TM_I32: return 6;
    case TM_I64: return 7;
    case TM_F16: return 10;
    case TM_BF16: return 16;
    }
    return 0;
}

static void read_table(const void *const *table, tm_ort_api *into)
{
#define X(place, result, name, parameters) memcpy(&into->name, &table[place], sizeof into->name);
    TM_ORT_FUNCTIONS(X)
#undef X
}

/* A table in another order would be called into at random: an error made here must come back whole, and the list of
 * providers, from the last part that is used, must name the processor's. */
static tm_status try_table(const tm_ort *ort, tm_error *error)
{
    enum { some_code = 6 };
    static const char some_words[] = "there and back";
    char **providers = NULL;
    int count = 0;
    bool cpu = false;
    ort_status *made = ort->api.make_status(some_code, some_words);
    const bool whole = made && ort->api.status_code(made) == some_code && ort->api.status_words(made) &&
                       strcmp(ort->api.status_words(made), some_words) == 0;
    if (whole) {
        ort->api.drop_status(made);
        const tm_status status = tm_ort_check(ort, ort->api.list_providers(&providers, &count), "providers", error);
        if (status != TM_OK) return status;
        for (int i = 0; i < count; i++) cpu = cpu || strcmp(providers[i], "CPUExecutionProvider") == 0;
        ort_status *dropped = ort->api.drop_providers(providers, count);
        if (dropped) ort->api.drop_status(dropped);
    }
    if (whole && cpu) return TM_OK;
    return tm_adapter_fail(error, TM_UNSUPPORTED, "%.300s (version %s) has not the functions that ONNX Runtime has",
                           ort->path, ort->version);
}

static tm_status read_version(tm_ort *ort, const ort_base *base, tm_error *error)
{
    int major = 0;
    snprintf(ort->version, sizeof ort->version, "%s", base->version());
    if (sscanf(ort->version, "%d.%d", &major, &ort->minor) != 2 || major != 1) {
        return tm_adapter_fail(error, TM_UNSUPPORTED, "ONNX Runtime %s in %.300s is not known: 1.%d or later is needed",
                               ort->version, ort->path, oldest_minor);
    }
    if (ort->minor >= oldest_minor) return TM_OK;
    return tm_adapter_fail(error, TM_UNSUPPORTED,
                           "ONNX Runtime %s in %.300s is too old: 1.%d or later is needed (pip install -U onnxruntime)",
                           ort->version, ort->path, oldest_minor);
}

tm_status tm_ort_load(const char *device, const char *location, tm_ort *into, tm_error *error)
{
    memset(into, 0, sizeof *into);
    if (strcmp(device, "cpu") != 0) {
        return tm_adapter_fail(error, TM_UNSUPPORTED,
                               "onnxruntime runs on cpu, not on '%s': other execution providers are not driven yet",
                               device);
    }
    tm_status status = locate(location, into->path, error);
    if (status == TM_OK) status = tm_adapter_check_library(&wanted, into->path, error);
    if (status != TM_OK) return status;
    void *library = dlopen(into->path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!library) {
        const char *words = dlerror();
        return tm_adapter_fail(error, TM_UNSUPPORTED,
                               "ONNX Runtime cannot be loaded: %.300s (install onnxruntime again)",
                               words ? words : into->path);
    }
    const ort_base *(*get_base)(void) = NULL;
    if (!tm_adapter_symbol(library, "OrtGetApiBase", &get_base, sizeof get_base)) {
        return tm_adapter_fail(error, TM_UNSUPPORTED, "%.400s is not ONNX Runtime: it lacks OrtGetApiBase", into->path);
    }
    const ort_base *base = get_base();
    status = read_version(into, base, error);
    if (status != TM_OK) return status;
    const void *const *table = base->table(oldest_minor);
    if (!table) {
        return tm_adapter_fail(error, TM_UNSUPPORTED, "ONNX Runtime %s has no C interface of version %d", into->version,
                               oldest_minor);
    }
    read_table(table, &into->api);
    return try_table(into, error);
}
