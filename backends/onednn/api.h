/* The functions of oneDNN's C interface that are used, declared here so that no header of it is needed. Handles and
 * descriptors are opaque in version 3; in version 2 a descriptor is a structure, which is passed by address just so and
 * never looked into. Statuses and enumerators are int, sizes int64_t, as its ABI has them. */
#ifndef TM_ONEDNN_API_H
#define TM_ONEDNN_API_H

#include <stddef.h>
#include <stdint.h>

typedef struct tm_onednn_version {
    int major, minor, patch;
    const char *hash;
    unsigned cpu_runtime, gpu_runtime;
} tm_onednn_version;

typedef struct tm_onednn_argument {
    int argument; /* which operand of the primitive */
    void *memory;
} tm_onednn_argument;

/* Enumerators that versions 2 and 3 share. */
enum {
    ONEDNN_SUCCESS = 0,
    ONEDNN_OUT_OF_MEMORY = 1,
    ONEDNN_UNIMPLEMENTED = 3,
    ONEDNN_F16 = 1,
    ONEDNN_BF16 = 2,
    ONEDNN_F32 = 3,
    ONEDNN_TAG_ANY = 1,
    ONEDNN_CPU = 1,
    ONEDNN_STREAM_DEFAULT = 1,
    ONEDNN_FPMATH_STRICT = 0,
    ONEDNN_FORWARD_INFERENCE = 96,
    ONEDNN_CONVOLUTION_DIRECT = 1,
    ONEDNN_REDUCTION_SUM = 0x2fff4,
    ONEDNN_QUERY_WEIGHTS_MD = 131,
    ONEDNN_ARG_SRC = 1,
    ONEDNN_ARG_DST = 17,
    ONEDNN_ARG_WEIGHTS = 33,
    ONEDNN_ARG_BIAS = 41,
    ONEDNN_ARG_SCALE = 51,
    ONEDNN_ARG_SHIFT = 52,
    ONEDNN_ARG_MULTIPLE_SRC = 1024,
    ONEDNN_RUNTIME_SEQ = 1,
    ONEDNN_RUNTIME_OMP = 2,
    ONEDNN_RUNTIME_TBB = 4,
    ONEDNN_RUNTIME_SYCL = 512
};

/* X(major, name, parameters): dnnl_NAME, there in every version (0), or in version 2 or 3 alone. */
#define TM_ONEDNN_FUNCTIONS(X)                                                                                         \
    X(0, engine_create, (void **engine, int kind, size_t index))                                                       \
    X(0, engine_destroy, (void *engine))                                                                               \
    X(0, stream_create, (void **stream, void *engine, unsigned flags))                                                 \
    X(0, stream_wait, (void *stream))                                                                                  \
    X(0, stream_destroy, (void *stream))                                                                               \
    X(0, memory_create, (void **memory, const void *md, void *engine, void *data))                                     \
    X(0, memory_set_data_handle, (void *memory, void *data))                                                           \
    X(0, memory_destroy, (void *memory))                                                                               \
    X(0, memory_desc_equal, (const void *one, const void *other))                                                      \
    X(0, primitive_attr_create, (void **attributes))                                                                   \
    X(0, primitive_attr_set_fpmath_mode, (void *attributes, int mode))                                                 \
    X(0, primitive_attr_destroy, (void *attributes))                                                                   \
    X(0, primitive_desc_destroy, (void *pd))                                                                           \
    X(0, primitive_create, (void **primitive, const void *pd))                                                         \
    X(0, primitive_execute, (const void *primitive, void *stream, int count, const tm_onednn_argument *arguments))     \
    X(0, primitive_destroy, (void *primitive))                                                                         \
    X(0, reorder_primitive_desc_create,                                                                                \
      (void **pd, const void *from, void *from_engine, const void *to, void *to_engine, const void *attributes))       \
    X(2, memory_desc_init_by_strides, (void *md, int rank, const int64_t *sizes, int dtype, const int64_t *strides))   \
    X(2, memory_desc_init_by_tag, (void *md, int rank, const int64_t *sizes, int dtype, int tag))                      \
    X(2, primitive_desc_create,                                                                                        \
      (void **pd, const void *description, const void *attributes, void *engine, const void *forward))                 \
    X(2, matmul_desc_init, (void *into, const void *x, const void *weights, const void *bias, const void *y))          \
    X(2, convolution_forward_desc_init,                                                                                \
      (void *into, int propagation, int algorithm, const void *x, const void *weights, const void *bias,               \
       const void *y, const int64_t *strides, const int64_t *before, const int64_t *behind))                           \
    X(2, eltwise_forward_desc_init,                                                                                    \
      (void *into, int propagation, int algorithm, const void *x, float alpha, float beta))                            \
    X(2, softmax_forward_desc_init, (void *into, int propagation, const void *x, int axis))                            \
    X(2, prelu_forward_desc_init, (void *into, int propagation, const void *x, const void *slope))                     \
    X(2, layer_normalization_forward_desc_init,                                                                        \
      (void *into, int propagation, const void *x, const void *statistics, float epsilon, unsigned flags))             \
    X(2, reduction_desc_init, (void *into, int algorithm, const void *x, const void *y, float p, float epsilon))       \
    X(3, memory_desc_create_with_strides,                                                                              \
      (void **md, int rank, const int64_t *sizes, int dtype, const int64_t *strides))                                  \
    X(3, memory_desc_create_with_tag, (void **md, int rank, const int64_t *sizes, int dtype, int tag))                 \
    X(3, memory_desc_destroy, (void *md))                                                                              \
    X(3, matmul_primitive_desc_create,                                                                                 \
      (void **pd, void *engine, const void *x, const void *weights, const void *bias, const void *y,                   \
       const void *attributes))                                                                                        \
    X(3, convolution_forward_primitive_desc_create,                                                                    \
      (void **pd, void *engine, int propagation, int algorithm, const void *x, const void *weights, const void *bias,  \
       const void *y, const int64_t *strides, const int64_t *dilation, const int64_t *before, const int64_t *behind,   \
       const void *attributes))                                                                                        \
    X(3, eltwise_forward_primitive_desc_create,                                                                        \
      (void **pd, void *engine, int propagation, int algorithm, const void *x, const void *y, float alpha, float beta, \
       const void *attributes))                                                                                        \
    X(3, softmax_forward_primitive_desc_create,                                                                        \
      (void **pd, void *engine, int propagation, int algorithm, const void *x, const void *y, int axis,                \
       const void *attributes))                                                                                        \
    X(3, prelu_forward_primitive_desc_create,                                                                          \
      (void **pd, void *engine, int propagation, const void *x, const void *slope, const void *y,                      \
       const void *attributes))                                                                                        \
    X(3, layer_normalization_forward_primitive_desc_create,                                                            \
      (void **pd, void *engine, int propagation, const void *x, const void *y, const void *statistics, float epsilon,  \
       unsigned flags, const void *attributes))                                                                        \
    X(3, reduction_primitive_desc_create,                                                                              \
      (void **pd, void *engine, int algorithm, const void *x, const void *y, float p, float epsilon,                   \
       const void *attributes))

/* Of the rest, the results differ, or the parameters between the versions. */
typedef struct tm_onednn_api {
#define TM_ONEDNN_MEMBER(major, name, parameters) int(*name) parameters;
    TM_ONEDNN_FUNCTIONS(TM_ONEDNN_MEMBER)
#undef TM_ONEDNN_MEMBER
    const tm_onednn_version *(*version)(void);
    const char *(*status2str)(int status);
    size_t (*memory_desc_get_size)(const void *md);
    const void *(*primitive_desc_query_md)(const void *pd, int what, int index);
    int (*concat_primitive_desc_create_2)(void **pd, const void *y, int count, int axis, const void *x,
                                          const void *attributes, void *engine);
    int (*concat_primitive_desc_create_3)(void **pd, void *engine, const void *y, int count, int axis,
                                          const void *const *x, const void *attributes);
} tm_onednn_api;

#endif
