/* Runs one op on the native engine with a chosen instruction set and number of threads, for tests. */
#ifndef TM_TESTS_NATIVE_RUN_H
#define TM_TESTS_NATIVE_RUN_H

#include "base/dtype.h"
#include "graph/graph.h"
#include "native/isa.h"
#include "native/plan.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

typedef struct test_tensor {
    tm_shape shape;
    void *data;
} test_tensor;

/* "2x3" */
static inline tm_shape test_shape(const char *text, tm_dtype dtype)
{
    tm_shape shape = {.dtype = dtype};
    while (*text) {
        char *end;
        shape.dim[shape.rank++] = strtoll(text, &end, 10);
        text = *end ? end + 1 : end;
    }
    return shape;
}

static inline uint64_t test_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Reals in (-1, 1). */
static inline test_tensor test_reals(const char *shape, uint64_t seed)
{
    test_tensor t = {test_shape(shape, TM_F32), NULL};
    const int64_t n = tm_shape_elements(&t.shape);
    float *x = malloc((size_t)(n > 0 ? n : 1) * sizeof *x);
    uint64_t state = seed * 0x9E3779B97F4A7C15u + 1;
    for (int64_t i = 0; i < n; i++) x[i] = (float)(int32_t)(test_random(&state) >> 32) * 0x1p-31f;
    t.data = x;
    return t;
}

static inline test_tensor test_indices(int64_t count, int64_t below, uint64_t seed)
{
    test_tensor t = {{.dtype = TM_I64, .rank = 1, .dim = {count}}, NULL};
    int64_t *x = malloc((size_t)(count > 0 ? count : 1) * sizeof *x);
    uint64_t state = seed * 0x9E3779B97F4A7C15u + 1;
    for (int64_t i = 0; i < count; i++) x[i] = (int64_t)(test_random(&state) % (uint64_t)below);
    t.data = x;
    return t;
}

/* The result in fresh memory; `twice` runs again and wants the same bits. */
static inline test_tensor test_run(tm_isa isa, int32_t threads, const char *op, const char *attributes,
                                   const test_tensor *operands, int32_t count)
{
    tm_error error = {{0}};
    tm_pool *pool = NULL;
    assert_int_equal(tm_pool_new(threads, &pool, &error), TM_OK);
    tm_graph *graph = tm_graph_new();
    int32_t values[TM_MAX_OPERANDS];
    for (int32_t i = 0; i < count; i++) values[i] = tm_graph_input(graph, operands[i].shape, &error);
    const int32_t result = tm_graph_op(graph, op, values, count, attributes, &error);
    if (result < 0) fail_msg("%s", error.message);
    assert_int_equal(tm_graph_output(graph, result, &error), TM_OK);
    tm_plan *plan = NULL;
    if (tm_plan_new(graph, tm_kernels_for(isa), pool, 1, 0, &plan, &error) != TM_OK) fail_msg("%s", error.message);
    assert_int_equal(tm_plan_place(plan, &error), TM_OK);
    for (int32_t i = 0; i < count; i++) {
        const size_t bytes = (size_t)tm_shape_elements(&operands[i].shape) * tm_dtype_size(operands[i].shape.dtype);
        if (bytes > 0) memcpy(tm_plan_data(plan, 0, i), operands[i].data, bytes);
    }
    test_tensor y = {graph->shape[result], NULL};
    const size_t bytes = (size_t)tm_shape_elements(&y.shape) * tm_dtype_size(y.shape.dtype);
    y.data = malloc(bytes + 1);
    tm_plan_poison(plan);
    tm_plan_run(plan, 0, 1);
    memcpy(y.data, tm_plan_data(plan, 0, result), bytes);
    tm_plan_poison(plan);
    tm_plan_run(plan, 0, 1);
    assert_memory_equal(y.data, tm_plan_data(plan, 0, result), bytes);
    tm_plan_free(plan);
    tm_graph_free(graph);
    tm_pool_free(pool);
    return y;
}

/* Calls `check` for every instruction set of this machine, with one and with two threads. */
static inline void test_everywhere(void (*check)(tm_isa isa, int32_t threads))
{
    for (int isa = 0; isa < TM_ISA_COUNT; isa++) {
        if (!tm_isa_available((tm_isa)isa)) continue;
        for (int32_t threads = 1; threads <= 2; threads++) check((tm_isa)isa, threads);
    }
}

#endif
