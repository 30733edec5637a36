/* Any bytes as a graph: an error, or a graph that survives every accessor and that its own bytes describe. */
#include "graph/graph.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds) abort();
}

static void ask_everything(const tm_graph *graph)
{
    static const char *const names[] = {"axis", "rows", "slope", "eps", "scale", "mask", "nothing"};
    const tm_host *const host = tm_graph_host();
    for (int32_t node = -1; node <= host->node_count(graph); node++) {
        host->node_op(graph, node);
        for (int32_t i = -1; i <= TM_MAX_OPERANDS; i++) {
            const int32_t value = host->node_operand(graph, node, i);
            require(value == -1 || value < host->input_count(graph) + node);
            host->value_shape(graph, value);
        }
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            host->node_integer(graph, node, names[i]);
            host->node_real(graph, node, names[i]);
        }
    }
    for (int32_t i = 0; i < host->output_count(graph); i++) {
        require(host->output_value(graph, i) >= host->input_count(graph));
    }
    const tm_work work = tm_graph_work(graph);
    require(work.flop >= work.floor_flop && work.floor_flop >= 0);
    require(work.bytes >= work.floor_bytes && work.floor_bytes >= 0);
    require(work.resident_bytes >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tm_graph *graph = NULL;
    tm_text bytes = {0};
    tm_error error = {""};
    if (tm_graph_read(data, size, &graph, &error) != TM_OK) {
        require(graph == NULL && error.message[0] != 0);
        return 0;
    }
    ask_everything(graph);
    require(tm_graph_write(graph, &bytes, &error) == TM_OK);
    require(bytes.length == size && memcmp(bytes.data, data, size) == 0);
    tm_text_free(&bytes);
    tm_graph_free(graph);
    return 0;
}
