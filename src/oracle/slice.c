/* Does output 0 fall apart into items along its first dimension, each made from the same item of some inputs and all of
 * the others? Then a few items can be evaluated by themselves: by the same graph over smaller inputs. */
#include "oracle/expected.h"

#include <stdlib.h>

/* The operands that the node takes item by item, as bits; 0: its items depend on each other. */
static uint32_t by_items(const tm_graph *graph, const tm_node *node)
{
    const tm_shape *x = &graph->shape[node->operand[0]], *y = &graph->shape[node->operand[node->operands - 1]];
    const uint32_t all = (1u << node->operands) - 1;
    switch (node->op) {
    case TM_OP_relu:
    case TM_OP_leaky_relu:
    case TM_OP_prelu:
    case TM_OP_selu:
    case TM_OP_gelu:
    case TM_OP_sigmoid:
    case TM_OP_softplus: return x->rank > 0 ? 1 : 0;
    case TM_OP_softmax:
    case TM_OP_sort:
    case TM_OP_sum:
    case TM_OP_argmax: return tm_axis(x, node->attributes.axis) > 0 ? 1 : 0;
    case TM_OP_layer_norm:
    case TM_OP_linear: return x->rank > 1 ? 1 : 0;
    case TM_OP_conv1d:
    case TM_OP_conv2d: return 1;
    case TM_OP_split_heads: return x->rank > 2 ? 1 : 0;
    case TM_OP_merge_heads: return x->rank > 3 ? 1 : 0;
    case TM_OP_add: return x->rank > 0 ? all : 0;
    case TM_OP_concat: return tm_axis(x, node->attributes.axis) > 0 ? all : 0;
    case TM_OP_sdpa: return x->rank > 2 ? all : 0;
    case TM_OP_matmul:
        if (x->rank > 1 && y->rank == 2) return 1;
        return x->rank > 2 && x->rank == y->rank ? all : 0;
    default: return 0;
    }
}

typedef enum use { UNUSED, ITEMS, WHOLE } use;

/* What becomes of every value; false: there are no items. */
static bool mark(const tm_graph *graph, use *uses)
{
    const tm_shape *output = &graph->shape[graph->output[0]];
    if (output->rank < 1) return false;
    for (int32_t n = 0; n < graph->nodes; n++) {
        const tm_node *node = &graph->node[n];
        const uint32_t items = by_items(graph, node);
        if (items == 0) return false;
        for (int32_t k = 0; k < node->operands; k++) {
            const tm_shape *shape = &graph->shape[node->operand[k]];
            const use wanted = items >> k & 1 ? ITEMS : WHOLE;
            use *now = &uses[node->operand[k]];
            if (*now != UNUSED && *now != wanted) return false;
            if (wanted == ITEMS && (shape->rank < 1 || shape->dim[0] != output->dim[0])) return false;
            *now = wanted;
        }
        uses[graph->inputs + n] = ITEMS;
    }
    return true;
}

static tm_status rebuild(const tm_graph *graph, int64_t count, const use *uses, tm_graph *into, tm_error *error)
{
    for (int32_t i = 0; i < graph->inputs; i++) {
        tm_shape shape = graph->shape[i];
        if (uses[i] == ITEMS) shape.dim[0] = count;
        if (tm_graph_input(into, shape, error) < 0) return TM_INVALID_ARGUMENT;
    }
    for (int32_t n = 0; n < graph->nodes; n++) {
        const tm_node *node = &graph->node[n];
        if (tm_graph_add(into, node->op, node->operand, node->operands, &node->attributes, error) < 0)
            return TM_INVALID_ARGUMENT;
    }
    return tm_graph_output(into, graph->output[0], error);
}

tm_status tm_graph_slice(const tm_graph *graph, int64_t count, bool *sliced, tm_graph **into, tm_error *error)
{
    *into = NULL;
    use *uses = calloc((size_t)(graph->inputs + graph->nodes) + 1, sizeof *uses);
    if (!uses) return tm_fail_memory(error, "a sample's graph");
    tm_status status = TM_OK;
    if (mark(graph, uses)) {
        tm_graph *made = tm_graph_new();
        status = made ? rebuild(graph, count, uses, made, error) : tm_fail_memory(error, "a sample's graph");
        if (status == TM_OK)
            *into = made;
        else
            tm_graph_free(made);
    }
    for (int32_t i = 0; i < graph->inputs; i++) sliced[i] = uses[i] == ITEMS;
    free(uses);
    return status;
}
