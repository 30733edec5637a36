/* oneDNN as its users call it. library.c loads it and binds its threads, versions.c hides what changed from version 2
 * to 3, ops.c says which primitive stands for which op, program.c runs them, onednn.c is the backend's table. */
#ifndef TM_ONEDNN_H
#define TM_ONEDNN_H

#include "../common/adapter.h"
#include "api.h"

/* tbb::global_control, which holds as long as it lives. */
typedef struct tm_onednn_tbb {
    size_t value;
    intptr_t reserved;
    int parameter;
} tm_onednn_tbb;

typedef struct tm_onednn {
    void *library;
    char path[PATH_MAX];
    char name[48];       /* "oneDNN 2.6.3 (OpenMP)" */
    const char *threads; /* of the label THREADS=...; NULL where they were set as asked */
    bool is_v2;
    tm_onednn_tbb tbb;
    tm_onednn_api api;
    void *engine, *stream;
} tm_onednn;

struct tm_session {
    const tm_host *host;
    tm_onednn onednn;
    tm_pages inputs, prepared;
    bool tuned; /* results in huge pages */
};

/* A value of the graph as an operand of a primitive. */
typedef struct tm_onednn_use {
    int argument;
    int32_t value;
    int32_t prepared;  /* of the program; -1: the value as it is */
    const void *md;    /* how the primitive wants it */
    const void *plain; /* how the graph has it, where that may be otherwise; else NULL */
    void **memory;     /* by slot */
} tm_onednn_use;

enum { TM_ONEDNN_USES = 12, TM_ONEDNN_MDS = 16, TM_ONEDNN_PARTS = 2 };

/* A node, or a part of one, as a primitive. Descriptors belong to the step, or to its `pd`. */
typedef struct tm_onednn_step {
    void *attributes, *pd, *primitive;
    int32_t uses, mds;
    tm_onednn_use use[TM_ONEDNN_USES];
    void *md[TM_ONEDNN_MDS];
    tm_onednn_argument *arguments; /* slots x uses */
    bool rounds;                   /* an intermediate, to 16 bits */
    bool has_next;                 /* the node needs another step */
    char labels[48];
} tm_onednn_step;

/* An input in the layout or type that a primitive prefers, made when the input is bound, before the loop. */
typedef struct tm_onednn_prepared {
    int32_t input;
    size_t at, bytes; /* in each slot's part of the session's pages */
    void *primitive, *from, *to;
    bool *stale; /* by slot */
} tm_onednn_prepared;

struct tm_program {
    tm_session *session;
    tm_slots slots;
    tm_results results;
    tm_onednn_step *step;
    tm_onednn_prepared *prepared;
    int32_t steps, prepareds;
    size_t prepared_bytes; /* of a slot */
    void **placed;         /* by slot: where its inputs were when its memories were told */
};

/* ---- library.c ---- */

tm_status tm_onednn_load(const char *location, tm_onednn *into, tm_error *error);
tm_status tm_onednn_set_threads(tm_onednn *onednn, int32_t threads, tm_error *error);

/* An engine and a stream on the processor, closed by tm_onednn_close. */
tm_status tm_onednn_open(tm_onednn *onednn, tm_error *error);
void tm_onednn_close(tm_onednn *onednn);

/* oneDNN's own word for a status that is not success, as ours. */
tm_status tm_onednn_refused(const tm_onednn *onednn, int status, const char *what, tm_error *error);

/* ---- versions.c: each returns oneDNN's status ---- */

typedef enum tm_onednn_eltwise {
    TM_ONEDNN_RELU, /* alpha: the slope */
    TM_ONEDNN_ELU,
    TM_ONEDNN_LINEAR,
    TM_ONEDNN_LOGISTIC,
    TM_ONEDNN_SOFT_RELU,
    TM_ONEDNN_GELU_ERF,
    TM_ONEDNN_GELU_TANH
} tm_onednn_eltwise;

/* With strides == NULL the layout is the primitive's choice. */
int tm_onednn_make_md(const tm_onednn *onednn, tm_dtype dtype, int32_t rank, const int64_t *sizes,
                      const int64_t *strides, void **md);
void tm_onednn_free_md(const tm_onednn *onednn, void *md);

/* Descriptors of primitives, into step->pd, with the step's attributes. */
int tm_onednn_matmul(const tm_onednn *onednn, tm_onednn_step *step, const void *a, const void *b, const void *bias,
                     const void *c);
int tm_onednn_convolution(const tm_onednn *onednn, tm_onednn_step *step, const void *x, const void *weights,
                          const void *y);
int tm_onednn_eltwise_op(const tm_onednn *onednn, tm_onednn_step *step, tm_onednn_eltwise kind, float alpha,
                         const void *x);
int tm_onednn_softmax(const tm_onednn *onednn, tm_onednn_step *step, const void *x, int32_t axis);
int tm_onednn_prelu(const tm_onednn *onednn, tm_onednn_step *step, const void *x, const void *slope);
int tm_onednn_layer_norm(const tm_onednn *onednn, tm_onednn_step *step, const void *x, float epsilon);
int tm_onednn_sum(const tm_onednn *onednn, tm_onednn_step *step, const void *x, const void *y);
int tm_onednn_concat(const tm_onednn *onednn, tm_onednn_step *step, const void *y, int32_t count, int32_t axis,
                     void *const *x);

/* ---- ops.c ---- */

/* Describes a primitive of the node, `part` 0 and on while the one before has a next: its pd, and its uses without
 * memories. Freed by tm_onednn_step_free, after a failure,
 * too. */
tm_status tm_onednn_describe(const tm_session *session, const tm_graph *graph, int32_t node, int32_t part,
                             tm_onednn_step *into, tm_error *error);

void tm_onednn_step_free(const tm_onednn *onednn, tm_onednn_step *step);

/* ---- program.c: the backend's functions of these names ---- */

tm_status tm_onednn_compile(tm_session *session, const tm_graph *graph, int32_t slots, tm_program **program,
                            tm_error *error);
tm_status tm_onednn_bind(tm_program *program, int32_t slot, int32_t input, size_t offset_bytes, const void *data,
                         size_t bytes, tm_error *error);
void tm_onednn_unbind(tm_program *program);
tm_status tm_onednn_run(tm_program *program, int32_t first_slot, int64_t count, tm_error *error);
void tm_onednn_discard(tm_program *program);

#endif
