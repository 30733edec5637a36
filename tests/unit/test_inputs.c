/* Input data: known answers of Philox, pinned vectors (also in docs/inputs.md), vector loops against one element at a
 * time, slices against the whole, and the distributions. */
#include "base/dtype.h"
#include "base/philox.h"
#include "suite/inputs.h"
#include "suite/transforms.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const tm_input_key usual = {TM_DEFAULT_SEED, 0, 0};

static tm_case case_of(const char *id)
{
    tm_case one;
    tm_error error = {""};
    if (tm_case_parse(id, "test", &one, &error) != TM_OK) fail_msg("%s", error.message);
    return one;
}

/* The three vectors that the generator's authors publish. */
static void test_philox_known_answers(void **state)
{
    (void)state;
    static const uint32_t counters[3][4] = {{0, 0, 0, 0},
                                            {0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF},
                                            {0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344}};
    static const uint32_t keys[3][2] = {{0, 0}, {0xFFFFFFFF, 0xFFFFFFFF}, {0xA4093822, 0x299F31D0}};
    static const uint32_t wants[3][4] = {{0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8},
                                         {0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD},
                                         {0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1}};
    for (int i = 0; i < 3; i++) {
        uint32_t got[4];
        tm_philox4x32(counters[i], keys[i], got);
        assert_memory_equal(got, wants[i], sizeof got);
    }
}

static void test_groups_are_made_of_blocks(void **state)
{
    (void)state;
    const uint64_t key = UINT64_C(0x299F31D0A4093822);
    const uint64_t stream = UINT64_C(0x0370734413198A2E);
    const uint64_t first = UINT64_C(0x85A308D243F6A80) + (UINT64_C(1) << 28) - 1; /* the low word of a block wraps */
    uint32_t groups[3 * TM_PHILOX_GROUP];
    tm_philox_groups(key, stream, first, 3, groups);
    for (uint64_t i = 0; i < 3 * TM_PHILOX_LANES; i++) {
        const uint64_t block = first * TM_PHILOX_LANES + i;
        const uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), (uint32_t)stream,
                                     (uint32_t)(stream >> 32)};
        uint32_t want[4];
        tm_philox4x32(counter, (const uint32_t[]){(uint32_t)key, (uint32_t)(key >> 32)}, want);
        for (uint64_t j = 0; j < 4; j++) {
            const uint64_t at = i / TM_PHILOX_LANES * TM_PHILOX_GROUP + j * TM_PHILOX_LANES + i % TM_PHILOX_LANES;
            assert_int_equal(groups[at], want[j]);
        }
    }
}

typedef struct pinned {
    const char *id;
    int32_t input;
    tm_input_key key;
    int64_t first;
    uint64_t bits[4];
} pinned;

static const pinned vectors[] = {
    {"relu/128x16x1024", 0, {TM_DEFAULT_SEED, 0, 0}, 0, {0x3F8B0B93, 0xBC1B26B5, 0x3E939A03, 0x3F747814}},
    {"relu/128x16x1024", 0, {TM_DEFAULT_SEED, 0, 0}, 2097148, {0xBE3DFD17, 0x3F1F0474, 0xBF7D8FF3, 0x3F539F00}},
    {"relu/128x16x1024", 0, {TM_DEFAULT_SEED, 1, 0}, 0, {0xBEE7CF8C, 0xBCC114AE, 0xBF4FDD64, 0x3E5DEA98}},
    {"relu/128x16x1024", 0, {TM_DEFAULT_SEED, 0, 1}, 0, {0xBF828B44, 0x3E8FEE23, 0xBF323D34, 0xC0374A6E}},
    {"relu/128x16x1024", 0, {7, 0, 0}, 0, {0xBE57BE3B, 0xBEDB7EBD, 0x3FDE6C84, 0xBF74AEEB}},
    {"relu/128x16x1024/bf16", 0, {TM_DEFAULT_SEED, 0, 0}, 0, {0xBEAA, 0xBF47, 0xBF74, 0xBAE2}},
    {"relu/128x16x1024/f16", 0, {TM_DEFAULT_SEED, 0, 0}, 0, {0xB59B, 0xB88A, 0xB686, 0xB0CB}},
    {"matmul/64x64,64x64", 1, {TM_DEFAULT_SEED, 0, 0}, 60, {0x3EAE5BD3, 0xBFAEA0C2, 0xC00F2DC4, 0xBDDBEE0F}},
    {"bce/1000000,1000000", 0, {TM_DEFAULT_SEED, 0, 0}, 0, {0x3EAD8C8B, 0x3DB17BC2, 0x3F78C882, 0x3F0D34C9}},
    {"bce/1000000,1000000", 1, {TM_DEFAULT_SEED, 0, 0}, 0, {0x3F800000, 0x00000000, 0x00000000, 0x00000000}},
    {"gather/64x256,1000", 1, {TM_DEFAULT_SEED, 0, 0}, 996, {0x3C, 0x12, 0x13, 0x35}},
};

static void test_pinned_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        const pinned *const want = &vectors[i];
        tm_case one = case_of(want->id);
        unsigned char got[32] = {0};
        const size_t size = tm_dtype_size(one.graph->shape[want->input].dtype);
        tm_input_fill(&one, want->key, want->input, want->first, 4, got);
        for (size_t e = 0; e < 4; e++) {
            uint64_t bits = 0;
            memcpy(&bits, got + e * size, size);
            if (bits != want->bits[e]) {
                fail_msg("%s input %d element %lld: 0x%llX", want->id, (int)want->input,
                         (long long)(want->first + (int64_t)e), (unsigned long long)bits);
            }
        }
        tm_case_free(&one);
    }
}

/* The loops that the compiler vectorised give what one call at a time gives, to the bit. */
static void test_vector_loops_equal_scalar_ones(void **state)
{
    (void)state;
    enum { GROUPS = 2000, COUNT = GROUPS * TM_PHILOX_GROUP };
    uint32_t *const words = malloc(COUNT * sizeof *words);
    float *const values = malloc(COUNT * sizeof *values);
    tm_philox_groups(1, 2, 3, GROUPS, words);
    const uint32_t extremes[] = {0, 1, 2, 3, 0x3FFFFFFF, 0x40000000, 0x7FFFFFFF, 0x80000000, 0xBFFFFFFF, 0xFFFFFFFF};
    for (size_t i = 0; i < 10; i++) {
        for (size_t j = 0; j < 10; j++) {
            const size_t pair = i * 10 + j;
            const size_t at = pair / TM_PHILOX_LANES * (TM_PHILOX_GROUP / 2) + pair % TM_PHILOX_LANES;
            words[at] = extremes[i];
            words[at + TM_PHILOX_LANES] = extremes[j];
        }
    }
    tm_normal_groups(words, GROUPS, values);
    for (size_t i = 0; i < COUNT; i += TM_PHILOX_GROUP / 2) {
        for (size_t lane = i; lane < i + TM_PHILOX_LANES; lane++) {
            volatile uint32_t first = words[lane]; /* keeps this loop scalar */
            float pair[2];
            tm_normal_pair(first, words[lane + TM_PHILOX_LANES], &pair[0], &pair[1]);
            assert_true(isfinite(pair[0]) && isfinite(pair[1]));
            assert_int_equal(tm_bits_of(values[lane]), tm_bits_of(pair[0]));
            assert_int_equal(tm_bits_of(values[lane + TM_PHILOX_LANES]), tm_bits_of(pair[1]));
        }
    }
    tm_probability_groups(words, GROUPS, values);
    for (size_t i = 0; i < COUNT; i++) {
        volatile uint32_t word = words[i];
        assert_int_equal(tm_bits_of(values[i]), tm_bits_of(tm_probability(word)));
        assert_true(values[i] > 0.001f && values[i] < 0.999f);
    }
    free(words);
    free(values);
}

/* Box and Muller's formula in double, with libm: only a test may use it. */
static void test_normals_follow_the_formula(void **state)
{
    (void)state;
    double worst = 0;
    for (uint32_t i = 0; i < 200000; i++) {
        const uint32_t first = i * 2654435761u;
        const uint32_t second = i * 2246822519u + 12345;
        float got[2];
        tm_normal_pair(first, second, &got[0], &got[1]);
        const double u = (double)(float)(int32_t)(first >> 1) * 0x1p-31 + 0x1p-32;
        const double radius = sqrt(-2 * log((double)(float)u));
        const double angle = (second >> 30) * acos(0) + (double)(int32_t)(second << 2) * 0x1p-32 * acos(0);
        const double off_0 = fabs(got[0] - radius * cos(angle));
        const double off_1 = fabs(got[1] - radius * sin(angle));
        if (off_0 > worst) worst = off_0;
        if (off_1 > worst) worst = off_1;
    }
    assert_true(worst < 3e-6);
}

static void test_rounding_equals_dtype(void **state)
{
    (void)state;
    enum { COUNT = 1 << 16 };
    float *const values = malloc(COUNT * sizeof *values);
    uint16_t *const bf16 = malloc(COUNT * sizeof *bf16);
    uint16_t *const f16 = malloc(COUNT * sizeof *f16);
    for (uint32_t pass = 0; pass < 32; pass++) {
        /* Every exponent that finite f16 values have, and below; both signs; ties among them. */
        for (uint32_t i = 0; i < COUNT; i++) {
            const uint32_t exponent = 127 - 30 + i % 45;
            const uint32_t fraction = pass < 16 ? (i * 2654435761u + pass) >> 9 : (i << 12 | 0x0800u << pass % 5);
            values[i] = tm_float_of((i & 64) << 25 | exponent << 23 | (fraction & 0x7FFFFF));
        }
        tm_round_bf16(values, COUNT, bf16);
        tm_round_f16(values, COUNT, f16);
        for (uint32_t i = 0; i < COUNT; i++) {
            assert_int_equal(bf16[i], tm_bf16_from_f32(values[i]));
            assert_int_equal(f16[i], tm_f16_from_f32(values[i]));
        }
    }
    const float zeros[2] = {0.0f, -0.0f};
    tm_round_f16(zeros, 2, f16);
    assert_int_equal(f16[0], 0);
    assert_int_equal(f16[1], 0x8000);
    free(values);
    free(bf16);
    free(f16);
}

static void check_slices(const char *id, int32_t input)
{
    tm_case one = case_of(id);
    const tm_shape *const shape = &one.graph->shape[input];
    const int64_t count = tm_shape_elements(shape);
    const size_t size = tm_dtype_size(shape->dtype);
    unsigned char *const whole = malloc(tm_shape_bytes(shape));
    unsigned char *const part = malloc(tm_shape_bytes(shape) + 16);
    tm_input_fill_all(&one, usual, input, 3, whole);
    static const int64_t firsts[] = {0, 1, 31, 32, 63, 64, 65, 1000, 2047, 2048, 4095, 131071};
    static const int64_t lengths[] = {0, 1, 2, 63, 64, 65, 127, 2047, 2049, 5000};
    for (size_t f = 0; f < sizeof firsts / sizeof *firsts; f++) {
        for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
            if (firsts[f] + lengths[l] > count) continue;
            const size_t bytes = (size_t)lengths[l] * size;
            memset(part, 0xA5, bytes + 16);
            tm_input_fill(&one, usual, input, firsts[f], lengths[l], part);
            assert_memory_equal(part, whole + (size_t)firsts[f] * size, bytes);
            for (size_t i = 0; i < 16; i++) assert_int_equal(part[bytes + i], 0xA5);
        }
    }
    free(part);
    free(whole);
    tm_case_free(&one);
}

static void test_slices_equal_the_whole(void **state)
{
    (void)state;
    check_slices("relu/7x20011", 0);
    check_slices("relu/7x20011/bf16", 0);
    check_slices("relu/7x20011/f16", 0);
    check_slices("bce/140077,140077", 0);
    check_slices("bce/140077,140077", 1);
    check_slices("scatter/1000x3,140077", 1);
}

static void test_streams_differ(void **state)
{
    (void)state;
    static const char *const ids[] = {"matmul/64x64,64x64", "matmul/64x64,64x64", "matmul/64x64,64x64",
                                      "matmul/64x64,64x64", "matmul/64x64,64x64", "matmul/64x64,64x64/cold"};
    static const tm_input_key keys[] = {{1, 0, 0}, {1, 0, 0}, {2, 0, 0}, {1, 1, 0}, {1, 0, 1}, {1, 0, 0}};
    static const int32_t inputs[] = {0, 1, 0, 0, 0, 0};
    float data[6][64];
    for (int i = 0; i < 6; i++) {
        tm_case one = case_of(ids[i]);
        tm_input_fill(&one, keys[i], inputs[i], 0, 64, data[i]);
        tm_case_free(&one);
        for (int j = 0; j < i; j++) assert_memory_not_equal(data[i], data[j], sizeof data[i]);
    }
}

/* Moments of 4 million normals, each within 5 standard errors; neighbours and pairs uncorrelated. */
static void test_normal_moments(void **state)
{
    (void)state;
    enum { COUNT = 1 << 22 };
    tm_case one = case_of("relu/4194304");
    float *const x = malloc(COUNT * sizeof *x);
    tm_input_fill_all(&one, usual, 0, 2, x);
    double sum[5] = {0};
    double neighbours = 0;
    double partners = 0;
    double largest = 0;
    for (int64_t i = 0; i < COUNT; i++) {
        const double v = x[i];
        sum[1] += v;
        sum[2] += v * v;
        sum[3] += v * v * v;
        sum[4] += v * v * v * v;
        if (i > 0) neighbours += v * x[i - 1];
        if (i >= 16) partners += v * x[i - 16];
        if (fabs(v) > largest) largest = fabs(v);
    }
    const double n = COUNT;
    assert_true(fabs(sum[1] / n) < 5 / sqrt(n));
    assert_true(fabs(sum[2] / n - 1) < 5 * sqrt(2 / n));
    assert_true(fabs(sum[3] / n) < 5 * sqrt(15 / n));
    assert_true(fabs(sum[4] / n - 3) < 5 * sqrt(96 / n));
    assert_true(fabs(neighbours / n) < 5 / sqrt(n));
    assert_true(fabs(partners / n) < 5 / sqrt(n));
    assert_true(largest > 4.5 && largest < 6.7);
    free(x);
    tm_case_free(&one);
}

/* Weights and biases of a layer have the variance 1 / fan-in, in every slice; what is no weight is as ever. */
static void test_weights_of_layers_are_scaled(void **state)
{
    (void)state;
    enum { COUNT = 400 * 400 };
    static const double want[] = {1, 1, 1, 1.0 / 400, 1.0 / 400}; /* x, scale and shift, a weight, a bias */
    static float values[COUNT], part[7];
    tm_case one;
    tm_error error = {""};
    assert_int_equal(tm_case_parse("encoder_layer/2x50x400/heads=8", "test", &one, &error), TM_OK);
    const tm_input_key key = {.seed = TM_DEFAULT_SEED};
    for (int32_t i = 0; i < 5; i++) {
        const int64_t count = tm_shape_elements(&one.graph->shape[i]);
        double squares = 0;
        tm_input_fill(&one, key, i, 0, count, values);
        for (int64_t j = 0; j < count; j++) squares += (double)values[j] * (double)values[j];
        const double ratio = squares / (double)count / want[i];
        if (fabs(ratio - 1) > 6 * sqrt(2.0 / (double)count)) fail_msg("input %d: variance off by %g", (int)i, ratio);
        tm_input_fill(&one, key, i, 101, 7, part);
        assert_memory_equal(part, values + 101, sizeof part);
    }
    /* W2: its fan-in is the inner size. */
    tm_input_fill(&one, key, 15, 0, COUNT, values);
    double squares = 0;
    for (int64_t j = 0; j < COUNT; j++) squares += (double)values[j] * (double)values[j];
    assert_true(fabs(squares / COUNT * 1600 - 1) < 0.03);
    tm_case_free(&one);
}

static void test_targets_and_probabilities(void **state)
{
    (void)state;
    enum { COUNT = 1 << 20 };
    tm_case one = case_of("bce/1048576,1048576");
    float *const x = malloc(COUNT * sizeof *x);
    double sum = 0;
    double squares = 0;
    tm_input_fill_all(&one, usual, 0, 1, x);
    for (int i = 0; i < COUNT; i++) {
        sum += x[i];
        squares += (x[i] - 0.5) * (x[i] - 0.5);
    }
    assert_true(fabs(sum / COUNT - 0.5) < 5 * 0.288 / 1024);
    assert_true(fabs(squares / COUNT - 0.998 * 0.998 / 12) < 5 * 0.0745 / 1024);
    tm_input_fill_all(&one, usual, 1, 1, x);
    int ones = 0;
    for (int i = 0; i < COUNT; i++) {
        assert_true(x[i] == 0 || x[i] == 1);
        ones += x[i] == 1;
    }
    assert_true(abs(ones - COUNT / 2) < 5 * 512);
    free(x);
    tm_case_free(&one);
}

/* Every row is drawn about equally often, the first and the last one too; every index is one of a row. */
static void test_indices_reach_every_row(void **state)
{
    (void)state;
    static const char *const ids[] = {"gather/7x2,70000", "scatter_sum/7x2,70000", "scatter/1x3,1000"};
    for (int c = 0; c < 3; c++) {
        tm_case one = case_of(ids[c]);
        const tm_shape *const shape = &one.graph->shape[1];
        const int64_t count = shape->dim[0];
        const int64_t rows = c < 2 ? 7 : 1;
        int64_t *const index = malloc((size_t)count * sizeof *index);
        int64_t hits[7] = {0};
        tm_input_fill_all(&one, usual, 1, 2, index);
        for (int64_t i = 0; i < count; i++) {
            assert_true(index[i] >= 0 && index[i] < rows);
            hits[index[i]]++;
        }
        for (int64_t r = 0; r < rows; r++) assert_true(llabs(hits[r] - count / rows) <= 5 * 93);
        free(index);
        tm_case_free(&one);
    }
    assert_int_equal(tm_row_index(0xFFFFFFFF, 0xFFFFFFFF, INT64_MAX), INT64_MAX - 1);
    assert_int_equal(tm_row_index(0xFFFFFFFF, 0xFFFFFFFF, 1000), 999);
    assert_int_equal(tm_row_index(0, 0, 1000), 0);
}

/* Lengths count from 1, and all keys is one of them. */
static void test_lengths_count_from_one(void **state)
{
    (void)state;
    tm_case one = case_of("sdpa/9000x2x3,9000x5x3,9000x5x3,9000/mask=lengths");
    int64_t length[9000], hits[5] = {0};
    tm_input_fill_all(&one, usual, 3, 2, length);
    for (int i = 0; i < 9000; i++) {
        assert_true(length[i] >= 1 && length[i] <= 5);
        hits[length[i] - 1]++;
    }
    for (int i = 0; i < 5; i++) assert_true(llabs(hits[i] - 1800) <= 5 * 38);
    tm_case_free(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_philox_known_answers),
        cmocka_unit_test(test_groups_are_made_of_blocks),
        cmocka_unit_test(test_pinned_vectors),
        cmocka_unit_test(test_weights_of_layers_are_scaled),
        cmocka_unit_test(test_vector_loops_equal_scalar_ones),
        cmocka_unit_test(test_normals_follow_the_formula),
        cmocka_unit_test(test_rounding_equals_dtype),
        cmocka_unit_test(test_slices_equal_the_whole),
        cmocka_unit_test(test_streams_differ),
        cmocka_unit_test(test_normal_moments),
        cmocka_unit_test(test_targets_and_probabilities),
        cmocka_unit_test(test_indices_reach_every_row),
        cmocka_unit_test(test_lengths_count_from_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
