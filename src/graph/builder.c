/* Graphs are built front to back and only ever appended to; every append is checked whole before anything changes, so
 * a graph is sound at any time. The arrays hold a power of two of entries and grow when the count reaches one. */
#include "base/dtype.h"
#include "graph/rules.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_VALUES = 1 << 20 };

const char *tm_version(void)
{
    return TENSORMARK_VERSION;
}

tm_graph *tm_graph_new(void)
{
    return calloc(1, sizeof(tm_graph));
}

void tm_graph_free(tm_graph *graph)
{
    if (!graph) return;
    free(graph->shape);
    free(graph->node);
    free(graph->output);
    free(graph);
}

/* Makes room for entry number `count`. Returns the array, moved or not; NULL (the old one stays) without memory. */
static void *grown(void *array, int32_t count, size_t size)
{
    if (count != 0 && (count & (count - 1)) != 0) return array;
    return realloc(array, (count == 0 ? 1 : 2 * (size_t)count) * size);
}

static int32_t append_value(tm_graph *graph, const tm_shape *shape, tm_error *error)
{
    const int32_t count = graph->inputs + graph->nodes;
    if (count >= MOST_VALUES) {
        tm_fail(error, TM_INVALID_ARGUMENT, "a graph has at most %d values", MOST_VALUES);
        return -1;
    }
    tm_shape *const shapes = grown(graph->shape, count, sizeof *shapes);
    if (!shapes) {
        tm_fail_memory(error, "a graph");
        return -1;
    }
    graph->shape = shapes;
    graph->shape[count] = (tm_shape){.dtype = shape->dtype, .rank = shape->rank};
    for (int32_t i = 0; i < shape->rank; i++) graph->shape[count].dim[i] = shape->dim[i];
    return count;
}

int32_t tm_graph_input(tm_graph *graph, tm_shape shape, tm_error *error)
{
    if (!graph) {
        tm_fail(error, TM_INVALID_ARGUMENT, "input: there is no graph");
        return -1;
    }
    if (graph->nodes > 0) {
        tm_fail(error, TM_INVALID_ARGUMENT, "input: all inputs come before the first op");
        return -1;
    }
    if (tm_shape_check(&shape, "input", error) != TM_OK) return -1;
    const int32_t value = append_value(graph, &shape, error);
    if (value >= 0) graph->inputs++;
    return value;
}

/* Fields that the op does not have are zeroed, so that equal graphs have equal bytes. */
static tm_attributes own_attributes(tm_op op, const tm_attributes *attributes)
{
    tm_attributes source = *attributes;
    tm_attributes own = {0};
    for (const tm_attribute *at = tm_op_attributes(op); *at != TM_ATTRIBUTE_COUNT; at++) {
        if (tm_attribute_is_real(*at)) {
            *tm_attribute_real(&own, *at) = *tm_attribute_real(&source, *at);
        } else {
            *tm_attribute_integer(&own, *at) = *tm_attribute_integer(&source, *at);
        }
    }
    return own;
}

static tm_status collect_shapes(const tm_graph *graph, const char *op, const int32_t *operands, int32_t count,
                                tm_shape *into, tm_error *error)
{
    if (!graph) return tm_fail(error, TM_INVALID_ARGUMENT, "%s: there is no graph", op);
    if (count < 0 || count > TM_MAX_OPERANDS || (count > 0 && !operands)) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "%s: %d operands given, at most %d are possible", op, (int)count,
                       TM_MAX_OPERANDS);
    }
    for (int32_t i = 0; i < count; i++) {
        if (operands[i] < 0 || operands[i] >= graph->inputs + graph->nodes) {
            return tm_fail(error, TM_INVALID_ARGUMENT, "%s: operand %d is value %d, which does not exist", op,
                           (int)(i + 1), (int)operands[i]);
        }
        into[i] = graph->shape[operands[i]];
    }
    return TM_OK;
}

int32_t tm_graph_add(tm_graph *graph, tm_op op, const int32_t *operands, int32_t count, const tm_attributes *attributes,
                     tm_error *error)
{
    tm_shape shapes[TM_MAX_OPERANDS] = {0};
    tm_shape result = {0};
    if (collect_shapes(graph, tm_op_name(op), operands, count, shapes, error) != TM_OK) return -1;
    if (tm_op_shape(op, shapes, count, attributes, &result, error) != TM_OK) return -1;

    tm_node *const nodes = grown(graph->node, graph->nodes, sizeof *nodes);
    if (!nodes) {
        tm_fail_memory(error, "a graph");
        return -1;
    }
    graph->node = nodes;
    const int32_t value = append_value(graph, &result, error);
    if (value < 0) return -1;
    tm_node *const node = &graph->node[graph->nodes++];
    *node = (tm_node){.op = op, .attributes = own_attributes(op, attributes), .operands = count};
    for (int32_t i = 0; i < count; i++) node->operand[i] = operands[i];
    return value;
}

int32_t tm_graph_op(tm_graph *graph, const char *op, const int32_t *operands, int32_t count, const char *attributes,
                    tm_error *error)
{
    tm_op number = TM_OP_COUNT;
    if (!op || !tm_op_parse(op, &number)) {
        tm_fail(error, TM_INVALID_ARGUMENT, "there is no op '%.64s'", op ? op : "");
        return -1;
    }
    tm_attributes values = tm_op_defaults(number);
    if (tm_attributes_parse(number, attributes, &values, error) != TM_OK) return -1;
    return tm_graph_add(graph, number, operands, count, &values, error);
}

tm_status tm_graph_output(tm_graph *graph, int32_t value, tm_error *error)
{
    if (!graph) return tm_fail(error, TM_INVALID_ARGUMENT, "output: there is no graph");
    if (value < 0 || value >= graph->inputs + graph->nodes) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "output: value %d does not exist", (int)value);
    }
    if (value < graph->inputs) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "output: value %d is an input", (int)value);
    }
    if (graph->outputs >= MOST_VALUES) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "a graph has at most %d outputs", MOST_VALUES);
    }
    int32_t *const outputs = grown(graph->output, graph->outputs, sizeof *outputs);
    if (!outputs) return tm_fail_memory(error, "a graph");
    graph->output = outputs;
    graph->output[graph->outputs++] = value;
    return TM_OK;
}
