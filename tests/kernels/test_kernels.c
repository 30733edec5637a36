/* Every kernel that overrides a portable one, at every edge size, against the portable one. The list of tests is
 * kernels.def itself: a line there is a test here, and the type of its slot chooses which. Kernels may not read behind
 * their input or write behind their output: both end at an unreadable page. */
#include "kernel_test.h"

#include "native/isa.h"

typedef enum map_name { MAP_EXACT, MAP_SELU, MAP_GELU, MAP_SIGMOID, MAP_SOFTPLUS } map_name;

static map_name map_of(const kernel_case *c)
{
    if (c->slot == offsetof(tm_kernels, selu_f32)) return MAP_SELU;
    if (c->slot == offsetof(tm_kernels, gelu_f32)) return MAP_GELU;
    if (c->slot == offsetof(tm_kernels, gelu_tanh_f32)) return MAP_GELU;
    if (c->slot == offsetof(tm_kernels, sigmoid_f32)) return MAP_SIGMOID;
    if (c->slot == offsetof(tm_kernels, softplus_f32)) return MAP_SOFTPLUS;
    return MAP_EXACT;
}

/* The size S of rounding noise, as docs/verification.md has it. */
static double map_size(map_name map, double x, double y)
{
    switch (map) {
    case MAP_SELU: return x > 0.0 ? fabs(y) : 1.7580993408473766 * (1.0 + (1.0 + fabs(x)) * exp(x));
    case MAP_GELU: return 0.5 * fabs(x) * (1.0 + fabs(tanh(0.8 * x)) + 3.0 * fabs(x) * exp(-0.5 * x * x));
    case MAP_SIGMOID: return y * (1.0 + fabs(x) * (1.0 - y));
    case MAP_SOFTPLUS: return y + fabs(x) / (1.0 + exp(-x));
    default: return 0.0;
    }
}

static void test_map(const kernel_case *c)
{
    const map_name map = map_of(c);
    for (size_t s = 0; s < COUNT(edge_sizes); s++) {
        for (int variant = 0; variant < 4 * VALUE_KINDS; variant++) {
            const int64_t n = edge_sizes[s];
            const bool stream = variant & 1, in_place = variant & 2;
            guarded x = guarded_values(n, (value_kind)(variant / 4), (uint64_t)(s * 16) + (uint64_t)variant);
            guarded y = guarded_new((size_t)n * sizeof(float)), want = guarded_new((size_t)n * sizeof(float));
            KERNEL(tm_map_kernel, c->portable)(x.data, want.data, n, 0.3f, false);
            float *input = x.data, *result = y.data;
            if (in_place && n > 0) memcpy(result, input, (size_t)n * sizeof(float));
            KERNEL(tm_map_kernel, c->tried)(in_place ? result : input, result, n, 0.3f, stream);
            double squares = 0.0;
            for (int64_t i = 0; i < n; i++) {
                const float expected = ((float *)want.data)[i];
                const double e = error_of(result[i], expected, map_size(map, (double)input[i], (double)expected));
                check_error(c, e, map == MAP_EXACT ? 0.0 : 16.0, n, i);
                squares += e * e;
            }
            if (n >= 256) check_error(c, sqrt(squares / (double)n), 1.4, n, -1);
            guarded_free(&x);
            guarded_free(&y);
            guarded_free(&want);
        }
    }
}

/* y is an array of its own, a, or b. */
static void test_pair(const kernel_case *c)
{
    for (size_t s = 0; s < COUNT(edge_sizes); s++) {
        for (int variant = 0; variant < 6 * VALUE_KINDS; variant++) {
            const int64_t n = edge_sizes[s];
            const size_t bytes = (size_t)n * sizeof(float);
            guarded a = guarded_values(n, (value_kind)(variant / 6), (uint64_t)(s * 16) + (uint64_t)variant);
            guarded b = guarded_values(n, (value_kind)(variant / 6), (uint64_t)(s * 16) + (uint64_t)variant + 977);
            guarded y = guarded_new(bytes), want = guarded_new(bytes);
            KERNEL(tm_pair_kernel, c->portable)(a.data, b.data, want.data, n, false);
            float *into = variant % 3 == 0 ? y.data : variant % 3 == 1 ? a.data : b.data;
            KERNEL(tm_pair_kernel, c->tried)(a.data, b.data, into, n, variant % 6 < 3);
            for (int64_t i = 0; i < n; i++) check_error(c, error_of(into[i], ((float *)want.data)[i], 0.0), 0.0, n, i);
            guarded_free(&a);
            guarded_free(&b);
            guarded_free(&y);
            guarded_free(&want);
        }
    }
}

static void test_bce(const kernel_case *c)
{
    for (size_t s = 0; s < COUNT(edge_sizes); s++) {
        const int64_t n = edge_sizes[s];
        guarded p = guarded_new((size_t)n * sizeof(float)), t = guarded_new((size_t)n * sizeof(float));
        float *chance = p.data, *target = t.data;
        uint64_t state = 77 + s;
        for (int variant = 0; variant < 3; variant++) {
            for (int64_t i = 0; i < n; i++) {
                chance[i] = (float)uniform(&state);
                target[i] = variant == 2 ? (float)uniform(&state) : (float)(next_random(&state) & 1);
                /* The clamp: certain and wrong, certain and right. */
                if (variant == 1 && i % 5 == 0) chance[i] = next_random(&state) & 1 ? 1.0f : 0.0f;
                if (variant == 1 && i % 5 == 1) chance[i] *= 0x1p-130f; /* below the normal numbers */
            }
            const double want = KERNEL(tm_bce_kernel, c->portable)(chance, target, n);
            const double got = KERNEL(tm_bce_kernel, c->tried)(chance, target, n);
            check_error(c, fabs(got - want) / (U * (want + 0x1p-100)), 4.0, n, variant);
        }
        if (n > 0) {
            chance[n / 2] = NAN;
            assert_true(isnan(KERNEL(tm_bce_kernel, c->tried)(chance, target, n)));
        }
        guarded_free(&p);
        guarded_free(&t);
    }
}

static void test_sum(const kernel_case *c)
{
    for (size_t s = 0; s < COUNT(edge_sizes); s++) {
        for (int kind = 0; kind < VALUE_KINDS; kind++) {
            const int64_t n = edge_sizes[s];
            guarded x = guarded_values(n, (value_kind)kind, s + 5);
            const float *v = x.data;
            double norm = 0.0;
            for (int64_t i = 0; i < n; i++) norm += (double)v[i] * (double)v[i];
            const double want = KERNEL(tm_sum_kernel, c->portable)(v, n), got = KERNEL(tm_sum_kernel, c->tried)(v, n);
            if (isfinite(want)) {
                check_error(c, fabs(got - want), 2.0 * U * sqrt(norm * (double)n), n, kind);
            } else {
                assert_true(same_number((float)got, (float)want));
            }
            guarded_free(&x);
        }
    }
}

/* Numbers of rows around those that are treated together. */
static const int64_t row_counts[] = {1, 3, 4, 8, 16, 17, 31, 50};

/* Variants: any numbers; rounded down, so that many are equal; NaN in one row; nothing but -inf. */
static void argmax_values(float *v, int64_t rows, int64_t n, int variant)
{
    for (int64_t i = 0; i < rows * n && variant % 4 >= 2; i++) v[i] = floorf(v[i]);
    if (variant % 8 == 1) v[(variant * 7 + 1) % rows * n + n - 1] = NAN;
    for (int64_t i = 0; i < rows * n && variant == 5; i++) v[i] = -INFINITY;
}

static void test_argmax(const kernel_case *c)
{
    for (size_t s = COUNT(row_counts); s < COUNT(edge_sizes) * COUNT(row_counts); s++) {
        const int64_t n = edge_sizes[s / COUNT(row_counts)], rows = row_counts[s % COUNT(row_counts)];
        guarded y = guarded_new((size_t)rows * sizeof(int64_t)), want = guarded_new((size_t)rows * sizeof(int64_t));
        for (int variant = 0; variant < 16; variant++) {
            guarded x = guarded_values(rows * n, variant % 2 ? NORMAL : SPECIAL, (uint64_t)variant + s);
            argmax_values(x.data, rows, n, variant);
            KERNEL(tm_argmax_kernel, c->portable)(x.data, want.data, rows, n);
            KERNEL(tm_argmax_kernel, c->tried)(x.data, y.data, rows, n);
            for (int64_t r = 0; r < rows; r++) {
                const int64_t difference = ((int64_t *)y.data)[r] - ((int64_t *)want.data)[r];
                check_error(c, fabs((double)difference), 0.0, n, r);
            }
            guarded_free(&x);
        }
        guarded_free(&y);
        guarded_free(&want);
    }
}

static const int64_t strip_lengths[] = {1, 2, 3, 16, 17, 64, 129};
static const int64_t strip_columns[] = {0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 129, 257};

/* How the columns lie: dense, or as a part of wider rows. */
static int64_t strip_stride(int64_t columns, int variant)
{
    return columns + (variant & 1 ? 5 : 0);
}

static void test_columns(const kernel_case *c)
{
    const bool softmax = c->slot == offsetof(tm_kernels, softmax_columns_f32);
    for (size_t s = 0; s < COUNT(strip_lengths) * COUNT(strip_columns) * 2 * VALUE_KINDS; s++) {
        const int variant = (int)(s % 2);
        const value_kind kind = (value_kind)(s / 2 % VALUE_KINDS);
        const int64_t columns = strip_columns[s / (2 * VALUE_KINDS) % COUNT(strip_columns)];
        const int64_t length = strip_lengths[s / (2 * VALUE_KINDS) / COUNT(strip_columns)];
        const int64_t stride = strip_stride(columns, variant), n = (length - 1) * stride + columns;
        guarded x = guarded_values(n, kind, s), y = guarded_new((size_t)(softmax ? n : columns) * sizeof(float));
        guarded want = guarded_new((size_t)(softmax ? n : columns) * sizeof(float));
        const float *v = x.data, *got = y.data, *expected = want.data;
        KERNEL(tm_columns_kernel, c->portable)(v, want.data, length, stride, columns);
        KERNEL(tm_columns_kernel, c->tried)(v, y.data, length, stride, columns);
        for (int64_t k = 0; k < columns; k++) {
            float max = -INFINITY;
            double norm = 0.0, total = 0.0;
            for (int64_t i = 0; i < length; i++) {
                const float value = v[i * stride + k];
                max = value > max ? value : max;
                norm += (double)value * (double)value;
                if (isfinite(value)) total += fabs((double)value);
            }
            if (!softmax && total > (double)FLT_MAX) continue; /* float32 may overflow on the way */
            if (!softmax) check_error(c, error_of(got[k], expected[k], sqrt(norm * (double)length)), 4.0, n, k);
            for (int64_t i = 0; i < length && softmax; i++) {
                const int64_t at = i * stride + k;
                const double size = (double)expected[at] * (3.0 + fabs((double)v[at] - (double)max));
                check_error(c, error_of(got[at], expected[at], size), 16.0, n, at);
            }
        }
        guarded_free(&x);
        guarded_free(&y);
        guarded_free(&want);
    }
}

static void test_argmax_columns(const kernel_case *c)
{
    for (size_t s = 0; s < COUNT(strip_lengths) * COUNT(strip_columns) * 4; s++) {
        const int64_t columns = strip_columns[s / 4 % COUNT(strip_columns)];
        const int64_t length = strip_lengths[s / 4 / COUNT(strip_columns)];
        const int64_t stride = strip_stride(columns, (int)s), n = (length - 1) * stride + columns;
        guarded x = guarded_values(n, s & 2 ? SPECIAL : NORMAL, s);
        guarded y = guarded_new((size_t)columns * sizeof(int64_t)),
                want = guarded_new((size_t)columns * sizeof(int64_t));
        float *v = x.data;
        for (int64_t i = 0; i < n && s % 3 == 0; i++) v[i] = floorf(v[i]);
        KERNEL(tm_argmax_columns_kernel, c->portable)(v, want.data, length, stride, columns);
        KERNEL(tm_argmax_columns_kernel, c->tried)(v, y.data, length, stride, columns);
        for (int64_t k = 0; k < columns; k++) {
            const double difference = (double)(((int64_t *)y.data)[k] - ((int64_t *)want.data)[k]);
            check_error(c, fabs(difference), 0.0, n, k);
        }
        guarded_free(&x);
        guarded_free(&y);
        guarded_free(&want);
    }
}

static void test_rows(const kernel_case *c)
{
    enum { COUNTS = COUNT(row_counts) };
    for (size_t s = 0; s < COUNT(edge_sizes) * COUNTS * VALUE_KINDS; s++) {
        const int64_t length = edge_sizes[s / (COUNTS * VALUE_KINDS)], rows = row_counts[s % COUNTS], n = rows * length;
        guarded x = guarded_values(n, (value_kind)(s / COUNTS % VALUE_KINDS), s);
        guarded y = guarded_new((size_t)n * sizeof(float)), want = guarded_new((size_t)n * sizeof(float));
        const float *v = x.data, *got = y.data, *expected = want.data;
        KERNEL(tm_rows_kernel, c->portable)(v, want.data, rows, length, false);
        KERNEL(tm_rows_kernel, c->tried)(v, y.data, rows, length, s / COUNTS & 1);
        for (int64_t r = 0; r < rows; r++) {
            float max = -INFINITY;
            for (int64_t i = 0; i < length; i++) max = v[r * length + i] > max ? v[r * length + i] : max;
            for (int64_t i = r * length; i < (r + 1) * length; i++) {
                const double size = (double)expected[i] * (3.0 + fabs((double)v[i] - (double)max));
                check_error(c, error_of(got[i], expected[i], size), 16.0, length, i);
            }
        }
        guarded_free(&x);
        guarded_free(&y);
        guarded_free(&want);
    }
}

static void test_softmax_part(const kernel_case *c)
{
    for (size_t s = 0; s < COUNT(edge_sizes) * 8; s++) {
        const int64_t n = edge_sizes[s / 8];
        guarded x = guarded_values(n, s % 2 ? NORMAL : SPECIAL, s);
        float *v = x.data, max[2];
        double sum[2];
        for (int64_t i = 0; i < n && s % 4 == 2; i++) v[i] = -INFINITY;
        for (int64_t i = 0; i < n && s % 8 == 4; i++) v[i] = isfinite(v[i]) ? v[i] : -INFINITY;
        KERNEL(tm_softmax_part_kernel, c->portable)(v, n, &max[0], &sum[0]);
        KERNEL(tm_softmax_part_kernel, c->tried)(v, n, &max[1], &sum[1]);
        /* With a NaN sum every result is NaN, whatever the maximum. */
        if (!isnan(sum[0])) check_error(c, same_number(max[0], max[1]) ? 0.0 : 1.0, 0.0, n, 0);
        check_error(c, error_of((float)sum[1], (float)sum[0], (1.0 + fabs((double)max[0])) * sum[0]), 16.0, n, 1);
        guarded_free(&x);
    }
}

static void test_softmax_apply(const kernel_case *c)
{
    for (size_t s = 0; s < COUNT(edge_sizes) * 4 * VALUE_KINDS; s++) {
        const int64_t n = edge_sizes[s / (4 * VALUE_KINDS)];
        guarded x = guarded_values(n, (value_kind)(s / 4 % VALUE_KINDS), s);
        guarded y = guarded_new((size_t)n * sizeof(float)), want = guarded_new((size_t)n * sizeof(float));
        float *v = x.data;
        for (int64_t i = 0; i < n; i++) v[i] = v[i] > 4.0f ? 4.0f : v[i];
        KERNEL(tm_softmax_apply_kernel, c->portable)(v, want.data, n, 4.0f, 0.125f, false);
        KERNEL(tm_softmax_apply_kernel, c->tried)(v, y.data, n, 4.0f, 0.125f, s & 1);
        for (int64_t i = 0; i < n; i++) {
            const float expected = ((float *)want.data)[i];
            const double size = (double)expected * (1.0 + fabs((double)v[i] - 4.0));
            check_error(c, error_of(((float *)y.data)[i], expected, size), 8.0, n, i);
        }
        guarded_free(&x);
        guarded_free(&y);
        guarded_free(&want);
    }
}

/* S of docs/verification.md for one element, from float64 moments of its row. */
static double layer_norm_size(const float *row, int64_t length, int64_t i, double scale, double shift, double y)
{
    double mean = 0.0, squares = 0.0;
    for (int64_t k = 0; k < length; k++) mean += (double)row[k] / (double)length;
    for (int64_t k = 0; k < length; k++) squares += pow((double)row[k] - mean, 2.0) / (double)length;
    const double rms = sqrt(squares + mean * mean);
    const double r = 1.0 / sqrt(squares + 1e-5);
    return fabs(y) + fabs(scale) * r * (fabs((double)row[i]) + fabs(mean) + rms) + fabs(shift);
}

/* Squares beyond float32: a kernel may compute in float32 and say infinity or 0 here, if only a NaN stays a NaN. */
static bool layer_norm_overflows(const float *row, int64_t length)
{
    double squares = 0.0;
    for (int64_t k = 0; k < length; k++) squares += (double)row[k] * (double)row[k];
    return !(4.0 * squares < (double)FLT_MAX);
}

static void test_layer_norm(const kernel_case *c)
{
    for (size_t s = 0; s < COUNT(strip_columns) * COUNT(row_counts) * 3; s++) {
        const int64_t length = strip_columns[s % COUNT(strip_columns)];
        const int64_t rows = row_counts[s / COUNT(strip_columns) % COUNT(row_counts)], n = rows * length;
        const bool stream = s / (COUNT(strip_columns) * COUNT(row_counts)) == 1;
        const value_kind kind = s % 5 == 4 ? SPECIAL : NORMAL;
        guarded x = guarded_values(n, kind, s), scale = guarded_values(length, NORMAL, 1);
        guarded shift = guarded_values(length, NORMAL, 2);
        guarded y = guarded_new((size_t)n * sizeof(float)), want = guarded_new((size_t)n * sizeof(float));
        float *v = x.data, *got = y.data, *expected = want.data;
        for (int64_t i = 0; i < n && s % 4 == 1; i++) v[i] += 1000.0f; /* a large mean */
        KERNEL(tm_layer_norm_kernel, c->portable)(v, scale.data, shift.data, expected, rows, length, 1e-5f, false);
        KERNEL(tm_layer_norm_kernel, c->tried)(v, scale.data, shift.data, got, rows, length, 1e-5f, stream);
        for (int64_t i = 0; i < n; i++) {
            const int64_t k = length > 0 ? i % length : 0;
            const double size = layer_norm_size(v + (i - k), length, k, (double)((float *)scale.data)[k],
                                                (double)((float *)shift.data)[k], (double)expected[i]);
            if (layer_norm_overflows(v + (i - k), length)) {
                if (isnan(expected[i])) assert_true(isnan(got[i]));
                continue;
            }
            check_error(c, error_of(got[i], expected[i], size), 16.0, length, i);
        }
        guarded_free(&x);
        guarded_free(&scale);
        guarded_free(&shift);
        guarded_free(&y);
        guarded_free(&want);
    }
}

static void test_sort(const kernel_case *c)
{
    for (size_t s = 0; s < COUNT(edge_sizes) * 4 * VALUE_KINDS; s++) {
        const int64_t n = edge_sizes[s / (4 * VALUE_KINDS)];
        guarded x = guarded_values(n, (value_kind)(s / 4 % VALUE_KINDS), s), scratch = guarded_new((size_t)n * 4);
        guarded y = guarded_new((size_t)n * sizeof(float)), want = guarded_new((size_t)n * sizeof(float));
        float *v = x.data, *got = y.data;
        for (int64_t i = 0; i < n && s & 1; i++) v[i] = floorf(v[i]);
        KERNEL(tm_sort_kernel, c->portable)(v, want.data, n, scratch.data);
        if (s & 2 && n > 0) memcpy(got, v, (size_t)n * sizeof(float));
        KERNEL(tm_sort_kernel, c->tried)(s & 2 ? got : v, got, n, scratch.data);
        for (int64_t i = 0; i < n; i++) {
            check_error(c, same_number(got[i], ((float *)want.data)[i]) ? 0.0 : 1.0, 0.0, n, i);
        }
        guarded_free(&x);
        guarded_free(&y);
        guarded_free(&want);
        guarded_free(&scratch);
    }
}

static void test_sort_columns(const kernel_case *c)
{
    for (size_t s = 0; s < COUNT(strip_lengths) * COUNT(strip_columns) * 4; s++) {
        const int64_t columns = strip_columns[s / 4 % COUNT(strip_columns)];
        const int64_t length = strip_lengths[s / 4 / COUNT(strip_columns)];
        const int64_t stride = strip_stride(columns, (int)s), n = (length - 1) * stride + columns;
        guarded x = guarded_values(n, s & 2 ? SPECIAL : NORMAL, s);
        guarded scratch = guarded_new((size_t)tm_sort_columns_scratch(length) * sizeof(float));
        guarded y = guarded_new((size_t)n * sizeof(float)), want = guarded_new((size_t)n * sizeof(float));
        memset(y.data, 0x55, (size_t)n * sizeof(float)); /* what lies between the columns stays */
        memset(want.data, 0x55, (size_t)n * sizeof(float));
        KERNEL(tm_sort_columns_kernel, c->portable)(x.data, want.data, length, stride, columns, scratch.data);
        KERNEL(tm_sort_columns_kernel, c->tried)(x.data, y.data, length, stride, columns, scratch.data);
        for (int64_t i = 0; i < n; i++) {
            check_error(c, same_number(((float *)y.data)[i], ((float *)want.data)[i]) ? 0.0 : 1.0, 0.0, length, i);
        }
        guarded_free(&x);
        guarded_free(&y);
        guarded_free(&want);
        guarded_free(&scratch);
    }
}

static void test_accumulate(const kernel_case *c)
{
    for (size_t s = 0; s < COUNT(edge_sizes) * VALUE_KINDS; s++) {
        const int64_t n = edge_sizes[s / VALUE_KINDS];
        const value_kind kind = (value_kind)(s % VALUE_KINDS);
        guarded x = guarded_values(n, kind, s), y = guarded_values(n, kind, s + 999);
        guarded want = guarded_values(n, kind, s + 999);
        KERNEL(tm_accumulate_kernel, c->portable)(want.data, x.data, n);
        KERNEL(tm_accumulate_kernel, c->tried)(y.data, x.data, n);
        for (int64_t i = 0; i < n; i++) {
            check_error(c, same_number(((float *)y.data)[i], ((float *)want.data)[i]) ? 0.0 : 1.0, 0.0, n, i);
        }
        guarded_free(&x);
        guarded_free(&y);
        guarded_free(&want);
    }
}

/* All 65536 values, and every length. */
static void test_widen(const kernel_case *c)
{
    for (size_t s = 0; s <= COUNT(edge_sizes); s++) {
        const int64_t n = s < COUNT(edge_sizes) ? edge_sizes[s] : 65536;
        guarded x = guarded_new((size_t)n * sizeof(uint16_t)), y = guarded_new((size_t)n * sizeof(float));
        guarded want = guarded_new((size_t)n * sizeof(float));
        for (int64_t i = 0; i < n; i++) ((uint16_t *)x.data)[i] = (uint16_t)(n == 65536 ? i : i * 40503);
        KERNEL(tm_widen_kernel, c->portable)(x.data, want.data, n);
        KERNEL(tm_widen_kernel, c->tried)(x.data, y.data, n);
        for (int64_t i = 0; i < n; i++) {
            check_error(c, same_number(((float *)y.data)[i], ((float *)want.data)[i]) ? 0.0 : 1.0, 0.0, n, i);
        }
        guarded_free(&x);
        guarded_free(&y);
        guarded_free(&want);
    }
}

static bool same_bits(const kernel_case *c, uint16_t a, uint16_t b)
{
    const uint16_t infinity = c->slot == offsetof(tm_kernels, bf16_from_f32) ? 0x7f80 : 0x7c00;
    return a == b || ((a & 0x7fff) > infinity && (b & 0x7fff) > infinity);
}

/* Any bit pattern of a float32: ties, numbers that round up to infinity, denormals of either type, NaNs. */
static void test_narrow(const kernel_case *c)
{
    for (size_t s = 0; s <= COUNT(edge_sizes); s++) {
        const int64_t n = s < COUNT(edge_sizes) ? edge_sizes[s] : 200000;
        guarded x = guarded_new((size_t)n * sizeof(float)), y = guarded_new((size_t)n * sizeof(uint16_t));
        guarded want = guarded_new((size_t)n * sizeof(uint16_t));
        uint64_t state = s + 11;
        for (int64_t i = 0; i < n; i++) {
            uint32_t bits = (uint32_t)next_random(&state);
            if (i % 3 == 0) bits &= i % 2 ? 0xffff8000u : 0xfffff000u; /* halfway between two results */
            if (i % 7 == 0) bits = (bits & 0x81ffffffu) | 0x38000000u; /* around the smallest float16 */
            memcpy((float *)x.data + i, &bits, sizeof bits);
        }
        KERNEL(tm_narrow_kernel, c->portable)(x.data, want.data, n, false);
        KERNEL(tm_narrow_kernel, c->tried)(x.data, y.data, n, s % 2 == 0);
        for (int64_t i = 0; i < n; i++) {
            check_error(c, same_bits(c, ((uint16_t *)y.data)[i], ((uint16_t *)want.data)[i]) ? 0.0 : 1.0, 0.0, n, i);
        }
        guarded_free(&x);
        guarded_free(&y);
        guarded_free(&want);
    }
}

#include "kernel_test_bf16.h"
#include "kernel_test_contraction.h"
#include "kernel_test_rows.h"

static const kernel_case cases[] = {
#define TEST_OF(name)                                                                                                  \
    _Generic(((tm_kernels *)0)->name, tm_map_kernel                                                                    \
             : test_map, tm_pair_kernel                                                                                \
             : test_pair, tm_bce_kernel                                                                                \
             : test_bce, tm_sum_kernel                                                                                 \
             : test_sum, tm_argmax_kernel                                                                              \
             : test_argmax, tm_columns_kernel                                                                          \
             : test_columns, tm_argmax_columns_kernel                                                                  \
             : test_argmax_columns, tm_rows_kernel                                                                     \
             : test_rows, tm_softmax_part_kernel                                                                       \
             : test_softmax_part, tm_softmax_apply_kernel                                                              \
             : test_softmax_apply, tm_layer_norm_kernel                                                                \
             : test_layer_norm, tm_sort_kernel                                                                         \
             : test_sort, tm_sort_columns_kernel                                                                       \
             : test_sort_columns, tm_accumulate_kernel                                                                 \
             : test_accumulate, tm_widen_kernel                                                                        \
             : test_widen, tm_narrow_kernel                                                                            \
             : test_narrow, tm_gemm_kernels                                                                            \
             : test_gemm, tm_gemm_bf16_kernels                                                                         \
             : test_gemm_bf16, tm_attend_kernels                                                                       \
             : test_attend, tm_conv_planar_kernel                                                                      \
             : test_conv_planar, tm_deinterleave_kernel                                                                \
             : test_deinterleave, tm_copy_rows_kernel                                                                  \
             : test_copy_rows, tm_gather_rows_kernel                                                                   \
             : test_gather_rows, tm_scatter_rows_kernel                                                                \
             : test_scatter_rows)
#define TM_KERNEL(slot_name, set)                                                                                      \
    {.name = #slot_name "__" #set,                                                                                     \
     .slot = offsetof(tm_kernels, slot_name),                                                                          \
     .isa_slot = offsetof(tm_kernels, isa.slot_name),                                                                  \
     .isa = TM_ISA_##set,                                                                                              \
     .test = TEST_OF(slot_name)},
#include "native/kernels/kernels.def"
    {.name = NULL},
};

static void test_one(void **state)
{
    kernel_case c = *(const kernel_case *)*state;
    c.portable = tm_kernels_for(TM_ISA_portable);
    c.tried = tm_kernels_for(c.isa);
    if (c.tried == NULL) skip();
    assert_int_equal(*(const tm_isa *)(const void *)((const char *)c.tried + c.isa_slot), c.isa);
    c.test(&c);
}

/* Tables are portable where nothing overrides, and never from a set above the one asked for. */
static void test_tables(void **state)
{
    (void)state;
    for (int isa = 0; isa < TM_ISA_COUNT; isa++) {
        const tm_kernels *table = tm_kernels_for((tm_isa)isa);
        assert_int_equal(table != NULL, tm_isa_available((tm_isa)isa));
        if (table == NULL) continue;
#define TM_SLOT(name, type) assert_true((int)table->isa.name <= isa);
#include "native/kernels/kernels.def"
    }
}

int main(void)
{
    struct CMUnitTest tests[COUNT(cases)] = {cmocka_unit_test(test_tables)};
    for (size_t i = 0; i + 1 < COUNT(cases); i++) {
        tests[i + 1] = (struct CMUnitTest){
            .name = cases[i].name, .test_func = test_one, .initial_state = (void *)(uintptr_t)&cases[i]};
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
