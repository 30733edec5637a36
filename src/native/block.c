/* A group as one step. Every member takes whole blocks; for each block it runs the nodes one after the other, as steps
 * that their own planners made for the shapes of a block and for one thread. What the nodes hand to each other lies in
 * the member's own memory, which is as small as a block and stays in its cache; 16-bit rows are widened as a block
 * begins and rounded as they leave it. There are two sets of steps: for whole blocks, and for the last, shorter one. */
#include "native/block.h"

#include "base/dtype.h"
#include "native/block_product.h"
#include "native/lifetime.h"
#include "native/plan_memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct block_value {
    bool narrow;   /* 16-bit in memory */
    bool buffered; /* in the member's memory */
    bool raw;      /* bfloat16 in memory, and so read or written by every step */
    int32_t alias; /* shares the place of this earlier value; itself if it has its own */
    size_t at;     /* buffered: from the start of the member's memory; panels: of the shared memory */
    tm_panels panels;
    bool dot; /* panels: of bfloat16 */
} block_value;

/* Whole blocks, and the last one. */
enum { WHOLE, LAST, SIZES };

struct tm_blocks {
    tm_group group;
    block_value value[TM_GROUP_VALUES]; /* as in `group`; steps know values by their number here */
    tm_shape shape[SIZES][TM_GROUP_VALUES];
    tm_step step[SIZES][TM_GROUP_NODES];
    size_t shared_bytes, member_bytes, scratch_at;
    void **pointer; /* of every value, for every member */
};

typedef struct blocks_run {
    const tm_blocks *blocks;
    const tm_step *step;
    const tm_frame *frame;
    unsigned char *shared, *own;
} blocks_run;

static bool is_narrow(tm_dtype dtype)
{
    return dtype == TM_BF16 || dtype == TM_F16;
}

static bool is_map(tm_op op)
{
    return op == TM_OP_add || op == TM_OP_relu || op == TM_OP_leaky_relu || op == TM_OP_prelu || op == TM_OP_selu ||
           op == TM_OP_gelu || op == TM_OP_sigmoid || op == TM_OP_softplus;
}

/* Steps of these ops obey `stream` whatever their planner made of it. */
static bool streams(tm_op op)
{
    return is_map(op) || op == TM_OP_softmax || op == TM_OP_layer_norm;
}

static void pack_body(void *context, int32_t member, int32_t members)
{
    const blocks_run *run = context;
    const tm_group *group = &run->blocks->group;
    for (int32_t i = 0; i < group->values; i++) {
        const block_value *value = &run->blocks->value[i];
        if (group->value[i].role != TM_ROLE_PANELS) continue;
        tm_panels_pack(run->frame->kernels, &value->panels, tm_frame_stored(run->frame)[group->value[i].value],
                       run->shared + value->at, member, members);
    }
}

/* What stays where it is for all blocks. */
static void set_fixed(const blocks_run *run, unsigned char *own, void **pointer)
{
    const tm_group *group = &run->blocks->group;
    for (int32_t i = 0; i < group->values; i++) {
        const block_value *value = &run->blocks->value[i];
        if (group->value[i].role == TM_ROLE_WHOLE) pointer[i] = run->frame->value[group->value[i].value];
        if (group->value[i].role == TM_ROLE_PANELS) pointer[i] = run->shared + value->at;
        if (value->buffered) pointer[i] = own + value->at;
    }
}

/* The rows of item `first` of a value in memory. */
static unsigned char *rows_at(const blocks_run *run, int32_t i, int64_t first)
{
    const tm_group_value *entry = &run->blocks->group.value[i];
    const size_t size = tm_dtype_size(run->step->shape[entry->value].dtype);
    return (unsigned char *)tm_frame_stored(run->frame)[entry->value] + (size_t)(first * entry->item) * size;
}

static void load(const blocks_run *run, int32_t i, int64_t first, int64_t items, float *to)
{
    const tm_group_value *entry = &run->blocks->group.value[i];
    const tm_kernels *kernels = run->frame->kernels;
    const bool bf16 = run->step->shape[entry->value].dtype == TM_BF16;
    (bf16 ? kernels->f32_from_bf16 : kernels->f32_from_f16)((const uint16_t *)(const void *)rows_at(run, i, first), to,
                                                            items * entry->item);
}

static void store(const blocks_run *run, int32_t i, int64_t first, int64_t items, const float *from)
{
    const tm_group_value *entry = &run->blocks->group.value[i];
    const tm_kernels *kernels = run->frame->kernels;
    const bool bf16 = run->step->shape[entry->value].dtype == TM_BF16;
    (bf16 ? kernels->bf16_from_f32 : kernels->f16_from_f32)(from, (uint16_t *)(void *)rows_at(run, i, first),
                                                            items * entry->item, run->blocks->group.stream);
}

static void run_block(const blocks_run *run, const tm_frame *frame, void **pointer, int64_t first, int64_t items)
{
    const tm_blocks *blocks = run->blocks;
    const tm_group *group = &blocks->group;
    const tm_step *steps = blocks->step[items == group->block ? WHOLE : LAST];
    for (int32_t i = 0; i < group->values; i++) {
        const tm_role role = group->value[i].role;
        if (!blocks->value[i].buffered && (role == TM_ROLE_ROWS || role == TM_ROLE_MADE))
            pointer[i] = rows_at(run, i, first);
    }
    for (int32_t stage = 0; stage < group->nodes; stage++) {
        for (int32_t i = 0; i < group->values; i++) {
            const tm_group_value *entry = &group->value[i];
            if (entry->role == TM_ROLE_ROWS && blocks->value[i].buffered && entry->from == stage)
                load(run, i, first, items, pointer[i]);
        }
        steps[stage].run(&steps[stage], frame);
        const int32_t result = steps[stage].result;
        if (group->value[result].kept && blocks->value[result].narrow && !blocks->value[result].raw)
            store(run, result, first, items, pointer[result]);
    }
}

static void blocks_body(void *context, int32_t member, int32_t members)
{
    const blocks_run *run = context;
    const tm_group *group = &run->blocks->group;
    unsigned char *own = run->own + (size_t)member * run->blocks->member_bytes;
    void **pointer = run->blocks->pointer + member * group->values;
    const tm_frame frame = {.value = pointer, .scratch = own + run->blocks->scratch_at, .kernels = run->frame->kernels};
    int64_t begin, end;
    tm_share(group->items, group->block, member, members, &begin, &end);
    set_fixed(run, own, pointer);
    for (int64_t first = begin; first < end; first += group->block)
        run_block(run, &frame, pointer, first, end - first < group->block ? end - first : group->block);
}

static void run_blocks(const tm_step *step, const tm_frame *frame)
{
    const tm_blocks *blocks = step->more;
    blocks_run run = {.blocks = blocks, .step = step, .frame = frame, .shared = frame->scratch};
    run.own = run.shared + blocks->shared_bytes;
    if (blocks->shared_bytes > 0) tm_pool_run(frame->pool, step->members, pack_body, &run);
    tm_pool_run(frame->pool, step->members, blocks_body, &run);
}

static int32_t local_result(const tm_group *group, const tm_graph *graph, int32_t node)
{
    for (int32_t i = 0; i < group->values; i++) {
        if (group->value[i].role == TM_ROLE_MADE && group->value[i].value == graph->inputs + node) return i;
    }
    return -1;
}

/* Entry of operand `k`: a value that is read both by rows and whole has two. */
static int32_t local_operand(const tm_group *group, const tm_graph *graph, const tm_node *node, int32_t k)
{
    const bool rows = (tm_node_rows(graph, node) >> k & 1) != 0;
    const tm_role whole = k == 1 && tm_node_is_product(graph, node) ? TM_ROLE_PANELS : TM_ROLE_WHOLE;
    for (int32_t i = 0; i < group->values; i++) {
        const tm_role role = group->value[i].role;
        const bool fits = rows ? role == TM_ROLE_ROWS || role == TM_ROLE_MADE : role == whole;
        if (fits && group->value[i].value == node->operand[k]) return i;
    }
    return -1;
}

/* The value as a step of `items` items sees it. */
static tm_shape shape_of(const tm_graph *graph, const tm_blocks *blocks, int32_t i, int64_t items)
{
    const tm_group *group = &blocks->group;
    const tm_group_value *entry = &group->value[i];
    tm_shape shape = graph->shape[entry->value];
    if (is_narrow(shape.dtype) && !blocks->value[i].raw) shape.dtype = TM_F32;
    if (entry->role == TM_ROLE_WHOLE || entry->role == TM_ROLE_PANELS) return shape;
    const int32_t off = group->lead - 1;
    for (int32_t d = 1; d + off < shape.rank; d++) shape.dim[d] = shape.dim[d + off];
    shape.rank -= off;
    shape.dim[0] = items;
    return shape;
}

static tm_node node_of(const tm_graph *graph, const tm_group *group, int32_t index)
{
    tm_node node = tm_plan_node(graph, index);
    if (tm_op_has(node.op, TM_ATTRIBUTE_axis))
        node.attributes.axis = tm_axis(&graph->shape[node.operand[0]], node.attributes.axis) - (group->lead - 1);
    for (int32_t k = 0; k < node.operands; k++) node.operand[k] = local_operand(group, graph, &graph->node[index], k);
    return node;
}

/* Steps for blocks of `items` items. */
static tm_status plan_steps(const tm_planner *planner, tm_blocks *blocks, int size, int64_t items, tm_error *error)
{
    const tm_group *group = &blocks->group;
    tm_planner inner = *planner;
    inner.pool = NULL;
    inner.llc_bytes = INFINITY; /* what streams is decided for the whole */
    for (int32_t i = 0; i < group->values; i++) blocks->shape[size][i] = shape_of(planner->graph, blocks, i, items);
    for (int32_t stage = 0; stage < group->nodes; stage++) {
        const int32_t index = group->node[stage];
        tm_step *step = &blocks->step[size][stage];
        *step = (tm_step){.node = node_of(planner->graph, group, index),
                          .shape = blocks->shape[size],
                          .result = local_result(group, planner->graph, index),
                          .members = 1};
        const bool product = tm_node_is_product(planner->graph, &planner->graph->node[index]);
        if (product) {
            const int64_t rows = items * tm_group_product_rows(planner->graph, group, index);
            tm_panels_plan(&inner, step, rows, &blocks->value[step->node.operand[1]].panels);
        } else {
            const tm_status status = tm_plan_op(&inner, step, error);
            if (status != TM_OK) return status;
        }
        if (product || streams(step->node.op)) step->stream = group->stream && !blocks->value[step->result].buffered;
        if (tm_scratch_size(step->scratch_bytes) > blocks->member_bytes)
            blocks->member_bytes = tm_scratch_size(step->scratch_bytes);
    }
    return TM_OK;
}

static void set_values(const tm_graph *graph, tm_blocks *blocks, const tm_kernels *kernels)
{
    const tm_group *group = &blocks->group;
    for (int32_t i = 0; i < group->values; i++) {
        const tm_group_value *entry = &group->value[i];
        const tm_shape *shape = &graph->shape[entry->value];
        block_value *value = &blocks->value[i];
        value->alias = i;
        value->narrow = is_narrow(shape->dtype);
        value->buffered = (entry->role == TM_ROLE_ROWS && value->narrow) ||
                          (entry->role == TM_ROLE_MADE && (value->narrow || !entry->kept));
        if (entry->role != TM_ROLE_PANELS) continue;
        value->panels = (tm_panels){.k = shape->dim[0], .n = shape->dim[1], .dtype = shape->dtype};
        value->dot = tm_panels_dot(kernels, &value->panels);
        value->at = blocks->shared_bytes;
        blocks->shared_bytes += tm_scratch_size(tm_panels_bytes(kernels, &value->panels));
    }
}

/* The panels that the node multiplies with as bfloat16, or NULL. */
static const tm_panels *dot_panels(const tm_graph *graph, const tm_blocks *blocks, const tm_kernels *kernels,
                                   int32_t stage)
{
    const tm_node *node = &graph->node[blocks->group.node[stage]];
    if (!tm_node_is_product(graph, node)) return NULL;
    const tm_panels *panels = &blocks->value[local_operand(&blocks->group, graph, node, 1)].panels;
    return tm_panels_dot(kernels, panels) ? panels : NULL;
}

/* Rows that only such products read, and results of them that nobody else in the group reads, need no float32. */
static void set_raw(const tm_graph *graph, tm_blocks *blocks, const tm_kernels *kernels)
{
    const tm_group *group = &blocks->group;
    for (int32_t i = 0; i < group->values; i++) {
        const tm_group_value *entry = &group->value[i];
        block_value *value = &blocks->value[i];
        if (graph->shape[entry->value].dtype != TM_BF16) continue;
        if (entry->role == TM_ROLE_MADE) {
            const tm_panels *panels = dot_panels(graph, blocks, kernels, entry->from);
            value->raw = entry->kept && entry->to == entry->from && panels != NULL && tm_panels_whole(panels);
        }
        if (entry->role == TM_ROLE_ROWS) {
            value->raw = true;
            for (int32_t stage = 0; stage < group->nodes; stage++) {
                const tm_node *node = &graph->node[group->node[stage]];
                for (int32_t k = 0; k < node->operands; k++) {
                    if (local_operand(group, graph, node, k) != i) continue;
                    value->raw = value->raw && dot_panels(graph, blocks, kernels, stage) != NULL;
                }
            }
        }
        if (value->raw) value->buffered = false;
    }
}

/* A map writes over its operand if nobody reads that later. */
static void share_places(const tm_graph *graph, tm_blocks *blocks)
{
    const tm_group *group = &blocks->group;
    for (int32_t stage = 0; stage < group->nodes; stage++) {
        const tm_node *node = &graph->node[group->node[stage]];
        const int32_t x = local_operand(group, graph, node, 0);
        const int32_t y = local_result(group, graph, group->node[stage]);
        if (!is_map(node->op) || !blocks->value[x].buffered || !blocks->value[y].buffered) continue;
        if (group->value[x].to == stage) blocks->value[y].alias = blocks->value[x].alias;
    }
}

/* Places of the buffers in a member's memory, by lifetime; behind them the greediest step's scratch. */
static bool place_buffers(tm_blocks *blocks)
{
    const tm_group *group = &blocks->group;
    tm_piece piece[TM_GROUP_VALUES] = {{0}};
    for (int32_t i = 0; i < group->values; i++) {
        const tm_group_value *entry = &group->value[i];
        if (!blocks->value[i].buffered) continue;
        tm_piece *own = &piece[blocks->value[i].alias];
        if (own == &piece[i]) {
            own->bytes = (size_t)(entry->item * group->block) * (is_narrow(blocks->shape[WHOLE][i].dtype) ? 2 : 4);
            if (blocks->shape[WHOLE][i].dtype == TM_I64) own->bytes *= 2;
            own->from = entry->from;
        }
        own->to = entry->to;
    }
    size_t staggered = 0;
    if (!tm_lifetime_place(piece, group->values, 0, &staggered, &blocks->scratch_at)) return false;
    for (int32_t i = 0; i < group->values; i++) {
        if (blocks->value[i].buffered) blocks->value[i].at = piece[blocks->value[i].alias].at;
    }
    blocks->scratch_at = tm_scratch_size(blocks->scratch_at);
    /* Members' memories at different distances from a page boundary as well. */
    blocks->member_bytes = (blocks->scratch_at + blocks->member_bytes + 4095) / 4096 * 4096 + 64;
    return true;
}

static void count_uses(const tm_planner *planner, const tm_blocks *blocks, tm_step *step)
{
    const tm_group *group = &blocks->group;
    for (int32_t stage = 0; stage < group->nodes; stage++) {
        for (int isa = 0; isa < TM_ISA_COUNT; isa++)
            step->uses[isa] = (uint8_t)(step->uses[isa] + blocks->step[WHOLE][stage].uses[isa]);
    }
    for (int32_t i = 0; i < group->values; i++) {
        const bool bf16 = planner->graph->shape[group->value[i].value].dtype == TM_BF16;
        const tm_role role = group->value[i].role;
        if (!blocks->value[i].narrow || blocks->value[i].raw || role == TM_ROLE_WHOLE) continue;
        const bool panels = role == TM_ROLE_PANELS && !tm_panels_dot(planner->kernels, &blocks->value[i].panels);
        if (role == TM_ROLE_ROWS || panels)
            bf16 ? TM_USE(planner, step, f32_from_bf16) : TM_USE(planner, step, f32_from_f16);
        if (group->value[i].kept) bf16 ? TM_USE(planner, step, bf16_from_f32) : TM_USE(planner, step, f16_from_f32);
    }
}

tm_status tm_blocks_plan(const tm_planner *planner, const tm_group *group, tm_step *step, tm_blocks **into,
                         tm_error *error)
{
    *into = NULL;
    tm_blocks *blocks = calloc(1, sizeof *blocks);
    if (blocks == NULL) return tm_fail_memory(error, "a plan");
    blocks->group = *group;
    blocks->pointer = calloc((size_t)(group->members * group->values) + 1, sizeof *blocks->pointer);
    tm_status status = TM_OK;
    if (blocks->pointer == NULL) status = tm_fail_memory(error, "a plan");
    set_values(planner->graph, blocks, planner->kernels);
    set_raw(planner->graph, blocks, planner->kernels);
    share_places(planner->graph, blocks);
    const int64_t whole = group->block < group->items ? group->block : group->items, last = group->items % group->block;
    blocks->group.block = whole;
    if (status == TM_OK) status = plan_steps(planner, blocks, WHOLE, whole, error);
    if (status == TM_OK && last > 0) status = plan_steps(planner, blocks, LAST, last, error);
    if (status == TM_OK && !place_buffers(blocks)) status = tm_fail_memory(error, "a plan");
    if (status != TM_OK) {
        tm_blocks_free(blocks);
        return status;
    }
    step->run = run_blocks;
    step->more = blocks;
    step->members = group->members;
    step->stream = group->stream;
    step->scratch_bytes = blocks->shared_bytes + (size_t)group->members * blocks->member_bytes;
    count_uses(planner, blocks, step);
    *into = blocks;
    return TM_OK;
}

bool tm_blocks_dot(const tm_blocks *blocks, bool *rounds)
{
    bool dot = false;
    for (int32_t stage = 0; stage < blocks->group.nodes; stage++) {
        const tm_step *step = &blocks->step[WHOLE][stage];
        if (step->node.operands < 2 || blocks->group.value[step->node.operand[1]].role != TM_ROLE_PANELS) continue;
        if (!blocks->value[step->node.operand[1]].dot) continue;
        dot = true;
        *rounds = *rounds || blocks->group.value[step->node.operand[0]].role == TM_ROLE_MADE;
    }
    return dot;
}

bool tm_blocks_read(const tm_blocks *blocks, int32_t value)
{
    for (int32_t i = 0; i < blocks->group.values; i++) {
        const tm_role role = blocks->group.value[i].role;
        if (blocks->group.value[i].value == value && (role == TM_ROLE_ROWS || role == TM_ROLE_PANELS)) return true;
    }
    return false;
}

void tm_blocks_free(tm_blocks *blocks)
{
    if (blocks == NULL) return;
    free(blocks->pointer);
    free(blocks);
}
