/* Kernels that move rows: exact, against the portable ones. */
#ifndef TM_TESTS_KERNEL_TEST_ROWS_H
#define TM_TESTS_KERNEL_TEST_ROWS_H

#include "kernel_test.h"

static const int64_t row_lengths[] = {0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 32, 33, 64, 65, 100, 256};

static void check_same(const kernel_case *c, const guarded *got, const guarded *want, int64_t n, int64_t length)
{
    for (int64_t i = 0; i < n; i++) {
        const bool same = same_number(((float *)got->data)[i], ((float *)want->data)[i]);
        check_error(c, same ? 0.0 : 1.0, 0.0, length, i);
    }
}

/* Up to 15 floats behind each plane may be overwritten, so planes are that far apart and the last one ends there. */
static void test_deinterleave(const kernel_case *c)
{
    for (size_t s = 0; s < COUNT(row_lengths) * 40; s++) {
        const int64_t width = row_lengths[s / 40], channels = 1 + (int64_t)(s % 40), plane = width + 15;
        guarded x = guarded_values(width * channels, NORMAL, s), y = guarded_values(channels * plane, NORMAL, 1);
        KERNEL(tm_deinterleave_kernel, c->tried)(x.data, channels, width, y.data, plane);
        for (int64_t i = 0; i < width * channels; i++) {
            const float got = ((float *)y.data)[i % channels * plane + i / channels];
            check_error(c, got == ((float *)x.data)[i] ? 0.0 : 1.0, 0.0, width, i);
        }
        guarded_free(&x);
        guarded_free(&y);
    }
}

static void test_copy_rows(const kernel_case *c)
{
    for (size_t s = 0; s < COUNT(row_lengths) * 8; s++) {
        const int64_t length = row_lengths[s / 8], rows = s & 1 ? 5 : 1;
        const int64_t x_stride = length + (s & 2 ? 3 : 0), y_stride = length + (s & 4 ? 2 : 0);
        const int64_t n = (rows - 1) * y_stride + length;
        guarded x = guarded_values((rows - 1) * x_stride + length, SPECIAL, s);
        guarded y = guarded_values(n, NORMAL, 1), want = guarded_values(n, NORMAL, 1);
        KERNEL(tm_copy_rows_kernel, c->portable)(x.data, x_stride, want.data, y_stride, rows, length, false);
        KERNEL(tm_copy_rows_kernel, c->tried)(x.data, x_stride, y.data, y_stride, rows, length, (s & 3) == 1);
        check_same(c, &y, &want, n, length);
        guarded_free(&x);
        guarded_free(&y);
        guarded_free(&want);
    }
}

static guarded some_indices(int64_t count, int64_t below, uint64_t seed)
{
    guarded g = guarded_new((size_t)count * sizeof(int64_t));
    uint64_t state = seed * 77 + 3;
    for (int64_t i = 0; i < count; i++) {
        const uint64_t draw = next_random(&state);
        int64_t index = (int64_t)(draw % (uint64_t)below);
        if (draw >> 60 == 1) index = -1; /* outside, as a hostile input may have them */
        if (draw >> 60 == 2) index = INT64_MAX;
        ((int64_t *)g.data)[i] = index;
    }
    return g;
}

static void test_gather_rows(const kernel_case *c)
{
    for (size_t s = 0; s < COUNT(row_lengths) * 6; s++) {
        const int64_t length = row_lengths[s / 6], table_rows = s & 1 ? 1 : 13, rows = (int64_t)(s % 6) * 11;
        guarded table = guarded_values(table_rows * length, SPECIAL, s), index = some_indices(rows, table_rows, s);
        guarded y = guarded_new((size_t)(rows * length) * sizeof(float));
        guarded want = guarded_new((size_t)(rows * length) * sizeof(float));
        KERNEL(tm_gather_rows_kernel, c->portable)(table.data, table_rows, index.data, want.data, rows, length, false);
        KERNEL(tm_gather_rows_kernel, c->tried)(table.data, table_rows, index.data, y.data, rows, length, s & 1);
        check_same(c, &y, &want, rows * length, length);
        guarded_free(&table);
        guarded_free(&index);
        guarded_free(&y);
        guarded_free(&want);
    }
}

static void test_scatter_rows(const kernel_case *c)
{
    for (size_t s = 0; s < COUNT(row_lengths) * 12; s++) {
        const int64_t length = row_lengths[s / 12], first = s & 1 ? 3 : 0, last = s & 4 ? 1003 : 11;
        const int64_t rows = (int64_t)(s % 6) * 9;
        const int64_t n = (last - first) * length;
        const value_kind kind = s & 2 ? SPECIAL : NORMAL;
        guarded x = guarded_values(rows * length, kind, s), index = some_indices(rows, last + 2, s);
        guarded y = guarded_values(n, kind, 7), want = guarded_values(n, kind, 7);
        KERNEL(tm_scatter_rows_kernel, c->portable)(x.data, index.data, rows, length, want.data, first, last);
        KERNEL(tm_scatter_rows_kernel, c->tried)(x.data, index.data, rows, length, y.data, first, last);
        check_same(c, &y, &want, n, length);
        guarded_free(&x);
        guarded_free(&index);
        guarded_free(&y);
        guarded_free(&want);
    }
}

#endif
