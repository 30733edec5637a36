/* Members of a model's object in tokenizer.json, with the one line for each that is not what it must be. */
#include "model/tokenizer/model_kind.h"

#include <stdio.h>
#include <string.h>

tm_status tm_member_bool(json_t *json, const char *name, const char *file, bool *value, tm_error *error)
{
    const json_t *const member = json_object_get(json, name);
    *value = json_is_true(member);
    if (!member || json_is_boolean(member) || json_is_null(member)) return TM_OK;
    return tm_fail(error, TM_INVALID_ARGUMENT, "%s: model.%s is not true, false or null", file, name);
}

tm_status tm_member_text(json_t *json, const char *name, const char *file, json_t **text, tm_error *error)
{
    json_t *const member = json_object_get(json, name);
    *text = json_is_string(member) ? member : NULL;
    if (!member || json_is_string(member) || json_is_null(member)) return TM_OK;
    return tm_fail(error, TM_INVALID_ARGUMENT, "%s: model.%s is not a string", file, name);
}

static tm_status read_entry(tm_vocabulary *vocabulary, const char *text, const json_t *id, const char *file,
                            tm_error *error)
{
    uint32_t before;
    const size_t bytes = strlen(text);
    if (!json_is_integer(id)) return tm_fail_token(error, file, text, bytes, "its id is not a whole number");
    if (json_integer_value(id) < 0) return tm_fail_token(error, file, text, bytes, "its id is negative");
    return tm_vocabulary_add(vocabulary, text, bytes, (uint64_t)json_integer_value(id), &before, file, error);
}

tm_status tm_vocabulary_read(tm_vocabulary *vocabulary, json_t *json, const char *file, tm_error *error)
{
    if (!json_is_object(json)) return tm_fail(error, TM_INVALID_ARGUMENT, "%s: vocab is not an object", file);
    const char *text;
    json_t *id;
    tm_status status = tm_vocabulary_make(vocabulary, json_object_size(json), file, error);
    if (status != TM_OK) return status;
    json_object_foreach(json, text, id)
    {
        status = read_entry(vocabulary, text, id, file, error);
        if (status != TM_OK) return status;
    }
    return TM_OK;
}

void tm_byte_tokens(const tm_vocabulary *vocabulary, uint32_t id[256])
{
    for (unsigned byte = 0; byte < 256; byte++) {
        char text[8];
        const int length = snprintf(text, sizeof text, "<0x%02X>", byte);
        id[byte] = tm_vocabulary_find(vocabulary, text, (size_t)length);
    }
}
