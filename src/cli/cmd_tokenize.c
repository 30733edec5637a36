/* tensormark tokenize: lines of text in, a line of token ids out for each, and back with --decode. */
#include "cli/cli.h"
#include "model/tokenizer/tokenizer.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FLUSH_AT = 1 << 16 };

/* What a line is turned into, and what that takes. */
typedef struct session {
    const tm_options *options;
    tm_encode_options encode;
    tm_tokenizer *tokenizer;
    tm_tokens tokens;
    tm_text out, text;
} session;

static void add_list(tm_text *out, const char *name, const uint32_t *numbers, size_t count)
{
    tm_text_format(out, "\"%s\": [", name);
    for (size_t i = 0; i < count; i++) tm_text_format(out, i ? ", %" PRIu32 : "%" PRIu32, numbers[i]);
    tm_text_add(out, "]");
}

static void add_marks(tm_text *out, const char *name, const uint8_t *marks, size_t count)
{
    tm_text_format(out, ", \"%s\": [", name);
    for (size_t i = 0; i < count; i++) tm_text_add(out, marks[i] ? (i ? ", 1" : "1") : (i ? ", 0" : "0"));
    tm_text_add(out, "]");
}

static tm_status encode(session *at, const char *text, size_t bytes, const char *second, size_t second_bytes,
                        tm_error *error)
{
    tm_tokens *const tokens = &at->tokens;
    const tm_status status =
        tm_tokenizer_encode(at->tokenizer, text, bytes, second, second_bytes, &at->encode, tokens, error);
    if (status != TM_OK) return status;
    tm_text_add(&at->out, "{");
    add_list(&at->out, "ids", tokens->ids, tokens->count);
    if (at->options->masks) {
        tm_text_add(&at->out, ", ");
        add_list(&at->out, "type_ids", tokens->type_ids, tokens->count);
        add_marks(&at->out, "attention_mask", tokens->attention, tokens->count);
        add_marks(&at->out, "special_tokens_mask", tokens->special, tokens->count);
    }
    tm_text_add(&at->out, "}\n");
    return TM_OK;
}

/* A JSON value of one line, which may be of any type. */
static json_t *parse(const char *line, size_t length, tm_error *error)
{
    json_error_t problem;
    json_t *const value = json_loadb(line, length, JSON_DECODE_ANY | JSON_ALLOW_NUL, &problem);
    if (!value) tm_fail(error, TM_INVALID_ARGUMENT, "column %d: %.160s", problem.column, problem.text);
    return value;
}

/* "text" or ["text", "second text"]. */
static tm_status encode_json(session *at, const char *line, size_t length, tm_error *error)
{
    json_t *const value = parse(line, length, error);
    if (!value) return TM_INVALID_ARGUMENT;
    const json_t *const first = json_is_array(value) ? json_array_get(value, 0) : value;
    const json_t *const second = json_array_get(value, 1);
    tm_status status;
    if (!json_is_string(first) || (second && !json_is_string(second)) || json_array_size(value) > 2)
        status = tm_fail(error, TM_INVALID_ARGUMENT, "neither a string nor a list of two");
    else
        status = encode(at, json_string_value(first), json_string_length(first), json_string_value(second),
                        json_string_length(second), error);
    json_decref(value);
    return status;
}

/* The ids of [1, 2] or of {"ids": [1, 2]}; the caller frees them. */
static tm_status read_ids(const json_t *value, uint32_t **ids, size_t *count, tm_error *error)
{
    const json_t *const list = json_is_object(value) ? json_object_get(value, "ids") : value;
    *count = json_array_size(list);
    *ids = malloc((*count + 1) * sizeof **ids);
    if (!*ids) return tm_fail_memory(error, "ids");
    bool good = json_is_array(list);
    for (size_t i = 0; i < *count && good; i++) {
        const json_t *const id = json_array_get(list, i);
        good = json_is_integer(id) && json_integer_value(id) >= 0 && json_integer_value(id) <= UINT32_MAX;
        (*ids)[i] = (uint32_t)json_integer_value(id);
    }
    return good ? TM_OK : tm_fail(error, TM_INVALID_ARGUMENT, "neither a list of ids nor {\"ids\": [...]}");
}

static tm_status decode(session *at, const char *line, size_t length, tm_error *error)
{
    json_t *const value = parse(line, length, error);
    uint32_t *ids = NULL;
    size_t count = 0;
    if (!value) return TM_INVALID_ARGUMENT;
    at->text.length = 0;
    tm_text_add(&at->text, "");
    tm_status status = read_ids(value, &ids, &count, error);
    if (status == TM_OK) {
        status = tm_tokenizer_decode(at->tokenizer, ids, count, at->options->no_special, &at->text, error);
    }
    json_decref(value);
    free(ids);
    if (status != TM_OK) return status;
    json_t *const text = json_stringn(at->text.data, at->text.length);
    char *const printed = json_dumps(text, JSON_ENCODE_ANY);
    json_decref(text);
    if (!printed) return tm_fail_memory(error, "the text of tokens");
    tm_text_add(&at->out, printed);
    tm_text_add(&at->out, "\n");
    free(printed);
    return TM_OK;
}

/* Writes what has come together; false if standard output does not take it. */
static bool flush(tm_text *out)
{
    const bool good = fwrite(out->data, 1, out->length, stdout) == out->length;
    out->length = 0;
    return good;
}

static int each_line(session *at)
{
    char *line = NULL;
    size_t capacity = 0, number = 0;
    tm_error error = {""};
    tm_status status = TM_OK;
    bool written = true;
    for (ssize_t length; status == TM_OK && written && (length = getline(&line, &capacity, stdin)) >= 0;) {
        const size_t bytes = (size_t)length - (length > 0 && line[length - 1] == '\n');
        number++;
        if (at->options->decode)
            status = decode(at, line, bytes, &error);
        else if (at->options->json_lines)
            status = encode_json(at, line, bytes, &error);
        else
            status = encode(at, line, bytes, NULL, 0, &error);
        if (status == TM_OK && at->out.failed) status = tm_fail_memory(&error, "the output");
        if (at->out.length >= FLUSH_AT) written = flush(&at->out);
    }
    free(line);
    if (written && at->out.length > 0) written = flush(&at->out);
    if (!written || fflush(stdout) != 0) return tm_cli_complain(TM_EXIT_FAILED, "standard output: %s", strerror(errno));
    if (status == TM_OK && ferror(stdin)) return tm_cli_complain(TM_EXIT_FAILED, "standard input: %s", strerror(errno));
    if (status == TM_OK) return TM_EXIT_OK;
    tm_error where;
    tm_fail(&where, status, "line %zu: %.400s", number, error.message);
    return tm_cli_error(status, &where);
}

int tm_cmd_tokenize(const tm_options *options)
{
    session at = {.options = options,
                  .encode = {.bare = options->no_special,
                             .as_file_says = options->file_limits,
                             .max_length = (size_t)options->max_length.value}};
    tm_error error = {""};
    if (!options->model) return tm_cli_complain(TM_EXIT_USAGE, "tokenize: --model DIR says whose tokenizer");
    if (options->arguments.count > 0) {
        return tm_cli_complain(TM_EXIT_USAGE, "tokenize: text comes from standard input, not as '%.100s'",
                               options->arguments.items[0]);
    }
    const tm_status status = tm_tokenizer_open(options->model, &at.tokenizer, &error);
    const int result = status == TM_OK ? each_line(&at) : tm_cli_error(status, &error);
    tm_tokenizer_close(at.tokenizer);
    tm_tokens_free(&at.tokens);
    tm_text_free(&at.out);
    tm_text_free(&at.text);
    return result;
}
