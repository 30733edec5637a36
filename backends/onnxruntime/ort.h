/* What the files of this backend share: ONNX Runtime's function table (library.c), the writer of ONNX models (model.c),
 * the nodes that an op becomes (ops.c), how values lie in memory (forms.c) and the program that runs them (program.c).
 * The table of the backend is in onnxruntime.c. */
#ifndef TM_ORT_H
#define TM_ORT_H

#include "../common/adapter.h"

typedef struct ort_status ort_status; /* NULL: all is well; else freed by drop_status */
typedef struct ort_env ort_env;
typedef struct ort_threading ort_threading;
typedef struct ort_options ort_options;
typedef struct ort_session ort_session;
typedef struct ort_memory ort_memory;
typedef struct ort_value ort_value;
typedef struct ort_shape ort_shape;

/* ONNX Runtime's C interface is one table of function pointers, which is only ever added to: a function has the same
 * place in every version. The places below are the order of the functions in the project's public header; its sources
 * hold the ends of versions 1, 2, 4 and 5 to the places 101, 118, 126 and 149. tm_ort_load tries some of them before
 * anything else is called, and tests/onnxruntime calls all. Place, result, our name, parameters: */
#define TM_ORT_FUNCTIONS(X)                                                                                            \
    X(0, ort_status *, make_status, (int code, const char *words))                                                     \
    X(1, int, status_code, (const ort_status *))                                                                       \
    X(2, const char *, status_words, (const ort_status *))                                                             \
    X(8, ort_status *, make_session,                                                                                   \
      (ort_env *, const void *model, size_t bytes, const ort_options *, ort_session **))                               \
    X(9, ort_status *, run,                                                                                            \
      (ort_session *, const void *options, const char *const *feed_names, const ort_value *const *feeds, size_t,       \
       const char *const *result_names, size_t, ort_value **results))                                                  \
    X(10, ort_status *, make_options, (ort_options **))                                                                \
    X(49, ort_status *, make_value,                                                                                    \
      (const ort_memory *, void *data, size_t bytes, const int64_t *dims, size_t rank, int type, ort_value **))        \
    X(51, ort_status *, value_data, (ort_value *, void **))                                                            \
    X(60, ort_status *, shape_type, (const ort_shape *, int *))                                                        \
    X(61, ort_status *, shape_rank, (const ort_shape *, size_t *))                                                     \
    X(62, ort_status *, shape_dims, (const ort_shape *, int64_t *, size_t))                                            \
    X(65, ort_status *, value_shape, (const ort_value *, ort_shape **))                                                \
    X(69, ort_status *, make_cpu_memory, (int allocator, int kind, ort_memory **))                                     \
    X(92, void, drop_env, (ort_env *))                                                                                 \
    X(93, void, drop_status, (ort_status *))                                                                           \
    X(94, void, drop_memory, (ort_memory *))                                                                           \
    X(95, void, drop_session, (ort_session *))                                                                         \
    X(96, void, drop_value, (ort_value *))                                                                             \
    X(99, void, drop_shape, (ort_shape *))                                                                             \
    X(100, void, drop_options, (ort_options *))                                                                        \
    X(119, ort_status *, make_env, (int log_level, const char *name, const ort_threading *, ort_env **))               \
    X(120, ort_status *, use_threads_of_env, (ort_options *))                                                          \
    X(121, ort_status *, make_threading, (ort_threading **))                                                           \
    X(122, void, drop_threading, (ort_threading *))                                                                    \
    X(125, ort_status *, list_providers, (char ***, int *))                                                            \
    X(126, ort_status *, drop_providers, (char **, int))                                                               \
    X(147, ort_status *, set_intra_threads, (ort_threading *, int))                                                    \
    X(148, ort_status *, set_inter_threads, (ort_threading *, int))

typedef struct tm_ort_api {
#define X(place, result, name, parameters) result(*name) parameters;
    TM_ORT_FUNCTIONS(X)
#undef X
} tm_ort_api;

/* ONNX Runtime, loaded. */
typedef struct tm_ort {
    tm_ort_api api;
    char path[PATH_MAX];
    char version[32]; /* "1.31.1" */
    int minor;        /* 31 */
} tm_ort;

/* Loads ONNX Runtime for `device`. TM_UNSUPPORTED if it is not there, too old, broken, or built for something else. */
tm_status tm_ort_load(const char *device, const char *location, tm_ort *into, tm_error *error);

/* What a call of ONNX Runtime's returned, as our status, with its words behind `about`; frees it. */
tm_status tm_ort_check(const tm_ort *ort, ort_status *status, const char *about, tm_error *error);

/* ONNX's number for an element type. */
int tm_ort_type(tm_dtype dtype);

struct tm_session {
    tm_ort ort;
    const tm_host *host;
    bool tuned;
    ort_env *env; /* owns the threads */
    ort_options *options;
    ort_memory *memory;
    tm_pages inputs, outputs;
};

/* ---- forms.c ---- */

/* How a value lies in memory. ONNX has one layout for each op; where a graph input or a result goes to no other op, it
 * is kept in that layout, as a user keeps it, and converted while it is bound or read. */
typedef enum tm_ort_form {
    TM_ORT_DENSE,
    TM_ORT_CHANNELS_FIRST, /* [N,...,C] of our graphs as [N,C,...] */
    TM_ORT_COLUMN          /* [E] as [E,1], for ScatterND */
} tm_ort_form;

/* Finds the form of every value, and which inputs are weights: second and third operands of linear and second ones of
 * convolutions, which models carry inside and the runtime may arrange anew. */
void tm_ort_find_forms(const tm_host *host, const tm_graph *graph, bool tuned, tm_ort_form *form, bool *weight);

/* The shape that ONNX Runtime sees. */
tm_shape tm_ort_held_shape(const tm_shape *shape, tm_ort_form form);

/* Moves `bytes` behind `offset` of the dense value `dense` to or from its channels-first form `held`; whole elements.
 */
tm_status tm_ort_move_channels(const tm_shape *shape, size_t offset, size_t bytes, void *dense, void *held,
                               bool to_held, tm_error *error);

/* ---- program.c, ops.c, model.c ---- */

struct tm_program {
    tm_session *session;
    const tm_graph *graph;
    tm_slots slots;
    int32_t values;
    tm_ort_form *form;  /* by value */
    bool *weight;       /* by input */
    bool any_weight;    /* then every slot has a session of its own, else all share the first */
    char (*name)[16];   /* by value */
    int32_t *fed;       /* inputs that are given to each execution: those that are no weights */
    const char **feeds; /* their names */
    int32_t feed_count;
    int32_t *made; /* results that are outputs, each once */
    const char **results;
    int32_t result_count;
    ort_session **runtime; /* by slot */
    ort_value **feed;      /* slots x feed_count */
    ort_value **result;    /* by result: of the last execution, or preallocated */
    void **data;           /* by result: where it lies, once it was looked at */
    size_t *result_at;     /* by result: its place in the session's pages, when it is preallocated */
    size_t result_bytes;
    bool *ready;  /* by slot */
    bool emptied; /* unbound before: then sessions are warmed up when they are made anew */
    int32_t last_slot;
    tm_declared declared;
};

/* Bytes in protobuf's wire format. */
typedef struct tm_wire {
    unsigned char *data;
    size_t bytes, capacity;
    bool failed; /* out of memory */
} tm_wire;

/* A model that is being written. Tensors are numbers: values of the graph first, then what is added. */
typedef struct tm_maker {
    const tm_program *program;
    const tm_host *host;
    const tm_graph *graph;
    int32_t slot; /* whose weights the model gets */
    int32_t node;
    int32_t numbers;    /* that are taken */
    int32_t operators;  /* nodes written so far */
    int opset;          /* the least that the nodes need */
    tm_wire body;       /* fields of the graph */
    tm_wire attributes; /* of the next operator */
} tm_maker;

enum {
    TM_ORT_OPSET = 18,
    TM_ORT_OPSET_GELU = 20,
    TM_ORT_MINOR_GELU = 17,
    TM_ORT_OPSET_ATTENTION = 23,
    TM_ORT_MINOR_ATTENTION = 23
};

void tm_with_integer(tm_maker *m, const char *name, int64_t value);
void tm_with_real(tm_maker *m, const char *name, double value);
void tm_with_integers(tm_maker *m, const char *name, const int64_t *values, int32_t count);
void tm_with_text(tm_maker *m, const char *name, const char *text);
void tm_with_zero(tm_maker *m, const char *name, tm_dtype dtype); /* a tensor of one element */

/* Writes an operator with the attributes given before. */
void tm_operator(tm_maker *m, const char *type, const int32_t *operands, int32_t operand_count, const int32_t *results,
                 int32_t result_count);
int32_t tm_new_number(tm_maker *m);
void tm_model_input(tm_maker *m, int32_t number, const tm_shape *shape);
void tm_model_output(tm_maker *m, int32_t number, const tm_shape *shape);
void tm_model_constant(tm_maker *m, int32_t number, const tm_shape *shape, const void *data);

/* The whole model; `into` is to be freed. False: out of memory. */
bool tm_model_finish(tm_maker *m, tm_wire *into);

/* Writes the operators of the maker's node. */
void tm_ort_write_node(tm_maker *m);
tm_status tm_ort_supports(const tm_session *session, const tm_graph *graph, tm_error *error);
void tm_ort_declare(const tm_session *session, const tm_graph *graph, tm_declared *into);

tm_status tm_ort_compile(tm_session *session, const tm_graph *graph, int32_t slots, tm_program **program,
                         tm_error *error);
tm_status tm_ort_bind(tm_program *program, int32_t slot, int32_t input, size_t offset_bytes, const void *data,
                      size_t bytes, tm_error *error);
void tm_ort_unbind(tm_program *program);
tm_status tm_ort_run(tm_program *program, int32_t first_slot, int64_t count, tm_error *error);
tm_status tm_ort_read(tm_program *program, int32_t output, size_t offset_bytes, size_t bytes, void *into,
                      tm_error *error);
tm_status tm_ort_read_input(tm_program *program, int32_t slot, int32_t input, size_t offset_bytes, size_t bytes,
                            void *into, tm_error *error);
void tm_ort_poison(tm_program *program);
void tm_ort_discard(tm_program *program);

#endif
