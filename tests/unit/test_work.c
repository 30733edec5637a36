/* Work rules against figures counted by hand or by brute force. */
#include "suite/case.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static tm_work work_of(const char *id)
{
    tm_case one;
    tm_error error = {""};
    if (tm_case_parse(id, "test", &one, &error) != TM_OK) fail_msg("%s", error.message);
    const tm_work work = tm_graph_work(one.graph);
    tm_case_free(&one);
    return work;
}

static void assert_near(double got, double want)
{
    if (!(fabs(got - want) <= 1e-9 * fabs(want))) fail_msg("%.17g, not %.17g", got, want);
}

static void expect(const char *id, double flop, double bytes, bool read_only)
{
    const tm_work work = work_of(id);
    assert_near(work.flop, flop);
    assert_near(work.bytes, bytes);
    assert_near(work.floor_bytes, bytes);
    assert_near(work.floor_flop, flop);
    if (work.read_only != read_only) fail_msg("%s: read_only is %d", id, work.read_only);
}

static void test_dense_ops(void **state)
{
    (void)state;
    expect("matmul/7x3x4,4x5", 2 * 7 * 3 * 4 * 5, 4 * (84 + 20 + 105), false);
    expect("matmul/7x3x4,4x5/bf16", 2 * 7 * 3 * 4 * 5, 2 * (84 + 20 + 105), false);
    expect("linear/100x1x51200,51200x1,1", 2 * 100 * 51200, 4 * (100 * 51200 + 51200 + 1 + 100), true);
    expect("conv1d/2x9x3,5x4x3", 2 * (2 * 6 * 5) * 12, 4 * (54 + 60 + 60), false);
    expect("relu/10x10", 100, 800, false);
    expect("concat/3x4,3x5/axis=1", 27, 4 * 54, false);
    expect("layer_norm/4x6", 24, 4 * (24 + 6 + 6 + 24), false);
    expect("bce/50x4,50x4", 200, 1604, true);
    expect("argmax/10x1000", 10000, 40000 + 80, true);
    expect("argmax/10x2/bf16", 20, 40 + 80, false);
    expect("sum/64x32/axis=1", 2048, 4 * (2048 + 64), true);
    expect("sum/64x15/axis=1", 960, 4 * (960 + 64), true);
    expect("sum/64x14/axis=1", 896, 4 * (896 + 64), false);
    expect("relu/10x0", 0, 0, true);
    expect("sum_all/0", 0, 4, false);
}

static void test_winograd_lowers_the_floor_alone(void **state)
{
    (void)state;
    const tm_work three = work_of("conv2d/2x9x8x3,5x3x3x3");
    assert_near(three.flop, 2.0 * (2 * 7 * 6 * 5) * 27);
    assert_near(three.floor_flop, three.flop / 5.06);
    assert_near(three.bytes, three.floor_bytes);
    const tm_work wide = work_of("conv2d/2x9x8x3,5x3x4x3");
    assert_near(wide.floor_flop, wide.flop);
}

/* Pairs and reachable keys counted one by one. */
static void test_attention_counts_visible_pairs(void **state)
{
    (void)state;
    static const char *const ids[] = {
        "sdpa/2x3x5x8,2x3x9x8,2x3x9x7/mask=none",
        "sdpa/2x3x5x8,2x3x9x8,2x3x9x7",
        "sdpa/2x3x9x8,2x3x5x8,2x3x5x7",
        "sdpa/2x3x5x8,2x3x9x8,2x3x9x7/mask=causal_end",
        "sdpa/2x3x9x8,2x3x9x8,2x3x9x7/mask=causal_end",
    };
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        tm_case one;
        tm_error error;
        assert_int_equal(tm_case_parse(ids[i], "test", &one, &error), TM_OK);
        const int64_t queries = one.graph->shape[0].dim[2];
        const int64_t keys = one.graph->shape[1].dim[2];
        const tm_mask mask = (tm_mask)one.graph->node[0].attributes.mask;
        double pairs = 0;
        double seen = 0;
        for (int64_t q = 0; q < queries; q++) {
            const double visible = (double)tm_visible_keys(mask, q, queries, keys);
            pairs += visible;
            if (visible > seen) seen = visible;
        }
        const tm_work work = tm_graph_work(one.graph);
        assert_near(work.flop, 6 * pairs * (2 * 8 + 2 * 7 + 2));
        assert_near(work.bytes, 4 * 6 * ((double)queries * (8 + 7) + seen * (8 + 7)));
        assert_near(work.resident_bytes, 4 * 6 * ((double)queries * (8 + 7) + (double)keys * (8 + 7)));
        tm_case_free(&one);
    }
}

/* Half of the keys and half a key on average; the floor has one of nine. */
static void test_lengths_count_their_mean(void **state)
{
    (void)state;
    const tm_work work = work_of("sdpa/2x3x5x8,2x3x9x8,2x3x9x7,2/mask=lengths");
    assert_near(work.flop, 6 * 5 * 5.0 * (2 * 8 + 2 * 7 + 2));
    assert_near(work.floor_flop, 6 * 5 * (2 * 8 + 2 * 7 + 2));
    assert_near(work.bytes, 4 * 6 * (5 * (8 + 7) + 5.0 * (8 + 7)) + 2 * 8);
    assert_near(work.floor_bytes, 4 * 6 * (5 * (8 + 7) + 1.0 * (8 + 7)) + 2 * 8);
}

/* Expected number of different rows, from the recurrence d(e + 1) = d(e) + (N - d(e)) / N. */
static double distinct(double rows, int draws)
{
    double found = 0;
    for (int i = 0; i < draws; i++) found += (rows - found) / rows;
    return found;
}

static void test_indexed_rows(void **state)
{
    (void)state;
    static const int draws[] = {0, 1, 10, 1000};
    static const char *const gathers[] = {"gather/64x16,0", "gather/64x16,1", "gather/64x16,10", "gather/64x16,1000"};
    static const char *const scatters[] = {"scatter/64x16,0", "scatter/64x16,1", "scatter/64x16,10",
                                           "scatter/64x16,1000"};
    for (int i = 0; i < 4; i++) {
        const double rows = distinct(64, draws[i]);
        const tm_work gather = work_of(gathers[i]);
        if (draws[i] > 0) assert_near(gather.bytes, 64 * rows + 64 * draws[i] + 8 * draws[i]);
        assert_near(gather.floor_bytes, gather.bytes);
        const tm_work scatter = work_of(scatters[i]);
        assert_near(scatter.bytes, 64 * rows + 64 * 64 + 8 * draws[i]);
        assert_near(scatter.floor_bytes, 64 * rows + 64 * 64);
        assert_near(scatter.flop, 0);
    }
    expect("scatter_sum/64x16,1000", 16000, 8 * 1000 + 64 * 1000 + 64 * 64, true);
    expect("scatter_max/64x16,10", 160, 8 * 10 + 64 * 10 + 64 * 64, false);
    assert_near(work_of("scatter/1x16,1000").floor_bytes, 128);
    assert_near(work_of("gather/1024x32,1000000").bytes, 128 * 1024 + 128e6 + 8e6);
}

/* Values between nodes cost nothing, a shared input counts once, and what leads to no output is left out. */
static void test_graphs_count_their_ends(void **state)
{
    (void)state;
    tm_error error = {""};
    tm_graph *const graph = tm_graph_new();
    const tm_shape shape = {.dtype = TM_F32, .rank = 2, .dim = {8, 8}};
    const int32_t x = tm_graph_input(graph, shape, &error);
    const int32_t unused = tm_graph_input(graph, shape, &error);
    const int32_t a = tm_graph_op(graph, "relu", &x, 1, NULL, &error);
    const int32_t b = tm_graph_op(graph, "matmul", (int32_t[]){a, x}, 2, NULL, &error);
    tm_graph_op(graph, "matmul", (int32_t[]){unused, x}, 2, NULL, &error);
    assert_int_equal(tm_graph_output(graph, b, &error), TM_OK);
    assert_int_equal(tm_graph_output(graph, b, &error), TM_OK);
    const tm_work work = tm_graph_work(graph);
    assert_near(work.flop, 64 + 2 * 8 * 8 * 8);
    assert_near(work.bytes, 2 * 256);
    assert_near(work.resident_bytes, 5 * 256);
    tm_graph_free(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dense_ops),
        cmocka_unit_test(test_winograd_lowers_the_floor_alone),
        cmocka_unit_test(test_attention_counts_visible_pairs),
        cmocka_unit_test(test_lengths_count_their_mean),
        cmocka_unit_test(test_indexed_rows),
        cmocka_unit_test(test_graphs_count_their_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
