/* Loading oneDNN, and binding the threads of what it is built on. */
#include "onednn.h"

#include <stdio.h>
#include <string.h>

static tm_status load_functions(tm_onednn *into, tm_error *error)
{
    static const struct {
        int major; /* 0: in every version */
        const char *name;
        size_t place;
    } functions[] = {
#define X(major, name, parameters) {major, "dnnl_" #name, offsetof(tm_onednn_api, name)},
        TM_ONEDNN_FUNCTIONS(X)
#undef X
            {0, "dnnl_status2str", offsetof(tm_onednn_api, status2str)},
        {0, "dnnl_memory_desc_get_size", offsetof(tm_onednn_api, memory_desc_get_size)},
        {0, "dnnl_primitive_desc_query_md", offsetof(tm_onednn_api, primitive_desc_query_md)},
        {2, "dnnl_concat_primitive_desc_create", offsetof(tm_onednn_api, concat_primitive_desc_create_2)},
        {3, "dnnl_concat_primitive_desc_create", offsetof(tm_onednn_api, concat_primitive_desc_create_3)}};
    const int major = into->is_v2 ? 2 : 3;
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        char *place = (char *)&into->api + functions[i].place;
        if (functions[i].major != 0 && functions[i].major != major) continue;
        if (tm_adapter_symbol(into->library, functions[i].name, place, sizeof(void *))) continue;
        return tm_adapter_fail(error, TM_UNSUPPORTED, "%s in %.250s lacks %s: 2.6 or later is needed", into->name,
                               into->path, functions[i].name);
    }
    return TM_OK;
}

static const char *runtime_name(unsigned runtime)
{
    switch (runtime) {
    case ONEDNN_RUNTIME_SEQ: return "one thread";
    case ONEDNN_RUNTIME_OMP: return "OpenMP";
    case ONEDNN_RUNTIME_TBB: return "TBB";
    case ONEDNN_RUNTIME_SYCL: return "SYCL";
    default: return "another runtime";
    }
}

tm_status tm_onednn_load(const char *location, tm_onednn *into, tm_error *error)
{
    static const char *const files[] = {"libdnnl.so.3", "libdnnl.so.2", "libdnnl.so", NULL};
    static const tm_sought sought = {.name = "oneDNN",
                                     .package = "libdnnl",
                                     .variable = "TENSORMARK_ONEDNN",
                                     .files = files,
                                     .function = "dnnl_version",
                                     .install = "apt install libdnnl2, pip install onednn-cpu-gomp, or "
                                                "TENSORMARK_ONEDNN=PATH"};
    *into = (tm_onednn){0};
    tm_status status = tm_adapter_load(&sought, location, &into->library, into->path, error);
    if (status != TM_OK) return status;
    if (!tm_adapter_symbol(into->library, "dnnl_version", &into->api.version, sizeof into->api.version)) {
        return tm_adapter_fail(error, TM_UNSUPPORTED, "%.350s is no oneDNN: it lacks dnnl_version", into->path);
    }
    const tm_onednn_version *version = into->api.version();
    snprintf(into->name, sizeof into->name, "oneDNN %d.%d.%d (%s)", version->major, version->minor, version->patch,
             runtime_name(version->cpu_runtime));
    if (version->major != 2 && version->major != 3) {
        return tm_adapter_fail(error, TM_UNSUPPORTED, "%s in %.300s: versions 2 and 3 are understood", into->name,
                               into->path);
    }
    into->is_v2 = version->major == 2;
    return load_functions(into, error);
}

tm_status tm_onednn_refused(const tm_onednn *onednn, int status, const char *what, tm_error *error)
{
    const tm_status ours = status == ONEDNN_UNIMPLEMENTED   ? TM_UNSUPPORTED
                           : status == ONEDNN_OUT_OF_MEMORY ? TM_OUT_OF_MEMORY
                                                            : TM_FAILED;
    return tm_adapter_fail(error, ours, "%s: %s says %s", what, onednn->name, onednn->api.status2str(status));
}

static tm_status set_openmp(const tm_onednn *onednn, int32_t threads, tm_error *error)
{
    void (*set)(int);
    int (*get)(void);
    if (!tm_adapter_symbol(onednn->library, "omp_set_num_threads", &set, sizeof set) ||
        !tm_adapter_symbol(onednn->library, "omp_get_max_threads", &get, sizeof get)) {
        return tm_adapter_fail(error, TM_UNSUPPORTED, "%s does not let its threads be set", onednn->name);
    }
    set(threads);
    if (get() == threads) return TM_OK;
    return tm_adapter_fail(error, TM_FAILED, "%s uses %d threads though told to use %d", onednn->name, get(),
                           (int)threads);
}

/* TBB has this in C++ alone: the functions that its header calls, of the interface that libtbb.so.12 keeps. */
static tm_status set_tbb(tm_onednn *onednn, int32_t threads, tm_error *error)
{
    enum { max_allowed_parallelism = 0 };
    void (*create)(tm_onednn_tbb *);
    size_t (*active)(int);
    if (!tm_adapter_symbol(onednn->library, "_ZN3tbb6detail2r16createERNS0_2d114global_controlE", &create,
                           sizeof create) ||
        !tm_adapter_symbol(onednn->library, "_ZN3tbb6detail2r127global_control_active_valueEi", &active,
                           sizeof active)) {
        return tm_adapter_fail(error, TM_UNSUPPORTED, "%s does not let its threads be set", onednn->name);
    }
    onednn->tbb = (tm_onednn_tbb){.value = (size_t)threads, .parameter = max_allowed_parallelism};
    create(&onednn->tbb);
    if (active(max_allowed_parallelism) == (size_t)threads) return TM_OK;
    return tm_adapter_fail(error, TM_FAILED, "%s uses %zu threads though told to use %d", onednn->name,
                           active(max_allowed_parallelism), (int)threads);
}

tm_status tm_onednn_set_threads(tm_onednn *onednn, int32_t threads, tm_error *error)
{
    switch (onednn->api.version()->cpu_runtime) {
    case ONEDNN_RUNTIME_OMP: return set_openmp(onednn, threads, error);
    case ONEDNN_RUNTIME_TBB: return set_tbb(onednn, threads, error);
    case ONEDNN_RUNTIME_SEQ: onednn->threads = "1"; return TM_OK;
    default:
        return tm_adapter_fail(error, TM_UNSUPPORTED,
                               "%s does not let its threads be set: one built on OpenMP does (pip install "
                               "onednn-cpu-gomp)",
                               onednn->name);
    }
}

tm_status tm_onednn_open(tm_onednn *onednn, tm_error *error)
{
    int status = onednn->api.engine_create(&onednn->engine, ONEDNN_CPU, 0);
    if (status != ONEDNN_SUCCESS) return tm_onednn_refused(onednn, status, "engine_create", error);
    status = onednn->api.stream_create(&onednn->stream, onednn->engine, ONEDNN_STREAM_DEFAULT);
    return status == ONEDNN_SUCCESS ? TM_OK : tm_onednn_refused(onednn, status, "stream_create", error);
}

void tm_onednn_close(tm_onednn *onednn)
{
    void (*destroy)(tm_onednn_tbb *);
    if (onednn->tbb.value && tm_adapter_symbol(onednn->library, "_ZN3tbb6detail2r17destroyERNS0_2d114global_controlE",
                                               &destroy, sizeof destroy)) {
        destroy(&onednn->tbb);
    }
    if (onednn->stream) onednn->api.stream_destroy(onednn->stream);
    if (onednn->engine) onednn->api.engine_destroy(onednn->engine);
    onednn->stream = onednn->engine = NULL;
}
