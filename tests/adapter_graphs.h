/* What the tests of an adapter's own table share: graphs written down in C, the host that reads them, and the calls
 * that must succeed. Included by one file of each test program. */
#ifndef ADAPTER_GRAPHS_H
#define ADAPTER_GRAPHS_H

#include "tensormark/backend.h"

#include <dlfcn.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { MOST = 8 };

typedef struct node {
    const char *op;
    int32_t operand[MOST]; /* -1 past the last */
    int64_t axis, rows, mask;
    tm_shape result;
} node;

struct tm_graph {
    int32_t inputs, nodes, outputs;
    tm_shape input[MOST];
    node node[MOST];
    int32_t output[MOST];
};

static const tm_backend *backend;
static const char *location;

static inline int32_t node_count(const tm_graph *graph)
{
    return graph->nodes;
}

static inline const char *node_op(const tm_graph *graph, int32_t i)
{
    return graph->node[i].op;
}

static inline int32_t node_operand(const tm_graph *graph, int32_t i, int32_t position)
{
    return position < MOST ? graph->node[i].operand[position] : -1;
}

static inline int64_t node_integer(const tm_graph *graph, int32_t i, const char *attribute)
{
    const node *n = &graph->node[i];
    return strcmp(attribute, "axis") == 0 ? n->axis : strcmp(attribute, "rows") == 0 ? n->rows : n->mask;
}

static inline double node_real(const tm_graph *graph, int32_t i, const char *attribute)
{
    (void)graph;
    (void)i;
    return strcmp(attribute, "eps") == 0 ? 1e-5 : 0.01;
}

static inline tm_shape value_shape(const tm_graph *graph, int32_t value)
{
    return value < graph->inputs ? graph->input[value] : graph->node[value - graph->inputs].result;
}

static inline int32_t input_count(const tm_graph *graph)
{
    return graph->inputs;
}

static inline int32_t output_count(const tm_graph *graph)
{
    return graph->outputs;
}

static inline int32_t output_value(const tm_graph *graph, int32_t output)
{
    return graph->output[output];
}

static const tm_host host = {.size = sizeof host,
                             .node_count = node_count,
                             .node_op = node_op,
                             .node_operand = node_operand,
                             .node_integer = node_integer,
                             .node_real = node_real,
                             .value_shape = value_shape,
                             .input_count = input_count,
                             .output_count = output_count,
                             .output_value = output_value};

static inline tm_session *opened(const char *options, int32_t threads)
{
    tm_session *session = NULL;
    tm_error error = {""};
    if (backend->open("cpu", location, options, threads, &host, &session, &error) != TM_OK)
        fail_msg("%s", error.message);
    return session;
}

static inline tm_program *compiled(tm_session *session, const tm_graph *graph, int32_t slots)
{
    tm_program *program = NULL;
    tm_error error = {""};
    if (backend->supports(session, graph, &error) != TM_OK) fail_msg("%s", error.message);
    if (backend->compile(session, graph, slots, &program, &error) != TM_OK) fail_msg("%s", error.message);
    return program;
}

static inline void bound(tm_program *program, int32_t slot, int32_t input, const void *data, size_t bytes)
{
    tm_error error = {""};
    if (backend->bind(program, slot, input, 0, data, bytes, &error) != TM_OK) fail_msg("%s", error.message);
}

static inline void ran(tm_program *program, int32_t slot, int64_t count)
{
    tm_error error = {""};
    if (backend->run(program, slot, count, &error) != TM_OK) fail_msg("%s", error.message);
}

static inline void assert_output(tm_program *program, int32_t output, const float *wanted, size_t count)
{
    float got[256];
    tm_error error = {""};
    assert_true(count <= sizeof got / sizeof *got);
    if (backend->read(program, output, 0, count * sizeof *got, got, &error) != TM_OK) fail_msg("%s", error.message);
    for (size_t i = 0; i < count; i++) {
        if (!(fabsf(got[i] - wanted[i]) <= 1e-5f * fmaxf(1, fabsf(wanted[i])))) {
            fail_msg("output %d, element %zu: %g, not %g", (int)output, i, (double)got[i], (double)wanted[i]);
        }
    }
}

static inline tm_graph one_node(const char *op, tm_shape x, tm_shape result)
{
    return (tm_graph){.inputs = 1,
                      .nodes = 1,
                      .outputs = 1,
                      .input = {x},
                      .node = {{.op = op, .operand = {0, -1}, .result = result}},
                      .output = {1}};
}

static const tm_shape row4 = {TM_F32, 1, {4}};

/* Of `TEST LIBRARY FOLDER`: loads the backend and looks whether its framework is in the place that the variable names,
 * or in FOLDER. The program's exit status: 0 to go on, 1, or 77 where there is none. */
static inline int load_backend(int argc, char **argv, const char *variable)
{
    void *library = argc > 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    void *symbol = library ? dlsym(library, "tensormark_backend") : NULL;
    const tm_backend *(*entry)(void) = NULL;
    memcpy(&entry, &symbol, sizeof entry);
    if (!entry) {
        fprintf(stderr, "%s LIBRARY FOLDER: no backend: %s\n", argv[0], argc > 2 ? dlerror() : "");
        return 1;
    }
    backend = entry();
    location = getenv(variable) ? "" : argv[2];
    tm_device_info info = {.framework = ""};
    tm_error error = {""};
    if (backend->probe("cpu", location, &info, &error) == TM_OK) return 0;
    fprintf(stderr, "skipped: %s\n", error.message);
    return 77;
}

#endif
