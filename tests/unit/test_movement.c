/* concat, gather, scatter, scatter_sum, scatter_max against plain loops, for every instruction set, with one and two
 * threads; indices outside the table must be harmless, results must not depend on the number of threads. */
#include "native_run.h"

static void check_concat(tm_isa isa, int32_t threads, int32_t axis, int32_t count, const char *const *shapes)
{
    test_tensor in[TM_MAX_OPERANDS];
    char attributes[32];
    snprintf(attributes, sizeof attributes, "axis=%d", axis);
    for (int32_t i = 0; i < count; i++) in[i] = test_reals(shapes[i], (uint64_t)i + 1);
    test_tensor y = test_run(isa, threads, "concat", attributes, in, count);
    const tm_axis_view whole = tm_view_axis(&y.shape, axis);
    int64_t at = 0;
    for (int32_t i = 0; i < count; i++) {
        const tm_axis_view view = tm_view_axis(&in[i].shape, axis);
        const int64_t piece = view.length * view.inner, total = whole.length * whole.inner;
        for (int64_t o = 0; o < view.outer; o++) {
            if (piece > 0)
                assert_memory_equal((const float *)y.data + o * total + at, (const float *)in[i].data + o * piece,
                                    (size_t)piece * sizeof(float));
        }
        at += piece;
        free(in[i].data);
    }
    assert_int_equal(at, whole.length * whole.inner);
    free(y.data);
}

static void concats(tm_isa isa, int32_t threads)
{
    check_concat(isa, threads, 0, 2, (const char *const[]){"5x7", "3x7"});
    check_concat(isa, threads, 1, 2, (const char *const[]){"500x64", "500x32"});
    check_concat(isa, threads, -1, 3, (const char *const[]){"500x5", "500x33", "500x1"});
    check_concat(isa, threads, 1, 2, (const char *const[]){"3x40x17", "3x1x17"});
    check_concat(isa, threads, 1, 2, (const char *const[]){"300x700", "300x301"});
    check_concat(isa, threads, 0, 2, (const char *const[]){"40001", "30007"});
    check_concat(isa, threads, 0, 8, (const char *const[]){"1x3", "2x3", "0x3", "4x3", "5x3", "6x3", "7x3", "8x3"});
    check_concat(isa, threads, 1, 2, (const char *const[]){"0x3", "0x4"});
}

static void check_gather(tm_isa isa, int32_t threads, const char *shape, int64_t rows, bool wild)
{
    test_tensor in[2] = {test_reals(shape, 1), test_indices(rows, test_shape(shape, TM_F32).dim[0], 2)};
    int64_t *index = in[1].data;
    if (wild) index[0] = -1, index[rows / 2] = INT64_MAX, index[rows - 1] = in[0].shape.dim[0];
    test_tensor y = test_run(isa, threads, "gather", "", in, 2);
    const int64_t length = tm_shape_elements(&in[0].shape) / in[0].shape.dim[0];
    for (int64_t e = 0; e < rows; e++) {
        const bool inside = index[e] >= 0 && index[e] < in[0].shape.dim[0];
        for (int64_t j = 0; j < length; j++) {
            const float want = inside ? ((const float *)in[0].data)[index[e] * length + j] : 0.0f;
            assert_true(((const float *)y.data)[e * length + j] == want);
        }
    }
    free(in[0].data), free(in[1].data), free(y.data);
}

/* Indices of several axes give what the same ones in a row give, in their shape. */
static void check_gather_axes(tm_isa isa, int32_t threads, const char *table, const char *index, const char *result)
{
    const tm_shape wide = test_shape(index, TM_I64);
    test_tensor in[2] = {test_reals(table, 3), test_indices(tm_shape_elements(&wide), 7, 4)};
    test_tensor flat = test_run(isa, threads, "gather", "", in, 2);
    in[1].shape = wide;
    test_tensor y = test_run(isa, threads, "gather", "", in, 2);
    const tm_shape want = test_shape(result, TM_F32);
    assert_int_equal(y.shape.rank, want.rank);
    assert_memory_equal(y.shape.dim, want.dim, (size_t)want.rank * sizeof *want.dim);
    assert_memory_equal(y.data, flat.data, tm_shape_bytes(&want));
    free(in[0].data), free(in[1].data), free(flat.data), free(y.data);
}

static void gathers(tm_isa isa, int32_t threads)
{
    check_gather_axes(isa, threads, "7x33", "3x5", "3x5x33");
    check_gather_axes(isa, threads, "7x4x3", "2x1x6", "2x1x6x4x3");
    check_gather_axes(isa, threads, "7", "4x9", "4x9");
    check_gather_axes(isa, threads, "7x2", "0x9", "0x9x2");
    static const char *const shapes[] = {"64x256", "10x1", "7x33", "300x3x5", "5", "3000x100", "40x16"};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        check_gather(isa, threads, shapes[i], 1000, false);
        check_gather(isa, threads, shapes[i], 1, false);
        check_gather(isa, threads, shapes[i], 0, false);
        check_gather(isa, threads, shapes[i], 300, true);
    }
}

enum { LAST, SUM, MOST };

static float combined(int kind, float old, float next)
{
    if (kind == LAST) return next;
    if (kind == SUM) return old + next;
    return isnan(old) || old > next ? old : next; /* NaN stays, and comes */
}

/* Sources are small integers, so that sums are exact in any order. */
static void check_scatter(tm_isa isa, int32_t threads, int kind, const char *shape, int64_t table, bool wild)
{
    static const char *const names[] = {"scatter", "scatter_sum", "scatter_max"};
    test_tensor in[2] = {test_reals(shape, 3), {{0}, NULL}};
    const int64_t rows = in[0].shape.dim[0], length = rows > 0 ? tm_shape_elements(&in[0].shape) / rows : 1;
    in[1] = test_indices(rows, table, 4);
    int64_t *index = in[1].data;
    float *x = in[0].data;
    for (int64_t i = 0; i < rows * length; i++) x[i] = (float)(int32_t)(x[i] * 50);
    if (wild) index[0] = -1, index[rows / 2] = table, index[rows - 1] = INT64_MIN;
    if (wild && kind == MOST) x[length] = NAN;
    char attributes[32];
    snprintf(attributes, sizeof attributes, "rows=%lld", (long long)table);
    test_tensor y = test_run(isa, threads, names[kind], attributes, in, 2);
    float *want = calloc((size_t)(table * length), sizeof *want);
    for (int64_t e = 0; e < rows; e++) {
        if (index[e] < 0 || index[e] >= table) continue;
        for (int64_t j = 0; j < length; j++) {
            float *to = &want[index[e] * length + j];
            *to = combined(kind, *to, x[e * length + j]);
        }
    }
    for (int64_t i = 0; i < table * length; i++) {
        const float got = ((const float *)y.data)[i];
        if (!(got == want[i] || (isnan(got) && isnan(want[i]))))
            fail_msg("%s %s into %lld, element %lld: %g, not %g", names[kind], shape, (long long)table, (long long)i,
                     (double)got, (double)want[i]);
    }
    free(want), free(x), free(index), free(y.data);
}

static void scatters(tm_isa isa, int32_t threads)
{
    static const struct {
        const char *source;
        int64_t table;
    } shapes[] = {{"10x16", 64}, {"1000x16", 64}, {"20000x16", 64}, {"20000x33", 100}, {"3000x7", 5000},
                  {"50x2x3", 7}, {"900", 13},     {"0x5", 3},       {"9000x40", 3000}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        for (int kind = LAST; kind <= MOST; kind++) {
            check_scatter(isa, threads, kind, shapes[i].source, shapes[i].table, false);
            if (shapes[i].source[0] != '0') check_scatter(isa, threads, kind, shapes[i].source, shapes[i].table, true);
        }
    }
}

/* Rounded sums: the same bits with one thread as with two. */
static void test_threads_agree(void **state)
{
    (void)state;
    for (int isa = 0; isa < TM_ISA_COUNT; isa++) {
        if (!tm_isa_available((tm_isa)isa)) continue;
        for (int64_t table = 64; table <= 6400; table *= 100) {
            const test_tensor in[2] = {test_reals("30000x20", 5), test_indices(30000, table, 6)};
            const char *rows = table == 64 ? "rows=64" : "rows=6400";
            test_tensor one = test_run((tm_isa)isa, 1, "scatter_sum", rows, in, 2);
            test_tensor two = test_run((tm_isa)isa, 2, "scatter_sum", rows, in, 2);
            assert_memory_equal(one.data, two.data, (size_t)table * 20 * sizeof(float));
            free(in[0].data), free(in[1].data), free(one.data), free(two.data);
        }
    }
}

/* The streaming path, and rows whose ends are not on a vector's boundary: nothing but the rows is written. */
static void copied_rows(tm_isa isa, int32_t threads)
{
    const tm_kernels *kernels = tm_kernels_for(isa);
    if (threads > 1) return;
    float *x = malloc(4 * 700 * sizeof *x), *y = malloc(4 * 700 * sizeof *y + 64);
    for (int64_t i = 0; i < 4 * 700; i++) x[i] = (float)i;
    for (int64_t length = 0; length < 600; length += length < 40 ? 1 : 37) {
        for (int64_t shift = 0; shift < 3; shift++) {
            for (int64_t i = 0; i < 4 * 700; i++) y[i] = -1.0f;
            kernels->copy_rows_f32(x, 650, y + shift, 690, 4, length, length % 2 == 0);
            for (int64_t i = 0; i < 4 * 690; i++) {
                const int64_t row = (i - shift) / 690, j = (i - shift) % 690;
                assert_true(y[i] == (i >= shift && j < length ? x[row * 650 + j] : -1.0f));
            }
        }
    }
    free(x), free(y);
}

#define EVERYWHERE(name)                                                                                               \
    static void test_##name(void **state)                                                                              \
    {                                                                                                                  \
        (void)state;                                                                                                   \
        test_everywhere(name);                                                                                         \
    }
EVERYWHERE(concats)
EVERYWHERE(gathers)
EVERYWHERE(scatters)
EVERYWHERE(copied_rows)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_concats),       cmocka_unit_test(test_gathers),     cmocka_unit_test(test_scatters),
        cmocka_unit_test(test_threads_agree), cmocka_unit_test(test_copied_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
