/* Fields of a JSON object, with their types and bounds checked; the first fault sticks and names file and field. */
#ifndef TM_MODEL_FIELDS_H
#define TM_MODEL_FIELDS_H

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct tm_fields {
    const char *file; /* as messages show it */
    const json_t *object;
    tm_error *error;
    tm_status status; /* TM_OK at first */
} tm_fields;

/* Notes a fault of a field, unless there is one already. */
void tm_fields_fail(tm_fields *fields, tm_status status, const char *field, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The value; `missing` where the field is absent or null; a fault for another type or a value out of least .. most.
 * The number that `missing` is stands for "must be there" when it is out of bounds. */
int64_t tm_fields_integer(tm_fields *fields, const char *field, int64_t least, int64_t most, int64_t missing);
double tm_fields_real(tm_fields *fields, const char *field, double missing);
bool tm_fields_bool(tm_fields *fields, const char *field, bool missing);
const char *tm_fields_text(tm_fields *fields, const char *field, const char *missing);

#endif
