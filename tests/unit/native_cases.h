/* Graphs of one op over odd shapes, with data, for the engine's tests. */
#ifndef TM_TESTS_NATIVE_CASES_H
#define TM_TESTS_NATIVE_CASES_H

#include "base/dtype.h"
#include "graph/graph.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct native_case {
    const char *op;
    const char *shapes; /* "3x4 4x5"; "-" is rank 0; index operands are i64 */
    const char *attributes;
} native_case;

static const native_case native_cases[] = {
    {"relu", "-", ""},
    {"relu", "0", ""},
    {"relu", "3x0x5", ""},
    {"relu", "1x2x3x1x2x1x3x2", ""},
    {"relu", "250003", ""},
    {"leaky_relu", "1001", "slope=0.3"},
    {"leaky_relu", "17x129", ""},
    {"prelu", "7x33 1", ""},
    {"prelu", "150001 1", ""},
    {"selu", "1x1x2x3x1x37", ""},
    {"selu", "150000", ""},
    {"sigmoid", "1023", ""},
    {"sigmoid", "150001", ""},
    {"gelu", "-", ""},
    {"gelu", "3x0x7", ""},
    {"gelu", "1x1x2x3x1x37", "approximate=none"},
    {"gelu", "150001", ""},
    {"gelu", "-", "approximate=tanh"},
    {"gelu", "5x5x41", "approximate=tanh"},
    {"gelu", "150003", "approximate=tanh"},
    {"softplus", "5x5x41", ""},
    {"softplus", "150003", ""},
    {"add", "- -", ""},
    {"add", "3x0x5 3x0x5", ""},
    {"add", "7x33 7x33", ""},
    {"add", "150001 150001", ""},
    {"argmax", "1", ""},
    {"argmax", "7x1x33", "axis=0"},
    {"argmax", "7x5x33", "axis=1"},
    {"argmax", "7x5x33", "axis=2"},
    {"argmax", "2x3x1x2x2x3x2x2", "axis=-5"},
    {"argmax", "0x5", ""},
    {"argmax", "300001", ""},
    {"argmax", "64x33x100", "axis=0"},
    {"argmax", "64x33x100", "axis=1"},
    {"bce", "1 1", ""},
    {"bce", "5x7x3 5x7x3", ""},
    {"bce", "300007 300007", ""},
    {"concat", "3x4 3x5", "axis=1"},
    {"concat", "3x4 2x4", "axis=0"},
    {"concat", "3x0x2 3x4x2 3x1x2", "axis=1"},
    {"concat", "2x1x3 2x2x3 2x3x3 2x1x3 2x1x3 2x1x3 2x1x3 2x1x3", "axis=-2"},
    {"concat", "3000x64 3000x33", "axis=1"},
    {"conv1d", "2x9x3 5x3x3", ""},
    {"conv1d", "1x4x1 1x4x1", ""},
    {"conv1d", "3x65x17 33x5x17", ""},
    {"conv1d", "5x700x3 8x3x3", ""},
    {"conv1d", "2x13x131 7x3x131", ""},
    {"conv2d", "1x5x6x3 8x3x3x3", ""},
    {"conv2d", "2x9x33x3 8x3x3x3", ""},
    {"conv2d", "2x7x9x12 5x2x3x12", ""},
    {"conv2d", "1x9x9x65 17x3x3x65", ""},
    {"conv2d", "3x66x67x3 8x3x3x3", ""},
    {"gather", "5x7 11", ""},
    {"gather", "64x256 1000", ""},
    {"gather", "3x4 0", ""},
    {"gather", "1x1 3", ""},
    {"layer_norm", "33 33 33", ""},
    {"layer_norm", "3x5x129 129 129", "eps=0.001"},
    {"layer_norm", "4x1 1 1", ""},
    {"layer_norm", "600x1000 1000 1000", ""},
    {"linear", "3x5 5x7 7", ""},
    {"linear", "2x3x17 17x33 33", ""},
    {"linear", "130x64 64x100 100", ""},
    {"linear", "100x1x5120 5120x1 1", ""},
    {"matmul", "1x1 1x1", ""},
    {"matmul", "3x5 5x7", ""},
    {"matmul", "65x33 33x17", ""},
    {"matmul", "2x1x3x4 5x4x6", ""},
    {"matmul", "7x1x100 7x100x33", ""},
    {"matmul", "6x64x65 65x32", ""},
    {"matmul", "3x20001 20001x32", ""},
    {"matmul", "2000x64 64x130", ""},
    {"matmul", "257x300 300x129", ""},
    {"sdpa", "1x1x1x1 1x1x1x1 1x1x1x1", ""},
    {"sdpa", "2x3x5x16 2x3x7x16 2x3x7x16", ""},
    {"sdpa", "2x3x5x16 2x3x7x16 2x3x7x16", "mask=none"},
    {"sdpa", "1x2x9x33 1x2x9x33 1x2x9x33", "scale=0.5"},
    {"sdpa", "2x8x16x64 2x8x64x64 2x8x64x64", ""},
    {"sdpa", "5x3x5x16 5x3x7x16 5x3x7x9 5", "mask=lengths"},
    {"sdpa", "7x33x16 7x65x16 7x65x16 7", "mask=lengths,scale=0.5"},
    {"sdpa", "9x2x64x64 9x2x130x64 9x2x130x64 9", "mask=lengths"},
    {"sdpa", "0x2x5x8 0x2x5x8 0x2x5x8 0", "mask=lengths"},
    {"merge_heads", "1x1x1", ""},
    {"merge_heads", "3x5x7x11", ""},
    {"merge_heads", "2x3x0x5", ""},
    {"merge_heads", "0x4x5", ""},
    {"merge_heads", "2x3x2x8x33x17", ""},
    {"merge_heads", "4x12x130x64", ""},
    {"split_heads", "1x1", "heads=1"},
    {"split_heads", "3x5x21", "heads=7"},
    {"split_heads", "2x0x6", "heads=3"},
    {"split_heads", "5x0", "heads=4"},
    {"split_heads", "2x3x2x33x136", "heads=8"},
    {"split_heads", "4x130x768", "heads=12"},
    {"scatter", "40x7 40", "rows=11"},
    {"scatter", "0x7 0", "rows=3"},
    {"scatter", "20000x33 20000", "rows=64"},
    {"scatter", "9x33 9", "rows=40"},
    {"scatter", "1000x16 1000", "rows=63"},
    {"scatter", "300x100 300", "rows=20000"},
    {"scatter_sum", "40x7 40", "rows=11"},
    {"scatter_sum", "3000x16 3000", "rows=60"},
    {"scatter_sum", "3000x16 3000", "rows=701"},
    {"scatter_sum", "3000x8 3000", "rows=701"},
    {"scatter_sum", "20000x32 20000", "rows=1024"},
    {"scatter_max", "40x7 40", "rows=11"},
    {"scatter_max", "20000x16 20000", "rows=64"},
    {"softmax", "1", ""},
    {"softmax", "7x5x33", "axis=0"},
    {"softmax", "7x5x33", "axis=1"},
    {"softmax", "7x5x33", "axis=-1"},
    {"softmax", "2x3x1x2x2x3x2x5", "axis=3"},
    {"softmax", "5x0x3", "axis=-1"},
    {"softmax", "3000x8", ""},
    {"softmax", "30000x9", ""},
    {"softmax", "3x200001", ""},
    {"softmax", "17x70003", ""}, /* rows divided over the threads, in pieces */
    {"softmax", "100x50x64", "axis=1"},
    {"sort", "1", ""},
    {"sort", "64x3x33", "axis=0"},
    {"sort", "3x65x9", "axis=1"},
    {"sort", "3x5x1000", "axis=2"},
    {"sort", "5x0", ""},
    {"sort", "64x128x17", "axis=0"},
    {"sort", "300x1024", ""},
    {"sum", "7x5x33", "axis=0"},
    {"sum", "7x5x33", "axis=1"},
    {"sum", "7x5x33", "axis=2"},
    {"sum", "3x0x5", "axis=1"},
    {"sum", "2x3x1x2x2x3x2x2", "axis=7"},
    {"sum", "64x65x100", "axis=0"},
    {"sum", "64x65x100", "axis=1"},
    {"sum", "64x65x100", "axis=2"},
    {"sum", "300001", "axis=0"},
    {"sum_all", "-", ""},
    {"sum_all", "0x3", ""},
    {"sum_all", "3x5x7", ""},
    {"sum_all", "250003", ""},
};

enum { NATIVE_CASES = sizeof native_cases / sizeof *native_cases };

static inline const char *case_shape(const char *text, tm_shape *shape)
{
    shape->rank = 0;
    if (*text == '-') return text + 1;
    for (;;) {
        char *end;
        shape->dim[shape->rank++] = strtoll(text, &end, 10);
        if (*end != 'x') return end;
        text = end + 1;
    }
}

static inline tm_graph *case_graph(const native_case *one, tm_dtype dtype)
{
    tm_error error = {""};
    tm_op op;
    assert_true(tm_op_parse(one->op, &op));
    tm_graph *graph = tm_graph_new();
    int32_t operands[TM_MAX_OPERANDS], count = 0;
    for (const char *text = one->shapes; *text != '\0'; text += *text == ' ') {
        tm_shape shape = {.dtype = tm_op_takes_integers(op, count) ? TM_I64 : dtype};
        text = case_shape(text, &shape);
        operands[count++] = tm_graph_input(graph, shape, &error);
    }
    const int32_t result = tm_graph_op(graph, one->op, operands, count, one->attributes, &error);
    if (result < 0) fail_msg("%s %s %s: %s", one->op, one->shapes, one->attributes, error.message);
    assert_int_equal(tm_graph_output(graph, result, &error), TM_OK);
    return graph;
}

static inline uint64_t case_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Roughly normal; with `special`, one in sixteen is an edge of float32. */
static inline float case_normal(uint64_t *state, bool special)
{
    static const float edges[] = {0.0f,      -0.0f,   INFINITY, -INFINITY, NAN,   -NAN,
                                  0x1p-149f, -1e-39f, 1e30f,    -3e38f,    90.0f, -104.0f};
    const uint64_t bits = case_random(state);
    if (special && bits % 16 == 3) return edges[(bits >> 8) % (sizeof edges / sizeof *edges)];
    double sum = -2.0;
    for (int i = 0; i < 4; i++) sum += (double)((bits >> (16 * i)) & 0xffff) / 65536.0;
    return (float)(1.7 * sum);
}

static inline void case_put(tm_dtype dtype, void *data, int64_t i, float value)
{
    if (dtype == TM_F32) ((float *)data)[i] = value;
    if (dtype == TM_BF16) ((uint16_t *)data)[i] = tm_bf16_from_f32(value);
    if (dtype == TM_F16) ((uint16_t *)data)[i] = tm_f16_from_f32(value);
}

/* Any number of keys, none and all of them often, and now and then one that is none. */
static inline int64_t case_length(uint64_t bits, int64_t keys)
{
    const int64_t odd[] = {0, keys, 1, -3, keys + 5};
    return bits % 3 == 0 ? odd[bits / 3 % 5] : (int64_t)((bits >> 20) % (uint64_t)(keys + 1));
}

/* The data of input `input`, as ops.def's letters say; the caller frees it. */
static inline void *case_data(const tm_graph *graph, int32_t input, uint64_t seed, bool special)
{
    const tm_shape *shape = &graph->shape[input];
    const tm_node *node = &graph->node[0];
    const char letter = tm_op_data(node->op)[input];
    const int64_t n = tm_shape_elements(shape);
    void *data = malloc(tm_shape_bytes(shape) + 1);
    assert_non_null(data);
    uint64_t state = (seed + 1) * 0x9e3779b97f4a7c15u + (uint64_t)input;
    const bool gather = node->op == TM_OP_gather;
    const int64_t rows = gather ? graph->shape[0].dim[0] : node->attributes.rows;
    for (int64_t i = 0; i < n; i++) {
        const uint64_t bits = case_random(&state);
        switch (letter) {
        case 'i': ((int64_t *)data)[i] = (int64_t)((bits >> 20) % (uint64_t)rows); break;
        case 'l': ((int64_t *)data)[i] = case_length(bits, graph->shape[1].dim[graph->shape[1].rank - 2]); break;
        case 'p': case_put(shape->dtype, data, i, 0.001f + 0.99f * (float)((double)(bits >> 11) * 0x1p-53)); break;
        case 't': case_put(shape->dtype, data, i, (float)((bits >> 30) & 1)); break;
        default: case_put(shape->dtype, data, i, case_normal(&state, special)); break;
        }
    }
    return data;
}

#endif
