/* A case with its inputs made, for the tests of the oracle. */
#ifndef TEST_ORACLE_FIXTURE_H
#define TEST_ORACLE_FIXTURE_H

#include "base/dtype.h"
#include "oracle/oracle.h"
#include "oracle/verify.h"
#include "suite/inputs.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TEST_THREADS = 2, MOST_INPUTS = 32 };

typedef struct fixture {
    tm_case one;
    void *input[MOST_INPUTS];
    tm_shape result;
    int64_t elements;
} fixture;

static inline fixture fixture_open(const char *id)
{
    fixture f = {0};
    tm_error error = {{0}};
    if (tm_case_parse(id, "ops", &f.one, &error) != TM_OK) fail_msg("%s: %s", id, error.message);
    f.result = f.one.graph->shape[f.one.graph->output[0]];
    f.elements = tm_shape_elements(&f.result);
    const tm_input_key key = {.seed = TM_DEFAULT_SEED};
    for (int32_t i = 0; i < f.one.graph->inputs; i++) {
        f.input[i] = malloc(tm_shape_bytes(&f.one.graph->shape[i]) + 1);
        assert_non_null(f.input[i]);
        tm_input_fill_all(&f.one, key, i, TEST_THREADS, f.input[i]);
    }
    return f;
}

static inline void fixture_close(fixture *f)
{
    for (int32_t i = 0; i < MOST_INPUTS; i++) free(f->input[i]);
    tm_case_free(&f->one);
}

static inline const void *const *fixture_inputs(const fixture *f)
{
    return (const void *const *)f->input;
}

static inline tm_expected *fixture_expect(const fixture *f, double whole_seconds)
{
    const tm_expect_options options = {
        .sample_seed = 7, .whole_seconds = whole_seconds, .least_elements = 65536, .threads = TEST_THREADS};
    tm_expected *expected = NULL;
    tm_error error = {{0}};
    if (tm_expect(f->one.graph, fixture_inputs(f), &options, &expected, &error) != TM_OK) {
        fail_msg("%s: %s", f->one.id, error.message);
    }
    return expected;
}

static inline tm_check fixture_verify(const fixture *f, const tm_expected *expected, const void *got,
                                      const tm_declared *declared)
{
    tm_check check;
    tm_error error = {{0}};
    if (tm_verify(f->one.graph, fixture_inputs(f), expected, got, declared, TEST_THREADS, &check, &error) != TM_OK) {
        fail_msg("%s: %s", f->one.id, error.message);
    }
    return check;
}

/* Input `input` as float32, whatever its dtype. */
static inline float *fixture_floats(const fixture *f, int32_t input)
{
    const tm_shape *shape = &f->one.graph->shape[input];
    const int64_t count = tm_shape_elements(shape);
    float *values = malloc(((size_t)count + 1) * sizeof *values);
    assert_non_null(values);
    for (int64_t i = 0; i < count; i++) values[i] = (float)tm_element(shape->dtype, f->input[input], i);
    return values;
}

/* float32 values as a tensor of the case's result dtype holds them. */
static inline void *fixture_pack(const fixture *f, const float *values)
{
    char *bytes = malloc(tm_shape_bytes(&f->result) + 1);
    assert_non_null(bytes);
    for (int64_t i = 0; i < f->elements; i++) {
        const uint16_t half = f->result.dtype == TM_BF16 ? tm_bf16_from_f32(values[i]) : tm_f16_from_f32(values[i]);
        const int64_t whole = f->result.dtype == TM_I64 ? (int64_t)values[i] : 0;
        if (f->result.dtype == TM_F32)
            memcpy(bytes + 4 * i, &values[i], 4);
        else if (f->result.dtype == TM_I64)
            memcpy(bytes + 8 * i, &whole, 8);
        else
            memcpy(bytes + 2 * i, &half, 2);
    }
    return bytes;
}

#endif
