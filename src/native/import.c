/* Value for value, node for node. Whatever the host says is checked again by the graph builder, so a shape rule that
 * differs between builds is an error here and not a wrong buffer size later. */
#include "native/import.h"

#include "base/dtype.h"

#include <string.h>

#define READ_INTEGER(name) host->node_integer(foreign, node, name)
#define READ_REAL(name)    host->node_real(foreign, node, name)
#define READ_CHOICE(name)  host->node_integer(foreign, node, name)

static tm_attributes read_attributes(const tm_host *host, const tm_graph *foreign, int32_t node, tm_op op)
{
    tm_attributes attributes = tm_op_defaults(op);
#define TM_ATTRIBUTE(name, kind)                                                                                       \
    if (tm_op_has(op, TM_ATTRIBUTE_##name)) attributes.name = READ_##kind(#name);
#include "graph/attributes.def"
#undef TM_ATTRIBUTE
    return attributes;
}

static bool same_shape(const tm_shape *a, const tm_shape *b)
{
    if (a->dtype != b->dtype || a->rank != b->rank) return false;
    for (int32_t i = 0; i < a->rank; i++) {
        if (a->dim[i] != b->dim[i]) return false;
    }
    return true;
}

/* Indices and lengths are i64, everything else is real; kernels know nothing else. */
static tm_status check_dtypes(const tm_graph *graph, const tm_node *node, tm_error *error)
{
    for (int32_t i = 0; i < node->operands; i++) {
        const tm_dtype dtype = graph->shape[node->operand[i]].dtype;
        const bool fits = tm_op_takes_integers(node->op, i) ? dtype == TM_I64 : tm_dtype_is_real(dtype);
        if (!fits) {
            return tm_fail(error, TM_UNSUPPORTED, "native: %s with operand %d of dtype %s", tm_op_name(node->op),
                           (int)i + 1, tm_dtype_name(dtype));
        }
    }
    return TM_OK;
}

static tm_status import_node(const tm_host *host, const tm_graph *foreign, int32_t node, tm_graph *graph,
                             tm_error *error)
{
    const char *name = host->node_op(foreign, node);
    tm_op op;
    if (!tm_op_parse(name, &op)) return tm_fail(error, TM_UNSUPPORTED, "native: no op %s", name);
    int32_t operands[TM_MAX_OPERANDS], count = 0;
    for (int32_t value; (value = host->node_operand(foreign, node, count)) >= 0; count++) {
        if (count == TM_MAX_OPERANDS) return tm_fail(error, TM_UNSUPPORTED, "native: %s with over 8 operands", name);
        operands[count] = value;
    }
    const tm_attributes attributes = read_attributes(host, foreign, node, op);
    const int32_t result = tm_graph_add(graph, op, operands, count, &attributes, error);
    if (result < 0) return TM_INVALID_ARGUMENT;
    const tm_shape theirs = host->value_shape(foreign, result);
    if (!same_shape(&theirs, &graph->shape[result])) {
        return tm_fail(error, TM_UNSUPPORTED, "native: %s: this build gives its result another shape", name);
    }
    return check_dtypes(graph, &graph->node[graph->nodes - 1], error);
}

static tm_status import_all(const tm_host *host, const tm_graph *foreign, tm_graph *graph, tm_error *error)
{
    for (int32_t i = 0, count = host->input_count(foreign); i < count; i++) {
        if (tm_graph_input(graph, host->value_shape(foreign, i), error) < 0) return TM_INVALID_ARGUMENT;
    }
    for (int32_t i = 0, count = host->node_count(foreign); i < count; i++) {
        const tm_status status = import_node(host, foreign, i, graph, error);
        if (status != TM_OK) return status;
    }
    for (int32_t i = 0, count = host->output_count(foreign); i < count; i++) {
        const tm_status status = tm_graph_output(graph, host->output_value(foreign, i), error);
        if (status != TM_OK) return status;
    }
    return TM_OK;
}

tm_status tm_graph_import(const tm_host *host, const tm_graph *foreign, tm_graph **into, tm_error *error)
{
    *into = NULL;
    tm_graph *graph = tm_graph_new();
    if (graph == NULL) return tm_fail_memory(error, "a graph");
    const tm_status status = import_all(host, foreign, graph, error);
    if (status == TM_OK) {
        *into = graph;
    } else {
        tm_graph_free(graph);
    }
    return status;
}
