/* Inputs of every slot behind each other in the session's pages. Large ones lie a cache line behind a page, small ones
 * after each other, as frameworks' own allocators place them. */
#include "adapter.h"

#include <stdlib.h>
#include <string.h>

enum { large_input = 128 << 10, pitch_of_large = 4096, cache_line = 64 };

static size_t place_input(size_t end, size_t bytes)
{
    const size_t pitch = bytes < large_input ? cache_line : pitch_of_large;
    return (end + pitch - 1) / pitch * pitch + (bytes < large_input ? 0 : cache_line);
}

tm_status tm_slots_make(tm_slots *into, const tm_host *host, const tm_graph *graph, int32_t slots, tm_pages *pages,
                        tm_error *error)
{
    const int32_t inputs = host->input_count(graph);
    *into = (tm_slots){.host = host, .graph = graph, .pages = pages, .slots = slots, .inputs = inputs};
    into->at = calloc((size_t)inputs + 1, sizeof *into->at);
    into->bound = calloc((size_t)slots * (size_t)inputs + 1, sizeof *into->bound);
    if (!into->at || !into->bound) return tm_adapter_fail(error, TM_OUT_OF_MEMORY, "out of memory for a program");
    for (int32_t i = 0; i < inputs; i++) {
        const tm_shape shape = host->value_shape(graph, i);
        into->at[i] = place_input(into->slot_bytes, tm_adapter_bytes(&shape));
        into->slot_bytes = into->at[i] + tm_adapter_bytes(&shape);
    }
    into->slot_bytes = (into->slot_bytes + pitch_of_large - 1) / pitch_of_large * pitch_of_large;
    return TM_OK;
}

void tm_slots_free(tm_slots *slots)
{
    free(slots->at);
    free(slots->bound);
    *slots = (tm_slots){0};
}

void *tm_slots_input(const tm_slots *slots, int32_t slot, int32_t input)
{
    char *base = tm_pages_take(slots->pages, (size_t)slots->slots * slots->slot_bytes);
    return base ? base + (size_t)slot * slots->slot_bytes + slots->at[input] : NULL;
}

/* Whether the piece lies in an input of the program; where it does, if so. */
static tm_status find_piece(const tm_slots *slots, int32_t slot, int32_t input, size_t offset, size_t bytes, char **at,
                            tm_error *error)
{
    if (slot < 0 || slot >= slots->slots || input < 0 || input >= slots->inputs) {
        return tm_adapter_fail(error, TM_INVALID_ARGUMENT, "there is no input %d of slot %d", (int)input, (int)slot);
    }
    const tm_shape shape = slots->host->value_shape(slots->graph, input);
    const size_t whole = tm_adapter_bytes(&shape);
    if (offset > whole || bytes > whole - offset) {
        return tm_adapter_fail(error, TM_INVALID_ARGUMENT, "a piece goes beyond input %d", (int)input);
    }
    char *base = tm_slots_input(slots, slot, input);
    if (!base) return tm_adapter_fail(error, TM_OUT_OF_MEMORY, "out of memory for inputs");
    *at = base + offset;
    return TM_OK;
}

tm_status tm_slots_bind(tm_slots *slots, int32_t slot, int32_t input, size_t offset_bytes, const void *data,
                        size_t bytes, tm_error *error)
{
    char *at = NULL;
    const tm_status status = find_piece(slots, slot, input, offset_bytes, bytes, &at, error);
    if (status != TM_OK) return status;
    if (bytes > 0) memcpy(at, data, bytes);
    slots->bound[slot * slots->inputs + input] = true;
    return TM_OK;
}

void tm_slots_unbind(tm_slots *slots)
{
    memset(slots->bound, 0, (size_t)slots->slots * (size_t)slots->inputs * sizeof *slots->bound);
    tm_pages_free(slots->pages);
}

tm_status tm_slots_read_input(const tm_slots *slots, int32_t slot, int32_t input, size_t offset_bytes, size_t bytes,
                              void *into, tm_error *error)
{
    char *at = NULL;
    const tm_status status = find_piece(slots, slot, input, offset_bytes, bytes, &at, error);
    if (status != TM_OK) return status;
    if (!slots->bound[slot * slots->inputs + input]) {
        return tm_adapter_fail(error, TM_INVALID_ARGUMENT, "input %d of slot %d is not bound", (int)input, (int)slot);
    }
    if (bytes > 0) memcpy(into, at, bytes);
    return TM_OK;
}

/* There is nothing to bind of an input without elements. */
bool tm_slots_all_bound(const tm_slots *slots, int32_t slot)
{
    for (int32_t i = 0; i < slots->inputs; i++) {
        const tm_shape shape = slots->host->value_shape(slots->graph, i);
        if (!slots->bound[slot * slots->inputs + i] && tm_adapter_bytes(&shape) > 0) return false;
    }
    return true;
}
