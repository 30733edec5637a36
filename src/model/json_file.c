/* Jansson does the parsing; its depth is bounded, and its message becomes one line with the offset. */
#include "model/json_file.h"

#include "model/checkpoint/shown.h"

#include <stdlib.h>
#include <string.h>

tm_status tm_json_parse(const char *name, const char *text, size_t length, json_t **into, tm_error *error)
{
    json_error_t fault;
    *into = json_loadb(text, length, JSON_REJECT_DUPLICATES, &fault);
    if (*into) return TM_OK;
    if (json_error_code(&fault) == json_error_out_of_memory) return tm_fail_memory(error, name);
    char shown[TM_SHOWN];
    tm_shown(fault.text, strlen(fault.text), shown);
    return tm_fail(error, TM_INVALID_ARGUMENT, "%s: REJECTED(%s, line %d, offset %d)", name, shown, fault.line,
                   fault.position);
}

tm_status tm_json_file(const tm_folder *folder, const char *name, json_t **into, bool *missing, tm_error *error)
{
    char *text = NULL, shown[TM_SHOWN];
    size_t length = 0;
    *into = NULL;
    tm_status status = tm_folder_read(folder, name, TM_JSON_FILE_LIMIT, &text, &length, missing, error);
    if (status == TM_OK) status = tm_json_parse(tm_folder_shown(folder, name, shown), text, length, into, error);
    free(text);
    return status;
}
