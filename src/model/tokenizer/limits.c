/* The rules of truncation and padding, as functions of lengths. */
#include "model/tokenizer/limits.h"

#include "model/tokenizer/token_model.h"

static tm_status read_truncation(const tm_json_place *place, const json_t *json, tm_truncation *into, tm_error *error)
{
    static const char *const strategies[] = {"LongestFirst", "OnlyFirst", "OnlySecond", NULL};
    static const char *const directions[] = {"Right", "Left", NULL};
    int strategy = 0, direction = 0;
    tm_status status = tm_json_count(place, json, "max_length", UINT32_MAX, &into->max_length, error);
    if (status == TM_OK) status = tm_json_choice(place, json, "strategy", strategies, -1, &strategy, error);
    if (status == TM_OK) status = tm_json_choice(place, json, "direction", directions, 0, &direction, error);
    into->strategy = (tm_cut_strategy)strategy;
    into->from_left = direction == 1;
    into->wanted = true;
    return status;
}

/* "BatchLongest", or {"Fixed": length}. */
static tm_status read_padding(const tm_json_place *place, const json_t *json, tm_padding *into, tm_error *error)
{
    static const char *const strategies[] = {"BatchLongest", NULL};
    static const char *const directions[] = {"Right", "Left", NULL};
    const json_t *const strategy = json_object_get(json, "strategy");
    const json_t *const multiple = json_object_get(json, "pad_to_multiple_of");
    int choice = 0, direction = 0;
    tm_status status;
    if (json_is_object(strategy))
        status = tm_json_count(place, strategy, "Fixed", TM_MOST_TOKENS, &into->length, error);
    else
        status = tm_json_choice(place, json, "strategy", strategies, -1, &choice, error);
    if (status == TM_OK) status = tm_json_choice(place, json, "direction", directions, -1, &direction, error);
    if (status == TM_OK && multiple && !json_is_null(multiple)) {
        status = tm_json_count(place, json, "pad_to_multiple_of", TM_MOST_TOKENS, &into->multiple, error);
    }
    if (status == TM_OK) status = tm_json_count(place, json, "pad_id", UINT32_MAX, &into->id, error);
    if (status == TM_OK) status = tm_json_count(place, json, "pad_type_id", UINT32_MAX, &into->type_id, error);
    into->on_left = direction == 1;
    into->wanted = true;
    return status;
}

tm_status tm_limits_read(const char *file, const json_t *json, tm_file_limits *into, tm_error *error)
{
    const tm_json_place cut = {file, "truncation"}, fill = {file, "padding"};
    const json_t *const truncation = json_object_get(json, "truncation");
    const json_t *const padding = json_object_get(json, "padding");
    *into = (tm_file_limits){0};
    tm_status status = TM_OK;
    if (truncation && !json_is_null(truncation)) status = read_truncation(&cut, truncation, &into->truncation, error);
    if (status == TM_OK && padding && !json_is_null(padding)) {
        status = read_padding(&fill, padding, &into->padding, error);
    }
    return status;
}

/* Takes from the longer until both fit: the shorter keeps all it has where that leaves the longer at least as much,
 * else both get half, and the longer the odd one. */
static void cut_longest(size_t room, size_t *first, size_t *second)
{
    const bool swapped = *first > *second;
    size_t less = swapped ? *second : *first, more;
    if (less > room)
        more = less;
    else
        more = room - less > less ? room - less : less;
    if (less + more > room) {
        less = room / 2;
        more = less + room % 2;
    }
    *first = swapped ? more : less;
    *second = swapped ? less : more;
}

tm_status tm_truncate(const tm_truncation *truncation, size_t room, bool pair, size_t *first, size_t *second,
                      tm_error *error)
{
    const size_t total = *first + *second;
    if (total <= room) return TM_OK;
    if (room == 0) {
        *first = *second = 0;
        return TM_OK;
    }
    if (truncation->strategy == TM_CUT_LONGEST_FIRST) {
        if (pair)
            cut_longest(room, first, second);
        else
            *first = room;
        return TM_OK;
    }
    size_t *const target = truncation->strategy == TM_CUT_ONLY_FIRST ? first : second;
    if (target == second && !pair) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "only the second text is to be truncated, and there is none");
    }
    if (*target <= total - room) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "the text that is to be truncated has only %zu tokens, %zu too many",
                       *target, total - room);
    }
    *target -= total - room;
    return TM_OK;
}

size_t tm_padded_length(const tm_padding *padding, size_t count)
{
    size_t length = padding->length ? padding->length : count;
    if (padding->multiple && length % padding->multiple) length += padding->multiple - length % padding->multiple;
    return length > count ? length : count;
}
