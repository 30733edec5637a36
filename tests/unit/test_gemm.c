/* matmul, linear, conv and sdpa against plain loops in double, for every instruction set; and the strip and dot kernels
 * alone: edges of tiles, strides, NaN around the operands, nothing written outside. */
#include "native_run.h"

#include <sys/mman.h>
#include <unistd.h>

/* A contraction's error against 16 u S, S = sqrt(k) norm2 of the products. */
typedef struct contraction {
    double sum, squares;
    int64_t terms;
} contraction;

static void add_term(contraction *c, double a, double b)
{
    c->sum += a * b;
    c->squares += a * b * (a * b);
    c->terms++;
}

static void check_contraction(float got, const contraction *c, const char *what, int64_t at)
{
    const double allowed = 16 * 0x1p-24 * sqrt((double)c->terms * c->squares) + 0x1p-23 * fabs(c->sum);
    if (!(fabs((double)got - c->sum) <= allowed))
        fail_msg("%s element %lld: %.9g, not %.9g", what, (long long)at, (double)got, c->sum);
}

static void check_matmul(tm_isa isa, int32_t threads, const char *a_shape, const char *b_shape, bool bias)
{
    test_tensor in[3] = {test_reals(a_shape, 1), test_reals(b_shape, 2), {{0}, NULL}};
    const tm_shape *a = &in[0].shape, *b = &in[1].shape;
    tm_matmul_view view = tm_view_matmul(a, b);
    if (bias) {
        char n[32];
        snprintf(n, sizeof n, "%lld", (long long)view.n);
        in[2] = test_reals(n, 3);
    }
    test_tensor y = test_run(isa, threads, bias ? "linear" : "matmul", "", in, bias ? 3 : 2);
    assert_int_equal(tm_shape_elements(&y.shape), view.batch * view.m * view.n);
    const float *got = y.data;
    for (int64_t i = 0; i < view.batch * view.m * view.n; i++) {
        const int64_t batch = i / (view.m * view.n), row = i / view.n % view.m, column = i % view.n;
        const float *x = (const float *)in[0].data + (tm_matmul_batch_a(a, b, batch) * view.m + row) * view.k;
        const float *w = (const float *)in[1].data + tm_matmul_batch_b(a, b, batch) * view.k * view.n + column;
        contraction c = {0, 0, 0};
        for (int64_t p = 0; p < view.k; p++) add_term(&c, (double)x[p], (double)w[p * view.n]);
        if (bias) add_term(&c, (double)((const float *)in[2].data)[column], 1.0);
        check_contraction(got[i], &c, bias ? "linear" : a_shape, i);
    }
    for (int i = 0; i < 3; i++) free(in[i].data);
    free(y.data);
}

static void matmul_edges(tm_isa isa, int32_t threads)
{
    const tm_gemm_kernels *gemm = &tm_kernels_for(isa)->gemm_f32;
    const int64_t mr = gemm->mr, nr = gemm->nr;
    const int64_t m[] = {0, 1, mr - 1, mr, mr + 1, 4 * mr + 3, 17 * mr + 1};
    const int64_t n[] = {0, 1, 2, gemm->width - 1, gemm->width + 1, nr - 1, nr, nr + 1, 4 * nr + 3, 9 * nr};
    const int64_t k[] = {0, 1, 7, 65};
    for (size_t i = 0; i < sizeof m / sizeof *m; i++) {
        for (size_t j = 0; j < sizeof n / sizeof *n; j++) {
            for (size_t p = 0; p < sizeof k / sizeof *k; p++) {
                char a[64], b[64];
                snprintf(a, sizeof a, "%lldx%lld", (long long)m[i], (long long)k[p]);
                snprintf(b, sizeof b, "%lldx%lld", (long long)k[p], (long long)n[j]);
                check_matmul(isa, threads, a, b, (i + j + p) % 2 == 0);
            }
        }
    }
}

/* Each way of dividing the work, blocks of the contraction, copies of A, broadcasting, vectors. */
static void matmul_ways(tm_isa isa, int32_t threads)
{
    static const char *const shapes[][2] = {
        {"70x1281", "1281x70"},                            /* three blocks */
        {"150x1024", "1024x200"},                          /* rows a page apart: copied */
        {"130x1300", "1300x330"},                          /* blocks, copied, more panels than are packed together */
        {"33x1024", "1024x32"},                            /* rows a page apart, too narrow for copying */
        {"8x20001", "20001x9"},                            /* contraction split */
        {"3x9000", "9000x1"},                              /* dot products in blocks */
        {"3x70", "70x1100"},                               /* few rows of a wide product */
        {"15x4100", "4100x1100"},                          /* some */
        {"100x513", "513x1"},     {"2x300", "300x700"},    /* columns divided */
        {"9x5x33", "9x33x40"},                             /* batches */
        {"3x70x65", "3x65x70"},                            /* few batches, large enough to share */
        {"6x5x33", "33x40"},                               /* one tall product */
        {"5x33", "7x33x40"},      {"2x1x5x33", "3x33x17"}, /* both broadcast */
        {"33", "33x5"},           {"5x33", "33"},          {"33", "33"},
        {"4x33x5", "5"},          {"0x5x4", "4x3"},        {"3x0x4", "4x3"},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        check_matmul(isa, threads, shapes[i][0], shapes[i][1], false);
    check_matmul(isa, threads, "3x70x640", "640x131", true);
    check_matmul(isa, threads, "2x70x1300", "1300x131", true);
    check_matmul(isa, threads, "2x50x3000", "3000x9", true);
    check_matmul(isa, threads, "10x1x5000", "5000x1", true);
    check_matmul(isa, threads, "4x40", "40x1031", true);
    check_matmul(isa, threads, "15x4400", "4400x1031", true);
    check_matmul(isa, threads, "7", "7x3", true);
}

/* One NaN in A spoils its row, one infinity in B its column, and nothing else. */
static void nan_confined(tm_isa isa, int32_t threads)
{
    static const char *const shapes[][2] = {
        {"71x50", "50x75"}, {"5x50", "50x75"}, {"71x50", "50x3"}, {"71x50", "50x1"}, {"9x5000", "5000x9"}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        test_tensor in[2] = {test_reals(shapes[s][0], 1), test_reals(shapes[s][1], 2)};
        const int64_t m = in[0].shape.dim[0], k = in[0].shape.dim[1], n = in[1].shape.dim[1];
        const int64_t row = m - 2, column = n - 1;
        ((float *)in[0].data)[row * k + k - 1] = NAN;
        ((float *)in[1].data)[3 * n + column] = INFINITY;
        test_tensor y = test_run(isa, threads, "matmul", "", in, 2);
        for (int64_t i = 0; i < m * n; i++) {
            const float got = ((const float *)y.data)[i];
            if (i / n == row) {
                assert_true(isnan(got));
            } else {
                assert_true((isinf(got) != 0) == (i % n == column));
                assert_true(got == got);
            }
        }
        free(in[0].data), free(in[1].data), free(y.data);
    }
}

static void check_conv(tm_isa isa, int32_t threads, const char *x_shape, const char *w_shape)
{
    test_tensor in[2] = {test_reals(x_shape, 4), test_reals(w_shape, 5)};
    const bool flat = in[0].shape.rank == 3;
    const int64_t *xd = in[0].shape.dim, *wd = in[1].shape.dim;
    const int64_t height = flat ? 1 : xd[1], width = xd[flat ? 1 : 2], channels = xd[flat ? 2 : 3];
    const int64_t high = flat ? 1 : wd[1], across = wd[flat ? 1 : 2], filters = wd[0];
    const int64_t tall = height - high + 1, wide = width - across + 1;
    test_tensor y = test_run(isa, threads, flat ? "conv1d" : "conv2d", "", in, 2);
    const float *x = in[0].data, *w = in[1].data, *got = y.data;
    for (int64_t i = 0; i < xd[0] * tall * wide * filters; i++) {
        const int64_t f = i % filters, column = i / filters % wide, row = i / filters / wide % tall;
        const int64_t image = i / filters / wide / tall;
        contraction sum = {0, 0, 0};
        for (int64_t r = 0; r < high; r++) {
            for (int64_t q = 0; q < across * channels; q++)
                add_term(&sum, (double)x[((image * height + row + r) * width + column) * channels + q],
                         (double)w[(f * high + r) * across * channels + q]);
        }
        check_contraction(got[i], &sum, x_shape, i);
    }
    free(in[0].data), free(in[1].data), free(y.data);
}

static void convolutions(tm_isa isa, int32_t threads)
{
    static const char *const shapes[][2] = {
        {"2x9x70x3", "8x3x3x3"},   {"2x9x70x3", "2x3x3x3"},   {"3x5x5x12", "8x3x3x12"}, {"1x5x33x1", "1x2x5x1"},
        {"2x6x20x40", "8x3x3x40"}, {"2x6x20x40", "7x3x3x40"}, {"2x6x20x3", "9x3x3x3"},  {"2x6x20x7", "40x3x2x7"},
        {"1x3x3x2", "3x3x3x2"},    {"1x3x3x2", "5x1x1x2"},    {"0x5x5x3", "8x3x3x3"},   {"2x5x5x0", "4x3x3x0"},
        {"2x5x5x2", "0x3x3x2"},    {"3x100x3", "8x3x3"},      {"3x50x80", "128x11x80"}, {"3x50x256", "8x3x256"},
        {"3x50x3", "128x11x3"},    {"1x1x1", "1x1x1"},        {"2x65x5", "6x4x5"},      {"2x17x1", "4x17x1"},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) check_conv(isa, threads, shapes[i][0], shapes[i][1]);
}

/* The values of invisible keys are NaN: they must not matter. */
static void check_sdpa(tm_isa isa, int32_t threads, const char *q_shape, const char *k_shape, const char *v_shape,
                       tm_mask mask, const char *attributes, double scale)
{
    test_tensor in[3] = {test_reals(q_shape, 6), test_reals(k_shape, 7), test_reals(v_shape, 8)};
    const int32_t rank = in[0].shape.rank;
    const int64_t queries = in[0].shape.dim[rank - 2], d = in[0].shape.dim[rank - 1], keys = in[1].shape.dim[rank - 2];
    const int64_t out = in[2].shape.dim[rank - 1],
                  heads = queries * d > 0 ? tm_shape_elements(&in[0].shape) / (queries * d) : 0;
    const float *q = in[0].data, *k = in[1].data;
    float *v = in[2].data;
    const int64_t most = queries > 0 ? tm_visible_keys(mask, queries - 1, queries, keys) : 0;
    for (int64_t h = 0; h < heads; h++) {
        for (int64_t j = most * out; j < keys * out; j++) v[h * keys * out + j] = NAN;
    }
    test_tensor y = test_run(isa, threads, "sdpa", attributes, in, 3);
    double *p = malloc((size_t)(keys + 1) * sizeof *p);
    for (int64_t i = 0; i < heads * queries; i++) {
        const int64_t h = i / queries, visible = tm_visible_keys(mask, i % queries, queries, keys);
        double max = -INFINITY, sum = 0;
        for (int64_t j = 0; j < visible; j++) {
            p[j] = 0;
            for (int64_t e = 0; e < d; e++) p[j] += (double)q[i * d + e] * (double)k[(h * keys + j) * d + e];
            p[j] *= scale;
            if (p[j] > max) max = p[j];
        }
        for (int64_t j = 0; j < visible; j++) sum += p[j] = exp(p[j] - max);
        for (int64_t e = 0; e < out; e++) {
            double want = 0;
            for (int64_t j = 0; j < visible; j++) want += p[j] / sum * (double)v[(h * keys + j) * out + e];
            const double got = (double)((const float *)y.data)[i * out + e];
            if (!(fabs(got - want) <= 4e-6))
                fail_msg("sdpa %s %s row %lld: %g, not %g", q_shape, attributes, (long long)i, got, want);
        }
    }
    free(p), free(in[0].data), free(in[1].data), free(in[2].data), free(y.data);
}

static void attention(tm_isa isa, int32_t threads)
{
    static const struct {
        const char *q, *k, *v;
    } shapes[] = {{"2x3x16x64", "2x3x16x64", "2x3x16x64"},
                  {"3x16x33", "3x40x33", "3x40x50"},
                  {"1x1x8", "1x1x8", "1x1x8"},
                  {"130x24", "130x24", "130x24"},
                  {"2x31x24", "2x90x24", "2x90x70"},
                  {"0x4x8", "0x4x8", "0x4x8"},
                  {"2x0x8", "2x4x8", "2x4x8"},
                  {"2x300x16", "2x300x16", "2x300x40"}};
    static const char *const masks[] = {"mask=none", "mask=causal", "mask=causal_end"};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const tm_shape q = test_shape(shapes[i].q, TM_F32);
        for (int mask = 0; mask < 3; mask++) {
            check_sdpa(isa, threads, shapes[i].q, shapes[i].k, shapes[i].v, (tm_mask)mask, masks[mask],
                       1 / sqrt((double)q.dim[q.rank - 1]));
        }
        check_sdpa(isa, threads, shapes[i].q, shapes[i].k, shapes[i].v, TM_MASK_CAUSAL, "mask=causal,scale=0.5", 0.5);
    }
}

/* An infinite value reaches the queries that see its key and no others. */
static void infinite_values(tm_isa isa, int32_t threads)
{
    test_tensor in[3] = {test_reals("2x40x20", 6), test_reals("2x40x20", 7), test_reals("2x40x33", 8)};
    ((float *)in[2].data)[17 * 33 + 5] = INFINITY;
    test_tensor y = test_run(isa, threads, "sdpa", "mask=causal", in, 3);
    for (int64_t i = 0; i < 2 * 40 * 33; i++) {
        const float got = ((const float *)y.data)[i];
        assert_true(isfinite(got) ? i / 33 < 17 || i / 33 >= 40 || i % 33 != 5
                                  : i / 33 >= 17 && i / 33 < 40 && i % 33 == 5);
    }
    free(in[0].data), free(in[1].data), free(in[2].data), free(y.data);
}

/* Memory whose end is the end of what may be read: the page behind it faults. */
static float *guarded(int64_t floats, void **pages, size_t *bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), wanted = (size_t)floats * sizeof(float);
    *bytes = (wanted + page - 1) / page * page + page;
    *pages = mmap(NULL, *bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(*pages != MAP_FAILED);
    assert_int_equal(mprotect((char *)*pages + *bytes - page, page, PROT_NONE), 0);
    return (float *)(void *)((char *)*pages + *bytes - page - wanted);
}

/* One strip in a sea of NaN: A, B and bias are read only where they are, C written only where it is. */
static void check_strip(const tm_gemm_kernels *gemm, int32_t rows, int64_t columns, int64_t k, bool packed, bool add)
{
    enum { SEGMENTS = 2, PAD = 3 };
    const int64_t a_row = SEGMENTS * k + PAD, b_row = packed ? gemm->nr : columns + PAD, c_row = columns + PAD;
    const int64_t panels = (columns + gemm->nr - 1) / gemm->nr, depth = SEGMENTS * k;
    const int64_t b_floats = packed ? panels * depth * gemm->nr : (depth - 1) * b_row + columns;
    const int64_t a_floats = (rows - 1) * a_row + depth;
    void *a_pages, *b_pages;
    size_t a_bytes, b_bytes;
    float *a = guarded(a_floats, &a_pages, &a_bytes), *b = guarded(b_floats, &b_pages, &b_bytes);
    float *c = malloc((size_t)(rows * c_row) * sizeof *c), *bias = malloc((size_t)columns * sizeof *bias);
    for (int64_t i = 0; i < a_floats; i++) a[i] = i % a_row < depth ? (float)(i * 7 % 11 - 5) : NAN;
    for (int64_t i = 0; i < b_floats; i++) b[i] = NAN;
    for (int64_t p = 0; p < depth; p++) {
        for (int64_t j = 0; j < columns; j++)
            b[packed ? (j / gemm->nr * depth + p) * gemm->nr + j % gemm->nr : p * b_row + j] =
                (float)((p * 3 + j * 5) % 7 - 3);
    }
    for (int64_t i = 0; i < rows * c_row; i++) c[i] = add ? 2.0f : NAN;
    for (int64_t j = 0; j < columns; j++) bias[j] = (float)j;
    const tm_gemm_strip strip = {.a = a,
                                 .a_row = a_row,
                                 .a_step = 1,
                                 .a_segment = k,
                                 .segments = SEGMENTS,
                                 .k = k,
                                 .b = b,
                                 .b_row = b_row,
                                 .b_panel = packed ? depth * gemm->nr : 0,
                                 .c = c,
                                 .c_row = c_row,
                                 .rows = rows,
                                 .columns = columns,
                                 .bias = bias,
                                 .accumulate = add};
    gemm->strip(&strip);
    for (int64_t i = 0; i < rows * c_row; i++) {
        const int64_t row = i / c_row, j = i % c_row;
        if (j >= columns) {
            assert_true(add ? c[i] == 2.0f : isnan(c[i]) != 0);
            continue;
        }
        float want = (add ? 2.0f : 0.0f) + (float)j;
        for (int64_t p = 0; p < depth; p++) want += a[row * a_row + p] * (float)((p * 3 + j * 5) % 7 - 3);
        if (c[i] != want)
            fail_msg("strip %d x %lld k %lld: %g, not %g", rows, (long long)columns, (long long)k, (double)c[i],
                     (double)want);
    }
    munmap(a_pages, a_bytes), munmap(b_pages, b_bytes), free(c), free(bias);
}

static void strips(tm_isa isa, int32_t threads)
{
    const tm_gemm_kernels *gemm = &tm_kernels_for(isa)->gemm_f32;
    if (threads > 1) return;
    for (int32_t rows = 1; rows <= gemm->mr; rows++) {
        for (int64_t columns = 1; columns <= 9 * gemm->width; columns += columns < 3 * gemm->width ? 1 : 7) {
            for (int64_t k = 1; k <= 3; k++)
                check_strip(gemm, rows, columns, k, columns % 2 == 0, (columns + k) % 3 == 0);
        }
    }
}

static void dots(tm_isa isa, int32_t threads)
{
    const tm_gemm_kernels *gemm = &tm_kernels_for(isa)->gemm_f32;
    if (threads > 1) return;
    for (int64_t k = 1; k <= 40; k += 3) {
        for (int64_t columns = 1; columns <= 19; columns++) {
            for (int64_t rows = 1; rows <= 10; rows++) {
                float a[10 * 90], b[19 * 90], c[10 * 20];
                for (int64_t i = 0; i < 10 * 90; i++) a[i] = i % 90 < 2 * k ? (float)(i * 7 % 11 - 5) : NAN;
                for (int64_t i = 0; i < 19 * 90; i++) b[i] = i % 90 < 2 * k ? (float)(i * 3 % 13 - 6) : NAN;
                for (int64_t i = 0; i < 10 * 20; i++) c[i] = 100.0f;
                const tm_gemm_dot dot = {.a = a,
                                         .a_row = 90,
                                         .a_segment = k,
                                         .b = b,
                                         .b_row = 90,
                                         .b_segment = k,
                                         .segments = 2,
                                         .k = k,
                                         .c = c,
                                         .c_row = 20,
                                         .rows = rows,
                                         .columns = columns,
                                         .scale = 0.5f,
                                         .accumulate = k % 2 == 0};
                gemm->dot(&dot);
                for (int64_t i = 0; i < 10 * 20; i++) {
                    float want = i / 20 < rows && i % 20 < columns && k % 2 != 0 ? 0.0f : 100.0f;
                    for (int64_t p = 0; i / 20 < rows && i % 20 < columns && p < 2 * k; p++)
                        want += 0.5f * a[i / 20 * 90 + p] * b[i % 20 * 90 + p];
                    assert_true(c[i] == want);
                }
            }
        }
    }
}

#define EVERYWHERE(name)                                                                                               \
    static void test_##name(void **state)                                                                              \
    {                                                                                                                  \
        (void)state;                                                                                                   \
        test_everywhere(name);                                                                                         \
    }
EVERYWHERE(strips)
EVERYWHERE(dots)
EVERYWHERE(matmul_edges)
EVERYWHERE(matmul_ways)
EVERYWHERE(nan_confined)
EVERYWHERE(convolutions)
EVERYWHERE(attention)
EVERYWHERE(infinite_values)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strips),       cmocka_unit_test(test_dots),
        cmocka_unit_test(test_matmul_edges), cmocka_unit_test(test_matmul_ways),
        cmocka_unit_test(test_nan_confined), cmocka_unit_test(test_convolutions),
        cmocka_unit_test(test_attention),    cmocka_unit_test(test_infinite_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
