/* One arena: the input sets, one after the other, then results and float32 copies, then the scratch of the greediest
 * step. Every piece starts on a cache line; pieces of a page or more start at different distances from a page boundary,
 * so that a kernel's input and output streams do not meet in the same cache sets. */
#include "native/plan_memory.h"

#include "base/dtype.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LINE    ((size_t)64)
#define PAGE    ((size_t)4096)
#define STAGGER ((size_t)17 * 64) /* an odd number of lines: 64 pieces before a distance repeats */

typedef struct plan_cursor {
    size_t next;
    size_t pieces;
    bool overflow;
} plan_cursor;

static size_t take(plan_cursor *layout, size_t bytes)
{
    size_t start = (layout->next + LINE - 1) / LINE * LINE;
    if (bytes >= PAGE) start = (start + PAGE - 1) / PAGE * PAGE + layout->pieces++ * STAGGER % PAGE;
    if (start < layout->next || bytes > SIZE_MAX / 2 || __builtin_add_overflow(start, bytes, &layout->next)) {
        layout->overflow = true;
    }
    return start;
}

static void take_value(plan_cursor *layout, const tm_shape *shape, tm_place *place)
{
    place->bytes = tm_shape_bytes(shape);
    place->stored = take(layout, place->bytes);
    place->wide = place->stored;
    place->wide_bytes = 0;
}

static void take_wide(plan_cursor *layout, const tm_shape *shape, tm_place *place)
{
    if (shape->dtype != TM_BF16 && shape->dtype != TM_F16) return;
    place->wide_bytes = 2 * place->bytes;
    place->wide = take(layout, place->wide_bytes);
}

tm_status tm_plan_layout(tm_plan *plan, tm_error *error)
{
    const tm_graph *graph = plan->graph;
    const size_t values = (size_t)graph->inputs + (size_t)graph->nodes, slots = (size_t)plan->slots;
    plan->place = calloc(values + 1, sizeof *plan->place);
    plan->pointer = calloc(slots * 2 * values + 1, sizeof *plan->pointer);
    if (plan->place == NULL || plan->pointer == NULL) return tm_fail_memory(error, "a plan");

    plan_cursor layout = {0};
    for (int32_t v = 0; v < graph->inputs; v++) take_value(&layout, &graph->shape[v], &plan->place[v]);
    plan->slot_bytes = (layout.next + PAGE - 1) / PAGE * PAGE;
    if (layout.overflow || __builtin_mul_overflow(plan->slot_bytes, slots, &layout.next)) layout.overflow = true;
    for (int32_t v = 0; v < (int32_t)values; v++) {
        if (v >= graph->inputs) take_value(&layout, &graph->shape[v], &plan->place[v]);
        take_wide(&layout, &graph->shape[v], &plan->place[v]);
    }
    plan->scratch_at = take(&layout, plan->scratch_bytes);
    if (layout.overflow) return tm_fail_memory(error, "the arena");
    plan->total_bytes = layout.next;
    return TM_OK;
}

size_t tm_plan_bytes(const tm_plan *plan)
{
    return plan->total_bytes;
}

tm_status tm_plan_place(tm_plan *plan, tm_error *error)
{
    if (plan->arena.base != NULL) return TM_OK;
    if (!plan->spare || !tm_arena_reuse(plan->spare, plan->total_bytes, &plan->arena)) {
        const tm_status status = tm_arena_new(plan->total_bytes, plan->offset, plan->pool, &plan->arena, error);
        if (status != TM_OK) return status;
    }
    unsigned char *base = plan->arena.base;
    const size_t inputs = (size_t)plan->graph->inputs, values = inputs + (size_t)plan->graph->nodes;
    for (size_t slot = 0; slot < (size_t)plan->slots; slot++) {
        void **seen = plan->pointer + slot * 2 * values, **stored = seen + values;
        for (size_t v = 0; v < values; v++) {
            const tm_place *place = &plan->place[v];
            stored[v] = base + place->stored + (v < inputs ? slot * plan->slot_bytes : 0);
            seen[v] = place->wide_bytes != 0 ? base + place->wide : stored[v];
        }
    }
    plan->scratch = base + plan->scratch_at;
    return TM_OK;
}

void tm_plan_release(tm_plan *plan)
{
    if (plan->spare)
        tm_arena_keep(&plan->arena, plan->spare);
    else
        tm_arena_free(&plan->arena);
}

void tm_plan_share_memory(tm_plan *plan, tm_arena *spare)
{
    plan->spare = spare;
}

void *tm_plan_data(const tm_plan *plan, int32_t slot, int32_t value)
{
    const size_t values = (size_t)plan->graph->inputs + (size_t)plan->graph->nodes;
    return plan->pointer[(size_t)slot * 2 * values + values + (size_t)value];
}

typedef struct fill_job {
    unsigned char *data;
    size_t bytes;
} fill_job;

static void fill_share(void *context, int32_t member, int32_t members)
{
    const fill_job *job = context;
    int64_t begin, end;
    tm_share((int64_t)job->bytes, (int64_t)PAGE, member, members, &begin, &end);
    memset(job->data + begin, 0xff, (size_t)(end - begin));
}

static void fill(const tm_plan *plan, void *data, size_t bytes)
{
    fill_job job = {.data = data, .bytes = bytes};
    tm_pool_run(plan->pool, tm_pool_members_for(plan->pool, (double)bytes, 0.0), fill_share, &job);
}

void tm_plan_poison(const tm_plan *plan)
{
    if (plan->arena.base == NULL) return;
    for (int32_t v = 0; v < plan->graph->inputs + plan->graph->nodes; v++) {
        const tm_place *place = &plan->place[v];
        if (v >= plan->graph->inputs) fill(plan, plan->arena.base + place->stored, place->bytes);
        if (place->wide_bytes != 0) fill(plan, plan->arena.base + place->wide, place->wide_bytes);
    }
}
