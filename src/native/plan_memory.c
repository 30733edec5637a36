/* One arena: the input sets, one after the other, then results and float32 copies, which share memory where they do not
 * live at the same time, then the scratch of the greediest step. */
#include "native/plan_memory.h"

#include "base/dtype.h"
#include "native/lifetime.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PAGE ((size_t)4096)

static tm_piece piece_of(const tm_shape *shape, const tm_span *span, size_t factor)
{
    return (tm_piece){.bytes = span->used ? factor * tm_shape_bytes(shape) : 0, .from = span->from, .to = span->to};
}

/* Pieces: the inputs, then of every value the stored data (none for inputs) and the float32 copy. */
static bool place_all(tm_plan *plan, tm_piece *inputs, tm_piece *others)
{
    const tm_graph *graph = plan->graph;
    const int32_t values = graph->inputs + graph->nodes;
    const tm_span always = {true, 0, INT32_MAX}, never = {0};
    size_t staggered = 0, end;
    for (int32_t v = 0; v < graph->inputs; v++)
        inputs[v] = piece_of(&graph->shape[v], plan->lent[v] ? &never : &always, 1);
    if (!tm_lifetime_place(inputs, graph->inputs, 0, &staggered, &end)) return false;
    plan->slot_bytes = (end + PAGE - 1) / PAGE * PAGE;
    if (__builtin_mul_overflow(plan->slot_bytes, (size_t)plan->slots, &plan->results_at)) return false;
    for (int32_t v = 0; v < values; v++) {
        tm_place *place = &plan->place[v];
        if (v < graph->inputs) place->stored_span.used = false;
        others[2 * v] = piece_of(&graph->shape[v], &place->stored_span, 1);
        others[2 * v + 1] = piece_of(&graph->shape[v], &place->wide_span, 2);
    }
    if (!tm_lifetime_place(others, 2 * values, plan->results_at, &staggered, &end)) return false;
    tm_piece scratch = {.bytes = plan->scratch_bytes};
    if (!tm_lifetime_place(&scratch, 1, end, &staggered, &plan->total_bytes)) return false;
    plan->scratch_at = scratch.at;
    for (int32_t v = 0; v < values; v++) {
        plan->place[v].stored = v < graph->inputs ? inputs[v].at : others[2 * v].at;
        plan->place[v].wide = others[2 * v + 1].at;
    }
    return true;
}

bool tm_plan_lent(const tm_plan *plan, int32_t input)
{
    return plan->lent[input] != NULL;
}

static tm_status place_again(tm_plan *plan, tm_error *error)
{
    const size_t inputs = (size_t)plan->graph->inputs, values = inputs + (size_t)plan->graph->nodes;
    tm_piece *piece = calloc(inputs + 2 * values + 1, sizeof *piece);
    tm_status status = TM_OK;
    if (piece == NULL)
        status = tm_fail_memory(error, "a plan");
    else if (!place_all(plan, piece, piece + inputs))
        status = tm_fail_memory(error, "the arena");
    free(piece);
    return status;
}

tm_status tm_plan_layout(tm_plan *plan, tm_error *error)
{
    const tm_graph *graph = plan->graph;
    const size_t inputs = (size_t)graph->inputs, values = inputs + (size_t)graph->nodes, slots = (size_t)plan->slots;
    plan->pointer = calloc(slots * 2 * values + 1, sizeof *plan->pointer);
    plan->lent = calloc(inputs + 1, sizeof *plan->lent);
    if (plan->pointer == NULL || plan->lent == NULL) return tm_fail_memory(error, "a plan");
    return place_again(plan, error);
}

void tm_plan_lend(tm_plan *plan, int32_t input, const void *data)
{
    plan->lent[input] = data;
    plan->stale = true;
}

size_t tm_plan_bytes(const tm_plan *plan)
{
    return plan->total_bytes;
}

tm_status tm_plan_place(tm_plan *plan, tm_error *error)
{
    if (plan->arena.base != NULL) return TM_OK;
    if (plan->stale) {
        const tm_status status = place_again(plan, error);
        if (status != TM_OK) return status;
        plan->stale = false;
    }
    if (!plan->spare || !tm_arena_reuse(plan->spare, plan->total_bytes, plan->pool, &plan->arena)) {
        const tm_status status =
            tm_arena_new(plan->total_bytes, plan->offset, plan->spare != NULL, plan->pool, &plan->arena, error);
        if (status != TM_OK) return status;
    }
    unsigned char *base = plan->arena.base;
    const size_t inputs = (size_t)plan->graph->inputs, values = inputs + (size_t)plan->graph->nodes;
    for (size_t slot = 0; slot < (size_t)plan->slots; slot++) {
        void **seen = plan->pointer + slot * 2 * values, **stored = seen + values;
        for (size_t v = 0; v < values; v++) {
            const tm_place *place = &plan->place[v];
            if (v < inputs && plan->lent[v] != NULL)
                stored[v] = (void *)plan->lent[v]; /* steps never write an input */
            else if (v < inputs || place->stored_span.used)
                stored[v] = base + place->stored + (v < inputs ? slot * plan->slot_bytes : 0);
            seen[v] = place->wide_span.used ? base + place->wide : stored[v];
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
    for (int32_t v = 0; plan->lent != NULL && v < plan->graph->inputs; v++) {
        plan->stale = plan->stale || plan->lent[v] != NULL;
        plan->lent[v] = NULL;
    }
}

size_t tm_plan_idle_bytes(const tm_plan *plan)
{
    return plan->arena.touched > plan->total_bytes ? plan->arena.touched - plan->total_bytes : 0;
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
    fill(plan, plan->arena.base + plan->results_at, plan->total_bytes - plan->results_at);
}
