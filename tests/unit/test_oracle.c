/* The oracle itself: against a second evaluation in double-double, against exact integers, and its bookkeeping:
 * samples, files on disk, graphs of several nodes, bad indices. */
#include "double_double.h"
#include "oracle_fixture.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

static double *evaluate(const fixture *f)
{
    double *out = malloc(((size_t)f->elements + 1) * sizeof *out);
    tm_error error = {{0}};
    if (tm_oracle_evaluate(f->one.graph, fixture_inputs(f), TEST_THREADS, out, &error) != TM_OK) {
        fail_msg("%s: %s", f->one.id, error.message);
    }
    return out;
}

static dd at(const fixture *f, int32_t input, int64_t index)
{
    return dd_of(tm_element(f->one.graph->shape[input].dtype, f->input[input], index));
}

/* The second evaluation of element `e`, straight from the definition; `size` is the largest magnitude that met in it.
 */
typedef dd (*second_evaluation)(const fixture *f, int64_t e, double *size);

static dd add_sized(dd sum, dd term, double *size)
{
    *size = fmax(*size, fabs(term.high));
    return dd_add(sum, term);
}

static dd second_matmul(const fixture *f, int64_t e, double *size)
{
    const tm_shape *a = &f->one.graph->shape[0], *b = &f->one.graph->shape[1];
    const tm_matmul_view v = tm_view_matmul(a, b);
    const int64_t batch = e / v.n / v.m, i = e / v.n % v.m, j = e % v.n;
    dd sum = dd_of(0);
    for (int64_t k = 0; k < v.k; k++) {
        sum =
            add_sized(sum, dd_mul(at(f, 0, (batch * v.m + i) * v.k + k), at(f, 1, (batch * v.k + k) * v.n + j)), size);
    }
    return sum;
}

static dd second_linear(const fixture *f, int64_t e, double *size)
{
    const int64_t n = f->one.graph->shape[1].dim[1], k = f->one.graph->shape[1].dim[0];
    dd sum = at(f, 2, e % n);
    for (int64_t i = 0; i < k; i++)
        sum = add_sized(sum, dd_mul(at(f, 0, e / n * k + i), at(f, 1, i * n + e % n)), size);
    return sum;
}

static dd second_conv2d(const fixture *f, int64_t e, double *size)
{
    const int64_t *x = f->one.graph->shape[0].dim, *w = f->one.graph->shape[1].dim, *y = f->result.dim;
    const int64_t o = e % y[3], left = e / y[3] % y[2], top = e / y[3] / y[2] % y[1], n = e / y[3] / y[2] / y[1];
    dd sum = dd_of(0);
    for (int64_t i = 0; i < w[1]; i++) {
        for (int64_t j = 0; j < w[2]; j++) {
            for (int64_t c = 0; c < w[3]; c++) {
                const dd pixel = at(f, 0, ((n * x[1] + top + i) * x[2] + left + j) * x[3] + c);
                sum = add_sized(sum, dd_mul(pixel, at(f, 1, ((o * w[1] + i) * w[2] + j) * w[3] + c)), size);
            }
        }
    }
    return sum;
}

static dd second_sum(const fixture *f, int64_t e, double *size)
{
    const tm_axis_view v = tm_view_axis(&f->one.graph->shape[0], f->one.graph->node[0].attributes.axis);
    dd sum = dd_of(0);
    for (int64_t i = 0; i < v.length; i++) {
        sum = add_sized(sum, at(f, 0, (e / v.inner * v.length + i) * v.inner + e % v.inner), size);
    }
    return sum;
}

static dd second_sum_all(const fixture *f, int64_t e, double *size)
{
    dd sum = dd_of(0);
    for (int64_t i = 0; i < tm_shape_elements(&f->one.graph->shape[0]); i++)
        sum = add_sized(sum, at(f, 0, e + i), size);
    return sum;
}

static dd second_scatter_sum(const fixture *f, int64_t e, double *size)
{
    const int64_t width = f->result.dim[1], *index = f->input[1];
    dd sum = dd_of(0);
    for (int64_t i = 0; i < f->one.graph->shape[1].dim[0]; i++) {
        if (index[i] == e / width) sum = add_sized(sum, at(f, 0, i * width + e % width), size);
    }
    return sum;
}

static dd second_bce(const fixture *f, int64_t e, double *size)
{
    const int64_t n = tm_shape_elements(&f->one.graph->shape[0]);
    dd sum = dd_of(0);
    for (int64_t i = 0; i < n; i++) {
        const dd p = at(f, 0, e + i);
        const bool hit = dd_round(at(f, 1, i)) != 0;
        sum = add_sized(sum, dd_neg(dd_log(hit ? p : dd_sub(dd_of(1), p))), size);
    }
    return dd_div(sum, dd_of((double)n));
}

static dd second_softmax(const fixture *f, int64_t e, double *size)
{
    const int64_t n = f->result.dim[f->result.rank - 1], row = e / n * n;
    dd sum = dd_of(0);
    for (int64_t i = 0; i < n; i++) sum = dd_add(sum, dd_exp(at(f, 0, row + i)));
    *size = 0; /* to the last digits */
    return dd_div(dd_exp(at(f, 0, e)), sum);
}

static dd second_layer_norm(const fixture *f, int64_t e, double *size)
{
    const int64_t n = f->result.dim[f->result.rank - 1], row = e / n * n;
    const dd count = dd_of((double)n);
    dd mean = dd_of(0), variance = dd_of(0);
    for (int64_t i = 0; i < n; i++) mean = dd_add(mean, at(f, 0, row + i));
    mean = dd_div(mean, count);
    for (int64_t i = 0; i < n; i++) {
        const dd off = dd_sub(at(f, 0, row + i), mean);
        variance = dd_add(variance, dd_mul(off, off));
    }
    variance = dd_add(dd_div(variance, count), dd_of(f->one.graph->node[0].attributes.eps));
    const dd normal = dd_div(dd_sub(at(f, 0, e), mean), dd_sqrt(variance));
    *size = 4;
    return dd_add(dd_mul(normal, at(f, 1, e % n)), at(f, 2, e % n));
}

static dd second_sigmoid(const fixture *f, int64_t e, double *size)
{
    *size = 0;
    return dd_div(dd_of(1), dd_add(dd_of(1), dd_exp(dd_neg(at(f, 0, e)))));
}

static dd second_softplus(const fixture *f, int64_t e, double *size)
{
    *size = 0;
    return dd_log(dd_add(dd_of(1), dd_exp(at(f, 0, e))));
}

static dd second_selu(const fixture *f, int64_t e, double *size)
{
    const dd x = at(f, 0, e), lambda = dd_of(1.0507009873554805), alpha = dd_of(1.6732632423543772);
    *size = 0;
    return dd_mul(lambda, x.high > 0 ? x : dd_mul(alpha, dd_sub(dd_exp(x), dd_of(1))));
}

/* x (1/2 + e^(-x^2 / 2) / sqrt(2 pi) (x + x^3 / 3 + x^5 / 15 + ...)); with tanh x / (1 + e^-2u). */
static dd second_gelu(const fixture *f, int64_t e, double *size)
{
    const dd x = at(f, 0, e), square = dd_mul(x, x), pi = {3.141592653589793, 1.2246467991473532e-16};
    *size = fabs(x.high);
    if (f->one.graph->node[0].attributes.approximate == TM_APPROXIMATE_TANH) {
        const dd cubic = dd_add(x, dd_mul(dd_of(0.044715), dd_mul(square, x)));
        const dd twice = dd_mul(dd_sqrt(dd_div(dd_of(8), pi)), cubic);
        return dd_div(x, dd_add(dd_of(1), dd_exp(dd_neg(twice))));
    }
    dd term = x, sum = x;
    for (int n = 3; n < 200; n += 2) {
        term = dd_div(dd_mul(term, square), dd_of(n));
        sum = dd_add(sum, term);
    }
    const dd height = dd_div(dd_exp(dd_mul(dd_of(-0.5), square)), dd_sqrt(dd_mul(dd_of(2), pi)));
    return dd_mul(x, dd_add(dd_of(0.5), dd_mul(height, sum)));
}

static dd second_sdpa(const fixture *f, int64_t e, double *size)
{
    const tm_shape *q = &f->one.graph->shape[0], *k = &f->one.graph->shape[1];
    const int64_t width = f->result.dim[3], row = e / width, d = q->dim[3], queries = q->dim[2], keys = k->dim[2];
    const int64_t group = row / queries, seen = row % queries + 1 < keys ? row % queries + 1 : keys;
    dd sum = dd_of(0), total = dd_of(0);
    for (int64_t j = 0; j < seen; j++) {
        dd score = dd_of(0);
        for (int64_t i = 0; i < d; i++) {
            score = dd_add(score, dd_mul(at(f, 0, row * d + i), at(f, 1, (group * keys + j) * d + i)));
        }
        const dd weight = dd_exp(dd_div(score, dd_sqrt(dd_of((double)d))));
        total = dd_add(total, weight);
        sum = dd_add(sum, dd_mul(weight, at(f, 2, (group * keys + j) * width + e % width)));
    }
    *size = 4;
    return dd_div(sum, total);
}

static void agrees_with_double_double(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        second_evaluation second;
        double tolerance; /* in units of 2^-53 of the result or of the largest term */
    } cases[] = {
        {"matmul/3x5x70,3x70x9", second_matmul, 70},
        {"matmul/2x3000,3000x3", second_matmul, 1000},
        {"linear/9x65,65x130,130", second_linear, 66},
        {"conv2d/2x9x11x3,4x3x5x3", second_conv2d, 60},
        {"sum/5x70x3/axis=1", second_sum, 70},
        {"sum/3x100003/axis=-1", second_sum, 300},
        {"sum_all/300007", second_sum_all, 400},
        {"scatter_sum/7x5,200", second_scatter_sum, 60},
        {"bce/500,500", second_bce, 40},
        {"softmax/5x33/axis=-1", second_softmax, 30},
        {"layer_norm/5x33", second_layer_norm, 10},
        {"sigmoid/300", second_sigmoid, 4},
        {"softplus/300", second_softplus, 4},
        {"selu/300", second_selu, 6},
        {"gelu/300", second_gelu, 4},
        {"gelu/300/approximate=tanh", second_gelu, 6},
        {"sdpa/2x2x5x7,2x2x9x7,2x2x9x11", second_sdpa, 40},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture f = fixture_open(cases[i].id);
        double *out = evaluate(&f);
        for (int64_t e = 0; e < f.elements; e++) {
            double size = 0;
            const double want = dd_round(cases[i].second(&f, e, &size));
            const double allowed = cases[i].tolerance * 0x1p-53 * fmax(fabs(want), size);
            if (!(fabs(out[e] - want) <= allowed)) {
                fail_msg("%s element %lld: %.17g, double-double %.17g", f.one.id, (long long)e, out[e], want);
            }
        }
        free(out);
        fixture_close(&f);
    }
}

/* With integer inputs every sum is exact: the oracle must give the very integers. */
static void integers_are_exact(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        second_evaluation second;
    } cases[] = {{"matmul/7x900,900x67", second_matmul},      {"matmul/3x5x70,3x70x9", second_matmul},
                 {"linear/9x65,65x130,130", second_linear},   {"conv2d/2x9x11x3,4x3x5x3", second_conv2d},
                 {"sum/5x70x3/axis=1", second_sum},           {"sum/33x1001/axis=-1", second_sum},
                 {"scatter_sum/7x5,200", second_scatter_sum}, {"sum_all/70001", second_sum_all}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture f = fixture_open(cases[i].id);
        for (int32_t input = 0; input < f.one.graph->inputs; input++) {
            tm_probe_fill(f.one.graph, 3, input, TEST_THREADS, f.input[input]);
        }
        double *out = evaluate(&f);
        for (int64_t e = 0; e < f.elements; e++) {
            double size = 0;
            assert_true(out[e] == dd_round(cases[i].second(&f, e, &size)));
        }
        free(out);
        fixture_close(&f);
    }
}

static void extreme_inputs_stay_finite(void **state)
{
    (void)state;
    static const float values[] = {-1e4f, -700, -88, -1e-30f, 0, 1e-30f, 88, 700, 1e4f};
    static const char *const ids[] = {"sigmoid/9", "softplus/9", "selu/9", "softmax/9/axis=0"};
    for (int i = 0; i < 4; i++) {
        fixture f = fixture_open(ids[i]);
        memcpy(f.input[0], values, sizeof values);
        double *out = evaluate(&f);
        for (int e = 0; e < 9; e++) assert_true(isfinite(out[e]));
        for (int e = 1; e < 9; e++) assert_true(out[e] >= out[e - 1]);
        if (i == 1) assert_true(out[8] == 1e4);
        if (i == 2) assert_true(fabs(out[3] / (1.0507009873554805 * 1.6732632423543772 * (double)-1e-30f) - 1) < 1e-15);
        free(out);
        fixture_close(&f);
    }
}

static void nan_and_order(void **state)
{
    (void)state;
    fixture f = fixture_open("sort/5/axis=0");
    const float sorted[] = {3, NAN, -INFINITY, INFINITY, -2};
    memcpy(f.input[0], sorted, sizeof sorted);
    double *out = evaluate(&f);
    assert_true(out[0] == -INFINITY && out[1] == -2 && out[2] == 3 && out[3] == INFINITY && isnan(out[4]));
    free(out);
    fixture_close(&f);

    f = fixture_open("scatter_max/2x2,3");
    const float source[] = {NAN, 5, -2, 7, -3, 6};
    const int64_t index[] = {0, 1, 0};
    memcpy(f.input[0], source, sizeof source);
    memcpy(f.input[1], index, sizeof index);
    out = evaluate(&f);
    assert_true(isnan(out[0]) && out[1] == 6 && out[2] == 0 && out[3] == 7);
    free(out);
    fixture_close(&f);

    f = fixture_open("relu/3");
    const float x[] = {NAN, -1, 2};
    memcpy(f.input[0], x, sizeof x);
    out = evaluate(&f);
    assert_true(isnan(out[0]) && out[1] == 0 && out[2] == 2);
    free(out);
    fixture_close(&f);
}

static void long_sums_keep_small_terms(void **state)
{
    (void)state;
    static const char *const ids[] = {"sum_all/4096", "sum/1x4096/axis=1"};
    for (int i = 0; i < 2; i++) {
        fixture f = fixture_open(ids[i]);
        float *x = f.input[0];
        memset(x, 0, 4096 * sizeof *x);
        x[0] = 0x1p100f;
        x[1500] = 1;
        x[3000] = -0x1p100f;
        double *out = evaluate(&f);
        assert_true(out[0] == 1);
        free(out);
        fixture_close(&f);
    }
}

static void indices_are_checked(void **state)
{
    (void)state;
    static const char *const ids[] = {"gather/7x5,11", "scatter/7x5,11", "scatter_sum/7x5,11", "scatter_max/7x5,11"};
    static const int64_t bad[] = {-1, 7, INT64_MAX, INT64_MIN};
    for (int i = 0; i < 16; i++) {
        fixture f = fixture_open(ids[i / 4]);
        ((int64_t *)f.input[1])[10] = bad[i % 4];
        double out[55];
        tm_error error = {{0}};
        assert_int_equal(tm_oracle_evaluate(f.one.graph, fixture_inputs(&f), 1, out, &error), TM_INVALID_ARGUMENT);
        assert_non_null(strstr(error.message, "position 10"));
        fixture_close(&f);
    }
}

/* A sampled expectation holds at least 65,536 elements of every region, the same ones for the same seed. */
static void samples_reach_every_region(void **state)
{
    (void)state;
    static const char *const ids[] = {"matmul/3000x40,40x700", "softmax/9000x41/axis=-1", "sum/400x20x900/axis=1",
                                      "sort/300x40x30/axis=1", "conv2d/9x30x40x2,13x3x3x2"};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        fixture f = fixture_open(ids[i]);
        double *out = evaluate(&f);
        float *values = malloc((size_t)f.elements * sizeof *values);
        for (int64_t e = 0; e < f.elements; e++) values[e] = (float)out[e];
        tm_expected *some = fixture_expect(&f, 0), *all = fixture_expect(&f, INFINITY);
        assert_false(tm_expected_is_whole(some));
        assert_true(tm_expected_is_whole(all));
        assert_int_equal(tm_expected_count(all), f.elements);
        assert_true(tm_expected_count(some) >= 65536 && tm_expected_count(some) < f.elements);
        tm_check check = fixture_verify(&f, some, values, NULL);
        assert_int_equal(check.grade, TM_GRADE_PASS);
        assert_int_equal(check.checked, tm_expected_count(some));
        for (int part = 0; part < 8; part++) { /* an eighth lost, wherever it is */
            const int64_t begin = f.elements * part / 8, end = f.elements * (part + 1) / 8;
            for (int64_t e = begin; e < end; e++) values[e] = (float)out[e] * 1.01f + 1e-3f;
            assert_int_equal(fixture_verify(&f, some, values, NULL).grade, TM_GRADE_FAIL);
            for (int64_t e = begin; e < end; e++) values[e] = (float)out[e];
        }
        tm_expected_free(some);
        tm_expected_free(all);
        free(values);
        free(out);
        fixture_close(&f);
    }
}

static int files_in(const char *folder, char *last, size_t capacity)
{
    DIR *open = opendir(folder);
    const struct dirent *entry;
    int count = 0;
    while (open && (entry = readdir(open))) {
        if (entry->d_name[0] == '.') continue;
        snprintf(last, capacity, "%s/%s", folder, entry->d_name);
        count++;
    }
    if (open) closedir(open);
    return count;
}

static tm_check through_cache(const fixture *f, const char *folder, const char *key, const float *values)
{
    const tm_expect_options options = {.sample_seed = 7,
                                       .whole_seconds = INFINITY,
                                       .least_elements = 65536,
                                       .threads = 1,
                                       .cache_folder = folder,
                                       .cache_key = key};
    tm_expected *expected = NULL;
    tm_error error = {{0}};
    assert_int_equal(tm_expect(f->one.graph, fixture_inputs(f), &options, &expected, &error), TM_OK);
    const tm_check check = fixture_verify(f, expected, values, NULL);
    tm_expected_free(expected);
    return check;
}

static void flip_byte(const char *path, long from_end)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    fseek(file, -from_end, SEEK_END);
    const int byte = fgetc(file);
    fseek(file, -from_end, SEEK_END);
    fputc(byte ^ 1, file);
    fclose(file);
}

/* A cached expectation is what was computed: it survives a change of the inputs in memory, which computing would not.
 */
static void cached_values_are_the_computed_ones(void **state)
{
    (void)state;
    char folder[] = "/tmp/tm_oracle_XXXXXX", path[512];
    assert_non_null(mkdtemp(folder));
    fixture f = fixture_open("sort/40x1000x100/axis=1"); /* long enough to be worth a file */
    double *out = evaluate(&f);
    float *values = malloc((size_t)f.elements * sizeof *values);
    for (int64_t e = 0; e < f.elements; e++) values[e] = (float)out[e];
    assert_int_equal(through_cache(&f, folder, "case 1", values).grade, TM_GRADE_PASS);
    assert_int_equal(files_in(folder, path, sizeof path), 1);

    float *x = f.input[0];
    const float kept = x[5];
    x[5] = 77;
    assert_int_equal(through_cache(&f, folder, "case 1", values).grade, TM_GRADE_PASS); /* read, not computed */
    assert_int_equal(through_cache(&f, folder, "case 2", values).grade, TM_GRADE_FAIL); /* another key */
    x[5] = kept;
    assert_int_equal(files_in(folder, path, sizeof path), 2);
    unlink(path);
    files_in(folder, path, sizeof path);
    unlink(path);

    assert_int_equal(through_cache(&f, folder, "case 1", values).grade, TM_GRADE_PASS);
    assert_int_equal(files_in(folder, path, sizeof path), 1);
    for (int damage = 0; damage < 3; damage++) {
        struct stat facts;
        assert_int_equal(stat(path, &facts), 0);
        if (damage == 0)
            flip_byte(path, 12345);
        else if (damage == 1)
            flip_byte(path, facts.st_size - 3);
        else
            assert_int_equal(truncate(path, facts.st_size / 2), 0);
        assert_int_equal(through_cache(&f, folder, "case 1", values).grade, TM_GRADE_PASS);
        struct stat after;
        assert_int_equal(stat(path, &after), 0);
        assert_int_equal(after.st_size, facts.st_size); /* written anew */
        x[5] = 77;
        assert_int_equal(through_cache(&f, folder, "case 1", values).grade, TM_GRADE_PASS); /* and good again */
        x[5] = kept;
    }
    unlink(path);
    rmdir(folder);
    free(values);
    free(out);
    fixture_close(&f);
}

static void quick_values_are_not_cached(void **state)
{
    (void)state;
    char folder[] = "/tmp/tm_oracle_XXXXXX", path[512];
    assert_non_null(mkdtemp(folder));
    fixture f = fixture_open("sigmoid/10");
    float values[10] = {0};
    through_cache(&f, folder, "tiny", values);
    assert_int_equal(files_in(folder, path, sizeof path), 0);
    rmdir(folder);
    fixture_close(&f);
}

/* x -> matmul -> softmax -> layer_norm: intermediates stay float64, the whole is judged by the rule for layers. */
static void several_nodes_are_judged_as_a_layer(void **state)
{
    (void)state;
    tm_graph *graph = tm_graph_new();
    tm_error error = {{0}};
    const tm_shape shapes[] = {{TM_F32, 2, {30, 40}}, {TM_F32, 2, {40, 50}}};
    const int32_t x = tm_graph_input(graph, shapes[0], &error), w = tm_graph_input(graph, shapes[1], &error);
    const int32_t product = tm_graph_op(graph, "matmul", (int32_t[]){x, w}, 2, "", &error);
    const int32_t soft = tm_graph_op(graph, "softmax", &product, 1, "axis=-1", &error);
    const int32_t ranked = tm_graph_op(graph, "relu", &soft, 1, "", &error);
    assert_int_equal(tm_graph_output(graph, ranked, &error), TM_OK);

    fixture a = fixture_open("matmul/30x40,40x50");
    double *scores = evaluate(&a), out[1500];
    const void *const inputs[] = {a.input[0], a.input[1]};
    assert_int_equal(tm_oracle_evaluate(graph, inputs, 2, out, &error), TM_OK);
    float values[1500];
    for (int row = 0; row < 30; row++) {
        double sum = 0, max = -INFINITY;
        for (int j = 0; j < 50; j++) max = fmax(max, scores[row * 50 + j]);
        for (int j = 0; j < 50; j++) sum += exp(scores[row * 50 + j] - max);
        for (int j = 0; j < 50; j++) {
            const double want = exp(scores[row * 50 + j] - max) / sum;
            assert_true(fabs(out[row * 50 + j] - want) <= 1e-14 * want);
            values[row * 50 + j] = (float)want;
        }
    }
    const tm_expect_options options = {.whole_seconds = 1, .least_elements = 65536, .threads = 2};
    tm_expected *expected = NULL;
    tm_check check;
    assert_int_equal(tm_expect(graph, inputs, &options, &expected, &error), TM_OK);
    assert_int_equal(tm_verify(graph, inputs, expected, values, NULL, 2, &check, &error), TM_OK);
    assert_int_equal(check.grade, TM_GRADE_PASS);
    assert_int_equal(check.checked, 1500);
    assert_false(tm_probe_exists(graph, NULL));
    values[700] += 1e-4f;
    assert_int_equal(tm_verify(graph, inputs, expected, values, NULL, 2, &check, &error), TM_OK);
    assert_int_equal(check.grade, TM_GRADE_FAIL);
    tm_expected_free(expected);
    free(scores);
    fixture_close(&a);
    tm_graph_free(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_double_double),   cmocka_unit_test(integers_are_exact),
        cmocka_unit_test(extreme_inputs_stay_finite),  cmocka_unit_test(nan_and_order),
        cmocka_unit_test(long_sums_keep_small_terms),  cmocka_unit_test(indices_are_checked),
        cmocka_unit_test(samples_reach_every_region),  cmocka_unit_test(cached_values_are_the_computed_ones),
        cmocka_unit_test(quick_values_are_not_cached), cmocka_unit_test(several_nodes_are_judged_as_a_layer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
