/* What the nodes of a graph make, each in a buffer of its own that lasts as long as the program. */
#include "adapter.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static const size_t cache_line = 64, huge_page = (size_t)2 << 20;

static size_t bytes_of(const tm_results *results, int32_t value)
{
    const tm_shape shape = results->host->value_shape(results->graph, value);
    return tm_adapter_bytes(&shape);
}

/* Never NULL for want of bytes: libraries may look at the address of an empty tensor. */
static void *take(size_t bytes, bool huge)
{
    const size_t pitch = huge && bytes >= huge_page ? huge_page : cache_line;
    const size_t whole = (bytes / pitch + 1) * pitch;
    void *data = aligned_alloc(pitch, whole);
#ifdef MADV_HUGEPAGE
    if (data && pitch == huge_page) (void)madvise(data, whole, MADV_HUGEPAGE);
#endif
    return data;
}

tm_status tm_results_make(tm_results *into, const tm_host *host, const tm_graph *graph, bool huge_pages,
                          tm_error *error)
{
    const int32_t inputs = host->input_count(graph), nodes = host->node_count(graph);
    *into = (tm_results){.host = host, .graph = graph, .inputs = inputs, .nodes = nodes};
    into->data = calloc((size_t)nodes + 1, sizeof *into->data);
    bool complete = into->data != NULL;
    for (int32_t i = 0; complete && i < nodes; i++) {
        into->data[i] = take(bytes_of(into, inputs + i), huge_pages);
        complete = into->data[i] != NULL;
    }
    return complete ? TM_OK : tm_adapter_fail(error, TM_OUT_OF_MEMORY, "out of memory for a program's results");
}

void tm_results_free(tm_results *results)
{
    for (int32_t i = 0; results->data && i < results->nodes; i++) free(results->data[i]);
    free(results->data);
    *results = (tm_results){0};
}

void tm_results_poison(tm_results *results)
{
    for (int32_t i = 0; i < results->nodes; i++) memset(results->data[i], 0xff, bytes_of(results, results->inputs + i));
}

tm_status tm_results_read(const tm_results *results, int32_t output, size_t offset_bytes, size_t bytes, void *into,
                          tm_error *error)
{
    const tm_host *host = results->host;
    const bool known = output >= 0 && output < host->output_count(results->graph);
    const int32_t node = known ? host->output_value(results->graph, output) - results->inputs : -1;
    if (node < 0) return tm_adapter_fail(error, TM_INVALID_ARGUMENT, "there is no output %d", (int)output);
    const size_t whole = bytes_of(results, results->inputs + node);
    if (offset_bytes > whole || bytes > whole - offset_bytes) {
        return tm_adapter_fail(error, TM_INVALID_ARGUMENT, "a piece goes beyond output %d", (int)output);
    }
    if (bytes > 0) memcpy(into, (const char *)results->data[node] + offset_bytes, bytes);
    return TM_OK;
}
