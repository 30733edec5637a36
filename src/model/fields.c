/* Typed access with one message per fault. */
#include "model/fields.h"

#include "model/checkpoint/shown.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void tm_fields_fail(tm_fields *fields, tm_status status, const char *field, const char *format, ...)
{
    if (fields->status != TM_OK) return;
    char what[300];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    fields->status = tm_fail(fields->error, status, "%s: %s %s", fields->file, field, what);
}

static const char *type_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "an array";
    case JSON_STRING: return "a string";
    case JSON_INTEGER: return "an integer";
    case JSON_REAL: return "a real number";
    case JSON_NULL: return "null";
    default: return "true or false";
    }
}

/* NULL where the field is absent, null, or was found to be wrong; `right` says whether its type is. */
static const json_t *find(tm_fields *fields, const char *field, bool (*right)(const json_t *), const char *wanted)
{
    const json_t *const value = json_object_get(fields->object, field);
    if (!value || json_is_null(value) || fields->status != TM_OK) return NULL;
    if (right(value)) return value;
    tm_fields_fail(fields, TM_INVALID_ARGUMENT, field, "is %s where %s is wanted", type_name(value), wanted);
    return NULL;
}

static bool is_integer(const json_t *value)
{
    return json_is_integer(value);
}

static bool is_number(const json_t *value)
{
    return json_is_number(value);
}

static bool is_boolean(const json_t *value)
{
    return json_is_boolean(value);
}

static bool is_string(const json_t *value)
{
    return json_is_string(value);
}

int64_t tm_fields_integer(tm_fields *fields, const char *field, int64_t least, int64_t most, int64_t missing)
{
    const json_t *const value = find(fields, field, is_integer, "an integer");
    if (fields->status != TM_OK) return missing;
    if (!value) {
        if (missing < least || missing > most) tm_fields_fail(fields, TM_INVALID_ARGUMENT, field, "is missing");
        return missing;
    }
    const int64_t number = json_integer_value(value);
    if (number < least || number > most) {
        tm_fields_fail(fields, TM_INVALID_ARGUMENT, field, "is %" PRId64 ", not from %" PRId64 " to %" PRId64, number,
                       least, most);
    }
    return number;
}

double tm_fields_real(tm_fields *fields, const char *field, double missing)
{
    const json_t *const value = find(fields, field, is_number, "a number");
    return value ? json_number_value(value) : missing;
}

bool tm_fields_bool(tm_fields *fields, const char *field, bool missing)
{
    const json_t *const value = find(fields, field, is_boolean, "true or false");
    return value ? json_is_true(value) : missing;
}

const char *tm_fields_text(tm_fields *fields, const char *field, const char *missing)
{
    const json_t *const value = find(fields, field, is_string, "a string");
    return value ? json_string_value(value) : missing;
}
