/* Probes: exact data gives exact results in any order of summation, and one lost term or a narrow input shows. */
#include "honest.h"

static const char *const cases[] = {
    "matmul/33x65,65x17",
    "matmul/1x1,1x1",
    "matmul/3x5x700,3x700x9",
    "matmul/4x2,2x4",
    "matmul/2x200000,200000x3",
    "linear/20x300,300x70,70",
    "linear/5x1,1x3,3",
    "conv1d/3x60x40,16x11x40",
    "conv1d/2x9x1,3x4x1",
    "conv2d/2x17x19x8,6x3x3x8",
    "conv2d/1x40x40x3,5x31x31x3",
    "sum/16x500x20/axis=1",
    "sum/3x70000/axis=-1",
    "sum_all/300x1000",
    "scatter_sum/33x16,10000",
    "bce/100x33,100x33",
    "bce/7,7",
    "bce/1,1",
};
enum { CASES = sizeof cases / sizeof *cases };

static void fill(fixture *f)
{
    for (int32_t i = 0; i < f->one.graph->inputs; i++) {
        tm_probe_fill(f->one.graph, 5, i, TEST_THREADS, f->input[i]);
    }
}

static tm_check check(const fixture *f, const float *out)
{
    tm_check result;
    tm_error error = {{0}};
    void *got = fixture_pack(f, out);
    if (tm_probe_check(f->one.graph, fixture_inputs(f), got, TEST_THREADS, &result, &error) != TM_OK) {
        fail_msg("%s: %s", f->one.id, error.message);
    }
    free(got);
    return result;
}

static void assert_check(const fixture *f, const float *out, tm_grade grade, const char *what)
{
    const tm_check result = check(f, out);
    if (result.grade != grade) fail_msg("%s, %s: %s %s", f->one.id, what, tm_grade_name(result.grade), result.reason);
}

static void float32_sums_are_exact(void **state)
{
    (void)state;
    for (int i = 0; i < CASES; i++) {
        fixture f = fixture_open(cases[i]);
        assert_true(tm_probe_exists(f.one.graph, NULL));
        fill(&f);
        float *out = honest_output(&f, as_f32, as_f32);
        assert_check(&f, out, TM_GRADE_PASS, "honest");
        out[f.elements / 2] += out[f.elements / 2] == 0 ? 1 : out[f.elements / 2] * 1e-6f + 1;
        assert_check(&f, out, TM_GRADE_FAIL, "one result off");
        out[f.elements / 2] = NAN;
        assert_check(&f, out, TM_GRADE_FAIL, "a NaN");
        free(out);
        fixture_close(&f);
    }
}

static void sixteen_bit_results_are_rounded_once(void **state)
{
    (void)state;
    static const char *const dtypes[] = {"bf16", "f16"};
    for (int i = 0; i < 2 * CASES; i++) {
        char id[128];
        snprintf(id, sizeof id, "%s/%s", cases[i / 2], dtypes[i % 2]);
        fixture f = fixture_open(id);
        fill(&f);
        float *x = fixture_floats(&f, 0);
        for (int64_t j = 0; j < tm_shape_elements(&f.one.graph->shape[0]); j++) assert_true(fabsf(x[j]) <= 1);
        free(x);
        float *out = honest_output(&f, as_f32, as_f32);
        assert_check(&f, out, TM_GRADE_PASS, "honest");
        free(out);
        fixture_close(&f);
    }
}

/* The sum of magnitudes of every result's terms stays below 2^24. */
static void magnitudes_stay_exact(void **state)
{
    (void)state;
    for (int i = 0; i < CASES; i++) {
        fixture f = fixture_open(cases[i]);
        fill(&f);
        bool large = false;
        for (int32_t input = 0; input < f.one.graph->inputs; input++) {
            if (f.one.graph->shape[input].dtype == TM_I64) continue;
            float *x = f.input[input];
            for (int64_t j = 0; j < tm_shape_elements(&f.one.graph->shape[input]); j++) {
                x[j] = fabsf(x[j]);
                assert_true(x[j] == 0 || x[j] == 1 || x[j] == 4097);
                large = large || x[j] == 4097;
            }
        }
        float *out = honest_output(&f, as_f32, as_f32);
        for (int64_t j = 0; j < f.elements; j++) assert_true(out[j] < 0x1p24f);
        const tm_op op = f.one.graph->node[0].op;
        if (op != TM_OP_bce) assert_true(large);
        free(out);
        fixture_close(&f);
    }
}

static void narrow_inputs_show(void **state)
{
    (void)state;
    static const narrow narrowed[] = {as_tf32, as_f16, as_bf16};
    for (int i = 0; i < CASES; i++) {
        fixture f = fixture_open(cases[i]);
        fill(&f);
        for (int j = 0; j < 3 && f.one.graph->node[0].op != TM_OP_bce; j++) {
            float *out = honest_output(&f, narrowed[j], as_f32);
            assert_check(&f, out, TM_GRADE_FAIL, "narrow inputs");
            free(out);
        }
        fixture_close(&f);
    }
}

/* Losing the last slice of the contracted axis shows in some result. */
static void a_lost_term_shows(void **state)
{
    (void)state;
    fixture f = fixture_open("matmul/64x1000,1000x32");
    fill(&f);
    float *a = f.input[0];
    int shown = 0;
    for (int k = 0; k < 1000; k += 37) {
        float kept[64];
        for (int i = 0; i < 64; i++) {
            kept[i] = a[i * 1000 + k];
            a[i * 1000 + k] = 0;
        }
        float *out = honest_output(&f, as_f32, as_f32);
        for (int i = 0; i < 64; i++) a[i * 1000 + k] = kept[i];
        shown += check(&f, out).grade == TM_GRADE_FAIL;
        free(out);
    }
    assert_int_equal(shown, 28);
    fixture_close(&f);
}

static void a_lost_loss_of_bce_shows(void **state)
{
    (void)state;
    fixture f = fixture_open("bce/300000,300000");
    fill(&f);
    float *out = honest_output(&f, as_f32, as_f32);
    assert_check(&f, out, TM_GRADE_PASS, "honest");
    assert_true(out[0] > 0);
    out[0] *= 0.999f;
    assert_check(&f, out, TM_GRADE_FAIL, "one of a thousand lost");
    free(out);
    fixture_close(&f);
}

static void large_outputs_are_checked_by_rows(void **state)
{
    (void)state;
    fixture f = fixture_open("matmul/40000x260,260x256"); /* too long to compute whole */
    fill(&f);
    float *out = malloc((size_t)f.elements * sizeof *out);
    const float *a = f.input[0], *b = f.input[1];
    for (int64_t i = 0; i < 40000; i++) {
        float *row = out + i * 256;
        memset(row, 0, 256 * sizeof *row);
        for (int64_t k = 0; k < 260; k++) {
            for (int64_t j = 0; j < 256; j++) row[j] += a[i * 260 + k] * b[k * 256 + j];
        }
    }
    const tm_check good = check(&f, out);
    assert_int_equal(good.grade, TM_GRADE_PASS);
    assert_true(good.checked < f.elements);
    assert_true(good.freivalds == 0);
    for (int64_t e = 7; e < f.elements; e += f.elements / 5) {
        out[e] += 1;
        assert_check(&f, out, TM_GRADE_FAIL, "one element of millions");
        out[e] -= 1;
    }
    free(out);
    fixture_close(&f);
}

static void some_graphs_have_no_probe(void **state)
{
    (void)state;
    static const char *const without[] = {"relu/7", "sdpa/1x1x4x8,1x1x6x8,1x1x6x8", "softmax/3x4/axis=-1"};
    for (size_t i = 0; i < sizeof without / sizeof *without; i++) {
        fixture f = fixture_open(without[i]);
        tm_check result;
        assert_false(tm_probe_exists(f.one.graph, NULL));
        assert_int_not_equal(tm_probe_check(f.one.graph, fixture_inputs(&f), f.input[0], 1, &result, &(tm_error){{0}}),
                             TM_OK);
        fixture_close(&f);
    }
    const tm_declared winograd = {.winograd = 1}, plain = {0}, tf32 = {.tf32 = 1}, narrow_sum = {.accumulator = TM_F16};
    fixture three = fixture_open("conv2d/2x9x9x3,6x3x3x3"), five = fixture_open("conv2d/2x9x9x3,6x5x5x3");
    assert_false(tm_probe_exists(three.one.graph, &winograd));
    assert_true(tm_probe_exists(three.one.graph, &plain));
    assert_true(tm_probe_exists(five.one.graph, &winograd));
    assert_false(tm_probe_exists(five.one.graph, &tf32));
    assert_false(tm_probe_exists(five.one.graph, &narrow_sum));
    fixture_close(&three);
    fixture_close(&five);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(float32_sums_are_exact),
        cmocka_unit_test(sixteen_bit_results_are_rounded_once),
        cmocka_unit_test(magnitudes_stay_exact),
        cmocka_unit_test(narrow_inputs_show),
        cmocka_unit_test(a_lost_term_shows),
        cmocka_unit_test(a_lost_loss_of_bce_shows),
        cmocka_unit_test(large_outputs_are_checked_by_rows),
        cmocka_unit_test(some_graphs_have_no_probe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
