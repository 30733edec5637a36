/* Any bytes as an index of shards: a refusal, or entries that another JSON parser finds too, in the same order. */
#include "model/checkpoint/weight_map.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct source {
    const uint8_t *bytes;
    size_t count;
} source;

static void require(bool holds)
{
    if (!holds) abort();
}

static tm_status read_source(void *context, uint64_t offset, void *into, size_t count, tm_error *error)
{
    const source *const s = context;
    (void)error;
    require(offset <= s->count && count <= s->count - offset);
    memcpy(into, s->bytes + offset, count);
    return TM_OK;
}

static bool take(void *context, tm_scan *scan, uint64_t offset, const tm_text *tensor, const tm_text *file)
{
    tm_text *const list = context;
    require(scan->status == TM_OK && offset < scan->end && file->length > 0);
    tm_text_add_bytes(list, tensor->data, tensor->length + 1);
    tm_text_add_bytes(list, file->data, file->length + 1);
    return true;
}

static void check_list(const json_t *root, const tm_text *list)
{
    const char *key;
    json_t *value;
    size_t at = 0;
    json_object_foreach(json_object_get(root, "weight_map"), key, value)
    {
        require(strcmp(list->data + at, key) == 0);
        at += strlen(key) + 1;
        require(strcmp(list->data + at, json_string_value(value)) == 0);
        at += strlen(json_string_value(value)) + 1;
    }
    require(at == list->length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    source s = {data, size};
    tm_text list = {0};
    tm_error error = {""};
    json_error_t fault;
    const tm_status status = tm_weight_map_read(read_source, &s, size, take, &list, &error);
    if (status == TM_OK) {
        json_t *const root = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &fault);
        const enum json_error_code code = root ? json_error_unknown : json_error_code(&fault);
        require(root || code == json_error_null_byte_in_key || code == json_error_numeric_overflow);
        if (root) check_list(root, &list);
        json_decref(root);
    } else {
        require(strncmp(error.message, "REJECTED(", 9) == 0 && strstr(error.message, ", offset "));
    }
    tm_text_free(&list);
    return 0;
}
