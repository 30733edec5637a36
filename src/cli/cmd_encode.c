/* tensormark encode: lines of text in, a record with a vector out for each, in order. Lines are taken a window at a
 * time, so that those of one length can run together. */
#include "cli/cli.h"

#include "infer/model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW_LINES = 1024, WINDOW_BYTES = 1 << 20, NPY_HEADER = 128 };

typedef struct session session;

/* Adds the rows of one line. */
typedef void (*writer)(tm_text *out, const float *rows, size_t count, int64_t width, bool is_list);

struct session {
    tm_model *model;
    tm_embed_options embed;
    writer write;
    bool is_npy;     /* nothing is written before the end */
    size_t written;  /* lines */
    tm_text lines;   /* of the window, each with a zero behind it */
    size_t *bytes;   /* of WINDOW_LINES lines */
    const char **at; /* of them too */
    tm_text out;
};

static void add_row(tm_text *out, const float *row, int64_t width, const char *between)
{
    for (int64_t j = 0; j < width; j++) tm_text_format(out, "%s%.9g", j ? between : "", (double)row[j]);
}

static void add_jsonl(tm_text *out, const float *rows, size_t count, int64_t width, bool is_list)
{
    tm_text_add(out, is_list ? "{\"embedding\": [" : "{\"embedding\": ");
    for (size_t i = 0; i < count; i++) {
        tm_text_add(out, i ? ", [" : "[");
        add_row(out, rows + i * (size_t)width, width, ", ");
        tm_text_add(out, "]");
    }
    tm_text_add(out, is_list ? "]}\n" : "}\n");
}

static void add_csv(tm_text *out, const float *rows, size_t count, int64_t width, bool is_list)
{
    (void)count, (void)is_list;
    add_row(out, rows, width, ",");
    tm_text_add(out, "\n");
}

static void add_npy(tm_text *out, const float *rows, size_t count, int64_t width, bool is_list)
{
    (void)is_list;
    tm_text_add_bytes(out, rows, count * (size_t)width * sizeof *rows);
}

/* Version 1.0 of NumPy's format: magic, version, length of the header, the header padded with blanks to a line's end.
 * The engine runs on little-endian machines alone. */
static void npy_header(size_t rows, int64_t width, char into[NPY_HEADER])
{
    static const unsigned char start[] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, NPY_HEADER - 10, 0};
    char words[NPY_HEADER - sizeof start];
    const int length = snprintf(words, sizeof words, "{'descr': '<f4', 'fortran_order': False, 'shape': (%zu, %lld), }",
                                rows, (long long)width);
    memset(into, ' ', NPY_HEADER);
    memcpy(into, start, sizeof start);
    memcpy(into + sizeof start, words, (size_t)length);
    into[NPY_HEADER - 1] = '\n';
}

static bool put(const void *data, size_t bytes)
{
    return bytes == 0 || fwrite(data, 1, bytes, stdout) == bytes;
}

/* Encodes the lines of the window and empties it; `*out_failed` says that standard output did not take them. */
static tm_status encode_window(session *s, size_t count, bool *out_failed, tm_error *error)
{
    tm_embeddings rows;
    const char *line = s->lines.data;
    for (size_t i = 0; i < count; line += s->bytes[i] + 1, i++) s->at[i] = line;
    size_t text = 0;
    tm_error reason = {""};
    const tm_status status = tm_model_encode(s->model, s->at, s->bytes, count, &s->embed, &rows, &text, &reason);
    if (status != TM_OK && text < count)
        return tm_fail(error, status, "line %zu: %.450s", s->written + text + 1, reason.message);
    if (status != TM_OK) return tm_fail(error, status, "%s", reason.message);
    for (size_t i = 0; i < count; i++) {
        s->write(&s->out, rows.data + rows.first[i] * (size_t)rows.width, rows.first[i + 1] - rows.first[i], rows.width,
                 s->embed.pooled == TM_POOLED_NONE);
    }
    tm_embeddings_free(&rows);
    s->written += count;
    s->lines.length = 0;
    if (s->out.failed) return tm_fail_memory(error, "the output");
    if (s->is_npy) return TM_OK;
    *out_failed = !put(s->out.data, s->out.length);
    s->out.length = 0;
    return TM_OK;
}

/* Takes lines until the window is full or there are no more. */
static tm_status read_window(session *s, size_t *count, bool *more, tm_error *error)
{
    char *line = NULL;
    size_t capacity = 0;
    for (*count = 0; *more && *count < WINDOW_LINES && s->lines.length < WINDOW_BYTES;) {
        const ssize_t length = getline(&line, &capacity, stdin);
        *more = length >= 0;
        if (!*more) break;
        const size_t bytes = (size_t)length - (length > 0 && line[length - 1] == '\n');
        tm_text_add_bytes(&s->lines, line, bytes);
        tm_text_add_bytes(&s->lines, "", 1);
        s->bytes[(*count)++] = bytes;
    }
    free(line);
    return s->lines.failed ? tm_fail_memory(error, "the lines") : TM_OK;
}

static int finish(session *s, bool out_failed)
{
    if (!out_failed && s->is_npy) {
        char header[NPY_HEADER];
        npy_header(s->written, tm_model_width(s->model), header);
        out_failed = !put(header, NPY_HEADER) || !put(s->out.data, s->out.length);
    }
    if (out_failed || fflush(stdout) != 0)
        return tm_cli_complain(TM_EXIT_FAILED, "standard output: %s", strerror(errno));
    return TM_EXIT_OK;
}

static int each_window(session *s)
{
    bool more = true, out_failed = false;
    tm_error error = {""};
    tm_status status = TM_OK;
    while (more && status == TM_OK && !out_failed) {
        size_t count = 0;
        status = read_window(s, &count, &more, &error);
        if (status == TM_OK && count > 0) status = encode_window(s, count, &out_failed, &error);
    }
    if (status == TM_OK && ferror(stdin)) return tm_cli_complain(TM_EXIT_FAILED, "standard input: %s", strerror(errno));
    return status == TM_OK ? finish(s, out_failed) : tm_cli_error(status, &error);
}

static tm_pooled pooled_named(const char *name)
{
    static const char *const names[] = {"", "cls", "mean", "max", "none"};
    for (int i = TM_POOLED_CLS; name && i <= TM_POOLED_NONE; i++) {
        if (strcmp(name, names[i]) == 0) return (tm_pooled)i;
    }
    return TM_POOLED_AS_MODEL;
}

static int check(const tm_options *options, const session *s)
{
    if (!options->model) return tm_cli_complain(TM_EXIT_USAGE, "encode: --model DIR says which model");
    if (options->arguments.count > 0) {
        return tm_cli_complain(TM_EXIT_USAGE, "encode: text comes from standard input, not as '%.100s'",
                               options->arguments.items[0]);
    }
    if (s->embed.pooled == TM_POOLED_NONE && s->write != add_jsonl) {
        return tm_cli_complain(TM_EXIT_USAGE, "encode: --pool none gives several rows a line, --format %s takes one",
                               options->vectors);
    }
    if (options->max_length.given && (options->max_length.value < 1 || options->max_length.value > INT32_MAX))
        return tm_cli_complain(TM_EXIT_USAGE, "encode: --max-length is a number of tokens, at least 1");
    return TM_EXIT_OK;
}

int tm_cmd_encode(const tm_options *options)
{
    const char *const format = options->vectors ? options->vectors : "jsonl";
    session s = {.embed = {.pooled = pooled_named(options->pool),
                           .normalize = options->normalize,
                           .max_tokens = (int64_t)options->max_length.value},
                 .is_npy = strcmp(format, "npy") == 0};
    s.write = s.is_npy ? add_npy : strcmp(format, "csv") == 0 ? add_csv : add_jsonl;
    int result = check(options, &s);
    int32_t threads = 0;
    int counts = 0;
    if (result == TM_EXIT_OK && options->threads) result = tm_cli_threads(options->threads, &threads, 1, &counts);
    if (result != TM_EXIT_OK) return result;
    tm_error error = {""};
    s.bytes = calloc(WINDOW_LINES, sizeof *s.bytes);
    s.at = calloc(WINDOW_LINES, sizeof *s.at);
    tm_status status = s.bytes && s.at ? TM_OK : tm_fail_memory(&error, "a window of lines");
    if (status == TM_OK) status = tm_model_load(options->model, threads, &s.model, &error);
    result = status == TM_OK ? each_window(&s) : tm_cli_error(status, &error);
    tm_model_free(s.model);
    free(s.bytes);
    free(s.at);
    tm_text_free(&s.lines);
    tm_text_free(&s.out);
    return result;
}
