/* Reading tokenizer.json: one place that an error names, and getters that say what they wanted. */
#ifndef TM_MODEL_TOKENIZER_JSON_READ_H
#define TM_MODEL_TOKENIZER_JSON_READ_H

#include "base/error.h"
#include "base/text.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where in which file. `where` is a path such as "normalizer" or "pre_tokenizer[2]". */
typedef struct tm_json_place {
    const char *file, *where;
} tm_json_place;

typedef struct tm_bytes {
    char *data; /* zero-terminated behind `length`; the owner frees */
    size_t length;
} tm_bytes;

/* TM_INVALID_ARGUMENT: "FILE: WHERE: ...". */
tm_status tm_json_refuse(const tm_json_place *place, tm_error *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* TM_UNSUPPORTED for an object whose "type" is none that is known, with its name. */
tm_status tm_json_unknown(const tm_json_place *place, const char *type, tm_error *error);

/* The word of the key "type"; NULL, with the error, for what is no object or has none. */
const char *tm_json_type(const tm_json_place *place, const json_t *object, tm_error *error);

/* The values of keys. `fallback` counts where the key is missing or null; NULL makes the key necessary. */
tm_status tm_json_bool(const tm_json_place *place, const json_t *object, const char *key, const bool *fallback,
                       bool *into, tm_error *error);
tm_status tm_json_count(const tm_json_place *place, const json_t *object, const char *key, uint32_t limit,
                        uint32_t *into, tm_error *error);
tm_status tm_json_bytes(const tm_json_place *place, const json_t *object, const char *key, tm_bytes *into,
                        tm_error *error);
tm_status tm_json_char(const tm_json_place *place, const json_t *object, const char *key, uint32_t *into,
                       tm_error *error);

/* Which of `words` (NULL at the end) the key holds; `fallback` is -1 where it is necessary. */
tm_status tm_json_choice(const tm_json_place *place, const json_t *object, const char *key, const char *const *words,
                         int fallback, int *into, tm_error *error);

/* Visits `object` and, where its type is Sequence, the objects in its list `key`, in order and however nested; at most
 * TM_JSON_STEPS of them. `place` of a visit says which. NULL and null are visited by nobody. */
enum { TM_JSON_STEPS = 64 };
typedef tm_status (*tm_json_visit)(void *context, const tm_json_place *place, const char *type, const json_t *object,
                                   tm_error *error);
tm_status tm_json_each(const tm_json_place *place, const json_t *object, const char *key, tm_json_visit visit,
                       void *context, tm_error *error);

#endif
