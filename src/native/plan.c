/* Building a plan. Nodes that may be executed together, and single ones of a 16-bit dtype, become groups, which go
 * through their rows block by block (block.c). For every other node: widen the 16-bit operands that are not float32
 * yet, the op itself, and for a 16-bit result one rounding (narrow) and, if another such node reads it, the rounded
 * value as float32 again. So every op sees float32 reals, and a value that leaves a step is rounded as an engine
 * without fusion would round it. */
#include "native/plan.h"

#include "base/dtype.h"
#include "native/block.h"
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
    bool stream;
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
    kernel((const float *)job->from + begin, (uint16_t *)job->to + begin, end - begin, job->stream);
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
                       .count = step->size[0],
                       .stream = step->stream};
    tm_pool_run(frame->pool, step->members, narrow_share, &job);
}

static void touch(tm_plan *plan, tm_span *span)
{
    if (!span->used) span->from = plan->steps - 1;
    span->used = true;
    span->to = plan->steps - 1;
}

/* The latest step touches the value as ops see it. */
static void touch_seen(tm_plan *plan, int32_t value)
{
    const bool narrow = is_narrow(&plan->graph->shape[value]);
    touch(plan, narrow ? &plan->place[value].wide_span : &plan->place[value].stored_span);
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
    step->stream = !widen && (double)tm_shape_bytes(shape) > planner->llc_bytes / 2;
    touch(plan, &plan->place[value].stored_span);
    touch(plan, &plan->place[value].wide_span);
    if (widen) {
        bf16 ? TM_USE(planner, step, f32_from_bf16) : TM_USE(planner, step, f32_from_f16);
    } else {
        bf16 ? TM_USE(planner, step, bf16_from_f32) : TM_USE(planner, step, f16_from_f32);
    }
}

tm_status tm_plan_op(const tm_planner *planner, tm_step *step, tm_error *error)
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

tm_node tm_plan_node(const tm_graph *graph, int32_t index)
{
    tm_node node = graph->node[index];
    /* A parameter that is not a tensor is of the dtype all the same. */
    const tm_dtype dtype = graph->shape[graph->inputs + index].dtype;
    if (dtype == TM_BF16)
        node.attributes.slope = (double)tm_f32_from_bf16(tm_bf16_from_f32((float)node.attributes.slope));
    if (dtype == TM_F16) node.attributes.slope = (double)tm_f32_from_f16(tm_f16_from_f32((float)node.attributes.slope));
    return node;
}

/* What planning of the nodes goes through: `wide[v]` tells that value v is float32 by now, `taken[i]` that node i is
 * part of a group that is planned already. */
typedef struct plan_progress {
    const tm_planner *planner;
    tm_plan *plan;
    bool *wide, *taken;
} plan_progress;

static void widen_once(const plan_progress *progress, int32_t value)
{
    if (!is_narrow(&progress->plan->graph->shape[value]) || progress->wide[value]) return;
    add_conversion(progress->planner, progress->plan, value, true);
    progress->wide[value] = true;
}

static void need_scratch(tm_plan *plan, const tm_step *step)
{
    if (step->scratch_bytes > plan->scratch_bytes) plan->scratch_bytes = step->scratch_bytes;
}

static tm_status add_node(const plan_progress *progress, int32_t index, tm_error *error)
{
    tm_plan *plan = progress->plan;
    const tm_graph *graph = plan->graph;
    const tm_node *node = &graph->node[index];
    const int32_t result = graph->inputs + index;
    for (int32_t k = 0; k < node->operands; k++) widen_once(progress, node->operand[k]);
    tm_step *step = add_step(plan, result);
    step->node = tm_plan_node(graph, index);
    const tm_status status = tm_plan_op(progress->planner, step, error);
    if (status != TM_OK) return status;
    need_scratch(plan, step);
    for (int32_t k = 0; k < node->operands; k++) touch_seen(plan, node->operand[k]);
    touch_seen(plan, result);
    /* Whoever reads it widens what was rounded. */
    if (is_narrow(&graph->shape[result])) add_conversion(progress->planner, plan, result, false);
    return TM_OK;
}

static tm_status add_group(const plan_progress *progress, const tm_group *group, tm_error *error)
{
    tm_plan *plan = progress->plan;
    for (int32_t i = 0; i < group->values; i++) {
        if (group->value[i].role == TM_ROLE_WHOLE) widen_once(progress, group->value[i].value);
    }
    tm_step *step = add_step(plan, plan->graph->inputs + group->node[0]);
    const tm_status status = tm_blocks_plan(progress->planner, group, step, &plan->blocks[plan->steps - 1], error);
    if (status != TM_OK) return status;
    need_scratch(plan, step);
    for (int32_t i = 0; i < group->values; i++) {
        const tm_group_value *entry = &group->value[i];
        if (entry->role == TM_ROLE_WHOLE) touch_seen(plan, entry->value);
        if (entry->role == TM_ROLE_WHOLE || (entry->role == TM_ROLE_MADE && !entry->kept)) continue;
        touch(plan, &plan->place[entry->value].stored_span);
    }
    for (int32_t i = 0; i < group->nodes; i++) progress->taken[group->node[i]] = true;
    if (group->nodes > 1) plan->fused += group->nodes;
    return TM_OK;
}

static tm_status add_steps(const plan_progress *progress, bool fuse, tm_error *error)
{
    tm_plan *plan = progress->plan;
    const tm_graph *graph = plan->graph;
    tm_status status = TM_OK;
    for (int32_t i = 0; i < graph->nodes && status == TM_OK; i++) {
        if (progress->taken[i]) continue;
        tm_group group;
        const bool narrow = is_narrow(&graph->shape[graph->node[i].operand[0]]);
        const bool found = (fuse || narrow) && tm_fuse_choose(progress->planner, i, progress->taken, fuse, &group);
        status =
            found && (narrow || group.nodes > 1) ? add_group(progress, &group, error) : add_node(progress, i, error);
    }
    for (int32_t i = 0; i < graph->outputs; i++) plan->place[graph->output[i]].stored_span.to = INT32_MAX;
    for (int32_t i = 0; i < plan->steps; i++) {
        for (int k = 0; k < TM_ISA_COUNT; k++) plan->uses[k] += plan->step[i].uses[k];
    }
    return status;
}

/* A result of a 16-bit dtype that any step reads was rounded before. */
static bool rounds_between(const tm_plan *plan)
{
    const tm_graph *graph = plan->graph;
    for (int32_t i = 0; i < graph->nodes; i++) {
        const int32_t value = graph->inputs + i;
        if (!is_narrow(&graph->shape[value]) || !plan->place[value].stored_span.used) continue;
        for (int32_t k = 0; k < plan->steps; k++) {
            if (plan->step[k].run == run_widen && plan->step[k].result == value) return true;
            if (plan->blocks[k] != NULL && tm_blocks_read(plan->blocks[k], value)) return true;
        }
    }
    return false;
}

static tm_status fill(tm_plan *plan, bool fuse, tm_error *error)
{
    const tm_graph *graph = plan->graph;
    const size_t values = (size_t)(graph->inputs + graph->nodes), most = values + 2 * (size_t)graph->nodes;
    const tm_planner planner = {
        .graph = graph, .kernels = plan->kernels, .pool = plan->pool, .llc_bytes = last_level_cache()};
    plan_progress progress = {.planner = &planner, .plan = plan};
    progress.wide = calloc(values + 1, sizeof *progress.wide);
    progress.taken = calloc(values + 1, sizeof *progress.taken);
    plan->step = calloc(most + 1, sizeof *plan->step);
    plan->blocks = calloc(most + 1, sizeof *plan->blocks);
    plan->place = calloc(values + 1, sizeof *plan->place);
    tm_status status = TM_OK;
    if (!progress.wide || !progress.taken || !plan->step || !plan->blocks || !plan->place)
        status = tm_fail_memory(error, "a plan");
    if (status == TM_OK) status = add_steps(&progress, fuse, error);
    if (status == TM_OK) plan->rounds = rounds_between(plan);
    for (int32_t i = 0; status == TM_OK && i < plan->steps; i++) {
        if (plan->blocks[i] != NULL && tm_blocks_dot(plan->blocks[i], &plan->rounds)) plan->flushes = true;
    }
    if (status == TM_OK) status = tm_plan_layout(plan, error);
    free(progress.wide);
    free(progress.taken);
    return status;
}

tm_status tm_plan_make(const tm_graph *graph, const tm_kernels *kernels, tm_pool *pool, const tm_plan_options *options,
                       tm_plan **into, tm_error *error)
{
    *into = NULL;
    if (options->slots < 1) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "native: %d input sets; at least one is needed",
                       (int)options->slots);
    }
    tm_plan *plan = calloc(1, sizeof *plan);
    if (plan == NULL) return tm_fail_memory(error, "a plan");
    plan->graph = graph;
    plan->kernels = kernels;
    plan->pool = pool;
    plan->slots = options->slots;
    plan->offset = options->offset;
    const tm_status status = fill(plan, options->fuse, error);
    if (status != TM_OK) {
        tm_plan_free(plan);
        return status;
    }
    *into = plan;
    return TM_OK;
}

tm_status tm_plan_new(const tm_graph *graph, const tm_kernels *kernels, tm_pool *pool, int32_t slots, size_t offset,
                      tm_plan **into, tm_error *error)
{
    const tm_plan_options options = {.slots = slots, .offset = offset};
    return tm_plan_make(graph, kernels, pool, &options, into, error);
}

void tm_plan_free(tm_plan *plan)
{
    if (plan == NULL) return;
    tm_plan_release(plan);
    for (int32_t i = 0; plan->blocks != NULL && i < plan->steps; i++) tm_blocks_free(plan->blocks[i]);
    free(plan->blocks);
    free(plan->place);
    free(plan->lent);
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

bool tm_plan_flushes(const tm_plan *plan)
{
    return plan->flushes;
}

int32_t tm_plan_fused_nodes(const tm_plan *plan)
{
    return plan->fused;
}

void tm_plan_uses(const tm_plan *plan, uint64_t uses[TM_ISA_COUNT])
{
    for (int k = 0; k < TM_ISA_COUNT; k++) uses[k] = plan->uses[k];
}
