/* Layers against the oracle: the engine's portable path passes, everything that is a little different does not; a
 * sample is made of whole batch items and has the values of the whole. */
#include "oracle_fixture.h"

#include "native/native.h"
#include "oracle/expected.h"

/* The engine's output for the graph of `id` on the fixture's inputs. */
static void *engine_output(const fixture *f, const char *id, const char *options)
{
    const tm_backend *native = tm_native_backend();
    tm_error error = {""};
    tm_case other;
    tm_session *session;
    tm_program *program;
    if (tm_case_parse(id, "ops", &other, &error) != TM_OK) fail_msg("%s", error.message);
    if (native->open("cpu", "", options, 1, tm_graph_host(), &session, &error) != TM_OK) fail_msg("%s", error.message);
    if (native->compile(session, other.graph, 1, &program, &error) != TM_OK) fail_msg("%s", error.message);
    for (int32_t i = 0; i < other.graph->inputs; i++) {
        const size_t bytes = tm_shape_bytes(&other.graph->shape[i]);
        assert_int_equal(native->bind(program, 0, i, 0, f->input[i], bytes, &error), TM_OK);
    }
    native->poison(program);
    if (native->run(program, 0, 1, &error) != TM_OK) fail_msg("%s", error.message);
    const size_t bytes = tm_shape_bytes(&f->result);
    void *output = malloc(bytes + 1);
    assert_int_equal(native->read(program, 0, 0, bytes, output, &error), TM_OK);
    native->discard(program);
    native->close(session);
    tm_case_free(&other);
    return output;
}

static void assert_graded(const fixture *f, const void *got, double whole_seconds, tm_grade grade, const char *what)
{
    tm_expected *expected = fixture_expect(f, whole_seconds);
    const tm_check check = fixture_verify(f, expected, got, NULL);
    if (check.grade != grade) {
        fail_msg("%s, %s: %s (E %g, rms %g) %s", f->one.id, what, tm_grade_name(check.grade), check.max_error,
                 check.rms_error, check.reason);
    }
    tm_expected_free(expected);
}

static const char *const cases[] = {
    "mhsa/3x17x40/heads=5,mask=causal",
    "mhsa/1x1x1",
    "mhsa/2x9x130/heads=2",
    "encoder_layer/3x17x40/heads=5,mask=causal",
    "encoder_layer/2x1x8/heads=8",
    "encoder_layer/5x2x3",
    "decoder_layer/3x17x40/heads=5,mask=causal",
    "decoder_layer/2x33x64/heads=8",
};
enum { CASES = sizeof cases / sizeof *cases };

static void honest_programs_pass(void **state)
{
    (void)state;
    static const char *const dtypes[] = {"f32", "bf16", "f16"};
    static const char *const options[] = {"isa=portable", "isa=portable,compile", "", "compile"};
    for (int i = 0; i < CASES * 3; i++) {
        char id[128];
        snprintf(id, sizeof id, "%s/%s", cases[i / 3], dtypes[i % 3]);
        fixture f = fixture_open(id);
        for (size_t o = 0; o < sizeof options / sizeof *options; o++) {
            void *got = engine_output(&f, id, options[o]);
            assert_graded(&f, got, INFINITY, TM_GRADE_PASS, options[o]);
            free(got);
        }
        fixture_close(&f);
    }
}

/* What is asked, and what is done instead, on the same inputs. */
static const char *const wrong[][2] = {
    {"mhsa/3x17x40/heads=5,mask=causal", "mhsa/3x17x40/heads=5,mask=none"},
    {"mhsa/3x17x40/heads=5,mask=none", "mhsa/3x17x40/heads=5,mask=causal"},
    {"encoder_layer/3x17x40/heads=5,mask=causal", "encoder_layer/3x17x40/heads=5,mask=none"},
    {"encoder_layer/3x17x40/heads=5,mask=causal", "encoder_layer/3x17x40/heads=4,mask=causal"},
    {"decoder_layer/3x17x40/heads=5,mask=causal", "decoder_layer/3x17x40/heads=5,mask=none"},
    {"decoder_layer/3x2x40/heads=5,mask=causal", "decoder_layer/3x2x40/heads=5,mask=none"},
    {"decoder_layer/3x17x40/heads=5", "decoder_layer/3x17x40/heads=1"},
};

static void other_layers_fail(void **state)
{
    (void)state;
    static const char *const dtypes[] = {"f32", "bf16", "f16"};
    for (size_t i = 0; i < 3 * sizeof wrong / sizeof *wrong; i++) {
        char asked[128], done[128];
        snprintf(asked, sizeof asked, "%s/%s", wrong[i / 3][0], dtypes[i % 3]);
        snprintf(done, sizeof done, "%s/%s", wrong[i / 3][1], dtypes[i % 3]);
        fixture f = fixture_open(asked);
        void *got = engine_output(&f, done, "");
        assert_graded(&f, got, INFINITY, TM_GRADE_FAIL, done);
        free(got);
        fixture_close(&f);
    }
}

/* A layer whose batch is large enough that it is sampled when there is no time. */
static const char large[] = "encoder_layer/96x16x64/heads=4,mask=causal";

static void samples_are_whole_items(void **state)
{
    (void)state;
    fixture f = fixture_open(large);
    tm_expected *all = fixture_expect(&f, INFINITY), *some = fixture_expect(&f, 0);
    const int64_t each = 16;
    assert_true(tm_expected_is_whole(all));
    assert_false(tm_expected_is_whole(some));
    assert_true(some->count >= 65536 && some->count < f.elements);
    assert_int_equal(some->chosen % each, 0);
    for (int64_t i = 0; i < some->chosen; i++) {
        const int64_t row = some->unit[i];
        assert_int_equal(row, some->unit[i / each * each] + i % each);
        if (i > 0) assert_true(row > some->unit[i - 1]);
        for (int64_t j = 0; j < 64; j++) {
            const double value = some->want[some->offset[i] + j];
            assert_true(value == all->want[row * 64 + j]);
            assert_true(some->size[some->offset[i] + j] > 0);
        }
    }
    tm_expected_free(all);
    tm_expected_free(some);
    fixture_close(&f);
}

static void samples_judge(void **state)
{
    (void)state;
    fixture f = fixture_open(large);
    float *got = engine_output(&f, large, "");
    assert_graded(&f, got, 0, TM_GRADE_PASS, "the engine");
    tm_expected *some = fixture_expect(&f, 0);
    int64_t outside = 0;
    while (outside < some->chosen && some->unit[outside] == outside) outside++;
    const int64_t inside = some->unit[5] * 64 + 7;
    tm_expected_free(some);
    const float right = got[outside * 64];
    got[outside * 64] = NAN;
    assert_graded(&f, got, 0, TM_GRADE_FAIL, "a NaN outside the sample");
    got[outside * 64] = right;
    got[inside] += 1e-3f;
    assert_graded(&f, got, 0, TM_GRADE_FAIL, "an element of the sample");
    free(got);
    fixture_close(&f);
}

/* Attention over the first dimension: no item can be had without the others. */
static void dependent_items_are_not_sampled(void **state)
{
    (void)state;
    tm_graph *graph = tm_graph_new(), *part = NULL;
    tm_error error = {""};
    bool sliced[2];
    const int32_t x = tm_graph_input(graph, (tm_shape){TM_F32, 2, {300, 40}}, &error);
    const int32_t y = tm_graph_op(graph, "sdpa", (int32_t[]){x, x, x}, 3, "", &error);
    assert_int_equal(tm_graph_output(graph, tm_graph_op(graph, "relu", &y, 1, "", &error), &error), TM_OK);
    assert_int_equal(tm_graph_slice(graph, 3, sliced, &part, &error), TM_OK);
    assert_null(part);
    tm_graph_free(graph);

    /* The second operand of the product is needed whole, and by rows. */
    graph = tm_graph_new();
    const int32_t a = tm_graph_input(graph, (tm_shape){TM_F32, 2, {40, 40}}, &error);
    const int32_t product = tm_graph_op(graph, "matmul", (int32_t[]){a, a}, 2, "", &error);
    assert_int_equal(tm_graph_output(graph, product, &error), TM_OK);
    assert_int_equal(tm_graph_slice(graph, 3, sliced, &part, &error), TM_OK);
    assert_null(part);
    tm_graph_free(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(honest_programs_pass),
        cmocka_unit_test(other_layers_fail),
        cmocka_unit_test(samples_are_whole_items),
        cmocka_unit_test(samples_judge),
        cmocka_unit_test(dependent_items_are_not_sampled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
