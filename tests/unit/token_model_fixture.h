/* Token models from JSON in a test, and what they make of a text. */
#ifndef TM_TESTS_TOKEN_MODEL_FIXTURE_H
#define TM_TESTS_TOKEN_MODEL_FIXTURE_H

#include "base/text.h"
#include "model/tokenizer/token_model.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct fixture {
    tm_token_model *model;
    tm_cut_scratch *scratch;
} fixture;

static inline tm_status read_text(const char *text, tm_token_model **model, tm_error *error)
{
    json_error_t problem;
    json_t *const json = json_loads(text, JSON_ALLOW_NUL, &problem);
    if (!json) fail_msg("%s: %s", text, problem.text);
    const tm_status status = tm_token_model_read(json, "my.json", model, error);
    json_decref(json);
    return status;
}

static inline fixture open_model(const char *text)
{
    fixture open = {NULL, NULL};
    tm_error error = {""};
    if (read_text(text, &open.model, &error) != TM_OK) fail_msg("%s", error.message);
    open.scratch = tm_cut_scratch_make(open.model);
    assert_non_null(open.scratch);
    return open;
}

static inline void close_model(fixture *open)
{
    tm_cut_scratch_free(open->scratch);
    tm_token_model_close(open->model);
}

/* The ids with a space between, or the error. */
static inline void expect_bytes(const fixture *open, const char *text, size_t bytes, const char *want)
{
    tm_ids ids = {0};
    tm_error error = {""};
    tm_text got = {0};
    tm_text_add(&got, "");
    if (tm_token_model_cut(open->model, open->scratch, text, bytes, &ids, &error) != TM_OK) {
        assert_int_equal(ids.count, 0);
        tm_text_add(&got, error.message);
    }
    for (size_t i = 0; i < ids.count; i++) tm_text_format(&got, "%s%" PRIu32, i > 0 ? " " : "", ids.data[i]);
    assert_string_equal(got.data, want);
    tm_text_free(&got);
    tm_ids_free(&ids);
}

static inline void expect(const fixture *open, const char *text, const char *want)
{
    expect_bytes(open, text, strlen(text), want);
}

#endif
