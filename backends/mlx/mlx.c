/* The MLX backend. MLX has no C interface, so what calls it is C++ built against the headers of one version: part.cc
 * and what goes with it, made by build-part into mlx_part-VERSION.so beside this library. Here MLX is looked for, it
 * and the part for it are loaded, and calls are handed on. This file needs neither MLX nor a C++ compiler. */
#include "../common/adapter.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifdef __APPLE__
#define PACKAGE "mlx"
#else
#define PACKAGE "mlx[cpu]"
#endif

static const tm_wanted wanted = {.name = "MLX",
                                 .package = PACKAGE,
                                 .variable = "TENSORMARK_MLX",
                                 .option = "--backend NAME=mlx@PATH",
                                 .folder = "mlx/lib",
                                 .file = "libmlx" TM_LIBRARY_SUFFIX};

/* Set once, when the first device is looked at; a process has one MLX. */
static const tm_backend *part;
static char library[PATH_MAX];

/* "0.32.4" from include/mlx/version.h beside the library's folder; "" where it does not say. */
static void read_version(char *into, size_t capacity)
{
    char path[PATH_MAX + 64], line[256];
    int number[3] = {-1, -1, -1};
    static const char *const words[] = {"MAJOR", "MINOR", "PATCH"};
    const char *slash = strrchr(library, '/');
    snprintf(path, sizeof path, "%.*s/../include/mlx/version.h", (int)(slash ? slash - library : 0), library);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file)) {
        char word[16];
        int value;
        if (sscanf(line, "#define MLX_VERSION_%15s %d", word, &value) != 2) continue;
        for (int i = 0; i < 3; i++) {
            if (strcmp(word, words[i]) == 0) number[i] = value;
        }
    }
    if (file) fclose(file);
    into[0] = '\0';
    if (number[0] >= 0 && number[1] >= 0 && number[2] >= 0) {
        snprintf(into, capacity, "%d.%d.%d", number[0], number[1], number[2]);
    } else {
        tm_adapter_version(library, "mlx", into, capacity);
    }
}

/* Where the part for this version is; it is looked for before MLX is loaded. */
static tm_status find_part(const char *version, char path[PATH_MAX], tm_error *error)
{
    static const char here = 0; /* any address of this library */
    Dl_info self;
    if (!dladdr(&here, &self) || !self.dli_fname || !strrchr(self.dli_fname, '/')) {
        return tm_adapter_fail(error, TM_FAILED, "mlx: this library does not know where it is");
    }
    const int folder = (int)(strrchr(self.dli_fname, '/') - self.dli_fname);
    const int length = snprintf(path, PATH_MAX, "%.*s/mlx_part-%s.so", folder, self.dli_fname, version);
    if (version[0] && length < PATH_MAX && access(path, R_OK) == 0) return TM_OK;
    return tm_adapter_fail(error, TM_UNSUPPORTED,
                           "MLX %s in %.200s is here, mlx_part-%s.so for it is not: run ./peers.sh or "
                           "backends/mlx/build-part (C++20 and that MLX's headers)",
                           version, library, version);
}

static tm_status load(const char *path, int flags, void **into, tm_error *error)
{
    *into = dlopen(path, RTLD_NOW | RTLD_NODELETE | flags);
    if (*into) return TM_OK;
    const char *words = dlerror();
    return tm_adapter_fail(error, TM_UNSUPPORTED, "MLX cannot be loaded: %.300s (install %s again)",
                           words ? words : path, PACKAGE);
}

static tm_status load_part(const char *path, const char *version, tm_error *error)
{
    void *mlx = NULL, *loaded = NULL;
    const tm_backend *(*table)(void);
    tm_status status = load(library, RTLD_GLOBAL, &mlx, error);
    if (status == TM_OK) status = load(path, RTLD_LOCAL, &loaded, error);
    if (status != TM_OK) return status;
    if (tm_adapter_symbol(loaded, "tensormark_mlx_part", &table, sizeof table)) {
        const tm_backend *found = table();
        if (found->abi == TM_BACKEND_ABI && found->size == sizeof *found) {
            part = found;
            return TM_OK;
        }
    }
    return tm_adapter_fail(error, TM_UNSUPPORTED,
                           "mlx_part-%s.so was made for another Tensormark: run ./peers.sh or backends/mlx/build-part "
                           "again",
                           version);
}

static tm_status find_mlx(const char *device, const char *location, tm_error *error)
{
    char version[64], path[PATH_MAX], found[PATH_MAX];
    if (strcmp(device, "cpu") != 0 && strcmp(device, "gpu") != 0) {
        return tm_adapter_fail(error, TM_UNSUPPORTED, "mlx runs on cpu and gpu, not on '%.60s'", device);
    }
    tm_status status = tm_adapter_locate(&wanted, location, found, error);
    if (status == TM_OK && part) {
        if (strcmp(found, library) == 0) return TM_OK;
        return tm_adapter_fail(error, TM_FAILED, "mlx: %.200s is loaded, and no second one can be", library);
    }
    if (status == TM_OK) status = tm_adapter_check_library(&wanted, found, error);
    if (status != TM_OK) return status;
    memcpy(library, found, sizeof library);
    read_version(version, sizeof version);
    status = find_part(version, path, error);
    return status == TM_OK ? load_part(path, version, error) : status;
}

static tm_status mlx_probe(const char *device, const char *location, tm_device_info *info, tm_error *error)
{
    tm_status status = find_mlx(device, location, error);
    if (status != TM_OK) return status;
    tm_adapter_cpu_name(info->device, sizeof info->device);
    snprintf(info->library, sizeof info->library, "%.511s", library);
    return part->probe(device, location, info, error);
}

static tm_status mlx_open(const char *device, const char *location, const char *options, int32_t threads,
                          const tm_host *host, tm_session **session, tm_error *error)
{
    const tm_status status = find_mlx(device, location, error);
    return status == TM_OK ? part->open(device, location, options, threads, host, session, error) : status;
}

static tm_status mlx_supports(tm_session *session, const tm_graph *graph, tm_error *error)
{
    return part->supports(session, graph, error);
}

static tm_status mlx_compile(tm_session *session, const tm_graph *graph, int32_t slots, tm_program **program,
                             tm_error *error)
{
    return part->compile(session, graph, slots, program, error);
}

static void mlx_declared(const tm_program *program, tm_declared *into)
{
    part->declared(program, into);
}

static tm_status mlx_bind(tm_program *program, int32_t slot, int32_t input, size_t offset_bytes, const void *data,
                          size_t bytes, tm_error *error)
{
    return part->bind(program, slot, input, offset_bytes, data, bytes, error);
}

static void mlx_unbind(tm_program *program)
{
    part->unbind(program);
}

static tm_status mlx_run(tm_program *program, int32_t first_slot, int64_t count, tm_error *error)
{
    return part->run(program, first_slot, count, error);
}

static tm_status mlx_sync(tm_session *session, tm_error *error)
{
    return part->sync(session, error);
}

static tm_status mlx_read(tm_program *program, int32_t output, size_t offset_bytes, size_t bytes, void *into,
                          tm_error *error)
{
    return part->read(program, output, offset_bytes, bytes, into, error);
}

static tm_status mlx_memory(tm_session *session, uint64_t *host_bytes, uint64_t *device_bytes, tm_error *error)
{
    return part->memory(session, host_bytes, device_bytes, error);
}

static void mlx_discard(tm_program *program)
{
    part->discard(program);
}

static void mlx_close(tm_session *session)
{
    part->close(session);
}

static void mlx_poison(tm_program *program)
{
    part->poison(program);
}

static tm_status mlx_read_input(tm_program *program, int32_t slot, int32_t input, size_t offset_bytes, size_t bytes,
                                void *into, tm_error *error)
{
    return part->read_input(program, slot, input, offset_bytes, bytes, into, error);
}

const tm_backend *tensormark_backend(void)
{
    static const tm_backend table = {
        .size = sizeof table,
        .abi = TM_BACKEND_ABI,
        .flags = TM_PARALLEL_READ,
        .name = "mlx",
        .probe = mlx_probe,
        .open = mlx_open,
        .supports = mlx_supports,
        .compile = mlx_compile,
        .declared = mlx_declared,
        .bind = mlx_bind,
        .unbind = mlx_unbind,
        .run = mlx_run,
        .sync = mlx_sync,
        .read = mlx_read,
        .memory = mlx_memory,
        .discard = mlx_discard,
        .close = mlx_close,
        .poison = mlx_poison,
        .read_input = mlx_read_input,
        .devices = "cpu,gpu",
    };
    return &table;
}
