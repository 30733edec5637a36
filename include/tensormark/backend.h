/* Tensormark backend interface, version 0 (frozen as 1 once four backends and the language models have used it).
 *
 * A backend executes graphs on one device. The library is loaded into a worker process of its own, so it may be as
 * fragile as it likes; it never verifies, never measures, and never prints. One thread calls it.
 *
 * Sizes are in elements unless the name says bytes. Dimensions are outermost first, tensors dense and row-major.
 */
#ifndef TENSORMARK_BACKEND_H
#define TENSORMARK_BACKEND_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define TM_EXPORT __attribute__((visibility("default")))
#else
#define TM_EXPORT
#endif

#define TM_BACKEND_ABI 0
#define TM_MAX_RANK    8
#define TM_GRAPH_KEY   33 /* room for a graph's key: 32 letters and digits, and the end */

typedef enum tm_status {
    TM_OK = 0,
    TM_UNSUPPORTED = 1, /* a true statement about this backend, not a failure; say what is missing */
    TM_INVALID_ARGUMENT = 2,
    TM_OUT_OF_MEMORY = 3,
    TM_DEVICE_OUT_OF_MEMORY = 4,
    TM_DEVICE_ERROR = 5, /* the device is lost to this process */
    TM_FAILED = 6        /* the framework refused; its own words are in the message */
} tm_status;

/* Filled by every call that does not return TM_OK. The message is one line, UTF-8, and names what it is about. */
typedef struct tm_error {
    char message[512];
} tm_error;

typedef enum tm_dtype { TM_F32 = 0, TM_BF16 = 1, TM_F16 = 2, TM_I32 = 3, TM_I64 = 4 } tm_dtype;

typedef struct tm_shape {
    tm_dtype dtype;
    int32_t rank;             /* 0..TM_MAX_RANK; 0 is a scalar */
    int64_t dim[TM_MAX_RANK]; /* each >= 0 */
} tm_shape;

typedef struct tm_graph tm_graph;     /* owned by the host; valid until tm_backend.discard */
typedef struct tm_session tm_session; /* one open device */
typedef struct tm_program tm_program; /* one compiled graph */

/* What the host offers: reading a graph without parsing anything. Nodes come in execution order; a value is the index
 * of a tensor: inputs first, then node results. */
typedef struct tm_host {
    size_t size; /* sizeof(tm_host) as the host knows it; entries beyond it do not exist */
    int32_t (*node_count)(const tm_graph *graph);
    const char *(*node_op)(const tm_graph *graph, int32_t node); /* a name of ops.def, e.g. "softmax" */
    int32_t (*node_operand)(const tm_graph *graph, int32_t node, int32_t position); /* a value, or -1 past the last */
    int64_t (*node_integer)(const tm_graph *graph, int32_t node, const char *attribute);
    double (*node_real)(const tm_graph *graph, int32_t node, const char *attribute);
    tm_shape (*value_shape)(const tm_graph *graph, int32_t value);
    int32_t (*input_count)(const tm_graph *graph); /* inputs are the values 0 .. input_count - 1 */
    int32_t (*output_count)(const tm_graph *graph);
    int32_t (*output_value)(const tm_graph *graph, int32_t output); /* the value that output number `output` is */
    void (*on_token)(void *context, int32_t token); /* whole-model backends call this as each token exists */
    /* Writes a name that equal graphs share and others do not, for what a backend keeps between runs: what `tensormark
     * list cases --format jsonl` prints as "key". TM_OK, or TM_OUT_OF_MEMORY. */
    tm_status (*graph_key)(const tm_graph *graph, char into[TM_GRAPH_KEY]);
} tm_host;

typedef struct tm_device_info {
    char framework[64]; /* "PyTorch 2.13.0+cpu" */
    char device[128];   /* "AMD EPYC 9B45" */
    char library[512];  /* the file it was loaded from */
} tm_device_info;

typedef struct tm_declared {
    tm_dtype accumulator; /* TM_F32 is 0 */
    int32_t tf32;         /* 1: contractions round their inputs to TF32 */
    int32_t flushes_denormals;
    int32_t rounds_between_ops; /* 1: intermediates of a fused op are rounded to the output type */
    int32_t quantises_activations;
    int32_t winograd;
    char labels[64]; /* shown with the cell: words with '=' and ',' between, for what the framework does otherwise than
                      * the graph says, such as ALSO=indices of a sort that cannot do without them */
} tm_declared;

/* Whole models (llama.cpp, an HTTP server): the table behind TM_WHOLE_MODEL. Tokens are ids of the model's own
 * vocabulary; the host stamps the time of each on_token call. */
typedef struct tm_whole_model {
    size_t size;
    tm_status (*load)(tm_session *session, const char *path, int64_t context_tokens, tm_error *error);
    tm_status (*prefill)(tm_session *session, const int32_t *tokens, int64_t count, tm_error *error);
    tm_status (*decode)(tm_session *session, int64_t count, void *context, tm_error *error);
    tm_status (*logits)(tm_session *session, float *into, int64_t vocabulary,
                        tm_error *error); /* of the last position */
} tm_whole_model;

typedef struct tm_backend {
    size_t size;      /* sizeof(tm_backend) as the backend knows it; new entries are only ever added at the end */
    uint32_t abi;     /* TM_BACKEND_ABI */
    uint32_t flags;   /* TM_NEEDS_NETWORK, TM_WHOLE_MODEL, TM_PARALLEL_READ */
    const char *name; /* "torch" */

    /* Can this device be used here? TM_UNSUPPORTED with the reason and what to install. Must return within 5 s.
     * `location` is what the user wrote behind the @ (a folder, a file, a URL), "" for none. */
    tm_status (*probe)(const char *device, const char *location, tm_device_info *info, tm_error *error);

    /* `options` is "compile,tuned,isa=avx2", "" for none. `threads` >= 1 is binding for every thread pool the framework
     * owns; the calling thread counts as one of them. `host` lives as long as the session. */
    tm_status (*open)(const char *device, const char *location, const char *options, int32_t threads,
                      const tm_host *host, tm_session **session, tm_error *error);

    /* TM_OK if every node of `graph` can run as asked; TM_UNSUPPORTED with the reason otherwise. Cheap. */
    tm_status (*supports)(tm_session *session, const tm_graph *graph, tm_error *error);

    /* Makes `graph` runnable with `slots` input sets. Slow work (compiling, packing weights) belongs here. */
    tm_status (*compile)(tm_session *session, const tm_graph *graph, int32_t slots, tm_program **program,
                         tm_error *error);

    /* What the program does that verification must know; all zero means: float32 accumulation, nothing special. */
    void (*declared)(const tm_program *program, tm_declared *into);

    /* Copies part of one input into a slot, converting layout if the framework wants another; `data` may be freed
     * afterwards. `unbind` gives the memory of all slots back to the system, so that several workers need not hold a
     * large case at once; `discard` may keep it for the session's next program. */
    tm_status (*bind)(tm_program *program, int32_t slot, int32_t input, size_t offset_bytes, const void *data,
                      size_t bytes, tm_error *error);
    void (*unbind)(tm_program *program);

    /* For graphs with memory: sets a run-time scalar such as n_past; clears every state tensor. */
    tm_status (*set_scalar)(tm_program *program, const char *name, int64_t value, tm_error *error);
    tm_status (*reset_state)(tm_program *program, tm_error *error);

    /* Starts `count` executions, on slots first, first + 1, ... modulo the number of slots. May return early. */
    tm_status (*run)(tm_program *program, int32_t first_slot, int64_t count, tm_error *error);

    /* Returns once every execution started so far has finished and its outputs are in memory. Drops what `read` has
     * kept of them: the host syncs again to see whether an output has changed since. */
    tm_status (*sync)(tm_session *session, tm_error *error);

    /* Copies part of an output of the last execution, converted to dense row-major. What is made for that, such as a
     * dense copy of the whole, may serve further reads until the next `run` or `sync`. */
    tm_status (*read)(tm_program *program, int32_t output, size_t offset_bytes, size_t bytes, void *into,
                      tm_error *error);

    /* Peak bytes since `open`, of host and device; 0 where the framework cannot tell. */
    tm_status (*memory)(tm_session *session, uint64_t *host_bytes, uint64_t *device_bytes, tm_error *error);

    void (*discard)(tm_program *program);
    void (*close)(tm_session *session);

    const tm_whole_model *whole_model; /* NULL without TM_WHOLE_MODEL */

    /* Overwrites every output buffer that the program owns with NaN (integers: all bits set), so that an execution that
     * writes nothing is seen. NULL where outputs belong to the framework. */
    void (*poison)(tm_program *program);

    /* Copies part of a bound input back, so that the host can see that executions left it unchanged. NULL: cannot. */
    tm_status (*read_input)(tm_program *program, int32_t slot, int32_t input, size_t offset_bytes, size_t bytes,
                            void *into, tm_error *error);

    /* Overwrites those parts of what `probe` said that the session's options made wrong. NULL: none. */
    void (*describe)(const tm_session *session, tm_device_info *info);

    /* The devices that `probe` can be asked about, whether they are here or not: "cpu,cuda,mps", each a word of a-z,
     * 0-9 and _. Lives as long as the library; `list backends` shows a row for each. NULL: the one that a name without
     * a device stands for ("cpu"), and no other. */
    const char *devices;

    /* Lends one input to all slots, in place of `bind`: the program reads it where it lies and never writes it, so that
     * programs for several shapes share one copy of a model's weights. `data` is the whole tensor at a multiple of 64
     * bytes, and stays as it is until `unbind` or `discard`. Before the first bind and run. NULL: copies all inputs. */
    tm_status (*lend)(tm_program *program, int32_t input, const void *data, tm_error *error);
} tm_backend;

#define TM_NEEDS_NETWORK 1u
#define TM_WHOLE_MODEL   2u
#define TM_PARALLEL_READ 4u /* after one read of a result, several threads may call read and read_input at once */

/* The only symbol that a backend library exports. */
TM_EXPORT const tm_backend *tensormark_backend(void);

#endif
