/* What the test backends share: the engine in a wrapper that computes right answers. The honest double is the wrapper
 * as it is; a lying backend replaces a few entries of its table. */
#ifndef TEST_BACKENDS_DOUBLE_H
#define TEST_BACKENDS_DOUBLE_H

#include "base/dtype.h"
#include "base/error.h"
#include "native/native.h"

struct tm_session {
    tm_session *engine;
    const tm_host *host;
    int64_t syncs; /* for lies that count them */
};

struct tm_program {
    tm_session *session;
    tm_program *engine;
    const tm_graph *graph;
    int32_t slots, inputs;
    char **input;        /* [slot][input]: what was bound, byte for byte */
    size_t *input_bytes; /* per input */
    char *output;        /* a buffer for lies that show another output than the engine's */
    size_t output_bytes;
    void *lie; /* allocated by a lie with malloc; NULL at first, freed with the program */
};

/* The honest table. */
tm_backend double_table(const char *name);

/* As it, but `read` and `poison` work on program->output, which the lie fills. */
tm_backend double_table_own_output(const char *name);

/* The honest answer for a slot, into program->output. */
tm_status double_execute(tm_program *program, int64_t slot, tm_error *error);

/* Binding as an honest program does it; a lie that replaces `bind` calls this. */
tm_status double_bind(tm_program *program, int32_t slot, int32_t input, size_t offset, const void *data, size_t bytes,
                      tm_error *error);

/* Copies a part of program->output. */
tm_status double_read_own(tm_program *program, int32_t output, size_t offset, size_t bytes, void *into,
                          tm_error *error);

void double_discard(tm_program *program);

/* TM_UNSUPPORTED unless the graph is one f32 matmul of two matrices: for lies about contractions. */
tm_status double_supports_product(tm_session *session, const tm_graph *graph, tm_error *error);

/* Rows, contracted length and columns of such a graph. */
void double_product_sizes(const tm_program *program, int64_t *m, int64_t *k, int64_t *n);

#endif
