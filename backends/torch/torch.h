/* What the files of this backend share: which PyTorch it is (place.c), its C interface (library.c), the steps that a
 * graph becomes (steps.c, ops.c) or the library made of it ahead of time (package.c), and the program that runs them
 * (program.c). The table is in torch.c. */
#ifndef TM_TORCH_H
#define TM_TORCH_H

#include "../common/adapter.h"

#include <stdint.h>

extern const tm_wanted tm_torch_wanted;

typedef struct tm_torch_place {
    char folder[PATH_MAX]; /* where libtorch_cpu lies */
    char version[48];      /* "2.13.0+cpu"; "" where nothing says so */
} tm_torch_place;

/* Finds PyTorch without running Python: `location` if not "", $TENSORMARK_TORCH, $VIRTUAL_ENV, ./.venv, the python3 on
 * PATH. A place that was named and holds none is an error; the others are passed over. TM_UNSUPPORTED says what to do.
 */
tm_status tm_torch_locate(const char *location, tm_torch_place *into, tm_error *error);

typedef struct tm_torch_tensor *tensor; /* PyTorch's handle: a reference that must be deleted or consumed */
typedef struct tm_torch_list *list;     /* of cells; consumed by the call that gets it */
typedef struct tm_torch_string *string; /* likewise */
typedef uint64_t cell;                  /* an argument or result of a call by name */

/* Every function that is used: result, name, parameters, and whether PyTorch may lack it (2.13 brought the last ones).
 */
#define TM_TORCH_FUNCTIONS(X)                                                                                          \
    X(uint64_t, aoti_torch_abi_version, (void), true)                                                                  \
    X(int32_t, aoti_torch_device_type_cpu, (void), false)                                                              \
    X(int32_t, aoti_torch_device_type_cuda, (void), false)                                                             \
    X(int32_t, aoti_torch_device_type_mps, (void), true)                                                               \
    X(int32_t, aoti_torch_dtype_float32, (void), false)                                                                \
    X(int32_t, aoti_torch_dtype_bfloat16, (void), false)                                                               \
    X(int32_t, aoti_torch_dtype_float16, (void), false)                                                                \
    X(int32_t, aoti_torch_dtype_int32, (void), false)                                                                  \
    X(int32_t, aoti_torch_dtype_int64, (void), false)                                                                  \
    X(int32_t, aoti_torch_layout_strided, (void), false)                                                               \
    X(void, aoti_torch_grad_mode_set_enabled, (bool), false)                                                           \
    X(int32_t, aoti_torch_call_dispatcher, (const char *, const char *, cell *), false)                                \
    X(int32_t, aoti_torch_new_tensor_handle, (tensor, tensor *), false)                                                \
    X(int32_t, aoti_torch_delete_tensor_object, (tensor), false)                                                       \
    X(int32_t, aoti_torch_empty_strided,                                                                               \
      (int64_t, const int64_t *, const int64_t *, int32_t, int32_t, int32_t, tensor *), false)                         \
    X(int32_t, aoti_torch_create_tensor_from_blob,                                                                     \
      (void *, int64_t, const int64_t *, const int64_t *, int64_t, int32_t, int32_t, int32_t, tensor *), false)        \
    X(int32_t, aoti_torch__reinterpret_tensor, (tensor, int64_t, const int64_t *, const int64_t *, int64_t, tensor *), \
      false)                                                                                                           \
    X(int32_t, aoti_torch_copy_, (tensor, tensor, int32_t), false)                                                     \
    X(int32_t, aoti_torch_get_data_ptr, (tensor, void **), false)                                                      \
    X(int32_t, aoti_torch_get_dim, (tensor, int64_t *), false)                                                         \
    X(int32_t, aoti_torch_get_sizes, (tensor, int64_t **), false)                                                      \
    X(int32_t, aoti_torch_get_dtype, (tensor, int32_t *), false)                                                       \
    X(int32_t, aoti_torch_is_contiguous, (tensor, bool *), false)                                                      \
    X(int32_t, torch_new_list_reserve_size, (size_t, list *), false)                                                   \
    X(int32_t, torch_list_push_back, (list, cell), false)                                                              \
    X(int32_t, torch_delete_list, (list), false)                                                                       \
    X(int32_t, torch_new_string_handle, (const char *, size_t, string *), false)                                       \
    X(int32_t, torch_get_num_threads, (uint32_t *), false)                                                             \
    X(int32_t, torch_new_stable_ivalue, (cell **), true)                                                               \
    X(const char *, torch_exception_get_what_without_backtrace, (void), true)

typedef struct tm_torch_api {
#define X(result, name, parameters, optional) result(*name) parameters;
    TM_TORCH_FUNCTIONS(X)
#undef X
} tm_torch_api;

/* An op that calls by name cannot reach, made by scalar_ops.cc. Operands are borrowed; `into` is written if the op has
 * an output buffer, NULL if not; *result gets a new handle. Returns 0, or 1 with PyTorch's words in `words`. */
typedef int32_t (*tm_torch_scalar_op)(const tensor *operands, double real, tensor into, tensor *result, char *words,
                                      size_t capacity);

typedef enum tm_torch_device { TM_TORCH_CPU, TM_TORCH_CUDA, TM_TORCH_MPS } tm_torch_device;

/* PyTorch, loaded. */
typedef struct tm_torch {
    tm_torch_api api;
    tm_torch_place place;
    tm_torch_device device;
    int32_t device_type;    /* PyTorch's number for it */
    void *cpu_library;      /* dlopen's handles */
    void *cuda_library;     /* NULL without CUDA */
    int (*cuda_wait)(void); /* cudaDeviceSynchronize */
    const char *(*cuda_words)(int);
    void (*mps_wait)(void);                                             /* torch::mps::synchronize() */
    tm_torch_scalar_op leaky_relu, softplus, relu_into, index_add, add; /* NULL without scalar ops */
    char scalar_reason[256];                                            /* why they are not there */
} tm_torch;

/* Loads PyTorch for `device`. TM_UNSUPPORTED if it is not there, too old, broken, or built for something else. */
tm_status tm_torch_load(const char *device, const char *location, tm_torch *into, tm_error *error);

/* Binds PyTorch's pool to `threads` and reads the number back. */
tm_status tm_torch_set_threads(const tm_torch *torch, int32_t threads, tm_error *error);

/* Lets contractions on CUDA round their inputs to TF32, or forbids it. */
tm_status tm_torch_set_tf32(const tm_torch *torch, bool allowed, tm_error *error);

/* The processor, or the GPU as its driver names it. TM_UNSUPPORTED if the device is not there. */
tm_status tm_torch_device_name(const tm_torch *torch, char *into, size_t capacity, tm_error *error);

/* Loads scalar_ops for the version of `torch`; on failure its functions stay NULL and scalar_reason says why. */
void tm_torch_load_scalar_ops(tm_torch *torch);

/* After a call of PyTorch's that returned non-zero: its words behind `about`, and the status that they stand for. */
tm_status tm_torch_refused(const tm_torch *torch, const char *about, tm_error *error);
tm_status tm_torch_refused_with(const char *words, const char *about, tm_error *error);

int32_t tm_torch_dtype(const tm_torch *torch, tm_dtype dtype);

struct tm_session {
    tm_torch torch;
    const tm_host *host;
    int32_t threads;
    bool tuned, tf32, compiled;
    tm_pages pages; /* of inputs on the processor */
    int64_t syncs;  /* how many there were */
};

/* Arguments of a step. Registers hold handles: values of the graph first, then what the backend adds. */
typedef enum tm_torch_kind {
    TM_TORCH_BITS,         /* the cell itself */
    TM_TORCH_SOME_BITS,    /* a present optional */
    TM_TORCH_TENSOR,       /* a register */
    TM_TORCH_SOME_TENSOR,  /* a present optional register */
    TM_TORCH_INTS,         /* a list of integers */
    TM_TORCH_SOME_INTS,    /* a present optional one */
    TM_TORCH_TENSORS,      /* a list of registers */
    TM_TORCH_SOME_TENSORS, /* a list of present optional registers */
    TM_TORCH_TEXT
} tm_torch_kind;

enum { TM_TORCH_MOST_ARGUMENTS = 10 };

typedef struct tm_torch_argument {
    tm_torch_kind kind;
    int32_t count; /* of a list */
    union {
        cell bits;
        int32_t tensor;
        int64_t list[TM_MAX_RANK];
        const char *text;
    };
} tm_torch_argument;

/* One call. */
typedef struct tm_torch_step {
    const char *op, *overload, *name;
    tm_torch_scalar_op scalar; /* if set, the call: operands are the tensor arguments, then `real` and `into` */
    double real;
    int32_t into;      /* register of the output buffer of a scalar op, -1 for none */
    int32_t arguments; /* number of */
    tm_torch_argument argument[TM_TORCH_MOST_ARGUMENTS];
    int32_t results;  /* how many the call leaves */
    int32_t result;   /* register of the first, -1 to drop it; the others are dropped */
    int32_t releases; /* registers that are not needed any more after this step */
    int32_t release[TM_TORCH_MOST_ARGUMENTS + TM_MAX_RANK];
} tm_torch_step;

typedef struct tm_torch_steps {
    tm_torch_step *item;
    int32_t count;
} tm_torch_steps;

typedef struct tm_torch_buffer {
    int32_t where; /* its register */
    tm_shape shape;
} tm_torch_buffer;

/* A register is of one of these lives. */
typedef enum tm_torch_life {
    TM_TORCH_OF_SLOT,    /* an input or a view of one: made at bind, one per slot */
    TM_TORCH_OF_PROGRAM, /* an output buffer or a constant: made at compile */
    TM_TORCH_OF_RUN      /* a result: made and freed by each execution */
} tm_torch_life;

/* A graph's library, made by AOTInductor, and its functions. Those that return a number return 0 unless they failed. */
typedef struct tm_torch_package {
    void *library; /* dlopen's handle; NULL without +compile */
    void *container;
    int32_t (*create)(void **container, size_t models, const char *device, const char *folder);
    int32_t (*delete_container)(void *container);
    int32_t (*run)(void *container, tensor *inputs, size_t input_count, tensor *outputs, size_t output_count,
                   void *stream, void *proxy);
    int32_t (*count_inputs)(void *container, size_t *into);
    int32_t (*count_outputs)(void *container, size_t *into);
    int32_t (*last_error)(const char **into); /* NULL before 2.13 */
    int32_t first_output;                     /* register of output 0; the others follow */
    tensor *handles;                          /* room for those of one call */
} tm_torch_package;

struct tm_program {
    tm_session *session;
    const tm_graph *graph;
    int32_t slots, inputs, registers;
    int32_t last_slot;           /* of the last execution */
    tm_torch_life *life;         /* by register */
    int32_t *where;              /* by value: its register */
    tensor *of_slot;             /* slots x registers */
    tm_slots host_inputs;        /* where inputs lie on the processor */
    tensor *live;                /* registers: of the program and of the run */
    tm_torch_steps views, steps; /* at bind, and at each execution */
    tm_torch_package package;    /* with +compile, in the steps' place */
    tm_torch_buffer *buffer;     /* outputs that are preallocated */
    int32_t buffers;
    tensor *dense;       /* by output: its row-major copy in host memory, once it was read */
    int64_t dense_since; /* the session's count of syncs then */
    tm_declared declared;
};

/* A register of the given life; -1 if out of memory. */
int32_t tm_torch_register(tm_program *program, tm_torch_life life);

/* A register of the program with a new dense tensor of the device: `data` is copied into it, or it counts as an output
 * buffer if `data` is NULL. */
tm_status tm_torch_program_tensor(tm_program *program, const tm_shape *shape, const void *data, int32_t *where,
                                  tm_error *error);

/* Writes down what the program does that verification must know, and turns its graph into steps (ops.c). */
void tm_torch_declare(tm_program *program);
tm_status tm_torch_plan(tm_program *program, tm_error *error);
tm_status tm_torch_supports(const tm_session *session, const tm_graph *graph, tm_error *error);

/* The graph's library: TM_UNSUPPORTED with how it is made if it is not there. `open` leaves what it opened, also when
 * it fails, to `close`. */
tm_status tm_torch_package_supports(const tm_session *session, const tm_graph *graph, tm_error *error);
tm_status tm_torch_package_open(tm_program *program, tm_error *error);
tm_status tm_torch_package_run(tm_program *program, int32_t slot, tm_error *error);
void tm_torch_package_close(tm_torch_package *package);

/* Makes dense tensors of the device, or of host memory. */
tm_status tm_torch_new_tensor(const tm_torch *torch, const tm_shape *shape, bool on_host, tensor *into,
                              tm_error *error);

/* Runs steps on the registers of `slot` (steps.c). */
tm_status tm_torch_execute(tm_program *program, const tm_torch_steps *steps, int32_t slot, tm_error *error);
void tm_torch_free_tensor(const tm_torch *torch, tensor *handle);

tm_status tm_torch_compile(tm_session *session, const tm_graph *graph, int32_t slots, tm_program **program,
                           tm_error *error);
tm_status tm_torch_bind(tm_program *program, int32_t slot, int32_t input, size_t offset_bytes, const void *data,
                        size_t bytes, tm_error *error);
void tm_torch_unbind(tm_program *program); /* gives memory back; discarding keeps the inputs' pages */
tm_status tm_torch_run(tm_program *program, int32_t first_slot, int64_t count, tm_error *error);
tm_status tm_torch_read(tm_program *program, int32_t output, size_t offset_bytes, size_t bytes, void *into,
                        tm_error *error);
tm_status tm_torch_read_input(tm_program *program, int32_t slot, int32_t input, size_t offset_bytes, size_t bytes,
                              void *into, tm_error *error);
void tm_torch_poison(tm_program *program);
void tm_torch_discard(tm_program *program);

#endif
