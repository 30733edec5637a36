/* +compile: the library that AOTInductor made of this very graph ahead of time (compile-cases), found by the graph's
 * key in FOLDER/VERSION/DEVICE/KEY. It is run through the C functions that each such library exports: inputs go in as
 * handles that the call consumes, results come out as tensors that the library made, as its users get them. */
#include "torch.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The first line of a file, without its end; false if there is none. */
static bool read_line(const char *path, char *into, size_t capacity)
{
    FILE *file = fopen(path, "r");
    if (!file) return false;
    const bool there = fgets(into, (int)capacity, file) != NULL;
    fclose(file);
    if (there) into[strcspn(into, "\n")] = '\0';
    return there;
}

/* What the processor can do, as compile-cases wrote it down: " fpu vme ... ". */
static void processor_features(char *into, size_t capacity)
{
    static const char *const names[] = {"flags", "Features"};
    char line[8192];
    FILE *file = fopen("/proc/cpuinfo", "r");
    into[0] = '\0';
    while (file && !into[0] && fgets(line, sizeof line, file)) {
        const char *colon = strchr(line, ':');
        for (int i = 0; colon && i < 2; i++) {
            if (strncmp(line, names[i], strlen(names[i])) != 0) continue;
            snprintf(into, capacity, " %.*s ", (int)strcspn(colon + 1, "\n"), colon + 1);
        }
    }
    if (file) fclose(file);
}

/* A library that was made for another processor may stop at its first instruction. */
static tm_status check_features(const char *folder, tm_error *error)
{
    char path[PATH_MAX + 16], wanted[8192], present[8192], word[66];
    snprintf(path, sizeof path, "%s/features", folder);
    if (!read_line(path, wanted, sizeof wanted)) return TM_OK;
    processor_features(present, sizeof present);
    char *rest = wanted;
    for (const char *name = strtok_r(wanted, " ", &rest); name; name = strtok_r(NULL, " ", &rest)) {
        snprintf(word, sizeof word, " %.63s ", name);
        if (strstr(present, word)) continue;
        return tm_adapter_fail(error, TM_UNSUPPORTED,
                               "the package in %.300s was made on a processor with %.63s, which this one has not: run "
                               "backends/torch/compile-cases --again here",
                               folder, name);
    }
    return TM_OK;
}

/* The interpreter of the environment that PyTorch lies in: ROOT/lib/python3.N/site-packages/torch/lib. */
static void interpreter(const tm_torch *torch, char into[PATH_MAX])
{
    char root[PATH_MAX];
    snprintf(root, sizeof root, "%s", torch->place.folder);
    for (int level = 0; level < 5; level++) {
        char *slash = strrchr(root, '/');
        if (slash) *slash = '\0';
    }
    const int length = snprintf(into, PATH_MAX, "%s/bin/python3", root);
    if (length >= PATH_MAX || access(into, X_OK) != 0) snprintf(into, PATH_MAX, "python3");
}

static tm_status not_made(const tm_session *session, const char *folder, tm_error *error)
{
    char python[PATH_MAX], how[64] = "";
    interpreter(&session->torch, python);
    if (session->torch.device == TM_TORCH_CPU) snprintf(how, sizeof how, " --threads %d", (int)session->threads);
    if (session->torch.device == TM_TORCH_CUDA) snprintf(how, sizeof how, " --device cuda");
    if (session->torch.device == TM_TORCH_MPS) snprintf(how, sizeof how, " --device mps");
    return tm_adapter_fail(error, TM_UNSUPPORTED,
                           "no package of this graph in %.180s: tensormark list cases CASE --format jsonl | %.160s "
                           "backends/torch/compile-cases%s",
                           folder, python, how);
}

/* The folder of the graph's package, if there is one that can be used. */
static tm_status find_package(const tm_session *session, const tm_graph *graph, char *into, size_t capacity,
                              tm_error *error)
{
    static const char *const devices[] = {[TM_TORCH_CUDA] = "cuda", [TM_TORCH_MPS] = "mps"};
    const tm_torch *torch = &session->torch;
    const char *named = getenv("TENSORMARK_TORCH_PACKAGES"), *home = getenv("HOME");
    char key[TM_GRAPH_KEY], device[32], where[PATH_MAX], path[PATH_MAX + 16], words[400];
    if (session->host->size <= offsetof(tm_host, graph_key) || !session->host->graph_key) {
        return tm_adapter_fail(error, TM_UNSUPPORTED, "torch+compile: this host gives graphs no keys");
    }
    const tm_status status = session->host->graph_key(graph, key);
    if (status != TM_OK) return tm_adapter_fail(error, status, "out of memory for a graph's key");
    snprintf(device, sizeof device, "cpu-%d", (int)session->threads);
    const bool own = named && named[0];
    snprintf(where, sizeof where, "%.3000s%s/%s/%s",
             own    ? named
             : home ? home
                    : "",
             own ? "" : "/.cache/tensormark/torch", torch->place.version,
             torch->device == TM_TORCH_CPU ? device : devices[torch->device]);
    snprintf(into, capacity, "%.4000s/%s", where, key);
    snprintf(path, sizeof path, "%.4090s/refused", into);
    if (read_line(path, words, sizeof words)) return tm_adapter_fail(error, TM_UNSUPPORTED, "AOTInductor: %s", words);
    snprintf(path, sizeof path, "%.4090s/model.so", into);
    if (access(path, R_OK) != 0) return not_made(session, where, error);
    return check_features(into, error);
}

tm_status tm_torch_package_supports(const tm_session *session, const tm_graph *graph, tm_error *error)
{
    char folder[PATH_MAX];
    return find_package(session, graph, folder, sizeof folder, error);
}

/* The library's own words for what went wrong in it. */
static tm_status package_refused(const tm_torch_package *package, const char *about, tm_error *error)
{
    const char *words = NULL;
    if (package->last_error) package->last_error(&words);
    return tm_torch_refused_with(words && words[0] ? words : "failed (this version says why on stderr)", about, error);
}

static tm_status load_functions(tm_torch_package *package, const char *path, tm_error *error)
{
    static const struct {
        const char *name;
        size_t place;
        bool optional;
    } functions[] = {{"AOTInductorModelContainerCreateWithDevice", offsetof(tm_torch_package, create), false},
                     {"AOTInductorModelContainerDelete", offsetof(tm_torch_package, delete_container), false},
                     {"AOTInductorModelContainerRun", offsetof(tm_torch_package, run), false},
                     {"AOTInductorModelContainerGetNumInputs", offsetof(tm_torch_package, count_inputs), false},
                     {"AOTInductorModelContainerGetNumOutputs", offsetof(tm_torch_package, count_outputs), false},
                     {"AOTInductorGetLastError", offsetof(tm_torch_package, last_error), true}};
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        char *into = (char *)package + functions[i].place;
        if (tm_adapter_symbol(package->library, functions[i].name, into, sizeof(void *)) || functions[i].optional) {
            continue;
        }
        return tm_adapter_fail(error, TM_FAILED, "%.300s has no %s", path, functions[i].name);
    }
    return TM_OK;
}

static tm_status create(tm_program *program, const char *folder, tm_error *error)
{
    static const char *const devices[] = {[TM_TORCH_CPU] = "cpu", [TM_TORCH_CUDA] = "cuda", [TM_TORCH_MPS] = "mps"};
    tm_torch_package *package = &program->package;
    const tm_host *host = program->session->host;
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/model.so", folder);
    if (tm_adapter_check_library(&tm_torch_wanted, path, NULL) != TM_OK) {
        return tm_adapter_fail(error, TM_UNSUPPORTED,
                               "%.300s is damaged: run backends/torch/compile-cases with --again", path);
    }
    package->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!package->library) {
        const char *words = dlerror();
        return tm_adapter_fail(error, TM_FAILED, "package: %.400s", words ? words : path);
    }
    const tm_status status = load_functions(package, path, error);
    if (status != TM_OK) return status;
    if (package->create(&package->container, 1, devices[program->session->torch.device], folder) != 0) {
        return package_refused(package, "package", error);
    }
    size_t inputs = 0, outputs = 0;
    if (package->count_inputs(package->container, &inputs) == 0 &&
        package->count_outputs(package->container, &outputs) == 0 && inputs == (size_t)program->inputs &&
        outputs == (size_t)host->output_count(program->graph)) {
        return TM_OK;
    }
    return tm_adapter_fail(error, TM_FAILED, "%.300s has %zu inputs and %zu outputs, which are not the graph's", path,
                           inputs, outputs);
}

tm_status tm_torch_package_open(tm_program *program, tm_error *error)
{
    const tm_host *host = program->session->host;
    const int32_t outputs = host->output_count(program->graph);
    char folder[PATH_MAX];
    program->package.first_output = program->registers;
    for (int32_t i = 0; i < outputs; i++) {
        const int32_t where = tm_torch_register(program, TM_TORCH_OF_RUN);
        if (where < 0) return tm_adapter_fail(error, TM_OUT_OF_MEMORY, "out of memory for a program's values");
        program->where[host->output_value(program->graph, i)] = where;
    }
    program->package.handles = calloc((size_t)program->inputs + (size_t)outputs + 1, sizeof(tensor));
    if (!program->package.handles) return tm_adapter_fail(error, TM_OUT_OF_MEMORY, "out of memory for handles");
    const tm_status status = find_package(program->session, program->graph, folder, sizeof folder, error);
    return status == TM_OK ? create(program, folder, error) : status;
}

tm_status tm_torch_package_run(tm_program *program, int32_t slot, tm_error *error)
{
    const tm_torch_package *package = &program->package;
    const tm_torch *torch = &program->session->torch;
    const int32_t outputs = program->session->host->output_count(program->graph);
    const tensor *bound = &program->of_slot[(size_t)slot * (size_t)program->registers];
    tensor *inputs = package->handles, *results = inputs + program->inputs;
    for (int32_t i = 0; i < program->inputs; i++) {
        if (torch->api.aoti_torch_new_tensor_handle(bound[i], &inputs[i]) == 0) continue;
        while (i-- > 0) tm_torch_free_tensor(torch, &inputs[i]);
        return tm_torch_refused(torch, "handle", error);
    }
    if (package->run(package->container, inputs, (size_t)program->inputs, results, (size_t)outputs, NULL, NULL) != 0) {
        return package_refused(package, "package", error);
    }
    memcpy(&program->live[package->first_output], results, (size_t)outputs * sizeof(tensor));
    return TM_OK;
}

void tm_torch_package_close(tm_torch_package *package)
{
    if (package->container) package->delete_container(package->container);
    if (package->library) dlclose(package->library);
    free(package->handles);
}
