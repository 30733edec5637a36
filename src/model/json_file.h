/* Small JSON files of a model's folder. */
#ifndef TM_MODEL_JSON_FILE_H
#define TM_MODEL_JSON_FILE_H

#include "model/checkpoint/folder.h"

#include <jansson.h>

enum { TM_JSON_FILE_LIMIT = 16 << 20 };

/* Parses text into an object or array, freed by json_decref: duplicate keys, invalid UTF-8 and anything behind the
 * value are refused with TM_INVALID_ARGUMENT, "NAME: REJECTED(what is wrong, line L, offset N)". */
tm_status tm_json_parse(const char *name, const char *text, size_t length, json_t **into, tm_error *error);

/* The same for a file of the folder. `*missing` (may be NULL) says whether there is no such file. */
tm_status tm_json_file(const tm_folder *folder, const char *name, json_t **into, bool *missing, tm_error *error);

#endif
