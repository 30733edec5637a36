/* Every op through native:cpu against the float64 oracle: odd shapes, every axis, empty and rank-0 tensors, three
 * dtypes, one to three threads, every instruction set that this CPU has. Sums and contractions also exactly, on
 * integers. */
#include "native_cases.h"

#include "native/native.h"
#include "native/isa.h"
#include "oracle/verify.h"

static tm_error error;

static const tm_dtype dtypes[] = {TM_F32, TM_BF16, TM_F16};

typedef struct prepared {
    tm_graph *graph;
    void *data[TM_MAX_OPERANDS];
    tm_expected *expected;
} prepared;

static prepared prepare(const native_case *one, tm_dtype dtype, bool special)
{
    prepared p = {.graph = case_graph(one, dtype)};
    for (int32_t i = 0; i < p.graph->inputs; i++) p.data[i] = case_data(p.graph, i, 7, special);
    const tm_expect_options options = {.whole_seconds = INFINITY, .least_elements = 65536, .threads = 1};
    assert_int_equal(tm_expect(p.graph, (const void *const *)p.data, &options, &p.expected, &error), TM_OK);
    return p;
}

static void prepared_free(prepared *p)
{
    for (int32_t i = 0; i < p->graph->inputs; i++) free(p->data[i]);
    tm_expected_free(p->expected);
    tm_graph_free(p->graph);
}

static tm_session *open_isa(tm_isa isa, int32_t threads)
{
    tm_session *session;
    setenv("TENSORMARK_ISA", tm_isa_name(isa), 1);
    assert_int_equal(tm_native_backend()->open("cpu", "", "", threads, tm_graph_host(), &session, &error), TM_OK);
    unsetenv("TENSORMARK_ISA");
    return session;
}

/* Output 0 after one execution on poisoned memory; the caller frees it. */
static void *execute(tm_session *session, const prepared *p, tm_declared *declared)
{
    const tm_backend *native = tm_native_backend();
    tm_program *program;
    if (native->supports(session, p->graph, &error) != TM_OK ||
        native->compile(session, p->graph, 1, &program, &error) != TM_OK) {
        fail_msg("%s", error.message);
    }
    for (int32_t i = 0; i < p->graph->inputs; i++) {
        const size_t bytes = tm_shape_bytes(&p->graph->shape[i]);
        assert_int_equal(native->bind(program, 0, i, 0, p->data[i], bytes, &error), TM_OK);
    }
    native->poison(program);
    if (native->run(program, 0, 1, &error) != TM_OK) fail_msg("%s", error.message);
    const size_t bytes = tm_shape_bytes(&p->graph->shape[p->graph->output[0]]);
    void *output = malloc(bytes + 1);
    assert_int_equal(native->read(program, 0, 0, bytes, output, &error), TM_OK);
    for (int32_t i = 0; i < p->graph->inputs; i++) {
        const size_t size = tm_shape_bytes(&p->graph->shape[i]);
        void *back = malloc(size + 1);
        assert_int_equal(native->read_input(program, 0, i, 0, size, back, &error), TM_OK);
        assert_memory_equal(back, p->data[i], size); /* inputs stay as they were */
        free(back);
    }
    native->declared(program, declared);
    native->discard(program);
    return output;
}

/* A 16-bit softmax row sums to 1 only up to the roundings of its results, so dividing by the sum, as the check for long
 * float32 rows does, would add an error: results are compared as they are, with one rounding allowed. */
static void check_rounded_softmax(const prepared *p, const void *output, const char *name)
{
    const tm_shape *shape = &p->graph->shape[p->graph->output[0]];
    const int64_t n = tm_shape_elements(shape);
    const double u = tm_dtype_roundoff(shape->dtype), tiny = shape->dtype == TM_F16 ? 0x1p-25 : 0x1p-126;
    double *want = malloc((size_t)n * sizeof *want + 1);
    assert_int_equal(tm_oracle_evaluate(p->graph, (const void *const *)p->data, 1, want, &error), TM_OK);
    for (int64_t i = 0; i < n; i++) {
        const double got = tm_element(shape->dtype, output, i);
        const bool right = isnan(want[i]) ? isnan(got) : fabs(got - want[i]) <= 1.01 * u * want[i] + tiny;
        if (!right) fail_msg("%s: element %lld is %g, not %g", name, (long long)i, got, want[i]);
    }
    free(want);
}

static void check(tm_session *session, const prepared *p, const char *name)
{
    tm_declared declared;
    tm_check result;
    void *output = execute(session, p, &declared);
    if (p->graph->node[0].op == TM_OP_softmax && p->graph->shape[0].dtype != TM_F32) {
        check_rounded_softmax(p, output, name);
        free(output);
        return;
    }
    const tm_status status =
        tm_verify(p->graph, (const void *const *)p->data, p->expected, output, &declared, 1, &result, &error);
    if (status != TM_OK) fail_msg("%s: %s", name, error.message);
    if (result.grade != TM_GRADE_PASS) fail_msg("%s: %s %s", name, tm_grade_name(result.grade), result.reason);
    if (result.labels != 0) fail_msg("%s: labels %u", name, result.labels);
    free(output);
}

typedef void session_check(tm_session *session, const prepared *p, const char *name);

/* Runs `body` on all cases for which `wanted` holds, on every instruction set with 1, 2 and 3 threads (16-bit types,
 * which differ only in the conversions: 2). */
static void for_all(bool (*wanted)(const native_case *), bool special, session_check *body)
{
    for (size_t d = 0; d < 3; d++) {
        prepared *all = calloc(NATIVE_CASES, sizeof *all);
        for (size_t i = 0; i < NATIVE_CASES; i++) {
            if (wanted(&native_cases[i])) all[i] = prepare(&native_cases[i], dtypes[d], special);
        }
        for (int setting = 0; setting < 3 * TM_ISA_COUNT; setting++) {
            const tm_isa isa = (tm_isa)(setting / 3);
            const int32_t threads = 1 + setting % 3;
            if (!tm_isa_available(isa) || (dtypes[d] != TM_F32 && threads != 2)) continue;
            tm_session *session = open_isa(isa, threads);
            for (size_t i = 0; i < NATIVE_CASES; i++) {
                const native_case *one = &native_cases[i];
                char name[256];
                snprintf(name, sizeof name, "%s %s %s %s, %s, %d threads", one->op, one->shapes, one->attributes,
                         tm_dtype_name(dtypes[d]), tm_isa_name(isa), (int)threads);
                if (all[i].graph != NULL) body(session, &all[i], name);
            }
            tm_native_backend()->close(session);
        }
        for (size_t i = 0; i < NATIVE_CASES; i++) {
            if (all[i].graph != NULL) prepared_free(&all[i]);
        }
        free(all);
    }
}

static bool any(const native_case *one)
{
    (void)one;
    return true;
}

static void test_against_oracle(void **state)
{
    (void)state;
    for_all(any, false, check);
}

/* Ops for which NaN, infinities, denormals and numbers near overflow have one right answer. */
static bool takes_special(const native_case *one)
{
    static const char *const ops[] = {"add",     "relu",        "leaky_relu", "prelu",       "selu",       "gelu",
                                      "sigmoid", "softplus",    "argmax",     "concat",      "sort",       "scatter",
                                      "gather",  "scatter_max", "softmax",    "merge_heads", "split_heads"};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        if (strcmp(one->op, ops[i]) == 0) return true;
    }
    return false;
}

static void test_special_values(void **state)
{
    (void)state;
    for_all(takes_special, true, check);
}

static bool has_probe(const native_case *one)
{
    tm_graph *graph = case_graph(one, TM_F32);
    const tm_declared declared = {0};
    const bool found = tm_probe_exists(graph, &declared);
    tm_graph_free(graph);
    return found;
}

static void check_probe(tm_session *session, const prepared *p, const char *name)
{
    tm_declared declared;
    tm_check result;
    for (int32_t i = 0; i < p->graph->inputs; i++) tm_probe_fill(p->graph, 3, i, 1, p->data[i]);
    void *output = execute(session, p, &declared);
    const tm_status status = tm_probe_check(p->graph, (const void *const *)p->data, output, 1, &result, &error);
    if (status != TM_OK) fail_msg("%s: %s", name, error.message);
    if (result.grade != TM_GRADE_PASS) fail_msg("%s: probe: %s", name, result.reason);
    free(output);
}

static void test_exact_probes(void **state)
{
    (void)state;
    for_all(has_probe, false, check_probe);
}

typedef struct slot_of_op {
    const char *op;
    size_t isa_slot; /* a slot that every case of the op enters, empty ones apart */
} slot_of_op;

#define ENTERS(op, slot)                                                                                               \
    {                                                                                                                  \
#op, offsetof(tm_kernels, isa.slot)                                                                            \
    }
static const slot_of_op entered[] = {
    ENTERS(relu, relu_f32),
    ENTERS(leaky_relu, leaky_relu_f32),
    ENTERS(prelu, leaky_relu_f32),
    ENTERS(selu, selu_f32),
    ENTERS(gelu, gelu_f32),
    ENTERS(gelu, gelu_tanh_f32),
    ENTERS(sigmoid, sigmoid_f32),
    ENTERS(softplus, softplus_f32),
    ENTERS(bce, bce_f32),
    ENTERS(sum_all, sum_f32),
    ENTERS(layer_norm, layer_norm_rows_f32),
    ENTERS(matmul, gemm_f32),
    ENTERS(linear, gemm_f32),
    ENTERS(gather, gather_rows_f32),
    ENTERS(concat, copy_rows_f32),
    ENTERS(add, add_f32),
    ENTERS(split_heads, copy_rows_f32),
    ENTERS(merge_heads, copy_rows_f32),
};

static void calls(uint64_t into[TM_ISA_COUNT])
{
    for (int i = 0; i < TM_ISA_COUNT; i++) into[i] = tm_native_kernel_calls(tm_isa_name((tm_isa)i));
}

/* With TENSORMARK_ISA set, no kernel of a higher set is entered, and the op's own kernel comes from where its table
 * says. */
static void test_forced_path_runs(void **state)
{
    (void)state;
    assert_int_equal(tm_native_kernel_calls("mmx"), 0);
    for (int isa = 0; isa < TM_ISA_COUNT; isa++) {
        if (!tm_isa_available((tm_isa)isa)) continue;
        tm_session *session = open_isa((tm_isa)isa, 1);
        for (size_t i = 0; i < NATIVE_CASES; i++) {
            uint64_t before[TM_ISA_COUNT], after[TM_ISA_COUNT];
            prepared p = {.graph = case_graph(&native_cases[i], TM_F32)};
            for (int32_t k = 0; k < p.graph->inputs; k++) p.data[k] = case_data(p.graph, k, 7, false);
            calls(before);
            tm_declared declared;
            free(execute(session, &p, &declared));
            calls(after);
            for (int above = isa + 1; above < TM_ISA_COUNT; above++) assert_int_equal(after[above], before[above]);
            for (size_t k = 0; k < sizeof entered / sizeof *entered; k++) {
                if (strcmp(entered[k].op, native_cases[i].op) != 0) continue;
                const char *table = (const char *)tm_kernels_for((tm_isa)isa);
                const tm_isa from = *(const tm_isa *)(const void *)(table + entered[k].isa_slot);
                if (after[from] <= before[from]) {
                    fail_msg("%s %s: no %s kernel was entered", native_cases[i].op, native_cases[i].shapes,
                             tm_isa_name(from));
                }
            }
            prepared_free(&p);
        }
        tm_native_backend()->close(session);
    }
}

static void test_every_op_has_cases(void **state)
{
    (void)state;
    for (int op = 0; op < TM_OP_COUNT; op++) {
        size_t i = 0;
        while (i < NATIVE_CASES && strcmp(native_cases[i].op, tm_op_name((tm_op)op)) != 0) i++;
        if (i == NATIVE_CASES) fail_msg("native_cases.h has no case of %s", tm_op_name((tm_op)op));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_op_has_cases), cmocka_unit_test(test_against_oracle),
        cmocka_unit_test(test_special_values),     cmocka_unit_test(test_exact_probes),
        cmocka_unit_test(test_forced_path_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
