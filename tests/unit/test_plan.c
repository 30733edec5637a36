/* Plans: where every value lies, what a run does to it, and that kernels are accounted for. */
#include "base/dtype.h"
#include "graph/graph.h"
#include "native/isa.h"
#include "native/plan.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static tm_error error;

/* a, b -> matmul -> relu -> matmul with b -> softmax, and the relu as a second output: inputs and results used twice.
 */
static tm_graph *braid(tm_dtype dtype, int64_t n)
{
    tm_graph *graph = tm_graph_new();
    const tm_shape square = {.dtype = dtype, .rank = 2, .dim = {n, n}};
    const int32_t a = tm_graph_input(graph, square, &error), b = tm_graph_input(graph, square, &error);
    const int32_t first = tm_graph_op(graph, "matmul", (int32_t[]){a, b}, 2, "", &error);
    const int32_t positive = tm_graph_op(graph, "relu", &first, 1, "", &error);
    const int32_t second = tm_graph_op(graph, "matmul", (int32_t[]){positive, b}, 2, "", &error);
    const int32_t soft = tm_graph_op(graph, "softmax", &second, 1, "axis=-1", &error);
    assert_int_equal(tm_graph_output(graph, soft, &error), TM_OK);
    assert_int_equal(tm_graph_output(graph, positive, &error), TM_OK);
    return graph;
}

typedef struct planned {
    tm_graph *graph;
    tm_pool *pool;
    tm_plan *plan;
} planned;

static planned plan_braid(tm_dtype dtype, int64_t n, int32_t slots, size_t offset)
{
    planned p = {.graph = braid(dtype, n)};
    tm_isa isa;
    assert_int_equal(tm_isa_choose(&isa, &error), TM_OK);
    assert_int_equal(tm_pool_new(2, &p.pool, &error), TM_OK);
    assert_int_equal(tm_plan_new(p.graph, tm_kernels_for(isa), p.pool, slots, offset, &p.plan, &error), TM_OK);
    return p;
}

static void planned_free(planned *p)
{
    tm_plan_free(p->plan);
    tm_pool_free(p->pool);
    tm_graph_free(p->graph);
}

typedef struct extent {
    uintptr_t begin, end;
} extent;

/* Inputs and outputs; what lies between them may share places. */
static void test_pieces_are_apart(void **state)
{
    (void)state;
    for (int64_t n = 1; n <= 300; n = n * 3 + 1) {
        for (size_t offset = 0; offset < 4096; offset += 1984) {
            planned p = plan_braid(n % 2 ? TM_F32 : TM_BF16, n, 3, offset);
            assert_int_equal(tm_plan_place(p.plan, &error), TM_OK);
            assert_int_equal(tm_plan_place(p.plan, &error), TM_OK); /* a second time changes nothing */
            extent all[3 * 2 + 2];
            int count = 0;
            for (int32_t i = 0; i < p.graph->inputs + p.graph->outputs; i++) {
                const bool output = i >= p.graph->inputs;
                const int32_t value = output ? p.graph->output[i - p.graph->inputs] : i;
                for (int32_t slot = 0; slot < 3; slot++) {
                    const uintptr_t begin = (uintptr_t)tm_plan_data(p.plan, slot, value);
                    assert_int_equal(begin % 64, 0);
                    if (output && slot > 0) {
                        assert_int_equal(begin, all[count - 1].begin); /* results are shared by the slots */
                        continue;
                    }
                    all[count++] = (extent){begin, begin + tm_shape_bytes(&p.graph->shape[value])};
                }
            }
            for (int i = 0; i < count; i++) {
                memset((void *)all[i].begin, i, all[i].end - all[i].begin);
                for (int k = 0; k < i; k++) assert_true(all[i].begin >= all[k].end || all[k].begin >= all[i].end);
            }
            planned_free(&p);
        }
    }
}

/* A chain of sorts, of which two results at a time must lie somewhere. */
static void test_results_share_memory(void **state)
{
    (void)state;
    enum { LENGTH = 12, N = 512 };
    tm_pool *pool;
    assert_int_equal(tm_pool_new(1, &pool, &error), TM_OK);
    tm_graph *graph = tm_graph_new();
    const tm_shape square = {.dtype = TM_F32, .rank = 2, .dim = {N, N}};
    int32_t value = tm_graph_input(graph, square, &error);
    for (int i = 0; i < LENGTH; i++) value = tm_graph_op(graph, "sort", &value, 1, i % 2 ? "axis=0" : "axis=1", &error);
    assert_int_equal(tm_graph_output(graph, value, &error), TM_OK);
    tm_plan *plan;
    assert_int_equal(tm_plan_new(graph, tm_kernels_for(TM_ISA_portable), pool, 1, 0, &plan, &error), TM_OK);
    assert_in_range(tm_plan_bytes(plan), 3 * tm_shape_bytes(&square), 4 * tm_shape_bytes(&square));
    assert_int_equal(tm_plan_fused_nodes(plan), 0);
    tm_plan_free(plan);
    tm_graph_free(graph);
    tm_pool_free(pool);
}

static void test_offset_shifts(void **state)
{
    (void)state;
    for (size_t offset = 0; offset < 4096; offset += 64) {
        planned none = plan_braid(TM_F32, 5, 1, 0), some = plan_braid(TM_F32, 5, 1, offset);
        assert_int_equal(tm_plan_place(none.plan, &error), TM_OK);
        assert_int_equal(tm_plan_place(some.plan, &error), TM_OK);
        const uintptr_t huge = (uintptr_t)2 << 20;
        assert_int_equal((uintptr_t)tm_plan_data(some.plan, 0, 0) % huge,
                         (uintptr_t)tm_plan_data(none.plan, 0, 0) % huge + offset);
        planned_free(&none);
        planned_free(&some);
    }
}

static float row_sum(const float *x, int64_t n)
{
    float sum = 0.0f;
    for (int64_t i = 0; i < n; i++) sum += x[i];
    return sum;
}

/* a = the slot's number + 1 times the identity, b = ones: the relu is a constant, the softmax uniform. */
static void test_runs_a_braid(void **state)
{
    (void)state;
    enum { N = 64 };
    planned p = plan_braid(TM_F32, N, 2, 0);
    assert_int_equal(tm_plan_place(p.plan, &error), TM_OK);
    for (int32_t slot = 0; slot < 2; slot++) {
        float *a = tm_plan_data(p.plan, slot, 0), *b = tm_plan_data(p.plan, slot, 1);
        for (int i = 0; i < N * N; i++) a[i] = i % (N + 1) == 0 ? (float)(slot + 1) : 0.0f;
        for (int i = 0; i < N * N; i++) b[i] = 1.0f;
    }
    const float *soft = tm_plan_data(p.plan, 0, p.graph->output[0]);
    const float *positive = tm_plan_data(p.plan, 0, p.graph->output[1]);
    for (int64_t count = 1; count <= 3; count++) {
        tm_plan_poison(p.plan);
        assert_true(isnan(soft[0]) && isnan(positive[N * N - 1]));
        tm_plan_run(p.plan, 1, count);
        for (int i = 0; i < N * N; i++) assert_true(positive[i] == (float)(1 + count % 2));
        for (int i = 0; i < N; i++) assert_true(fabsf(row_sum(soft + i * N, N) - 1.0f) < 1e-5f);
    }
    tm_plan_release(p.plan);
    assert_int_equal(tm_plan_place(p.plan, &error), TM_OK);
    assert_true(((float *)tm_plan_data(p.plan, 1, 1))[7] == 0.0f); /* contents are lost */
    planned_free(&p);
}

static void test_uses_are_counted(void **state)
{
    (void)state;
    tm_pool *pool;
    assert_int_equal(tm_pool_new(1, &pool, &error), TM_OK);
    for (int isa = 0; isa < TM_ISA_COUNT; isa++) {
        const tm_kernels *kernels = tm_kernels_for((tm_isa)isa);
        if (kernels == NULL) continue;
        tm_graph *graph = braid(TM_BF16, 8);
        tm_plan *plan;
        assert_int_equal(tm_plan_new(graph, kernels, pool, 1, 0, &plan, &error), TM_OK);
        uint64_t uses[TM_ISA_COUNT], total = 0;
        tm_plan_uses(plan, uses);
        for (int i = 0; i < TM_ISA_COUNT; i++) {
            total += uses[i];
            if (i > isa) assert_int_equal(uses[i], 0);
        }
        assert_true(total >= 4 + 2 + 4 + 3); /* ops, widened inputs, narrowed results, results widened again */
        assert_true(tm_plan_rounds_between_ops(plan));
        tm_plan_free(plan);
        tm_graph_free(graph);
    }
    tm_pool_free(pool);
}

static void test_refuses(void **state)
{
    (void)state;
    tm_pool *pool;
    assert_int_equal(tm_pool_new(1, &pool, &error), TM_OK);
    tm_graph *graph = braid(TM_F32, 3);
    tm_plan *plan;
    const tm_kernels *kernels = tm_kernels_for(TM_ISA_portable);
    assert_int_equal(tm_plan_new(graph, kernels, pool, 0, 0, &plan, &error), TM_INVALID_ARGUMENT);
    assert_null(plan);
    tm_graph_free(graph);

    /* 2^48 bytes a tensor: the sizes overflow, or the system refuses; both are "out of memory", not a crash. */
    graph = tm_graph_new();
    const int32_t in = tm_graph_input(graph, (tm_shape){.dtype = TM_F32, .rank = 1, .dim = {(int64_t)1 << 46}}, &error);
    const int32_t out = tm_graph_op(graph, "relu", &in, 1, "", &error);
    assert_int_equal(tm_graph_output(graph, out, &error), TM_OK);
    for (int i = 0; i < 2; i++) {
        tm_status status = tm_plan_new(graph, kernels, pool, i == 0 ? 1 : 1 << 20, 0, &plan, &error);
        if (status == TM_OK) status = tm_plan_place(plan, &error);
        assert_int_equal(status, TM_OUT_OF_MEMORY);
        tm_plan_free(plan);
    }
    tm_graph_free(graph);
    tm_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_are_apart), cmocka_unit_test(test_results_share_memory),
        cmocka_unit_test(test_offset_shifts),    cmocka_unit_test(test_runs_a_braid),
        cmocka_unit_test(test_uses_are_counted), cmocka_unit_test(test_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
