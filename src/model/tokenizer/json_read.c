/* Getters over Jansson that name the file, the place and the key when something is not what it should be. Sequences
 * are walked with a stack of their own, so that nesting costs no C stack. */
#include "model/tokenizer/json_read.h"

#include "model/tokenizer/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

tm_status tm_json_refuse(const tm_json_place *place, tm_error *error, const char *format, ...)
{
    char what[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return tm_fail(error, TM_INVALID_ARGUMENT, "%.160s: %.60s: %s", place->file, place->where, what);
}

tm_status tm_json_unknown(const tm_json_place *place, const char *type, tm_error *error)
{
    return tm_fail(error, TM_UNSUPPORTED, "%.160s: %.60s: type '%.60s' is not known here", place->file, place->where,
                   type);
}

const char *tm_json_type(const tm_json_place *place, const json_t *object, tm_error *error)
{
    const char *const type = json_string_value(json_object_get(object, "type"));
    if (!json_is_object(object))
        tm_json_refuse(place, error, "is not an object");
    else if (!type)
        tm_json_refuse(place, error, "has no \"type\"");
    return type;
}

static tm_status not_a(const tm_json_place *place, const char *key, const char *wanted, tm_error *error)
{
    return tm_json_refuse(place, error, "\"%.40s\" is not %s", key, wanted);
}

tm_status tm_json_bool(const tm_json_place *place, const json_t *object, const char *key, const bool *fallback,
                       bool *into, tm_error *error)
{
    const json_t *const value = json_object_get(object, key);
    if (fallback && (!value || json_is_null(value))) {
        *into = *fallback;
        return TM_OK;
    }
    *into = json_is_true(value);
    return json_is_boolean(value) ? TM_OK : not_a(place, key, "true or false", error);
}

tm_status tm_json_count(const tm_json_place *place, const json_t *object, const char *key, uint32_t limit,
                        uint32_t *into, tm_error *error)
{
    const json_t *const value = json_object_get(object, key);
    const json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < 0 || number > (json_int_t)limit) {
        return tm_json_refuse(place, error, "\"%.40s\" is not a whole number from 0 to %u", key, limit);
    }
    *into = (uint32_t)number;
    return TM_OK;
}

tm_status tm_json_bytes(const tm_json_place *place, const json_t *object, const char *key, tm_bytes *into,
                        tm_error *error)
{
    const json_t *const value = json_object_get(object, key);
    if (!json_is_string(value)) return not_a(place, key, "a string", error);
    into->length = json_string_length(value);
    into->data = malloc(into->length + 1);
    if (!into->data) return tm_fail_memory(error, "a tokenizer");
    memcpy(into->data, json_string_value(value), into->length + 1);
    return TM_OK;
}

tm_status tm_json_char(const tm_json_place *place, const json_t *object, const char *key, uint32_t *into,
                       tm_error *error)
{
    const json_t *const value = json_object_get(object, key);
    size_t size = 0;
    if (json_string_length(value) > 0) *into = tm_utf8_get(json_string_value(value), &size);
    if (size == 0 || size != json_string_length(value)) return not_a(place, key, "one character", error);
    return TM_OK;
}

tm_status tm_json_choice(const tm_json_place *place, const json_t *object, const char *key, const char *const *words,
                         int fallback, int *into, tm_error *error)
{
    const json_t *const value = json_object_get(object, key);
    if (fallback >= 0 && (!value || json_is_null(value))) {
        *into = fallback;
        return TM_OK;
    }
    const char *const word = json_string_value(value);
    for (*into = 0; word && words[*into]; ++*into) {
        if (strcmp(word, words[*into]) == 0) return TM_OK;
    }
    return tm_json_refuse(place, error, "\"%.40s\" is '%.40s', which is not known here", key, word ? word : "");
}

/* A list that is being walked, and how far it is. */
typedef struct open_list {
    const json_t *list;
    size_t next;
} open_list;

tm_status tm_json_each(const tm_json_place *place, const json_t *object, const char *key, tm_json_visit visit,
                       void *context, tm_error *error)
{
    open_list open[TM_JSON_STEPS];
    char where[80];
    const tm_json_place here = {place->file, where};
    size_t depth = 0, visited = 0;
    snprintf(where, sizeof where, "%s", place->where);
    while (object && !json_is_null(object)) {
        const char *const type = tm_json_type(&here, object, error);
        if (!type) return TM_INVALID_ARGUMENT;
        if (++visited > TM_JSON_STEPS) return tm_json_refuse(place, error, "has more than %d steps", TM_JSON_STEPS);
        if (strcmp(type, "Sequence") == 0) {
            const json_t *const list = json_object_get(object, key);
            if (!json_is_array(list)) return not_a(&here, key, "a list", error);
            open[depth++] = (open_list){list, 0};
        } else {
            const tm_status status = visit(context, &here, type, object, error);
            if (status != TM_OK) return status;
        }
        while (depth > 0 && open[depth - 1].next == json_array_size(open[depth - 1].list)) depth--;
        if (depth == 0) return TM_OK;
        object = json_array_get(open[depth - 1].list, open[depth - 1].next++);
        snprintf(where, sizeof where, "%s[%zu]", place->where, visited - depth);
        if (json_is_null(object)) return tm_json_refuse(&here, error, "is null");
    }
    return TM_OK;
}
