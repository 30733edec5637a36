/* The table through which backends read graphs. It answers in final figures: an axis counts from the front, a derived
 * scale is the number itself, so that no backend has to know the defaults. A question about something that is not there
 * gets -1, INT64_MIN or NaN. */
#include "graph/rules.h"

#include <math.h>
#include <string.h>

static const tm_node *node_at(const tm_graph *graph, int32_t node)
{
    return node >= 0 && node < graph->nodes ? &graph->node[node] : NULL;
}

static int32_t node_count(const tm_graph *graph)
{
    return graph->nodes;
}

static const char *node_op(const tm_graph *graph, int32_t node)
{
    const tm_node *const found = node_at(graph, node);
    return found ? tm_op_name(found->op) : "?";
}

static int32_t node_operand(const tm_graph *graph, int32_t node, int32_t position)
{
    const tm_node *const found = node_at(graph, node);
    return found && position >= 0 && position < found->operands ? found->operand[position] : -1;
}

static int64_t node_integer(const tm_graph *graph, int32_t node, const char *attribute)
{
    const tm_node *const found = node_at(graph, node);
    tm_attribute which = TM_ATTRIBUTE_COUNT;
    if (!found || !tm_attribute_parse(attribute, strlen(attribute), &which) || !tm_op_has(found->op, which) ||
        tm_attribute_is_real(which)) {
        return INT64_MIN;
    }
    if (which == TM_ATTRIBUTE_axis) return tm_axis(&graph->shape[found->operand[0]], found->attributes.axis);
    tm_attributes copy = found->attributes;
    return *tm_attribute_integer(&copy, which);
}

static double node_real(const tm_graph *graph, int32_t node, const char *attribute)
{
    const tm_node *const found = node_at(graph, node);
    tm_attribute which = TM_ATTRIBUTE_COUNT;
    if (!found || !tm_attribute_parse(attribute, strlen(attribute), &which) || !tm_op_has(found->op, which) ||
        !tm_attribute_is_real(which)) {
        return NAN;
    }
    tm_attributes copy = found->attributes;
    const double value = *tm_attribute_real(&copy, which);
    if (which != TM_ATTRIBUTE_scale || !isnan(value)) return value;
    const tm_shape *const q = &graph->shape[found->operand[0]];
    return 1 / sqrt((double)q->dim[q->rank - 1]);
}

static tm_shape value_shape(const tm_graph *graph, int32_t value)
{
    const tm_shape none = {.rank = -1};
    return value >= 0 && value < graph->inputs + graph->nodes ? graph->shape[value] : none;
}

static int32_t input_count(const tm_graph *graph)
{
    return graph->inputs;
}

static int32_t output_count(const tm_graph *graph)
{
    return graph->outputs;
}

static int32_t output_value(const tm_graph *graph, int32_t output)
{
    return output >= 0 && output < graph->outputs ? graph->output[output] : -1;
}

/* Whoever hosts whole models copies the table and puts its own on_token in. */
static const tm_host host = {.size = sizeof(tm_host),
                             .node_count = node_count,
                             .node_op = node_op,
                             .node_operand = node_operand,
                             .node_integer = node_integer,
                             .node_real = node_real,
                             .value_shape = value_shape,
                             .input_count = input_count,
                             .output_count = output_count,
                             .output_value = output_value,
                             .on_token = NULL,
                             .graph_key = tm_graph_key};

const tm_host *tm_graph_host(void)
{
    return &host;
}
