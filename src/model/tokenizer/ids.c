/* A growable array of ids, doubled when full. */
#include "model/tokenizer/token_model.h"

#include <stdlib.h>

bool tm_ids_reserve(tm_ids *ids, size_t more)
{
    const size_t most = SIZE_MAX / sizeof *ids->data / 2;
    if (more <= ids->capacity - ids->count) return true;
    if (more > most - ids->count) return false;
    size_t capacity = ids->capacity > 0 ? ids->capacity : 64;
    while (capacity - ids->count < more) capacity *= 2;
    uint32_t *const data = realloc(ids->data, capacity * sizeof *data);
    if (!data) return false;
    ids->data = data;
    ids->capacity = capacity;
    return true;
}

bool tm_ids_add(tm_ids *ids, uint32_t id)
{
    if (!tm_ids_reserve(ids, 1)) return false;
    ids->data[ids->count++] = id;
    return true;
}

void tm_ids_free(tm_ids *ids)
{
    free(ids->data);
    *ids = (tm_ids){0};
}
