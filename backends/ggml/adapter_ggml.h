/* What the files of this backend share: ggml's functions (library.c), how its tensors lie in memory (forms.c), the call
 * for each op (ops.c, attention.c) and the program that runs it (program.c). The table is in backend.c.
 *
 * ggml's structs and enums change between versions, so none of its headers is used: tensors, graphs and buffers are
 * handles, every number that is passed for an enum is compared with ggml's own name for it when it is loaded, and the
 * one struct that a call takes by value is read back by two other calls. */
#ifndef TM_GGML_H
#define TM_GGML_H

#include "../common/adapter.h"

#include <stdint.h>

typedef struct ggml_tensor *tensor;
typedef struct ggml_context *context;
typedef struct ggml_cgraph *cgraph;
typedef struct ggml_gallocr *allocator;
typedef struct ggml_backend *backend;
typedef struct ggml_backend_reg *registry;
typedef struct ggml_backend_device *processor;
typedef struct ggml_backend_buffer *buffer;
typedef struct ggml_backend_buffer_type *buffer_type;
typedef struct ggml_threadpool *pool;

/* The parameter of ggml_init. */
typedef struct tm_ggml_memory {
    size_t bytes;
    void *place;
    bool no_data; /* tensors get no memory from the context */
} tm_ggml_memory;

/* Every function that is used: result, name, parameters, and whether a ggml that can be used may lack it. */
#define TM_GGML_FUNCTIONS(X)                                                                                           \
    X(const char *, ggml_version, (void), true)                                                                        \
    X(const char *, ggml_type_name, (int), false)                                                                      \
    X(const char *, ggml_status_to_string, (int), false)                                                               \
    X(context, ggml_init, (tm_ggml_memory), false)                                                                     \
    X(void, ggml_free, (context), false)                                                                               \
    X(size_t, ggml_get_mem_size, (context), false)                                                                     \
    X(bool, ggml_get_no_alloc, (context), false)                                                                       \
    X(size_t, ggml_tensor_overhead, (void), false)                                                                     \
    X(size_t, ggml_graph_overhead_custom, (size_t, bool), false)                                                       \
    X(cgraph, ggml_new_graph_custom, (context, size_t, bool), false)                                                   \
    X(void, ggml_build_forward_expand, (cgraph, tensor), false)                                                        \
    X(int, ggml_graph_n_nodes, (cgraph), false)                                                                        \
    X(tensor, ggml_graph_node, (cgraph, int), false)                                                                   \
    X(const char *, ggml_op_desc, (tensor), false)                                                                     \
    X(void, ggml_set_output, (tensor), false)                                                                          \
    X(void *, ggml_get_data, (tensor), false)                                                                          \
    X(size_t, ggml_nbytes, (tensor), false)                                                                            \
    X(void, ggml_fp16_to_fp32_row, (const uint16_t *, float *, int64_t), false)                                        \
    X(void, ggml_fp32_to_fp16_row, (const float *, uint16_t *, int64_t), false)                                        \
    X(void, ggml_bf16_to_fp32_row, (const uint16_t *, float *, int64_t), false)                                        \
    X(void, ggml_fp32_to_bf16_row, (const float *, uint16_t *, int64_t), false)                                        \
    X(registry, ggml_backend_cpu_reg, (void), true)                                                                    \
    X(void, ggml_backend_load_all_from_path, (const char *), true)                                                     \
    X(registry, ggml_backend_reg_by_name, (const char *), true)                                                        \
    X(void *, ggml_backend_reg_get_proc_address, (registry, const char *), false)                                      \
    X(processor, ggml_backend_reg_dev_get, (registry, size_t), false)                                                  \
    X(const char *, ggml_backend_dev_description, (processor), false)                                                  \
    X(backend, ggml_backend_dev_init, (processor, const char *), false)                                                \
    X(buffer, ggml_backend_dev_buffer_from_host_ptr, (processor, void *, size_t, size_t), false)                       \
    X(buffer_type, ggml_backend_get_default_buffer_type, (backend), false)                                             \
    X(bool, ggml_backend_supports_op, (backend, tensor), false)                                                        \
    X(int, ggml_backend_graph_compute, (backend, cgraph), false)                                                       \
    X(void, ggml_backend_free, (backend), false)                                                                       \
    X(void, ggml_backend_buffer_free, (buffer), false)                                                                 \
    X(int, ggml_backend_tensor_alloc, (buffer, tensor, void *), false)                                                 \
    X(allocator, ggml_gallocr_new, (buffer_type), false)                                                               \
    X(bool, ggml_gallocr_alloc_graph, (allocator, cgraph), false)                                                      \
    X(void, ggml_gallocr_free, (allocator), false)                                                                     \
    X(void, ggml_threadpool_params_init, (void *, int), false)                                                         \
    X(tensor, ggml_new_tensor_4d, (context, int, int64_t, int64_t, int64_t, int64_t), false)                           \
    X(tensor, ggml_reshape_4d, (context, tensor, int64_t, int64_t, int64_t, int64_t), false)                           \
    X(tensor, ggml_permute, (context, tensor, int, int, int, int), false)                                              \
    X(tensor, ggml_cont, (context, tensor), false)                                                                     \
    X(tensor, ggml_add, (context, tensor, tensor), false)                                                              \
    X(tensor, ggml_mul, (context, tensor, tensor), false)                                                              \
    X(tensor, ggml_mul_mat, (context, tensor, tensor), false)                                                          \
    X(tensor, ggml_norm, (context, tensor, float), false)                                                              \
    X(tensor, ggml_relu, (context, tensor), false)                                                                     \
    X(tensor, ggml_leaky_relu, (context, tensor, float, bool), false)                                                  \
    X(tensor, ggml_gelu, (context, tensor), true)                                                                      \
    X(tensor, ggml_gelu_erf, (context, tensor), true)                                                                  \
    X(tensor, ggml_sigmoid, (context, tensor), true)                                                                   \
    X(tensor, ggml_softplus, (context, tensor), true)                                                                  \
    X(tensor, ggml_soft_max, (context, tensor), false)                                                                 \
    X(tensor, ggml_soft_max_ext, (context, tensor, tensor, float, float), false)                                       \
    X(tensor, ggml_flash_attn_ext, (context, tensor, tensor, tensor, tensor, float, float, float), false)              \
    X(tensor, ggml_get_rows, (context, tensor, tensor), false)                                                         \
    X(tensor, ggml_get_rows_back, (context, tensor, tensor, tensor), true)                                             \
    X(tensor, ggml_set_rows, (context, tensor, tensor, tensor), true)                                                  \
    X(tensor, ggml_fill_inplace, (context, tensor, float), true)                                                       \
    X(tensor, ggml_argsort, (context, tensor, int), false)                                                             \
    X(tensor, ggml_argmax, (context, tensor), true)                                                                    \
    X(tensor, ggml_concat, (context, tensor, tensor, int), false)                                                      \
    X(tensor, ggml_sum, (context, tensor), false)                                                                      \
    X(tensor, ggml_sum_rows, (context, tensor), false)                                                                 \
    X(tensor, ggml_conv_1d, (context, tensor, tensor, int, int, int), false)                                           \
    X(tensor, ggml_conv_2d, (context, tensor, tensor, int, int, int, int, int, int), false)                            \
    X(tensor, ggml_conv_2d_direct, (context, tensor, tensor, int, int, int, int, int, int), true)

typedef struct tm_ggml_api {
#define X(result, name, parameters, optional) result(*name) parameters;
    TM_GGML_FUNCTIONS(X)
#undef X
} tm_ggml_api;

/* ggml, loaded. */
typedef struct tm_ggml {
    tm_ggml_api api;
    char path[PATH_MAX]; /* of libggml */
    char version[64];
    registry cpu;
    processor device;
    void (*set_threads)(backend, int);
    pool (*new_pool)(void *);
    void (*free_pool)(pool);
    void (*set_pool)(backend, pool);
    bool adds_in_f16; /* its products of f16 do, on processors with arithmetic for it */
} tm_ggml;

/* Loads ggml. TM_UNSUPPORTED if it is not there, too old, broken, or built for something else. */
tm_status tm_ggml_load(const char *location, tm_ggml *into, tm_error *error);

int tm_ggml_type(tm_dtype dtype); /* ggml's number for it */

struct tm_session {
    tm_ggml ggml;
    const tm_host *host;
    backend backend;
    pool pool;
    bool tuned;
    tm_pages pages; /* inputs of the program at hand */
};

/* How a value of the graph lies in a ggml tensor: of which type, and in which order of its dimensions. ggml has four
 * at most, innermost first; outer ones that follow each other in memory count as one. */
typedef struct tm_ggml_form {
    tm_dtype dtype;             /* of the graph's value */
    tm_dtype held;              /* of the tensor */
    int32_t rank;               /* of the graph's value */
    int64_t dim[TM_MAX_RANK];   /* likewise */
    int32_t order[TM_MAX_RANK]; /* its dimensions as memory has them, outermost first */
    int64_t ne[4];              /* the tensor's */
} tm_ggml_form;

/* The value as it is. */
tm_ggml_form tm_ggml_form_of(const tm_shape *shape);

/* The same with its dimensions in another order; `order` has `rank` entries. */
void tm_ggml_reorder(tm_ggml_form *form, const int32_t *order);

bool tm_ggml_same_form(const tm_ggml_form *a, const tm_ggml_form *b);
size_t tm_ggml_form_bytes(const tm_ggml_form *form); /* of the tensor's memory */

/* Copies a piece of the dense value, in its own type, into the tensor's memory or out of it. Pieces hold whole
 * elements. */
void tm_ggml_copy_in(const tm_ggml *ggml, const tm_ggml_form *form, void *memory, size_t offset, size_t bytes,
                     const void *dense);
void tm_ggml_copy_out(const tm_ggml *ggml, const tm_ggml_form *form, const void *memory, size_t offset, size_t bytes,
                      void *dense);

/* One tensor that a slot holds: an input in a form, or the mask of an attention. */
typedef struct tm_ggml_held {
    int32_t input; /* -1: the mask */
    tm_ggml_form form;
    size_t at; /* its place in the slot */
} tm_ggml_held;

enum { TM_GGML_MOST_HELD = TM_MAX_RANK + 1, TM_GGML_MOST_TENSORS = 64 };

/* What the call for an op needs and makes. It is made once without memory, to see whether ggml can and what is held,
 * and once for each slot. */
typedef struct tm_ggml_call {
    const tm_session *session;
    const tm_ggml_api *api;
    const tm_graph *graph;
    context context;
    int32_t held_count;
    tm_ggml_held held[TM_GGML_MOST_HELD];
    tensor operand[TM_GGML_MOST_HELD]; /* the tensor of held[i] */
    tensor result;
    tm_ggml_form result_form;
    tm_declared declared;
    tm_status status; /* once it is not TM_OK, the call is not made */
    tm_error *error;
} tm_ggml_call;

/* Makes the one node of `graph` a call of ggml's, in a fresh context that is the caller's, also after a failure. */
tm_status tm_ggml_make_call(tm_ggml_call *call, const tm_session *session, const tm_graph *graph, tm_error *error);

/* For the makers of calls. */
tm_shape tm_ggml_operand_shape(const tm_ggml_call *call, int32_t position);
tm_ggml_form tm_ggml_operand_form(const tm_ggml_call *call, int32_t position);
tm_shape tm_ggml_result_shape(const tm_ggml_call *call);
tensor tm_ggml_hold(tm_ggml_call *call, int32_t position, const tm_ggml_form *form);
tensor tm_ggml_hold_mask(tm_ggml_call *call, int64_t keys, int64_t queries);
void tm_ggml_gives(tm_ggml_call *call, tensor result, tm_dtype type, const int32_t *order); /* NULL: as the graph */
void tm_ggml_label(tm_ggml_call *call, const char *label);
void tm_ggml_refuse(tm_ggml_call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Attention (attention.c). */
void tm_ggml_call_sdpa(tm_ggml_call *call);
void tm_ggml_fill_mask(const tm_session *session, const tm_graph *graph, const tm_ggml_form *form, uint16_t *mask);

struct tm_program {
    tm_session *session;
    const tm_graph *graph;
    int32_t slots, inputs;
    size_t slot_bytes;
    tm_ggml_call call; /* what is held and how the result lies; its context is gone */
    bool *bound;       /* slots x inputs */
    context *slot_context;
    cgraph *slot_graph; /* NULL until every input of the slot is bound */
    buffer *slot_buffer;
    allocator allocator; /* of results, one memory for all slots */
    tensor result;       /* of the slot made last: all lie at one place */
};

tm_status tm_ggml_supports(tm_session *session, const tm_graph *graph, tm_error *error);
tm_status tm_ggml_compile(tm_session *session, const tm_graph *graph, int32_t slots, tm_program **program,
                          tm_error *error);
tm_status tm_ggml_bind(tm_program *program, int32_t slot, int32_t input, size_t offset_bytes, const void *data,
                       size_t bytes, tm_error *error);
void tm_ggml_unbind(tm_program *program);
tm_status tm_ggml_run(tm_program *program, int32_t first_slot, int64_t count, tm_error *error);
tm_status tm_ggml_read(tm_program *program, int32_t output, size_t offset_bytes, size_t bytes, void *into,
                       tm_error *error);
tm_status tm_ggml_read_input(tm_program *program, int32_t slot, int32_t input, size_t offset_bytes, size_t bytes,
                             void *into, tm_error *error);
void tm_ggml_poison(tm_program *program);
void tm_ggml_discard(tm_program *program);

#endif
