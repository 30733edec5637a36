/* Fused plans: random graphs of many ops, fused and not, against each other and against the float64 oracle, with one to
 * three threads on every instruction set. */
#include "base/dtype.h"
#include "graph/graph.h"
#include "native/isa.h"
#include "native/plan.h"
#include "oracle/oracle.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST_VALUES = 64, OUTPUTS = 3 };

static tm_error error;

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state >> 11;
}

static int64_t pick(uint64_t *state, int64_t below)
{
    return (int64_t)(next_random(state) % (uint64_t)below);
}

/* A graph in the making: inputs have to be known before nodes, so it is drawn as a list first. */
typedef struct sketch {
    tm_op op[MOST_VALUES];
    char attributes[MOST_VALUES][32];
    int32_t operand[MOST_VALUES][TM_MAX_OPERANDS], operands[MOST_VALUES];
    tm_shape shape[MOST_VALUES]; /* of inputs, and of nodes */
    bool input[MOST_VALUES];
    int32_t values;
} sketch;

static int32_t add_input(sketch *s, tm_shape shape)
{
    s->input[s->values] = true;
    s->shape[s->values] = shape;
    return s->values++;
}

/* -1 where the op cannot take these operands. */
static int32_t add_node(sketch *s, const char *name, const int32_t *operands, int32_t count, const char *attributes)
{
    const int32_t at = s->values;
    tm_shape shapes[TM_MAX_OPERANDS];
    assert_true(tm_op_parse(name, &s->op[at]));
    tm_attributes values = tm_op_defaults(s->op[at]);
    if (tm_attributes_parse(s->op[at], attributes, &values, &error) != TM_OK) fail_msg("%s", error.message);
    for (int32_t i = 0; i < count; i++) shapes[i] = s->shape[operands[i]];
    if (tm_op_shape(s->op[at], shapes, count, &values, &s->shape[at], &error) != TM_OK) return -1;
    if (tm_shape_elements(&s->shape[at]) > 600000) return -1;
    snprintf(s->attributes[at], sizeof s->attributes[at], "%s", attributes);
    memcpy(s->operand[at], operands, (size_t)count * sizeof *operands);
    s->operands[at] = count;
    s->input[at] = false;
    return s->values++;
}

static tm_shape matrix(tm_dtype dtype, int64_t rows, int64_t columns)
{
    return (tm_shape){.dtype = dtype, .rank = 2, .dim = {rows, columns}};
}

static tm_shape row(tm_dtype dtype, int64_t columns)
{
    return (tm_shape){.dtype = dtype, .rank = 1, .dim = {columns}};
}

static const int64_t widths[] = {1, 7, 8, 16, 33, 64, 100, 130, 257};

static int64_t pick_width(uint64_t *state)
{
    return widths[pick(state, (int64_t)(sizeof widths / sizeof *widths))];
}

/* One more node on top of value x, if it fits. */
static void grow(sketch *s, int32_t x, uint64_t *state)
{
    static const char *const maps[] = {"relu", "leaky_relu", "selu", "gelu", "sigmoid", "softplus"};
    const tm_shape shape = s->shape[x];
    const tm_dtype dtype = shape.dtype;
    const int64_t last = shape.rank > 0 ? shape.dim[shape.rank - 1] : 1;
    char axis[32];
    snprintf(axis, sizeof axis, "axis=%d", shape.rank > 0 ? (int)pick(state, shape.rank) - shape.rank : -1);
    switch (pick(state, 17)) {
    case 0:
    case 1:
    case 2:
    case 3: (void)add_node(s, maps[pick(state, 6)], &x, 1, ""); return;
    case 4: (void)add_node(s, "prelu", (int32_t[]){x, add_input(s, row(dtype, 1))}, 2, ""); return;
    case 5: (void)add_node(s, "softmax", &x, 1, pick(state, 2) ? "axis=-1" : axis); return;
    case 6: {
        const int32_t scale = add_input(s, row(dtype, last)), shift = add_input(s, row(dtype, last));
        (void)add_node(s, "layer_norm", (int32_t[]){x, scale, shift}, 3, "");
        return;
    }
    case 7:
    case 8: {
        const int64_t n = pick_width(state);
        const int32_t weights = add_input(s, matrix(dtype, last, n)), bias = add_input(s, row(dtype, n));
        (void)add_node(s, "linear", (int32_t[]){x, weights, bias}, 3, "");
        return;
    }
    case 9: {
        const int32_t weights = add_input(s, matrix(dtype, last, pick_width(state)));
        (void)add_node(s, "matmul", (int32_t[]){x, weights}, 2, "");
        return;
    }
    case 10: {
        const int32_t other = (int32_t)pick(state, s->values);
        (void)add_node(s, "concat", (int32_t[]){x, other}, 2, axis);
        return;
    }
    case 13: (void)add_node(s, "add", (int32_t[]){x, (int32_t)pick(state, s->values)}, 2, ""); return;
    case 14: {
        static const char *const heads[] = {"heads=1", "heads=2", "heads=3", "heads=8"};
        (void)add_node(s, "split_heads", &x, 1, heads[pick(state, 4)]);
        return;
    }
    case 15: (void)add_node(s, "merge_heads", &x, 1, ""); return;
    case 11: (void)add_node(s, "sort", &x, 1, axis); return;
    case 12:
        if (shape.rank < 3) return;
        (void)add_node(s, "sdpa", (int32_t[]){x, (int32_t)pick(state, s->values), x}, 3,
                       pick(state, 2) ? "mask=none" : "mask=causal");
        return;
    default:
        if (shape.rank < 3) return;
        (void)add_node(s, "matmul", (int32_t[]){x, (int32_t)pick(state, s->values)}, 2, "");
        return;
    }
}

static void draw(sketch *s, tm_dtype dtype, uint64_t *state)
{
    *s = (sketch){0};
    tm_shape x = {.dtype = dtype, .rank = 1 + (int32_t)pick(state, 3), .dim = {1 + pick(state, 40)}};
    for (int32_t d = 1; d + 1 < x.rank; d++) x.dim[d] = 1 + pick(state, 40);
    if (x.rank == 2) x.dim[0] = 1 + pick(state, 900);
    x.dim[x.rank - 1] = pick_width(state);
    if (pick(state, 2)) (void)add_input(s, x);
    (void)add_input(s, x);
    while (s->values < MOST_VALUES - 30) {
        /* Mostly the latest node: chains. */
        int32_t from = s->values - 1;
        if (pick(state, 4) == 0) from = (int32_t)pick(state, s->values);
        while (s->input[from] && s->shape[from].rank != x.rank) from--;
        grow(s, from, state);
    }
}

typedef struct drawn {
    tm_graph *graph;
    void *data[MOST_VALUES];
} drawn;

static void put(tm_dtype dtype, void *data, int64_t i, float value)
{
    if (dtype == TM_F32) ((float *)data)[i] = value;
    if (dtype == TM_BF16) ((uint16_t *)data)[i] = tm_bf16_from_f32(value);
    if (dtype == TM_F16) ((uint16_t *)data)[i] = tm_f16_from_f32(value);
}

/* In (-1, 1), weights small enough that sums keep that size. */
static void *fill(const tm_shape *shape, uint64_t *state)
{
    const int64_t n = tm_shape_elements(shape);
    const double size = shape->rank == 2 ? 1.7 / sqrt((double)shape->dim[0]) : 1.0;
    void *data = malloc(tm_shape_bytes(shape) + 1);
    for (int64_t i = 0; i < n; i++)
        put(shape->dtype, data, i, (float)(size * ((double)next_random(state) * 0x1p-52 - 1.0)));
    return data;
}

static drawn build(const sketch *s, uint64_t *state)
{
    drawn d = {.graph = tm_graph_new()};
    int32_t value[MOST_VALUES], last = -1;
    for (int32_t i = 0; i < s->values; i++) {
        if (!s->input[i]) continue;
        d.data[d.graph->inputs] = fill(&s->shape[i], state);
        value[i] = tm_graph_input(d.graph, s->shape[i], &error);
    }
    for (int32_t i = 0; i < s->values; i++) {
        int32_t operands[TM_MAX_OPERANDS];
        if (s->input[i]) continue;
        for (int32_t k = 0; k < s->operands[i]; k++) operands[k] = value[s->operand[i][k]];
        value[i] = tm_graph_op(d.graph, tm_op_name(s->op[i]), operands, s->operands[i], s->attributes[i], &error);
        if (value[i] < 0) fail_msg("%s", error.message);
        last = value[i];
    }
    assert_int_equal(tm_graph_output(d.graph, last, &error), TM_OK);
    for (int i = 1; i < OUTPUTS; i++) {
        const int32_t also = d.graph->inputs + (int32_t)pick(state, d.graph->nodes);
        assert_int_equal(tm_graph_output(d.graph, also, &error), TM_OK);
    }
    return d;
}

static void drawn_free(drawn *d)
{
    for (int32_t i = 0; i < d->graph->inputs; i++) free(d->data[i]);
    tm_graph_free(d->graph);
}

/* Every output as float64; the caller frees them. `fused` counts nodes. */
static void execute(const drawn *d, tm_isa isa, int32_t threads, bool fuse, double *output[OUTPUTS], int32_t *fused)
{
    tm_pool *pool;
    tm_plan *plan;
    const tm_plan_options options = {.slots = 2, .fuse = fuse};
    assert_int_equal(tm_pool_new(threads, &pool, &error), TM_OK);
    const tm_status status = tm_plan_make(d->graph, tm_kernels_for(isa), pool, &options, &plan, &error);
    if (status != TM_OK) fail_msg("%s", error.message);
    assert_int_equal(tm_plan_place(plan, &error), TM_OK);
    for (int32_t i = 0; i < d->graph->inputs; i++) {
        for (int32_t slot = 0; slot < 2; slot++)
            memcpy(tm_plan_data(plan, slot, i), d->data[i], tm_shape_bytes(&d->graph->shape[i]));
    }
    for (int again = 0; again < 2; again++) {
        tm_plan_poison(plan);
        tm_plan_run(plan, again, 1 + again);
    }
    for (int o = 0; o < OUTPUTS; o++) {
        const tm_shape *shape = &d->graph->shape[d->graph->output[o]];
        const void *data = tm_plan_data(plan, 0, d->graph->output[o]);
        output[o] = malloc((size_t)(tm_shape_elements(shape) + 1) * sizeof **output);
        for (int64_t i = 0; i < tm_shape_elements(shape); i++) {
            const uint16_t half = shape->dtype == TM_F32 ? 0 : ((const uint16_t *)data)[i];
            output[o][i] = shape->dtype == TM_F32    ? (double)((const float *)data)[i]
                           : shape->dtype == TM_BF16 ? (double)tm_f32_from_bf16(half)
                                                     : (double)tm_f32_from_f16(half);
        }
    }
    for (int32_t i = 0; i < d->graph->inputs; i++)
        assert_memory_equal(tm_plan_data(plan, 1, i), d->data[i], tm_shape_bytes(&d->graph->shape[i]));
    *fused = tm_plan_fused_nodes(plan);
    tm_plan_free(plan);
    tm_pool_free(pool);
}

/* Rounding noise travels through the ops and grows where a sum cancels and what is left is normalised: what it may come
 * to is a share of the root mean square of the whole output,
 * and of the element. */
static void compare(const double *got, const double *want, int64_t n, double share, const char *name)
{
    double square = 0.0;
    for (int64_t i = 0; i < n; i++) square += want[i] * want[i];
    const double rms = n > 0 ? sqrt(square / (double)n) : 0.0;
    for (int64_t i = 0; i < n; i++) {
        if (!(fabs(got[i] - want[i]) <= share * (rms + fabs(want[i]))))
            fail_msg("%s: element %lld of %lld is %g, not %g (rms %g)", name, (long long)i, (long long)n, got[i],
                     want[i], rms);
    }
}

static void check_graph(const drawn *d, tm_dtype dtype, tm_isa isa, int32_t threads, uint64_t seed, int32_t *fused)
{
    const double share = dtype == TM_F32 ? 2e-4 : dtype == TM_F16 ? 0.1 : 0.3;
    double *apart[OUTPUTS], *together[OUTPUTS];
    int32_t none;
    char name[128];
    execute(d, isa, threads, false, apart, &none);
    execute(d, isa, threads, true, together, fused);
    assert_int_equal(none, 0);
    const tm_shape *shape = &d->graph->shape[d->graph->output[0]];
    double *want = malloc((size_t)(tm_shape_elements(shape) + 1) * sizeof *want);
    assert_int_equal(tm_oracle_evaluate(d->graph, (const void *const *)d->data, 1, want, &error), TM_OK);
    for (int o = 0; o < OUTPUTS; o++) {
        const int64_t n = tm_shape_elements(&d->graph->shape[d->graph->output[o]]);
        snprintf(name, sizeof name, "seed %llu, %s, %s, %d threads, output %d", (unsigned long long)seed,
                 tm_dtype_name(dtype), tm_isa_name(isa), (int)threads, o);
        compare(together[o], apart[o], n, 2 * share, name);
        if (o == 0) compare(together[o], want, n, share, name);
        free(apart[o]);
        free(together[o]);
    }
    free(want);
}

static void test_random_graphs(void **state)
{
    (void)state;
    static const tm_dtype dtypes[] = {TM_F32, TM_F32, TM_BF16, TM_F16};
    int64_t nodes = 0, together = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        uint64_t random = seed * 0x9e3779b97f4a7c15u;
        const tm_dtype dtype = dtypes[seed % 4];
        sketch s;
        draw(&s, dtype, &random);
        drawn d = build(&s, &random);
        for (int isa = 0; isa < TM_ISA_COUNT; isa++) {
            int32_t fused;
            if (!tm_isa_available((tm_isa)isa)) continue;
            check_graph(&d, dtype, (tm_isa)isa, 1 + (int32_t)(seed + (uint64_t)isa) % 3, seed, &fused);
            nodes += d.graph->nodes;
            together += fused;
        }
        drawn_free(&d);
    }
    if (together < nodes / 2) fail_msg("%lld of %lld nodes were fused", (long long)together, (long long)nodes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_graphs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
