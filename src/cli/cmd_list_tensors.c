/* tensormark list tensors --model PATH: what a checkpoint holds, from its headers alone. */
#include "cli/cli.h"

#include "model/checkpoint/checkpoint.h"
#include "report/format.h"
#include "report/json_value.h"
#include "report/table.h"

#include <inttypes.h>
#include <string.h>

typedef void (*renderer)(const tm_checkpoint *checkpoint, tm_text *into);

/* "30522x384", as case ids write it. */
static void add_shape(const tm_stored_tensor *tensor, tm_text *into)
{
    into->length = 0;
    tm_text_add(into, tensor->rank == 0 ? "scalar" : "");
    for (int i = 0; i < tensor->rank; i++) tm_text_format(into, "%s%" PRId64, i ? "x" : "", tensor->dim[i]);
}

static void add_name(const tm_stored_tensor *tensor, tm_text *into)
{
    into->length = 0;
    tm_text_add_escaped(into, tensor->name, tensor->name_length);
    tm_text_add(into, "");
}

static void add_md(const tm_checkpoint *checkpoint, tm_text *into)
{
    static const char *const heads[] = {"tensor", "dtype", "shape", "bytes", "file"};
    tm_table table = {.columns = 5};
    tm_text word = {0};
    for (int i = 0; i < 5; i++) tm_table_add(&table, TM_PAINT_HEAD, heads[i]);
    for (size_t i = 0; i < tm_checkpoint_count(checkpoint); i++) {
        const tm_stored_tensor tensor = tm_checkpoint_tensor(checkpoint, i);
        add_name(&tensor, &word);
        tm_table_add(&table, TM_PAINT_NONE, tm_report_text(word.data));
        tm_table_add(&table, TM_PAINT_NONE, tm_stored_name(tensor.type));
        add_shape(&tensor, &word);
        tm_table_add(&table, TM_PAINT_NONE, tm_report_text(word.data));
        tm_table_format(&table, TM_PAINT_NONE, "%" PRIu64, tensor.bytes);
        tm_table_add(&table, TM_PAINT_NONE, tensor.file);
    }
    tm_table_print(&table, true, false, into);
    tm_table_free(&table);
    into->failed = into->failed || word.failed;
    tm_text_free(&word);
}

static void add_csv(const tm_checkpoint *checkpoint, tm_text *into)
{
    tm_text word = {0};
    tm_text_add(into, "tensor,dtype,shape,bytes,file\r\n");
    for (size_t i = 0; i < tm_checkpoint_count(checkpoint); i++) {
        const tm_stored_tensor tensor = tm_checkpoint_tensor(checkpoint, i);
        add_name(&tensor, &word);
        tm_csv_field(tm_report_text(word.data), false, into);
        tm_csv_field(tm_stored_name(tensor.type), false, into);
        add_shape(&tensor, &word);
        tm_csv_field(tm_report_text(word.data), false, into);
        tm_text_format(into, "%" PRIu64 ",", tensor.bytes);
        tm_csv_field(tensor.file, true, into);
    }
    into->failed = into->failed || word.failed;
    tm_text_free(&word);
}

static bool set(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0;
}

/* NULL when memory is short. */
static json_t *tensor_object(const tm_checkpoint *checkpoint, size_t index)
{
    const tm_stored_tensor tensor = tm_checkpoint_tensor(checkpoint, index);
    json_t *const object = json_object(), *const shape = json_array();
    bool good = object && shape;
    for (int i = 0; i < tensor.rank && good; i++) {
        good = json_array_append_new(shape, json_integer((json_int_t)tensor.dim[i])) == 0;
    }
    good = good && set(object, "tensor", json_stringn(tensor.name, tensor.name_length)) &&
           set(object, "dtype", json_string(tm_stored_name(tensor.type))) &&
           json_object_set(object, "shape", shape) == 0 &&
           set(object, "bytes", json_integer((json_int_t)tensor.bytes)) &&
           set(object, "file", tm_json_text(tensor.file));
    json_decref(shape);
    if (good) return object;
    json_decref(object);
    return NULL;
}

static void add_json(const tm_checkpoint *checkpoint, tm_text *into)
{
    json_t *const root = json_array();
    bool good = root != NULL;
    for (size_t i = 0; i < tm_checkpoint_count(checkpoint) && good; i++) {
        good = json_array_append_new(root, tensor_object(checkpoint, i)) == 0;
    }
    tm_json_print(root, good, JSON_INDENT(1), into);
}

static void add_jsonl(const tm_checkpoint *checkpoint, tm_text *into)
{
    for (size_t i = 0; i < tm_checkpoint_count(checkpoint) && !into->failed; i++) {
        tm_json_print(tensor_object(checkpoint, i), true, JSON_COMPACT, into);
    }
}

static renderer renderer_of(const char *format)
{
    static const struct {
        const char *name;
        renderer render;
    } renderers[] = {{"md", add_md}, {"csv", add_csv}, {"json", add_json}, {"jsonl", add_jsonl}};
    for (size_t i = 0; format && i < sizeof renderers / sizeof *renderers; i++) {
        if (strcmp(format, renderers[i].name) == 0) return renderers[i].render;
    }
    return add_md;
}

int tm_cli_list_tensors(const tm_options *options, const tm_words *rest, tm_text *into)
{
    (void)rest;
    tm_checkpoint *checkpoint = NULL;
    tm_error error = {""};
    if (!options->model) return tm_cli_complain(TM_EXIT_USAGE, "list tensors needs --model, a folder or a file");
    const tm_status status = tm_checkpoint_open(options->model, &checkpoint, &error);
    if (status != TM_OK) return tm_cli_error(status, &error);
    renderer_of(options->format)(checkpoint, into);
    tm_checkpoint_close(checkpoint);
    return TM_EXIT_OK;
}
