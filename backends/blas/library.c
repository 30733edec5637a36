/* Which BLAS it is, what its functions are called, how wide its integers are, and how its threads are bound. */
#include "blas.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What builds put around the names of their functions. */
static const struct {
    const char *prefix, *suffix;
} spellings[] = {{"", ""}, {"", "64_"}, {"scipy_", ""}, {"scipy_", "64_"}};

static bool function(const tm_blas *blas, const char *name, void *into, size_t size)
{
    char whole[80];
    snprintf(whole, sizeof whole, "%s%s%s", blas->prefix, name, blas->suffix);
    return tm_adapter_symbol(blas->library, whole, into, size);
}

/* A vector of 2 to a library that reads 32 bits of the first argument, one of fewer than none to one that reads 64. */
static bool has_wide_integers(const tm_blas *blas)
{
    static const float ones[] = {1, 1};
    float (*sasum)(int64_t n, const float *x, int64_t step);
    if (!function(blas, "cblas_sasum", &sasum, sizeof sasum)) return blas->suffix[0] != '\0';
    return sasum(INT64_MIN + 2, ones, 1) == 0.0f;
}

static void find_functions(tm_blas *blas)
{
#define X(name, parameters) function(blas, "cblas_" #name, &blas->narrow.name, sizeof blas->narrow.name);
    TM_BLAS_FUNCTIONS(X, int)
#undef X
#define X(name, parameters) function(blas, "cblas_" #name, &blas->wide.name, sizeof blas->wide.name);
    TM_BLAS_FUNCTIONS(X, int64_t)
#undef X
}

static bool name_openblas(const tm_blas *blas, char *into, size_t capacity)
{
    const char *(*config)(void), *(*core)(void);
    if (!function(blas, "openblas_get_config", &config, sizeof config)) return false;
    const char *text = config();
    const size_t first = strcspn(text, " "), words = first + (text[first] == ' ') + strcspn(text + first + 1, " ");
    const bool known = strncmp(text, "OpenBLAS ", 9) == 0;
    const bool has_core = function(blas, "openblas_get_corename", &core, sizeof core);
    snprintf(into, capacity, "%.*s (%.20s)", known ? (int)words : 8, known ? text : "OpenBLAS",
             has_core ? core() : "one kernel set");
    return true;
}

/* "Intel(R) oneAPI Math Kernel Library Version 2024.2-Product Build ...": the number behind "Version". */
static bool name_mkl(const tm_blas *blas, char *into, size_t capacity)
{
    void (*version)(char *, int);
    char text[256] = "";
    if (!function(blas, "MKL_Get_Version_String", &version, sizeof version)) return false;
    version(text, (int)sizeof text - 1);
    const char *number = strstr(text, "Version ");
    number = number ? number + strlen("Version ") : text;
    snprintf(into, capacity, "MKL %.*s", (int)strcspn(number, " -"), number);
    return true;
}

static bool name_blis(const tm_blas *blas, char *into, size_t capacity)
{
    const char *(*version)(void);
    if (!function(blas, "bli_info_get_version_str", &version, sizeof version)) return false;
    snprintf(into, capacity, "BLIS %.40s", version());
    return true;
}

static void find_name(tm_blas *blas)
{
    const size_t capacity = sizeof blas->name;
    if (name_openblas(blas, blas->name, capacity) || name_mkl(blas, blas->name, capacity)) return;
    if (name_blis(blas, blas->name, capacity)) return;
    const char *slash = strrchr(blas->path, '/');
    snprintf(blas->name, capacity, "CBLAS of %.50s", slash ? slash + 1 : blas->path);
}

/* Without its threads' library libmkl_rt would end the process at the first call. */
static tm_status check_mkl(const tm_blas *blas, tm_error *error)
{
    void (*version)(char *, int);
    char beside[PATH_MAX + 16];
    const char *slash = strrchr(blas->path, '/'), *layer = getenv("MKL_THREADING_LAYER");
    if (!function(blas, "MKL_Get_Version_String", &version, sizeof version) || (layer && layer[0])) return TM_OK;
    snprintf(beside, sizeof beside, "%.*slibiomp5.so", slash ? (int)(slash + 1 - blas->path) : 0, blas->path);
    if (access(beside, R_OK) == 0 || dlopen("libiomp5.so", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE)) return TM_OK;
    return tm_adapter_fail(error, TM_UNSUPPORTED,
                           "%.350s needs libiomp5.so for its threads: pip install intel-openmp, or "
                           "MKL_THREADING_LAYER=GNU",
                           blas->path);
}

tm_status tm_blas_load(const char *location, tm_blas *into, tm_error *error)
{
    static const char *const files[] = {"libopenblas.so.0",
                                        "libopenblas.so",
                                        "libblas.so.3",
                                        "libcblas.so.3",
                                        "libmkl_rt.so.3",
                                        "libmkl_rt.so.2",
                                        "libmkl_rt.so.1",
                                        "libmkl_rt.so",
                                        "libblis.so.4",
                                        "libblis.so",
                                        NULL};
    static const tm_sought sought = {.name = "BLAS",
                                     .package = "libopenblas0",
                                     .variable = "TENSORMARK_BLAS",
                                     .files = files,
                                     .function = "cblas_sgemm",
                                     .install = "apt install libopenblas0, or TENSORMARK_BLAS=PATH"};
    *into = (tm_blas){0};
    tm_status status = tm_adapter_load(&sought, location, &into->library, into->path, error);
    if (status != TM_OK) return status;
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings && !into->narrow.sgemv; i++) {
        snprintf(into->prefix, sizeof into->prefix, "%s", spellings[i].prefix);
        snprintf(into->suffix, sizeof into->suffix, "%s", spellings[i].suffix);
        find_functions(into);
    }
    if (!into->narrow.sgemm || !into->narrow.sgemv) {
        return tm_adapter_fail(error, TM_UNSUPPORTED, "%.350s is no BLAS with a C interface: it lacks %s", into->path,
                               into->narrow.sgemv ? "cblas_sgemm" : "cblas_sgemv");
    }
    status = check_mkl(into, error);
    if (status != TM_OK) return status;
    into->is_wide = has_wide_integers(into);
    find_name(into);
    return TM_OK;
}

bool tm_blas_has_batch(const tm_blas *blas)
{
    return blas->narrow.sgemm_batch != NULL;
}

bool tm_blas_has_bf16(const tm_blas *blas)
{
    return blas->narrow.sbgemm && blas->narrow.sbstobf16 && blas->narrow.sbf16tos;
}

static tm_status check_threads(const tm_blas *blas, int64_t got, int32_t threads, tm_error *error)
{
    if (got == threads) return TM_OK;
    return tm_adapter_fail(error, TM_FAILED, "%s uses %lld threads though told to use %d", blas->name, (long long)got,
                           (int)threads);
}

static tm_status set_openblas(tm_blas *blas, int32_t threads, tm_error *error)
{
    void (*set)(int);
    int (*get)(void), (*kind)(void);
    if (!function(blas, "openblas_set_num_threads", &set, sizeof set) ||
        !function(blas, "openblas_get_num_threads", &get, sizeof get)) {
        return tm_adapter_fail(error, TM_UNSUPPORTED, "%s has no openblas_set_num_threads", blas->name);
    }
    if (function(blas, "openblas_get_parallel", &kind, sizeof kind) && kind() == 0) {
        blas->threads = "1";
        return TM_OK;
    }
    set(threads);
    return check_threads(blas, get(), threads, error);
}

static tm_status set_mkl(tm_blas *blas, int32_t threads, tm_error *error)
{
    void (*set)(int), (*set_dynamic)(int);
    int (*get)(void);
    if (!function(blas, "MKL_Set_Num_Threads", &set, sizeof set) ||
        !function(blas, "MKL_Get_Max_Threads", &get, sizeof get) ||
        !function(blas, "MKL_Set_Dynamic", &set_dynamic, sizeof set_dynamic)) {
        return tm_adapter_fail(error, TM_UNSUPPORTED, "%s has no MKL_Set_Num_Threads", blas->name);
    }
    set_dynamic(0);
    set(threads);
    return check_threads(blas, get(), threads, error);
}

static tm_status set_blis(tm_blas *blas, int32_t threads, tm_error *error)
{
    void (*set)(int64_t);
    int64_t (*get)(void), (*enabled)(void);
    if (!function(blas, "bli_thread_set_num_threads", &set, sizeof set) ||
        !function(blas, "bli_thread_get_num_threads", &get, sizeof get)) {
        return tm_adapter_fail(error, TM_UNSUPPORTED, "%s has no bli_thread_set_num_threads", blas->name);
    }
    if (function(blas, "bli_info_get_enable_threading", &enabled, sizeof enabled) && enabled() == 0) {
        blas->threads = "1";
        return TM_OK;
    }
    set(threads);
    return check_threads(blas, get(), threads, error);
}

/* A library that is not known may have threads of its own, which nothing can tell. */
static tm_status set_other(tm_blas *blas, int32_t threads, tm_error *error)
{
    void (*set)(int);
    int (*get)(void);
    if (!tm_adapter_symbol(blas->library, "omp_set_num_threads", &set, sizeof set) ||
        !tm_adapter_symbol(blas->library, "omp_get_max_threads", &get, sizeof get)) {
        blas->threads = "own";
        return TM_OK;
    }
    set(threads);
    return check_threads(blas, get(), threads, error);
}

tm_status tm_blas_set_threads(tm_blas *blas, int32_t threads, tm_error *error)
{
    if (strncmp(blas->name, "OpenBLAS", 8) == 0) return set_openblas(blas, threads, error);
    if (strncmp(blas->name, "MKL ", 4) == 0) return set_mkl(blas, threads, error);
    if (strncmp(blas->name, "BLIS ", 5) == 0) return set_blis(blas, threads, error);
    return set_other(blas, threads, error);
}
