/* A graph as one line of JSON, in final figures as backends see them (host.c): equal graphs give equal text. Its hash
 * is the graph's key.
 *
 *   {"inputs":[{"dtype":"f32","shape":[17,33]}],
 *    "nodes":[{"op":"softmax","operands":[0],"axis":1,"dtype":"f32","shape":[17,33]}],"outputs":[1]} */
#include "base/dtype.h"
#include "base/hash.h"
#include "graph/rules.h"

#include <inttypes.h>
#include <stdio.h>

static void add_shape(const tm_shape *shape, tm_text *into)
{
    tm_text_format(into, "\"dtype\":\"%s\",\"shape\":[", tm_dtype_name(shape->dtype));
    for (int32_t i = 0; i < shape->rank; i++) tm_text_format(into, "%s%" PRId64, i ? "," : "", shape->dim[i]);
    tm_text_add(into, "]");
}

static void add_node(const tm_graph *graph, int32_t index, tm_text *into)
{
    const tm_node *const node = &graph->node[index];
    const tm_host *const host = tm_graph_host();
    tm_text_format(into, "{\"op\":\"%s\",\"operands\":[", tm_op_name(node->op));
    for (int32_t i = 0; i < node->operands; i++) tm_text_format(into, "%s%d", i ? "," : "", (int)node->operand[i]);
    tm_text_add(into, "]");
    for (const tm_attribute *at = tm_op_attributes(node->op); *at != TM_ATTRIBUTE_COUNT; at++) {
        const char *const name = tm_attribute_name(*at);
        tm_text_format(into, ",\"%s\":", name);
        if (tm_attribute_is_real(*at)) {
            tm_real_print(host->node_real(graph, index, name), into);
        } else if (tm_attribute_choice(*at, 0)) {
            tm_text_format(into, "\"%s\"", tm_attribute_choice(*at, host->node_integer(graph, index, name)));
        } else {
            tm_text_format(into, "%" PRId64, host->node_integer(graph, index, name));
        }
    }
    tm_text_add(into, ",");
    add_shape(&graph->shape[graph->inputs + index], into);
    tm_text_add(into, "}");
}

void tm_graph_describe(const tm_graph *graph, tm_text *into)
{
    tm_text_add(into, "{\"inputs\":[");
    for (int32_t i = 0; i < graph->inputs; i++) {
        tm_text_add(into, i ? ",{" : "{");
        add_shape(&graph->shape[i], into);
        tm_text_add(into, "}");
    }
    tm_text_add(into, "],\"nodes\":[");
    for (int32_t i = 0; i < graph->nodes; i++) {
        tm_text_add(into, i ? "," : "");
        add_node(graph, i, into);
    }
    tm_text_add(into, "],\"outputs\":[");
    for (int32_t i = 0; i < graph->outputs; i++) tm_text_format(into, "%s%d", i ? "," : "", (int)graph->output[i]);
    tm_text_add(into, "]}");
}

tm_status tm_graph_key(const tm_graph *graph, char into[TM_GRAPH_KEY])
{
    tm_text text = {0};
    tm_graph_describe(graph, &text);
    const bool complete = !text.failed;
    const tm_hash128 hash = tm_hash128_bytes(text.data, text.length);
    tm_text_free(&text);
    snprintf(into, TM_GRAPH_KEY, "%016" PRIx64 "%016" PRIx64, hash.high, hash.low);
    return complete ? TM_OK : TM_OUT_OF_MEMORY;
}
