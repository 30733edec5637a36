/* Building a plan: for every node, widen the 16-bit operands that are not float32 yet, the op itself, and for a 16-bit
 * result one rounding (narrow) and, if another node reads it, the rounded value as float32 again. So every op sees
 * float32 reals, and every intermediate is rounded as an engine without fusion would round it. */
#include "native/plan.h"

#include "base/dtype.h"
#include "native/plan_memory.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Last-level cache in bytes; where the system does not say, that of a modest server. */
static double last_level_cache(void)
{
    static const int levels[] = {_SC_LEVEL4_CACHE_SIZE, _SC_LEVEL3_CACHE_SIZE, _SC_LEVEL2_CACHE_SIZE};
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        const long bytes = sysconf(levels[i]);
        if (bytes > 0) return (double)bytes;
    }
    return 16e6;
}

static bool is_narrow(const tm_shape *shape)
{
    return shape->dtype == TM_BF16 || shape->dtype == TM_F16;
}

typedef struct convert_job {
    const tm_kernels *kernels;
    tm_dtype dtype;
    const void *from;
    void *to;
    int64_t count;
} convert_job;

static void widen_share(void *context, int32_t member, int32_t members)
{
    const convert_job *job = context;
    int64_t begin, end;
    tm_share(job->count, 1024, member, members, &begin, &end);
    const tm_widen_kernel kernel = job->dtype == TM_BF16 ? job->kernels->f32_from_bf16 : job->kernels->f32_from_f16;
    kernel((const uint16_t *)job->from + begin, (float *)job->to + begin, end - begin);
}

static void narrow_share(void *context, int32_t member, int32_t members)
{
    const convert_job *job = context;
    int64_t begin, end;
    tm_share(job->count, 1024, member, members, &begin, &end);
    const tm_narrow_kernel kernel = job->dtype == TM_BF16 ? job->kernels->bf16_from_f32 : job->kernels->f16_from_f32;
    kernel((const float *)job->from + begin, (uint16_t *)job->to + begin, end - begin);
}

static void run_widen(const tm_step *step, const tm_frame *frame)
{
    convert_job job = {.kernels = frame->kernels,
                       .dtype = step->shape[step->result].dtype,
                       .from = tm_frame_stored(frame)[step->result],
                       .to = frame->value[step->result],
                       .count = step->size[0]};
    tm_pool_run(frame->pool, step->members, widen_share, &job);
}

static void run_narrow(const tm_step *step, const tm_frame *frame)
{
    convert_job job = {.kernels = frame->kernels,
                       .dtype = step->shape[step->result].dtype,
                       .from = frame->value[step->result],
                       .to = tm_frame_stored(frame)[step->result],
                       .count = step->size[0]};
    tm_pool_run(frame->pool, step->members, narrow_share, &job);
}

static tm_step *add_step(tm_plan *plan, int32_t result)
{
    tm_step *step = &plan->step[plan->steps++];
    *step = (tm_step){.shape = plan->graph->shape, .result = result, .members = 1};
    return step;
}

static void add_conversion(const tm_planner *planner, tm_plan *plan, int32_t value, bool widen)
{
    tm_step *step = add_step(plan, value);
    const tm_shape *shape = &plan->graph->shape[value];
    const bool bf16 = shape->dtype == TM_BF16;
    step->run = widen ? run_widen : run_narrow;
    step->size[0] = tm_shape_elements(shape);
    step->members = tm_pool_members_for(plan->pool, 6.0 * (double)step->size[0], 0.0);
    if (widen) {
        bf16 ? TM_USE(planner, step, f32_from_bf16) : TM_USE(planner, step, f32_from_f16);
    } else {
        bf16 ? TM_USE(planner, step, bf16_from_f32) : TM_USE(planner, step, f16_from_f32);
    }
}

static tm_status plan_op(const tm_planner *planner, tm_step *step, tm_error *error)
{
    switch (step->node.op) {
#define TM_OP(name, ...)                                                                                               \
    case TM_OP_##name:                                                                                                 \
        return tm_plan_##name(planner, step, error);
#include "graph/ops.def"
#undef TM_OP
    case TM_OP_COUNT: break;
    }
    return tm_fail(error, TM_INVALID_ARGUMENT, "native: op number %d", (int)step->node.op);
}

static bool is_read_later(const tm_graph *graph, int32_t value, int32_t after)
{
    for (int32_t i = after + 1; i < graph->nodes; i++) {
        for (int32_t k = 0; k < graph->node[i].operands; k++) {
            if (graph->node[i].operand[k] == value) return true;
        }
    }
    return false;
}

/* `wide[v]` tells that value v is float32 by now. */
static tm_status add_node(const tm_planner *planner, tm_plan *plan, int32_t index, bool *wide, tm_error *error)
{
    const tm_graph *graph = plan->graph;
    const tm_node *node = &graph->node[index];
    const int32_t result = graph->inputs + index;
    for (int32_t k = 0; k < node->operands; k++) {
        const int32_t value = node->operand[k];
        if (is_narrow(&graph->shape[value]) && !wide[value]) {
            add_conversion(planner, plan, value, true);
            wide[value] = true;
        }
    }
    tm_step *step = add_step(plan, result);
    step->node = *node;
    /* A parameter that is not a tensor is of the dtype all the same. */
    const tm_dtype dtype = graph->shape[result].dtype;
    if (dtype == TM_BF16)
        step->node.attributes.slope = (double)tm_f32_from_bf16(tm_bf16_from_f32((float)node->attributes.slope));
    if (dtype == TM_F16)
        step->node.attributes.slope = (double)tm_f32_from_f16(tm_f16_from_f32((float)node->attributes.slope));
    const tm_status status = plan_op(planner, step, error);
    if (status != TM_OK) return status;
    if (step->scratch_bytes > plan->scratch_bytes) plan->scratch_bytes = step->scratch_bytes;
    if (is_narrow(&graph->shape[result])) {
        add_conversion(planner, plan, result, false);
        if (is_read_later(graph, result, index)) {
            add_conversion(planner, plan, result, true);
            plan->rounds = true;
        }
        wide[result] = true;
    }
    return TM_OK;
}

static tm_status add_steps(tm_plan *plan, tm_error *error)
{
    const tm_graph *graph = plan->graph;
    const int32_t values = graph->inputs + graph->nodes;
    bool *wide = calloc((size_t)values + 1, sizeof *wide);
    plan->step = calloc((size_t)graph->inputs + 3 * (size_t)graph->nodes + 1, sizeof *plan->step);
    tm_status status = TM_OK;
    if (wide == NULL || plan->step == NULL) {
        status = tm_fail_memory(error, "a plan");
        goto done;
    }
    const tm_planner planner = {
        .graph = graph, .kernels = plan->kernels, .pool = plan->pool, .llc_bytes = last_level_cache()};
    for (int32_t i = 0; i < graph->nodes && status == TM_OK; i++) status = add_node(&planner, plan, i, wide, error);
    for (int32_t i = 0; i < plan->steps; i++) {
        for (int k = 0; k < TM_ISA_COUNT; k++) plan->uses[k] += plan->step[i].uses[k];
    }
done:
    free(wide);
    return status;
}

tm_status tm_plan_new(const tm_graph *graph, const tm_kernels *kernels, tm_pool *pool, int32_t slots, size_t offset,
                      tm_plan **into, tm_error *error)
{
    *into = NULL;
    if (slots < 1)
        return tm_fail(error, TM_INVALID_ARGUMENT, "native: %d input sets; at least one is needed", (int)slots);
    tm_plan *plan = calloc(1, sizeof *plan);
    if (plan == NULL) return tm_fail_memory(error, "a plan");
    plan->graph = graph;
    plan->kernels = kernels;
    plan->pool = pool;
    plan->slots = slots;
    plan->offset = offset;
    tm_status status = add_steps(plan, error);
    if (status == TM_OK) status = tm_plan_layout(plan, error);
    if (status != TM_OK) {
        tm_plan_free(plan);
        return status;
    }
    *into = plan;
    return TM_OK;
}

void tm_plan_free(tm_plan *plan)
{
    if (plan == NULL) return;
    tm_plan_release(plan);
    free(plan->place);
    free(plan->pointer);
    free(plan->step);
    free(plan);
}

void tm_plan_run(const tm_plan *plan, int32_t first_slot, int64_t count)
{
    const size_t values = (size_t)plan->graph->inputs + (size_t)plan->graph->nodes;
    int32_t slot = first_slot;
    for (int64_t i = 0; i < count; i++) {
        void *const *pointers = plan->pointer + (size_t)slot * 2 * values;
        const tm_plan_frame frame = {
            .frame = {.value = pointers, .scratch = plan->scratch, .pool = plan->pool, .kernels = plan->kernels},
            .stored = pointers + values};
        for (int32_t k = 0; k < plan->steps; k++) {
            const tm_step *step = &plan->step[k];
            step->run(step, &frame.frame);
            if (step->stream) tm_store_fence();
        }
        if (++slot == plan->slots) slot = 0;
    }
    tm_store_fence();
}

bool tm_plan_rounds_between_ops(const tm_plan *plan)
{
    return plan->rounds;
}

void tm_plan_uses(const tm_plan *plan, uint64_t uses[TM_ISA_COUNT])
{
    for (int k = 0; k < TM_ISA_COUNT; k++) uses[k] = plan->uses[k];
}
