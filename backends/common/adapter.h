/* What adapters share: small tools that every backend library links for itself. None of it is exported, and a backend
 * outside this tree needs none of it. For C and C++. */
#ifndef TM_ADAPTER_H
#define TM_ADAPTER_H

#include "tensormark/backend.h"

#include <limits.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifdef __APPLE__
#define TM_LIBRARY_SUFFIX ".dylib"
#else
#define TM_LIBRARY_SUFFIX ".so"
#endif

/* ---- adapter.c ---- */

/* Writes the message, cut to its first line, and returns `status`. `error` may be NULL. */
tm_status tm_adapter_fail(tm_error *error, tm_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts the symbol's address into the pointer at `into`, which is `size` bytes; zeros and false if there is none. */
bool tm_adapter_symbol(void *library, const char *name, void *into, size_t size);

/* The next word of "compile,tuned", cut to the capacity; false at the end. *at moves on. */
bool tm_adapter_option(const char **at, char *into, size_t capacity);

/* For a backend (of that name) whose only device is cpu, or whose only option is tuned: TM_UNSUPPORTED for any other.
 */
tm_status tm_adapter_only_cpu(const char *backend, const char *device, tm_error *error);
tm_status tm_adapter_only_tuned(const char *backend, const char *options, bool *tuned, tm_error *error);

size_t tm_adapter_size_of(tm_dtype dtype); /* bytes of an element */
int64_t tm_adapter_elements(const tm_shape *shape);
size_t tm_adapter_bytes(const tm_shape *shape);

/* The processor's name as the system tells it, "cpu" where it does not. */
void tm_adapter_cpu_name(char *into, size_t capacity);

/* ---- locate.c: where a library of a Python package is, found without running Python ---- */

typedef struct tm_wanted {
    const char *name;     /* as users write it: "PyTorch" */
    const char *package;  /* as pip knows it: "torch" */
    const char *variable; /* of the environment, naming a place: "TENSORMARK_TORCH"; NULL for none */
    const char *option;   /* how a user names a place: "--torch PATH", "--backend NAME=mlx@PATH" */
    const char *folder;   /* below site-packages: "torch/lib" */
    const char *file;     /* "libtorch_cpu.so"; a '*' at its end stands for anything: "libonnxruntime.so*" */
} tm_wanted;

/* Looks in `location` if not "", else $variable, $VIRTUAL_ENV, ./.venv, the first python3 on PATH. A named place may be
 * an environment's root, its site-packages, the package's folder or the folder that holds the library; if it holds
 * none, that is an error, and no other is looked in. `into` gets the library's whole path, links resolved.
 * TM_UNSUPPORTED says what to install. */
tm_status tm_adapter_locate(const tm_wanted *wanted, const char *location, char into[PATH_MAX], tm_error *error);

/* Is the file a shared library for this processor? Loading one that is not may do worse than fail. */
tm_status tm_adapter_check_library(const tm_wanted *wanted, const char *path, tm_error *error);

/* The version in the name of the folder PACKAGE-VERSION.dist-info beside the package's, "" if there is none; `path` is
 * a file somewhere in the package, `package` the name with '_' for '-'. */
void tm_adapter_version(const char *path, const char *package, char *into, size_t capacity);

/* ---- system.c: a C library that the system's loader finds, or that is named ---- */

typedef struct tm_sought {
    const char *name;         /* as users write it: "oneDNN" */
    const char *package;      /* what to install again: "libdnnl" */
    const char *variable;     /* of the environment, naming a file or folder: "TENSORMARK_ONEDNN" */
    const char *const *files; /* names to try, the best first, then NULL */
    const char *function;     /* without which a file of such a name is passed over: "dnnl_version" */
    const char *install;      /* "apt install libdnnl2, or pip install onednn" */
} tm_sought;

/* Loads the file `location` or $variable, or the first of the names in that folder or in its lib; without either, the
 * first that is in $VIRTUAL_ENV or ./.venv or that the loader knows. `path` gets the file's whole path, links resolved.
 * TM_UNSUPPORTED says what to install. */
tm_status tm_adapter_load(const tm_sought *sought, const char *location, void **library, char path[PATH_MAX],
                          tm_error *error);

/* ---- pages.c: pages for inputs on the processor ---- */

/* One range of addresses, used from its beginning. Programs follow each other in a session, and pages that are there
 * already need not be had from the system again. All zero: nothing is mapped. */
typedef struct tm_pages {
    int32_t threads; /* that fetch new pages from the system together; 0 is 1 */
    char *base;
    size_t bytes;
    size_t present; /* of them, those that have pages */
} tm_pages;

/* At least `bytes` of memory, in huge pages where the system gives them; NULL when there is none. */
char *tm_pages_take(tm_pages *pages, size_t bytes);
void tm_pages_free(tm_pages *pages);

/* ---- slots.c: the input slots of a program whose framework reads dense host memory ---- */

typedef struct tm_slots {
    const tm_host *host;
    const tm_graph *graph;
    tm_pages *pages; /* the session's */
    int32_t slots, inputs;
    size_t slot_bytes;
    size_t *at;  /* of each input in its slot */
    bool *bound; /* slots x inputs */
} tm_slots;

/* All zero before; `pages` belong to the session. tm_slots_free frees what a failed call left, too. */
tm_status tm_slots_make(tm_slots *into, const tm_host *host, const tm_graph *graph, int32_t slots, tm_pages *pages,
                        tm_error *error);
void tm_slots_free(tm_slots *slots);

/* The backend's functions of these names, on host memory. */
tm_status tm_slots_bind(tm_slots *slots, int32_t slot, int32_t input, size_t offset_bytes, const void *data,
                        size_t bytes, tm_error *error);
void tm_slots_unbind(tm_slots *slots);
tm_status tm_slots_read_input(const tm_slots *slots, int32_t slot, int32_t input, size_t offset_bytes, size_t bytes,
                              void *into, tm_error *error);

/* Where an input lies, whether it is bound or not; addresses hold from the first bind until unbind. NULL: no memory. */
void *tm_slots_input(const tm_slots *slots, int32_t slot, int32_t input);
bool tm_slots_all_bound(const tm_slots *slots, int32_t slot);

/* ---- results.c: the results of a program whose framework writes into dense host memory of ours ---- */

typedef struct tm_results {
    const tm_host *host;
    const tm_graph *graph;
    int32_t inputs, nodes;
    void **data; /* by node: of the value inputs + node */
} tm_results;

/* One buffer for each node, large ones in huge pages if so asked and where the system gives them. tm_results_free frees
 * what a failed call left, too. */
tm_status tm_results_make(tm_results *into, const tm_host *host, const tm_graph *graph, bool huge_pages,
                          tm_error *error);
void tm_results_free(tm_results *results);

/* The backend's functions of these names. */
void tm_results_poison(tm_results *results);
tm_status tm_results_read(const tm_results *results, int32_t output, size_t offset_bytes, size_t bytes, void *into,
                          tm_error *error);

#ifdef __cplusplus
}
#endif

#endif
