/* Loading PyTorch: its libraries with dlopen, the functions of its C interface by name. Nothing is loaded before the
 * file is known to be a library for this processor, and nothing is ever unloaded: thread pools do not survive that. */
#include "torch.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool says(const char *words, const char *part)
{
    return strstr(words, part) != NULL;
}

/* PyTorch has one kind of error; what it is about is in the words. */
tm_status tm_torch_refused_with(const char *words, const char *about, tm_error *error)
{
    tm_status status = TM_FAILED;
    if (says(words, "out of memory")) {
        status = says(words, "CUDA") || says(words, "MPS") ? TM_DEVICE_OUT_OF_MEMORY : TM_OUT_OF_MEMORY;
    } else if (says(words, "can't allocate memory") || says(words, "not enough memory")) {
        status = TM_OUT_OF_MEMORY;
    } else if (says(words, "CUDA error") || says(words, "CUDNN_STATUS") || says(words, "CUBLAS_STATUS")) {
        status = TM_DEVICE_ERROR;
    } else if (says(words, "not implemented for '") || says(words, "Could not run 'aten::")) {
        status = TM_UNSUPPORTED;
    }
    return tm_adapter_fail(error, status, "%s: %s", about, words[0] ? words : "refused without a word");
}

tm_status tm_torch_refused(const tm_torch *torch, const char *about, tm_error *error)
{
    const char *words = NULL;
    if (torch->api.torch_exception_get_what_without_backtrace) {
        words = torch->api.torch_exception_get_what_without_backtrace();
    }
    return tm_torch_refused_with(words ? words : "refused (this version says why on stderr)", about, error);
}

static tm_status load_library(const tm_torch_place *place, const char *name, void **into, tm_error *error)
{
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/lib%s" TM_LIBRARY_SUFFIX, place->folder, name);
    const tm_status status = tm_adapter_check_library(&tm_torch_wanted, path, error);
    if (status != TM_OK) return status;
    *into = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (*into) return TM_OK;
    const char *words = dlerror();
    return tm_adapter_fail(error, TM_UNSUPPORTED, "PyTorch cannot be loaded: %.300s (install torch again)",
                           words ? words : path);
}

static tm_status load_functions(tm_torch *torch, tm_error *error)
{
    static const struct {
        const char *name;
        size_t place;
        bool optional;
    } functions[] = {
#define X(result, name, parameters, optional) {#name, offsetof(tm_torch_api, name), optional},
        TM_TORCH_FUNCTIONS(X)
#undef X
    };
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        char *into = (char *)&torch->api + functions[i].place;
        if (tm_adapter_symbol(torch->cpu_library, functions[i].name, into, sizeof(void *)) || functions[i].optional)
            continue;
        return tm_adapter_fail(error, TM_UNSUPPORTED,
                               "PyTorch %s in %.250s lacks %s: 2.10 or later is needed (pip "
                               "install -U torch)",
                               torch->place.version, torch->place.folder, functions[i].name);
    }
    return TM_OK;
}

/* What the library says of itself, where no file says it. */
static void complete_version(tm_torch *torch)
{
    if (torch->place.version[0] || !torch->api.aoti_torch_abi_version) return;
    const uint64_t abi = torch->api.aoti_torch_abi_version();
    snprintf(torch->place.version, sizeof torch->place.version, "%u.%u.%u", (unsigned)(abi >> 56),
             (unsigned)(abi >> 48 & 0xff), (unsigned)(abi >> 40 & 0xff));
}

/* The driver is asked, since the runtime's own structures change with its version. */
static tm_status gpu_name(char *into, size_t capacity, tm_error *error)
{
    void *driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!driver) return tm_adapter_fail(error, TM_UNSUPPORTED, "no NVIDIA driver: libcuda.so.1 is not there");
    int (*start)(unsigned), (*count)(int *), (*get)(int *, int), (*name)(char *, int, int);
    int devices = 0, device = 0;
    const bool complete = tm_adapter_symbol(driver, "cuInit", &start, sizeof start) &&
                          tm_adapter_symbol(driver, "cuDeviceGetCount", &count, sizeof count) &&
                          tm_adapter_symbol(driver, "cuDeviceGet", &get, sizeof get) &&
                          tm_adapter_symbol(driver, "cuDeviceGetName", &name, sizeof name);
    const int failed = complete ? start(0) : -1;
    if (failed || count(&devices) != 0 || devices < 1) {
        return tm_adapter_fail(error, TM_UNSUPPORTED, "no NVIDIA GPU that can be used (driver error %d)", failed);
    }
    if (get(&device, 0) != 0 || name(into, (int)capacity, device) != 0) snprintf(into, capacity, "NVIDIA GPU");
    return TM_OK;
}

/* CUDA kernels are in a library of their own that registers itself on loading. */
static tm_status load_cuda(tm_torch *torch, tm_error *error)
{
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/libtorch_cuda" TM_LIBRARY_SUFFIX, torch->place.folder);
    if (access(path, F_OK) != 0) {
        return tm_adapter_fail(error, TM_UNSUPPORTED,
                               "PyTorch %s is built without CUDA: install one of PyTorch's builds for CUDA",
                               torch->place.version);
    }
    char name[128];
    tm_status status = gpu_name(name, sizeof name, error); /* before a gigabyte is loaded for nothing */
    if (status == TM_OK) status = load_library(&torch->place, "torch_cuda", &torch->cuda_library, error);
    if (status != TM_OK) return status;
    tm_adapter_symbol(torch->cuda_library, "cudaGetErrorString", &torch->cuda_words, sizeof torch->cuda_words);
    if (tm_adapter_symbol(torch->cuda_library, "cudaDeviceSynchronize", &torch->cuda_wait, sizeof torch->cuda_wait))
        return TM_OK;
    return tm_adapter_fail(error, TM_UNSUPPORTED, "PyTorch %s brings no CUDA runtime that can be waited for",
                           torch->place.version);
}

static tm_status load_mps(tm_torch *torch, tm_error *error)
{
#ifdef __APPLE__
    if (torch->api.aoti_torch_device_type_mps && tm_adapter_symbol(torch->cpu_library, "_ZN5torch3mps11synchronizeEv",
                                                                   &torch->mps_wait, sizeof torch->mps_wait)) {
        return TM_OK;
    }
#endif
    (void)torch;
    return tm_adapter_fail(error, TM_UNSUPPORTED, "torch:mps needs macOS with PyTorch built for Metal");
}

tm_status tm_torch_load(const char *device, const char *location, tm_torch *into, tm_error *error)
{
    static const char *const devices[] = {[TM_TORCH_CPU] = "cpu", [TM_TORCH_CUDA] = "cuda", [TM_TORCH_MPS] = "mps"};
    memset(into, 0, sizeof *into);
    while (into->device <= TM_TORCH_MPS && strcmp(devices[into->device], device) != 0) into->device++;
    if (into->device > TM_TORCH_MPS) {
        return tm_adapter_fail(error, TM_UNSUPPORTED, "torch runs on cpu, cuda and mps, not on '%.60s'", device);
    }
    tm_status status = tm_torch_locate(location, &into->place, error);
    if (status == TM_OK) status = load_library(&into->place, "torch_cpu", &into->cpu_library, error);
    if (status == TM_OK) status = load_functions(into, error);
    if (status != TM_OK) return status;
    complete_version(into);
    if (into->device == TM_TORCH_CUDA) status = load_cuda(into, error);
    if (into->device == TM_TORCH_MPS) status = load_mps(into, error);
    if (status != TM_OK) return status;
    const tm_torch_api *api = &into->api;
    into->device_type = into->device == TM_TORCH_CPU    ? api->aoti_torch_device_type_cpu()
                        : into->device == TM_TORCH_CUDA ? api->aoti_torch_device_type_cuda()
                                                        : api->aoti_torch_device_type_mps();
    tm_torch_load_scalar_ops(into);
    return TM_OK;
}

/* Beside this library, built for this version of PyTorch (build-scalar-ops). */
void tm_torch_load_scalar_ops(tm_torch *torch)
{
    static const struct {
        const char *name;
        size_t place;
    } functions[] = {{"tm_torch_leaky_relu", offsetof(tm_torch, leaky_relu)},
                     {"tm_torch_softplus", offsetof(tm_torch, softplus)},
                     {"tm_torch_relu_into", offsetof(tm_torch, relu_into)},
                     {"tm_torch_index_add", offsetof(tm_torch, index_add)},
                     {"tm_torch_add", offsetof(tm_torch, add)}};
    char path[PATH_MAX + 128];
    Dl_info self;
    static const char here = 0; /* any address of this library */
    snprintf(torch->scalar_reason, sizeof torch->scalar_reason,
             "PyTorch's stable C interface cannot pass a Scalar, and torch_scalar_ops-%s.so is not built: run "
             "backends/torch/build-scalar-ops (needs a C++ compiler and the headers of that PyTorch)",
             torch->place.version);
    if (!dladdr(&here, &self) || !self.dli_fname || !strrchr(self.dli_fname, '/')) return;
    snprintf(path, sizeof path, "%.*s/torch_scalar_ops-%s.so", (int)(strrchr(self.dli_fname, '/') - self.dli_fname),
             self.dli_fname, torch->place.version);
    if (access(path, R_OK) != 0) return;
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!library) {
        const char *words = dlerror();
        snprintf(torch->scalar_reason, sizeof torch->scalar_reason, "scalar ops cannot be loaded: %.200s",
                 words ? words : path);
        return;
    }
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        tm_adapter_symbol(library, functions[i].name, (char *)torch + functions[i].place, sizeof(void *));
    }
}

tm_status tm_torch_set_threads(const tm_torch *torch, int32_t threads, tm_error *error)
{
    void (*set)(int);
    if (!tm_adapter_symbol(torch->cpu_library, "_ZN2at15set_num_threadsEi", &set, sizeof set)) {
        return tm_adapter_fail(error, TM_UNSUPPORTED, "PyTorch %s has no at::set_num_threads", torch->place.version);
    }
    set(threads);
    uint32_t got = 0;
    if (torch->api.torch_get_num_threads(&got) != 0) return tm_torch_refused(torch, "torch_get_num_threads", error);
    if (got == (uint32_t)threads) return TM_OK;
    return tm_adapter_fail(error, TM_FAILED, "PyTorch uses %u threads though told to use %d", got, (int)threads);
}

tm_status tm_torch_set_tf32(const tm_torch *torch, bool allowed, tm_error *error)
{
    void *(*context)(void);
    void (*matmul)(void *, bool), (*convolution)(void *, bool);
    if (tm_adapter_symbol(torch->cpu_library, "_ZN2at13globalContextEv", &context, sizeof context) &&
        tm_adapter_symbol(torch->cpu_library, "_ZN2at7Context18setAllowTF32CuBLASEb", &matmul, sizeof matmul) &&
        tm_adapter_symbol(torch->cpu_library, "_ZN2at7Context17setAllowTF32CuDNNEb", &convolution,
                          sizeof convolution)) {
        matmul(context(), allowed);
        convolution(context(), allowed);
        return TM_OK;
    }
    return tm_adapter_fail(error, TM_UNSUPPORTED, "PyTorch %s does not let TF32 be chosen", torch->place.version);
}

tm_status tm_torch_device_name(const tm_torch *torch, char *into, size_t capacity, tm_error *error)
{
    if (torch->device == TM_TORCH_CUDA) return gpu_name(into, capacity, error);
    tm_adapter_cpu_name(into, capacity);
    return TM_OK;
}

int32_t tm_torch_dtype(const tm_torch *torch, tm_dtype dtype)
{
    switch (dtype) {
    case TM_BF16: return torch->api.aoti_torch_dtype_bfloat16();
    case TM_F16: return torch->api.aoti_torch_dtype_float16();
    case TM_I32: return torch->api.aoti_torch_dtype_int32();
    case TM_I64: return torch->api.aoti_torch_dtype_int64();
    case TM_F32: break;
    }
    return torch->api.aoti_torch_dtype_float32();
}
