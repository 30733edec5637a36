/* Grades: honest float32 evaluations pass for every op, and each way of being wrong is seen. */
#include "honest.h"

#include "oracle/expected.h"

static const char *const cases[] = {
    "add/37x41,37x41",
    "argmax/16x50x20/axis=1",
    "bce/100x33,100x33",
    "concat/30x7,30x11/axis=1",
    "conv1d/3x60x40,16x11x40",
    "conv2d/2x17x19x8,6x3x3x8",
    "gather/64x33,100",
    "gelu/37x41/approximate=none",
    "gelu/300x7/approximate=tanh",
    "layer_norm/9x7x129",
    "leaky_relu/37x41",
    "linear/20x300,300x70,70",
    "matmul/3x33x1000,3x1000x31",
    "matmul/40x513,513x80",
    "merge_heads/3x5x37x9",
    "prelu/37x41",
    "relu/37x41",
    "selu/37x41",
    "sigmoid/37x41",
    "softplus/37x41",
    "sdpa/5x3x20x65,5x3x30x65,5x3x30x33,5/mask=lengths",
    "sdpa/2x3x20x65,2x3x30x65,2x3x30x33",
    "sdpa/2x3x20x65,2x3x30x65,2x3x30x33/mask=causal_end,scale=0.3",
    "sdpa/1x2x9x16,1x2x5x16,1x2x5x16/mask=none",
    "scatter/64x16,1000",
    "scatter_sum/33x16,1000",
    "scatter_max/33x16,1000",
    "softmax/13x700/axis=-1",
    "softmax/7x30x9/axis=1",
    "sort/16x50x20/axis=1",
    "split_heads/3x37x45/heads=5",
    "sum/16x500x20/axis=1",
    "sum/700x301/axis=-1",
    "sum_all/300x100",
};
enum { CASES = sizeof cases / sizeof *cases };

static tm_check judge(const fixture *f, const float *values, double whole_seconds)
{
    tm_expected *expected = fixture_expect(f, whole_seconds);
    void *got = fixture_pack(f, values);
    const tm_check check = fixture_verify(f, expected, got, NULL);
    free(got);
    tm_expected_free(expected);
    return check;
}

static void assert_grade(const fixture *f, const float *values, tm_grade grade, const char *what)
{
    const tm_check check = judge(f, values, INFINITY);
    if (check.grade == grade && (grade == TM_GRADE_PASS || check.reason[0])) return;
    fail_msg("%s, %s: %s (E %g, rms %g, Freivalds %g) %s", f->one.id, what, tm_grade_name(check.grade), check.max_error,
             check.rms_error, check.freivalds, check.reason);
}

static void honest_float32_passes(void **state)
{
    (void)state;
    for (int i = 0; i < CASES; i++) {
        fixture f = fixture_open(cases[i]);
        float *out = honest_output(&f, as_f32, as_f32);
        assert_grade(&f, out, TM_GRADE_PASS, "honest");
        const tm_check check = judge(&f, out, INFINITY);
        assert_int_equal(check.checked, f.elements);
        assert_int_equal(check.labels, 0);
        free(out);
        fixture_close(&f);
    }
}

static void honest_16_bit_passes(void **state)
{
    (void)state;
    static const char *const dtypes[] = {"bf16", "f16"};
    for (int i = 0; i < 2 * CASES; i++) {
        char id[128];
        snprintf(id, sizeof id, "%s/%s", cases[i / 2], dtypes[i % 2]);
        fixture f = fixture_open(id);
        const narrow slope = f.one.graph->node[0].op != TM_OP_leaky_relu ? as_f32 : i % 2 ? as_f16 : as_bf16;
        float *out = honest_output(&f, as_f32, slope);
        assert_grade(&f, out, TM_GRADE_PASS, "honest");
        free(out);
        fixture_close(&f);
    }
}

/* Figures known from honest float32 code: matmul under 3, rms far below 1. */
static void honest_errors_are_small(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        double most;
    } known[] = {{"matmul/64x4096,4096x64", 3},
                 {"matmul/16x8192,8192x33", 3},
                 {"softmax/64x1000/axis=-1", 8},
                 {"layer_norm/32x1024", 8},
                 {"sigmoid/5000", 3},
                 {"softplus/5000", 6},
                 {"sdpa/2x4x16x64,2x4x16x64,2x4x16x64", 1.5}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        fixture f = fixture_open(known[i].id);
        float *out = honest_output(&f, as_f32, as_f32);
        const tm_check check = judge(&f, out, INFINITY);
        if (!(check.max_error < known[i].most && check.max_error > 0)) {
            fail_msg("%s: E %g, known below %g", known[i].id, check.max_error, known[i].most);
        }
        free(out);
        fixture_close(&f);
    }
}

static void a_nan_fails(void **state)
{
    (void)state;
    for (int i = 0; i < CASES; i++) {
        fixture f = fixture_open(cases[i]);
        float *out = honest_output(&f, as_f32, as_f32);
        out[f.elements / 2] = f.result.dtype == TM_I64 ? 1e6f : NAN;
        assert_grade(&f, out, TM_GRADE_FAIL, "one NaN");
        out[f.elements / 2] = f.result.dtype == TM_I64 ? -1 : INFINITY;
        assert_grade(&f, out, TM_GRADE_FAIL, "one infinity");
        free(out);
        fixture_close(&f);
    }
}

static void swapped_elements_fail(void **state)
{
    (void)state;
    for (int i = 0; i < CASES; i++) {
        fixture f = fixture_open(cases[i]);
        float *out = honest_output(&f, as_f32, as_f32);
        int64_t other = 0;
        while (other + 1 < f.elements && fabsf(out[other] - out[f.elements / 2]) < 0.01f * fabsf(out[f.elements / 2])) {
            other++;
        }
        const float kept = out[other];
        out[other] = out[f.elements / 2];
        out[f.elements / 2] = kept;
        if (f.elements > 1) assert_grade(&f, out, TM_GRADE_FAIL, "swapped");
        free(out);
        fixture_close(&f);
    }
}

static void a_missing_half_fails(void **state)
{
    (void)state;
    for (int i = 0; i < CASES; i++) {
        fixture f = fixture_open(cases[i]);
        float *out = honest_output(&f, as_f32, as_f32);
        const int64_t begin = f.elements > 1 ? f.elements / 2 : 0;
        memset(out + begin, 0, (size_t)(f.elements - begin) * sizeof *out);
        assert_grade(&f, out, TM_GRADE_FAIL, "second half zero");
        free(out);
        fixture_close(&f);
    }
}

static void narrow_inputs_and_sums_fail(void **state)
{
    (void)state;
    static const char *const ids[] = {"matmul/33x1000,1000x31",
                                      "linear/20x300,300x70,70",
                                      "conv1d/3x60x40,16x11x40",
                                      "conv2d/2x17x19x8,6x3x3x8",
                                      "sum/16x5000x4/axis=1",
                                      "scatter_sum/33x16,1000",
                                      "sdpa/2x3x20x65,2x3x30x65,2x3x30x33"};
    static const narrow narrowed[] = {as_tf32, as_f16, as_bf16};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        fixture f = fixture_open(ids[i]);
        for (int j = 0; j < 3; j++) {
            float *out = honest_output(&f, narrowed[j], as_f32);
            assert_grade(&f, out, TM_GRADE_FAIL, "narrow inputs");
            free(out);
            out = honest_output(&f, as_f32, narrowed[j]);
            assert_grade(&f, out, TM_GRADE_FAIL, "narrow partial sums");
            free(out);
        }
        fixture_close(&f);
    }
}

static void a_declared_accumulator_is_granted(void **state)
{
    (void)state;
    fixture f = fixture_open("matmul/33x1000,1000x31");
    tm_expected *expected = fixture_expect(&f, INFINITY);
    float *out = honest_output(&f, as_tf32, as_f32);
    const tm_declared tf32 = {.tf32 = 1}, bf16 = {.accumulator = TM_BF16};
    assert_int_equal(fixture_verify(&f, expected, out, NULL).grade, TM_GRADE_FAIL);
    assert_int_equal(fixture_verify(&f, expected, out, &tf32).grade, TM_GRADE_PASS);
    assert_int_equal(fixture_verify(&f, expected, out, &bf16).grade, TM_GRADE_PASS);
    free(out);
    tm_expected_free(expected);
    fixture_close(&f);
}

static void one_lost_product_fails(void **state)
{
    (void)state;
    fixture f = fixture_open("matmul/40x4096,4096x80");
    const float *a = f.input[0], *b = f.input[1];
    float *out = honest_output(&f, as_f32, as_f32);
    out[17 * 80 + 5] -= a[17 * 4096 + 99] * b[99 * 80 + 5];
    assert_grade(&f, out, TM_GRADE_FAIL, "one product lost");
    free(out);
    fixture_close(&f);
}

/* A bad tile that the sample has not drawn is seen by Freivalds' check, and zeros by their share. */
static void all_outputs_are_checked_beyond_the_sample(void **state)
{
    (void)state;
    fixture f = fixture_open("matmul/4096x24,24x512");
    float *out = honest_output(&f, as_f32, as_f32);
    tm_expected *expected = fixture_expect(&f, 0);
    assert_false(tm_expected_is_whole(expected));
    assert_in_range(tm_expected_count(expected), 65536, 600000);
    tm_check check = fixture_verify(&f, expected, out, NULL);
    assert_int_equal(check.grade, TM_GRADE_PASS);
    assert_true(check.freivalds > 0 && check.freivalds < 1);
    int failed = 0;
    for (int64_t e = 1000; e < f.elements; e += f.elements / 40) { /* one element at a time */
        const float kept = out[e];
        out[e] += 0.01f;
        check = fixture_verify(&f, expected, out, NULL);
        assert_int_equal(check.grade, TM_GRADE_FAIL);
        failed += check.freivalds > 1;
        out[e] = kept;
    }
    assert_in_range(failed, 40, 41);
    out[77] = NAN;
    assert_int_equal(fixture_verify(&f, expected, out, NULL).grade, TM_GRADE_FAIL);
    free(out);
    tm_expected_free(expected);
    fixture_close(&f);
}

static void freivalds_covers_convolution_and_bias(void **state)
{
    (void)state;
    static const char *const ids[] = {"conv1d/3x60x40,16x11x40", "conv2d/2x17x19x8,6x3x3x8",
                                      "linear/20x300,300x70,70", "matmul/2x1x5x7,3x7x70",
                                      "matmul/5x7,7x3/bf16",     "conv2d/2x17x19x8,6x3x3x8/f16"};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        fixture f = fixture_open(ids[i]);
        float *out = honest_output(&f, as_f32, as_f32);
        tm_check check = judge(&f, out, INFINITY);
        assert_true(check.freivalds >= 0 && check.freivalds < 1);
        out[f.elements - 1] += f.result.dtype == TM_F32 ? 0.01f : 10;
        check = judge(&f, out, INFINITY);
        assert_true(check.freivalds > 1);
        free(out);
        fixture_close(&f);
    }
}

/* Zeros in one per cent of the units, none of them drawn. */
static void zeros_beyond_the_sample_are_counted(void **state)
{
    (void)state;
    fixture f = fixture_open("sigmoid/10000000");
    float *out = honest_output(&f, as_f32, as_f32);
    tm_expected *expected = fixture_expect(&f, 0);
    assert_int_equal(fixture_verify(&f, expected, out, NULL).grade, TM_GRADE_PASS);
    int64_t drawn = 0, cleared = 0;
    for (int64_t number = 0; number < expected->layout.units && cleared < 24; number++) {
        const tm_unit unit = tm_unit_at(&expected->layout, number);
        if (drawn < expected->chosen && expected->unit[drawn] == number) {
            drawn++;
            continue;
        }
        memset(out + unit.base, 0, (size_t)unit.count * sizeof *out);
        cleared++;
    }
    const tm_check check = fixture_verify(&f, expected, out, NULL);
    assert_int_equal(check.grade, TM_GRADE_FAIL);
    assert_non_null(strstr(check.reason, "zeros"));
    free(out);
    tm_expected_free(expected);
    fixture_close(&f);

    f = fixture_open("relu/10000000"); /* half of it is zero, rightly */
    out = honest_output(&f, as_f32, as_f32);
    assert_int_equal(judge(&f, out, 0).grade, TM_GRADE_PASS);
    free(out);
    fixture_close(&f);
}

static void softmax_rows_sum_to_one(void **state)
{
    (void)state;
    fixture f = fixture_open("softmax/13x700/axis=-1");
    float *out = honest_output(&f, as_f32, as_f32);
    for (int i = 0; i < 700; i++) out[3 * 700 + i] *= 1.0001f;
    assert_grade(&f, out, TM_GRADE_FAIL, "a row scaled");
    const tm_check check = judge(&f, out, INFINITY);
    assert_non_null(strstr(check.reason, "sums to"));
    free(out);
    fixture_close(&f);
}

static void a_scatter_row_is_one_candidate(void **state)
{
    (void)state;
    fixture f = fixture_open("scatter/64x16,1000");
    const float *source = f.input[0];
    const int64_t *index = f.input[1];
    float *out = honest_output(&f, as_f32, as_f32);
    int64_t first = 0, second = 1;
    while (index[second] != index[first]) second++;
    float *row = out + index[first] * 16;
    memcpy(row, source + first * 16, 16 * sizeof *row);
    assert_int_equal(judge(&f, row - index[first] * 16, INFINITY).labels, 0);
    assert_grade(&f, out, TM_GRADE_PASS, "another candidate whole");
    memcpy(row, source + second * 16, 8 * sizeof *row);
    assert_grade(&f, out, TM_GRADE_PASS, "a mixed row");
    assert_int_equal(judge(&f, out, INFINITY).labels, TM_LABEL_RACY);
    row[3] = nextafterf(row[3], 9);
    assert_grade(&f, out, TM_GRADE_FAIL, "no candidate's value");
    free(out);
    fixture_close(&f);
}

static void rows_without_candidates_are_zero(void **state)
{
    (void)state;
    fixture f = fixture_open("scatter/64x16,10");
    float *out = honest_output(&f, as_f32, as_f32);
    assert_grade(&f, out, TM_GRADE_PASS, "honest");
    int64_t zero = 0;
    while (out[zero] != 0) zero++;
    out[zero] = 1e-30f;
    assert_grade(&f, out, TM_GRADE_FAIL, "a stale value");
    free(out);
    fixture_close(&f);
}

static void argmax_takes_the_first_maximum(void **state)
{
    (void)state;
    fixture f = fixture_open("argmax/4x100/axis=1");
    float *x = f.input[0];
    x[10] = x[20] = 50;
    x[100 + 30] = NAN;
    x[100 + 40] = NAN;
    float out[4] = {10, 30, 0, 0};
    for (int row = 2; row < 4; row++) {
        for (int i = 0; i < 100; i++) {
            if (x[row * 100 + i] > x[row * 100 + (int)out[row]]) out[row] = (float)i;
        }
    }
    assert_grade(&f, out, TM_GRADE_PASS, "first");
    assert_int_equal(judge(&f, out, INFINITY).labels, 0);
    out[0] = 20;
    out[1] = 40;
    assert_grade(&f, out, TM_GRADE_PASS, "not first");
    assert_int_equal(judge(&f, out, INFINITY).labels, TM_LABEL_NOT_FIRST);
    out[1] = 31;
    assert_grade(&f, out, TM_GRADE_FAIL, "a NaN counts as the maximum");
    fixture_close(&f);
}

static void bce_has_three_grades(void **state)
{
    (void)state;
    fixture f = fixture_open("bce/1000000,1000000");
    const tm_graph *graph = f.one.graph;
    float *good = honest_output(&f, as_f32, as_f32), naive;
    honest h = {.f = &f, .shape = graph->shape, .x = f.input[0], .y = f.input[1], .out = &naive, .store = as_f32};
    assert_grade(&f, good, TM_GRADE_PASS, "in parts");
    honest_bce(&h, 1);
    assert_grade(&f, &naive, TM_GRADE_LOWACC, "naive loop");
    good[0] *= 0.99f;
    assert_grade(&f, good, TM_GRADE_FAIL, "a per cent lost");
    free(good);
    fixture_close(&f);
}

static void one_ulp_is_granted_to_leaky_relu(void **state)
{
    (void)state;
    static const char *const ids[] = {"leaky_relu/37x41", "prelu/37x41"};
    for (int i = 0; i < 2; i++) {
        fixture f = fixture_open(ids[i]);
        float *out = honest_output(&f, as_f32, as_f32);
        assert_true(out[5] != 0);
        const double slope = i == 0 ? (double)0.01f : (double)((float *)f.input[1])[0];
        const double x = (double)((float *)f.input[0])[5], exact = x < 0 ? x * slope : x;
        const float away = (double)out[5] > exact ? -INFINITY : INFINITY;
        out[5] = nextafterf(out[5], away); /* the neighbour on the exact value's other side */
        assert_grade(&f, out, TM_GRADE_PASS, "one ulp");
        out[5] = nextafterf(nextafterf(out[5], away), away);
        assert_grade(&f, out, TM_GRADE_FAIL, "three ulps");
        free(out);
        fixture_close(&f);
    }
}

static void special_values_must_match(void **state)
{
    (void)state;
    fixture f = fixture_open("softmax/4x100/axis=-1");
    float *x = f.input[0];
    x[0] = -INFINITY;
    x[100] = NAN;
    float *out = honest_output(&f, as_f32, as_f32);
    for (int i = 100; i < 200; i++) out[i] = NAN;
    assert_grade(&f, out, TM_GRADE_PASS, "a row of NaN");
    out[150] = 0.01f;
    assert_grade(&f, out, TM_GRADE_FAIL, "a number where NaN is wanted");
    free(out);
    fixture_close(&f);

    f = fixture_open("relu/300");
    x = f.input[0];
    x[7] = INFINITY;
    x[8] = NAN;
    out = honest_output(&f, as_f32, as_f32);
    out[8] = NAN;
    assert_grade(&f, out, TM_GRADE_PASS, "inf and NaN kept");
    out[7] = -INFINITY;
    assert_grade(&f, out, TM_GRADE_FAIL, "the other infinity");
    out[7] = 3e38f;
    assert_grade(&f, out, TM_GRADE_FAIL, "a number for infinity");
    free(out);
    fixture_close(&f);
}

static void minus_zero_is_zero_and_subnormals_may_be_flushed(void **state)
{
    (void)state;
    fixture f = fixture_open("relu/300");
    float *out = honest_output(&f, as_f32, as_f32);
    for (int i = 0; i < 300; i++) out[i] = out[i] == 0 ? -0.0f : out[i];
    assert_grade(&f, out, TM_GRADE_PASS, "-0 for 0");
    free(out);
    fixture_close(&f);

    f = fixture_open("sigmoid/300");
    ((float *)f.input[0])[0] = -90;
    out = honest_output(&f, as_f32, as_f32);
    out[0] = 0;
    assert_grade(&f, out, TM_GRADE_PASS, "a subnormal flushed");
    free(out);
    fixture_close(&f);
}

static void limits_are_16_and_1(void **state)
{
    (void)state;
    int near[4] = {0};
    fixture f = fixture_open("matmul/16x64,64x32");
    tm_expected *expected = fixture_expect(&f, 1e9);
    float *out = honest_output(&f, as_f32, as_f32), *moved = malloc((size_t)f.elements * sizeof *moved);
    for (int step = 0; step < 400; step++) {
        memcpy(moved, out, (size_t)f.elements * sizeof *out);
        moved[7] = out[7] + (float)step * 0x1p-19f;
        const tm_check one = fixture_verify(&f, expected, moved, NULL);
        assert_int_equal(one.grade, one.max_error <= 16 && one.rms_error <= 1 ? TM_GRADE_PASS : TM_GRADE_FAIL);
        near[0] += one.max_error > 15 && one.max_error <= 16;
        near[1] += one.max_error > 16 && one.max_error < 17 && one.rms_error <= 1;
        for (int64_t i = 0; i < f.elements; i++) moved[i] = out[i] + (float)step * 0x1p-23f * (float)(i % 2 ? 1 : -1);
        const tm_check all = fixture_verify(&f, expected, moved, NULL);
        assert_int_equal(all.grade, all.max_error <= 16 && all.rms_error <= 1 && !(all.freivalds > 1) ? TM_GRADE_PASS
                                                                                                      : TM_GRADE_FAIL);
        near[2] += all.rms_error > 0.9 && all.rms_error <= 1;
        near[3] += all.rms_error > 1 && all.rms_error < 1.2 && all.max_error < 16 && !(all.freivalds > 1);
    }
    for (int i = 0; i < 4; i++)
        if (near[i] == 0) fail_msg("nothing near limit %d: %d %d %d %d", i, near[0], near[1], near[2], near[3]);
    free(out);
    free(moved);
    tm_expected_free(expected);
    fixture_close(&f);
}

static void softmax_sizes(void **state)
{
    (void)state;
    fixture f = fixture_open("softmax/7x20/axis=1");
    tm_expected *expected = fixture_expect(&f, 1e9);
    assert_true(expected->stored && expected->size);
    const float *x = f.input[0];
    for (int64_t e = 0; e < f.elements; e++) {
        double max = -INFINITY;
        for (int64_t j = 0; j < 20; j++) { /* not by fmax: GCC 12 fails on such a loop for 64-bit ARM */
            const double here = (double)x[e / 20 * 20 + j];
            max = here > max ? here : max;
        }
        const double want = expected->want[e] * (1 + fabs((double)x[e] - max));
        assert_true(fabs((double)expected->size[e] - want) <= 1e-6 * want);
    }
    tm_expected_free(expected);
    fixture_close(&f);
}

static void rms_counts_from_256_outputs(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        tm_grade grade;
    } sizes[] = {{"sigmoid/255", TM_GRADE_PASS}, {"sigmoid/256", TM_GRADE_FAIL}};
    for (int i = 0; i < 2; i++) {
        fixture f = fixture_open(sizes[i].id);
        float *out = honest_output(&f, as_f32, as_f32);
        for (int64_t j = 0; j < f.elements; j++) out[j] *= 1 + 0x1p-21f; /* eight units: E about 5 everywhere */
        assert_grade(&f, out, sizes[i].grade, "biased everywhere");
        free(out);
        fixture_close(&f);
    }
}

static void empty_outputs_pass(void **state)
{
    (void)state;
    static const char *const ids[] = {"relu/0",          "matmul/0x5,5x3", "matmul/4x0,0x3", "softmax/0x7/axis=-1",
                                      "sort/3x0/axis=1", "sum/0x4/axis=1", "gather/7x5,0",   "conv1d/0x9x3,4x3x3"};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        fixture f = fixture_open(ids[i]);
        float *out = calloc((size_t)f.elements + 1, sizeof *out);
        assert_grade(&f, out, TM_GRADE_PASS, "empty");
        assert_int_equal(judge(&f, out, INFINITY).checked, f.elements);
        free(out);
        fixture_close(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(honest_float32_passes),
        cmocka_unit_test(honest_16_bit_passes),
        cmocka_unit_test(honest_errors_are_small),
        cmocka_unit_test(a_nan_fails),
        cmocka_unit_test(swapped_elements_fail),
        cmocka_unit_test(a_missing_half_fails),
        cmocka_unit_test(narrow_inputs_and_sums_fail),
        cmocka_unit_test(a_declared_accumulator_is_granted),
        cmocka_unit_test(one_lost_product_fails),
        cmocka_unit_test(all_outputs_are_checked_beyond_the_sample),
        cmocka_unit_test(freivalds_covers_convolution_and_bias),
        cmocka_unit_test(zeros_beyond_the_sample_are_counted),
        cmocka_unit_test(softmax_rows_sum_to_one),
        cmocka_unit_test(a_scatter_row_is_one_candidate),
        cmocka_unit_test(rows_without_candidates_are_zero),
        cmocka_unit_test(argmax_takes_the_first_maximum),
        cmocka_unit_test(bce_has_three_grades),
        cmocka_unit_test(one_ulp_is_granted_to_leaky_relu),
        cmocka_unit_test(special_values_must_match),
        cmocka_unit_test(minus_zero_is_zero_and_subnormals_may_be_flushed),
        cmocka_unit_test(limits_are_16_and_1),
        cmocka_unit_test(softmax_sizes),
        cmocka_unit_test(rms_counts_from_256_outputs),
        cmocka_unit_test(empty_outputs_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
