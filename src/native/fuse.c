/* A group grows from its first node: each later node joins if it works item by item on something that the group reads
 * or makes, everything else it needs exists before the group begins, and a block of items still fits the caches. */
#include "native/fuse.h"

#include "base/dtype.h"

#include <string.h>
#include <unistd.h>

/* Shares of the caches that a block may fill; rows of a block that make a product worth its packed weights, in tiles.
 */
#define NEAR_SHARE 0.5 /* of the nearest cache, by elements that are items themselves */
#define ROWS_SHARE 0.2 /* by rows: functions of rows keep copies and need the rest */
#define CORE_SHARE 0.75
enum { GOOD_TILES = 8, FEW_TILES = 4, LEAST_COLUMNS = 8, ALIGNED_ITEMS = 64 };

static double cache_bytes(int level, double otherwise)
{
    const long bytes = sysconf(level);
    return bytes > 0 ? (double)bytes : otherwise;
}

static bool same_lead(const tm_shape *a, const tm_shape *b, int32_t lead)
{
    if (a->rank < lead || b->rank < lead) return false;
    for (int32_t d = 0; d < lead; d++) {
        if (a->dim[d] != b->dim[d]) return false;
    }
    return true;
}

bool tm_node_is_product(const tm_graph *graph, const tm_node *node)
{
    if (node->op == TM_OP_linear) return true;
    return node->op == TM_OP_matmul && graph->shape[node->operand[1]].rank == 2;
}

uint32_t tm_node_rows(const tm_graph *graph, const tm_node *node)
{
    const uint32_t all = (1u << node->operands) - 1;
    if (node->op == TM_OP_add || node->op == TM_OP_concat || node->op == TM_OP_sdpa) return all;
    return node->op == TM_OP_matmul && !tm_node_is_product(graph, node) ? all : 1;
}

/* How many leading dimensions of its rows the node treats one place by one; 0: it mixes them. */
static int32_t independent(const tm_graph *graph, const tm_node *node)
{
    const tm_shape *x = &graph->shape[node->operand[0]], *y = &graph->shape[node->operand[node->operands > 1]];
    switch (node->op) {
    case TM_OP_add:
    case TM_OP_relu:
    case TM_OP_leaky_relu:
    case TM_OP_selu:
    case TM_OP_gelu:
    case TM_OP_sigmoid:
    case TM_OP_softplus:
    case TM_OP_prelu: return x->rank;
    case TM_OP_softmax:
    case TM_OP_sort:
    case TM_OP_sum:
    case TM_OP_argmax:
    case TM_OP_concat: return tm_axis(x, node->attributes.axis);
    case TM_OP_layer_norm:
    case TM_OP_linear: return x->rank - 1;
    case TM_OP_matmul:
        if (tm_node_is_product(graph, node)) return x->rank - 1;
        return x->rank == y->rank && same_lead(x, y, x->rank - 2) ? x->rank - 2 : 0;
    case TM_OP_split_heads: return x->rank - 2;
    case TM_OP_sdpa: return node->attributes.mask == TM_MASK_LENGTHS ? 0 : x->rank - 2;
    case TM_OP_merge_heads: return x->rank - 3;
    case TM_OP_conv1d:
    case TM_OP_conv2d: return 1;
    default: return 0;
    }
}

static tm_group_value *find(tm_group *group, int32_t value, tm_role role)
{
    for (int32_t i = 0; i < group->values; i++) {
        if (group->value[i].value == value && group->value[i].role == role) return &group->value[i];
    }
    return NULL;
}

static tm_group_value *add_value(tm_group *group, int32_t value, tm_role role, int32_t stage)
{
    tm_group_value *entry = find(group, value, role);
    if (entry == NULL) {
        if (group->values == TM_GROUP_VALUES) return NULL;
        entry = &group->value[group->values++];
        *entry = (tm_group_value){.value = value, .role = role, .from = stage};
    }
    entry->to = stage;
    return entry;
}

/* Rows of an item: none of them may be empty. */
static bool set_item(const tm_graph *graph, const tm_group *group, const tm_shape *like, tm_group_value *entry)
{
    const tm_shape *shape = &graph->shape[entry->value];
    if (!same_lead(shape, like, group->lead)) return false;
    entry->item = 1;
    for (int32_t d = group->lead; d < shape->rank; d++) entry->item *= shape->dim[d];
    return entry->item > 0;
}

static bool in_group(const tm_group *group, int32_t node)
{
    for (int32_t i = 0; i < group->nodes; i++) {
        if (group->node[i] == node) return true;
    }
    return false;
}

static bool is_kept(const tm_graph *graph, const tm_group *group, int32_t value)
{
    for (int32_t i = 0; i < graph->outputs; i++) {
        if (graph->output[i] == value) return true;
    }
    for (int32_t i = value - graph->inputs + 1; i < graph->nodes; i++) {
        if (in_group(group, i)) continue;
        for (int32_t k = 0; k < graph->node[i].operands; k++) {
            if (graph->node[i].operand[k] == value) return true;
        }
    }
    return false;
}

static bool describe_node(const tm_graph *graph, tm_group *group, int32_t stage, const tm_shape *like)
{
    const tm_node *node = &graph->node[group->node[stage]];
    const int32_t begun = graph->inputs + group->node[0];
    const uint32_t rows = tm_node_rows(graph, node);
    for (int32_t k = 0; k < node->operands; k++) {
        const int32_t value = node->operand[k];
        const bool row = (rows >> k & 1) != 0, made = row && find(group, value, TM_ROLE_MADE) != NULL;
        if (!made && value >= begun) return false;
        const tm_role role = made                                        ? TM_ROLE_MADE
                             : row                                       ? TM_ROLE_ROWS
                             : k == 1 && tm_node_is_product(graph, node) ? TM_ROLE_PANELS
                                                                         : TM_ROLE_WHOLE;
        tm_group_value *entry = add_value(group, value, role, stage);
        if (entry == NULL || (row && !set_item(graph, group, like, entry))) return false;
        if (!row && tm_shape_elements(&graph->shape[value]) == 0) return false;
    }
    tm_group_value *result = add_value(group, graph->inputs + group->node[stage], TM_ROLE_MADE, stage);
    return result != NULL && set_item(graph, group, like, result);
}

/* Everything but the block, from the list of nodes. False: these nodes make no group. */
static bool describe(const tm_graph *graph, tm_group *group)
{
    const tm_shape *like = &graph->shape[graph->node[group->node[0]].operand[0]];
    group->lead = TM_MAX_RANK;
    for (int32_t i = 0; i < group->nodes; i++) {
        const int32_t lead = independent(graph, &graph->node[group->node[i]]);
        if (lead < group->lead) group->lead = lead;
    }
    if (group->lead < 1) return false;
    group->items = 1;
    for (int32_t d = 0; d < group->lead; d++) group->items *= like->dim[d];
    group->values = 0;
    for (int32_t i = 0; i < group->nodes; i++) {
        if (!describe_node(graph, group, i, like)) return false;
    }
    for (int32_t i = 0; i < group->values; i++) {
        tm_group_value *entry = &group->value[i];
        entry->kept = entry->role == TM_ROLE_MADE && is_kept(graph, group, entry->value);
    }
    return group->items > 0;
}

/* Bytes of an item in float32 that are in use at the busiest node. */
static double busiest(const tm_graph *graph, const tm_group *group)
{
    double most = 0.0;
    for (int32_t stage = 0; stage < group->nodes; stage++) {
        double bytes = 0.0;
        for (int32_t i = 0; i < group->values; i++) {
            const tm_group_value *entry = &group->value[i];
            const double size = graph->shape[entry->value].dtype == TM_I64 ? 8.0 : 4.0;
            if (entry->from <= stage && stage <= entry->to) bytes += size * (double)entry->item;
        }
        if (bytes > most) most = bytes;
    }
    return most;
}

int64_t tm_group_product_rows(const tm_graph *graph, const tm_group *group, int32_t node)
{
    const tm_shape *x = &graph->shape[graph->node[node].operand[0]];
    int64_t rows = 1;
    for (int32_t d = group->lead; d + 1 < x->rank; d++) rows *= x->dim[d];
    return rows;
}

/* A rough cost: of one element of a result, the length of its sum, or some 20 FLOP for a function. */
static double flop_of(const tm_graph *graph, int32_t index)
{
    const tm_node *node = &graph->node[index];
    const tm_shape *x = &graph->shape[node->operand[0]], *y = &graph->shape[graph->inputs + index];
    const double elements = (double)tm_shape_elements(y);
    const tm_shape *second = node->operands > 1 ? &graph->shape[node->operand[1]] : NULL;
    switch (node->op) {
    case TM_OP_linear:
    case TM_OP_matmul: return 2.0 * elements * (double)x->dim[x->rank - 1];
    case TM_OP_conv1d:
    case TM_OP_conv2d: return 2.0 * elements * (double)tm_shape_elements(second) / (double)second->dim[0];
    case TM_OP_sdpa: return 4.0 * (double)tm_shape_elements(x) * (double)second->dim[second->rank - 2];
    default: return 20.0 * (double)tm_shape_elements(x);
    }
}

static void set_members(const tm_planner *planner, tm_group *group)
{
    const tm_graph *graph = planner->graph;
    double bytes = 0.0, kept = 0.0, flop = 0.0;
    for (int32_t i = 0; i < group->values; i++) {
        const tm_group_value *entry = &group->value[i];
        const double size = (double)tm_shape_bytes(&graph->shape[entry->value]);
        if (entry->kept) kept += size;
        if (entry->kept || entry->role != TM_ROLE_MADE) bytes += size;
    }
    for (int32_t i = 0; i < group->nodes; i++) flop += flop_of(graph, group->node[i]);
    group->members = tm_pool_members_for(planner->pool, bytes, flop);
    if (group->items < group->members) group->members = (int32_t)group->items;
    group->stream = kept > planner->llc_bytes / 2 || (bytes >= planner->llc_bytes && kept > planner->llc_bytes / 8);
}

/* Products need a block of many rows, because the weights pass through the core once per block. 0: too few of them, or
 * columns too few to fill a vector. */
static int64_t product_block(const tm_planner *planner, const tm_group *group, double item, double core)
{
    const tm_graph *graph = planner->graph;
    const int64_t mr = planner->kernels->gemm_f32.mr;
    int64_t block = 0;
    for (int32_t i = 0; i < group->nodes; i++) {
        const int32_t node = group->node[i];
        if (!tm_node_is_product(graph, &graph->node[node])) continue;
        const tm_shape *weights = &graph->shape[graph->node[node].operand[1]];
        const int64_t rows = tm_group_product_rows(graph, group, node);
        if (weights->dim[1] < LEAST_COLUMNS || group->items * rows < 2 * group->members * mr) return 0;
        const int64_t good = (GOOD_TILES * mr + rows - 1) / rows, few = (FEW_TILES * mr + rows - 1) / rows;
        const double fits = core / item;
        int64_t now = fits < (double)good ? (int64_t)fits : good;
        const int64_t share = (group->items + group->members - 1) / group->members;
        if (now < few && now < share) return 0;
        if (block == 0 || now < block) block = now;
    }
    return block;
}

/* Blocks of equal size, the same number for every member where there are enough. */
static int64_t even_block(const tm_group *group, int64_t block)
{
    int64_t blocks = (group->items + block - 1) / block;
    if (blocks > 1 || group->items >= group->members) {
        blocks = (blocks + group->members - 1) / group->members * group->members;
    }
    const int64_t even = (group->items + blocks - 1) / blocks;
    /* Many small items: blocks begin on cache lines. */
    return even < 16 * ALIGNED_ITEMS ? even : (even + ALIGNED_ITEMS - 1) / ALIGNED_ITEMS * ALIGNED_ITEMS;
}

/* False where a block would be too large for the caches or there are too few items to share. */
static bool set_block(const tm_planner *planner, tm_group *group)
{
    const tm_graph *graph = planner->graph;
    const double core = CORE_SHARE * cache_bytes(_SC_LEVEL2_CACHE_SIZE, 256e3);
    const double item = busiest(graph, group);
    bool product = false;
    for (int32_t i = 0; i < group->nodes; i++)
        product = product || tm_node_is_product(graph, &graph->node[group->node[i]]);
    set_members(planner, group);
    if (product) {
        const int64_t block = product_block(planner, group, item, core);
        if (block < 1) return false;
        group->block = even_block(group, block);
        return true;
    }
    /* One node by itself, of a 16-bit type: a large item costs less than the whole tensor in float32. */
    const double most = group->nodes > 1 ? core : planner->llc_bytes / (2.0 * group->members);
    if (item > most || (group->items < 2 * tm_pool_threads(planner->pool) && group->members > 1)) return false;
    const double share = item <= 8.0 ? NEAR_SHARE : ROWS_SHARE,
                 near = share * cache_bytes(_SC_LEVEL1_DCACHE_SIZE, 32e3);
    group->block = even_block(group, item < near ? (int64_t)(near / item) : 1);
    return true;
}

/* Does the node read something that the group reads by rows or makes? */
static bool touches(const tm_graph *graph, tm_group *group, int32_t index)
{
    const tm_node *node = &graph->node[index];
    const uint32_t rows = tm_node_rows(graph, node);
    if (independent(graph, node) < 1) return false;
    for (int32_t k = 0; k < node->operands; k++) {
        if ((rows >> k & 1) == 0) continue;
        if (find(group, node->operand[k], TM_ROLE_MADE) || find(group, node->operand[k], TM_ROLE_ROWS)) return true;
    }
    return false;
}

bool tm_fuse_choose(const tm_planner *planner, int32_t first, const bool *taken, bool several, tm_group *into)
{
    const tm_graph *graph = planner->graph;
    *into = (tm_group){.node = {first}, .nodes = 1};
    if (!describe(graph, into)) return false;
    bool fits = set_block(planner, into);
    for (int32_t i = first + 1; several && i < graph->nodes && into->nodes < TM_GROUP_NODES; i++) {
        if (taken[i] || !touches(graph, into, i)) continue;
        tm_group larger = *into;
        larger.node[larger.nodes++] = i;
        if (!describe(graph, &larger) || !set_block(planner, &larger)) continue;
        *into = larger;
        fits = true;
    }
    return fits;
}
