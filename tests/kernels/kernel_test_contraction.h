/* Contractions against plain float64 loops: strips of a matrix product in place and packed, dot products, planar rows
 * of a convolution. */
#ifndef TM_TESTS_KERNEL_TEST_CONTRACTION_H
#define TM_TESTS_KERNEL_TEST_CONTRACTION_H

#include "kernel_test.h"

/* A sum of products in float64, with the norm that its rounding noise grows with. */
typedef struct dot_sum {
    double value, squares;
    int64_t terms;
} dot_sum;

static void dot_add(dot_sum *sum, double a, double b)
{
    sum->value += a * b;
    sum->squares += a * b * a * b;
    sum->terms++;
}

static void check_dot(const kernel_case *c, float got, const dot_sum *want, int64_t at)
{
    const double size = sqrt((double)want->terms * want->squares) + fabs(want->value);
    check_error(c, fabs((double)got - want->value), 4.0 * U * size + 0x1p-126, want->terms, at);
}

static void check_strip(const kernel_case *c, const tm_gemm_strip *s, const float *b, int64_t b_row,
                        const float *before)
{
    for (int64_t i = 0; i < s->rows; i++) {
        for (int64_t j = 0; j < s->columns; j++) {
            dot_sum sum = {0};
            if (s->bias != NULL) dot_add(&sum, (double)s->bias[j], 1.0);
            if (s->accumulate) dot_add(&sum, (double)before[i * s->c_row + j], 1.0);
            for (int64_t g = 0; g < s->segments; g++) {
                for (int64_t p = 0; p < s->k; p++) {
                    dot_add(&sum, (double)s->a[g * s->a_segment + i * s->a_row + p * s->a_step],
                            (double)b[(g * s->k + p) * b_row + j]);
                }
            }
            check_dot(c, s->c[i * s->c_row + j], &sum, i * s->columns + j);
        }
        for (int64_t j = s->columns; j < s->c_row && i + 1 < s->rows; j++) {
            assert_true(s->c[i * s->c_row + j] == before[i * s->c_row + j]);
        }
    }
}

static guarded pack_panels(const float *b, int64_t b_row, int64_t k, int64_t columns, int32_t nr)
{
    const int64_t panels = (columns + nr - 1) / nr;
    guarded packed = guarded_new((size_t)(panels * k * nr) * sizeof(float));
    for (int64_t at = 0; at < panels * k * nr; at++) {
        const int64_t column = at / (k * nr) * nr + at % nr, p = at / nr % k;
        ((float *)packed.data)[at] = column < columns ? b[p * b_row + column] : 0.0f;
    }
    return packed;
}

static void try_strip(const kernel_case *c, const tm_gemm_kernels *gemm, int32_t rows, int64_t columns, int64_t k,
                      uint64_t variant)
{
    const int64_t segments = variant & 1 ? 3 : 1, b_row = columns + (variant & 2 ? 3 : 0),
                  c_row = columns + (variant & 4 ? 2 : 0);
    const bool transposed = variant & 8, packed = variant & 16;
    const int64_t a_row = transposed ? 1 : k + 1, a_step = transposed ? rows : 1;
    const int64_t a_segment = transposed ? rows * k : rows * (k + 1) - 1 + 1;
    const int64_t depth = segments * k;
    guarded a =
        guarded_values((segments - 1) * a_segment + (rows - 1) * a_row + (k - 1) * a_step + 1, NORMAL, variant + 1);
    guarded b = guarded_values((depth - 1) * b_row + columns, NORMAL, variant + 2);
    guarded panels = pack_panels(b.data, b_row, depth, columns, gemm->nr);
    const int64_t c_size = (rows - 1) * c_row + columns;
    guarded into = guarded_values(c_size, NORMAL, variant + 3), before = guarded_values(c_size, NORMAL, variant + 3);
    guarded bias = guarded_values(columns, NORMAL, variant + 4);
    const tm_gemm_strip strip = {.a = a.data,
                                 .a_row = a_row,
                                 .a_step = a_step,
                                 .a_segment = a_segment,
                                 .segments = segments,
                                 .k = k,
                                 .b = packed ? panels.data : b.data,
                                 .b_row = packed ? gemm->nr : b_row,
                                 .b_panel = packed ? depth * gemm->nr : 0,
                                 .c = into.data,
                                 .c_row = c_row,
                                 .rows = rows,
                                 .columns = columns,
                                 .bias = variant & 32 ? bias.data : NULL,
                                 .accumulate = (variant & 96) == 64,
                                 .stream = variant & 1};
    gemm->strip(&strip);
    check_strip(c, &strip, b.data, b_row, before.data);
    guarded *const all[] = {&a, &b, &panels, &into, &before, &bias};
    for (size_t i = 0; i < COUNT(all); i++) guarded_free(all[i]);
}

static void try_dot(const kernel_case *c, const tm_gemm_kernels *gemm, int64_t rows, int64_t columns, int64_t k,
                    uint64_t variant)
{
    const int64_t segments = variant & 1 ? 2 : 1, row = segments * (k + 1), c_row = columns + (variant & 2 ? 3 : 0);
    guarded a = guarded_values(rows * row - 1, NORMAL, variant + 1),
            b = guarded_values(columns * row - 1, NORMAL, variant + 2);
    const int64_t c_size = (rows - 1) * c_row + columns;
    guarded into = guarded_values(c_size, NORMAL, variant + 3), before = guarded_values(c_size, NORMAL, variant + 3);
    guarded bias = guarded_values(columns, NORMAL, variant + 4);
    const tm_gemm_dot dot = {.a = a.data,
                             .a_row = row,
                             .a_segment = k + 1,
                             .b = b.data,
                             .b_row = row,
                             .b_segment = k + 1,
                             .segments = segments,
                             .k = k,
                             .c = into.data,
                             .c_row = c_row,
                             .rows = rows,
                             .columns = columns,
                             .bias = variant & 4 ? bias.data : NULL,
                             .scale = 0.5f,
                             .accumulate = (variant & 12) == 8};
    gemm->dot(&dot);
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < columns; j++) {
            dot_sum sum = {0};
            if (dot.bias != NULL) dot_add(&sum, (double)dot.bias[j], 1.0);
            if (dot.accumulate) dot_add(&sum, (double)((float *)before.data)[i * c_row + j], 1.0);
            for (int64_t p = 0; p < segments * k; p++) {
                const int64_t at = p / k * (k + 1) + p % k;
                dot_add(&sum, 0.5 * (double)dot.a[i * row + at], (double)dot.b[j * row + at]);
            }
            check_dot(c, dot.c[i * c_row + j], &sum, i * columns + j);
        }
    }
    guarded *const all[] = {&a, &b, &into, &before, &bias};
    for (size_t i = 0; i < COUNT(all); i++) guarded_free(all[i]);
}

static void test_gemm(const kernel_case *c)
{
    const tm_gemm_kernels *gemm = &KERNEL(tm_gemm_kernels, c->tried);
    const int64_t depths[] = {1, 2, 3, 8, 17, 100};
    assert_true(gemm->mr >= 1 && gemm->nr >= 1 && gemm->width >= 1);
    for (size_t d = 0; d < COUNT(depths); d++) {
        for (int32_t rows = 1; rows <= gemm->mr; rows++) {
            for (int64_t columns = 1; columns <= 2 * gemm->nr + 1; columns += columns < gemm->nr ? 3 : 5) {
                try_strip(c, gemm, rows, columns, depths[d], (uint64_t)(rows * 37 + columns * 5) + d * 11);
            }
            try_strip(c, gemm, rows, gemm->nr, depths[d], (uint64_t)rows * 19);
        }
        for (int64_t rows = 1; rows <= 9; rows += 2) {
            for (int64_t columns = 1; columns <= 11; columns++) {
                try_dot(c, gemm, rows, columns, depths[d], (uint64_t)(rows + columns) + d);
            }
        }
    }
}

/* Query i sees i + first keys, at least 0 and at most all. */
static void try_attend(const kernel_case *c, int64_t queries, int64_t keys, int64_t size, int64_t value_size,
                       int64_t first)
{
    const tm_attend_kernels *attend = &KERNEL(tm_attend_kernels, c->tried);
    const int64_t pitch = keys + 1;
    int64_t visible[32];
    for (int64_t i = 0; i < queries; i++) visible[i] = i + first < 0 ? 0 : i + first > keys ? keys : i + first;
    const int64_t most = visible[queries - 1];
    guarded q = guarded_values(queries * size, NORMAL, 1), k = guarded_values(most * size, NORMAL, 2);
    guarded v = guarded_values(most * value_size, NORMAL, 3), weights = guarded_values(queries * pitch, NORMAL, 4);
    guarded y = guarded_new((size_t)(queries * value_size) * sizeof(float));
    tm_attend s = {.q = q.data,
                   .k = k.data,
                   .v = v.data,
                   .y = y.data,
                   .size = size,
                   .value_size = value_size,
                   .queries = queries,
                   .visible = visible,
                   .scale = 0.5f,
                   .weights = weights.data,
                   .pitch = pitch,
                   .stream = queries & 1,
                   .ahead = {v.data, q.data},
                   .ahead_end = {s.v + most * value_size, s.q + queries * size}};
    attend->scores(&s);
    for (int64_t i = 0; i < queries; i++) {
        for (int64_t j = 0; j < visible[i]; j++) {
            dot_sum sum = {0};
            for (int64_t p = 0; p < size; p++)
                dot_add(&sum, 0.5 * (double)s.q[i * size + p], (double)s.k[j * size + p]);
            check_dot(c, s.weights[i * pitch + j], &sum, i * keys + j);
        }
    }
    attend->blend(&s);
    for (int64_t at = 0; at < queries * value_size; at++) {
        dot_sum sum = {0};
        const int64_t i = at / value_size;
        for (int64_t j = 0; j < visible[i]; j++)
            dot_add(&sum, (double)s.weights[i * pitch + j], (double)s.v[j * value_size + at % value_size]);
        check_dot(c, s.y[at], &sum, at);
    }
    attend->scale(q.data, q.data, queries * size, -0.5f);
    guarded before = guarded_values(queries * size, NORMAL, 1);
    for (int64_t at = 0; at < queries * size; at++)
        check_error(c, s.q[at] == -0.5f * ((float *)before.data)[at] ? 0.0 : 1.0, 0.0, size, at);
    guarded *const all[] = {&q, &k, &v, &weights, &y, &before};
    for (size_t i = 0; i < COUNT(all); i++) guarded_free(all[i]);
}

static void test_attend(const kernel_case *c)
{
    const int64_t sizes[] = {1, 3, 8, 16, 17, 40, 64, 129, 300};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        for (int64_t queries = 1; queries <= 19; queries += queries < 9 ? 1 : 2) {
            try_attend(c, queries, 16, sizes[i], sizes[COUNT(sizes) - 1 - i], 1);
            try_attend(c, queries, 11, sizes[i], sizes[i], 11 - queries);
            try_attend(c, queries, 5, sizes[i], 100, 5);
            try_attend(c, queries, 37, sizes[i], 260, 18);
        }
    }
}

static void try_conv_planar(const kernel_case *c, int32_t filters, int64_t width, int64_t channels, int64_t window)
{
    enum { HEIGHT = 2 };
    const int64_t input = width + window - 1, plane = input + tm_conv_planar_slack;
    guarded rows[HEIGHT], y = guarded_new((size_t)(width * filters) * sizeof(float));
    for (int r = 0; r < HEIGHT; r++) rows[r] = guarded_values(channels * plane, NORMAL, (uint64_t)r + 1);
    guarded weights = guarded_values(HEIGHT * window * channels * filters, NORMAL, 9);
    const float *const planes[HEIGHT] = {rows[0].data, rows[1].data};
    const tm_conv_planar conv = {.planes = planes,
                                 .plane = plane,
                                 .kernel_height = HEIGHT,
                                 .kernel_width = window,
                                 .channels = channels,
                                 .weights = weights.data,
                                 .filters = filters,
                                 .width = width,
                                 .y = y.data,
                                 .stream = width & 1,
                                 .ahead = rows[0].data};
    KERNEL(tm_conv_planar_kernel, c->tried)(&conv);
    for (int64_t at = 0; at < width * filters; at++) {
        dot_sum sum = {0};
        for (int64_t p = 0; p < HEIGHT * window * channels; p++) {
            const int64_t r = p / (window * channels), shift = p / channels % window, channel = p % channels;
            dot_add(&sum, (double)planes[r][channel * plane + at / filters + shift],
                    (double)conv.weights[p * filters + at % filters]);
        }
        check_dot(c, conv.y[at], &sum, at);
    }
    guarded_free(&rows[0]);
    guarded_free(&rows[1]);
    guarded_free(&weights);
    guarded_free(&y);
}

static void test_conv_planar(const kernel_case *c)
{
    const int64_t widths[] = {1, 2, 7, 8, 15, 16, 17, 31, 33, 64, 100};
    for (int32_t filters = 1; filters <= c->tried->gemm_f32.width / 2; filters++) {
        for (size_t i = 0; i < COUNT(widths); i++) {
            for (int64_t channels = 1; channels <= 4; channels++)
                try_conv_planar(c, filters, widths[i], channels, 1 + (int64_t)i % 4);
        }
    }
}

#endif
