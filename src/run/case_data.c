/* Layout of the shared inputs: slot after slot, then one more set for the probe; every input starts on a page. */
#include "run/case_data.h"

#include "base/dtype.h"
#include "run/shared.h"
#include "suite/inputs.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST_SLOTS = 1024 };

size_t tm_case_set_bytes(const tm_graph *graph)
{
    size_t bytes = 0;
    for (int32_t i = 0; i < graph->inputs; i++) bytes += tm_shared_page_up(tm_shape_bytes(&graph->shape[i]));
    return bytes;
}

size_t tm_case_output_bytes(const tm_graph *graph)
{
    return tm_shape_bytes(&graph->shape[graph->output[0]]);
}

int32_t tm_case_slots(const tm_case *one, double llc_bytes)
{
    if (!one->cold) return 2;
    const double wanted = llc_bytes * 4 > 256.0 * 1048576 ? llc_bytes * 4 : 256.0 * 1048576;
    const double slots = wanted / (double)(tm_case_set_bytes(one->graph) + 1) + 1;
    return slots < 2 ? 2 : slots > MOST_SLOTS ? MOST_SLOTS : (int32_t)slots;
}

bool tm_case_holds_slot(const tm_case *one, double llc_bytes)
{
    const size_t in_turn = 2 * tm_case_set_bytes(one->graph) + tm_case_output_bytes(one->graph);
    return !one->cold && (double)in_turn > llc_bytes / 2;
}

tm_status tm_case_data_make(const tm_case_data *setup, tm_case_data *into, tm_error *error)
{
    *into = *setup;
    const tm_graph *graph = setup->one->graph;
    const size_t inputs = (size_t)graph->inputs, slots = (size_t)setup->slots;
    into->set_bytes = tm_case_set_bytes(graph);
    into->output_bytes = tm_case_output_bytes(graph);
    into->input_offset = calloc(inputs + 1, sizeof *into->input_offset);
    into->expected = calloc(slots, sizeof(tm_expected *));
    into->input_hash = calloc(slots * inputs + 1, sizeof *into->input_hash);
    into->input_hash_known = calloc(slots * inputs + 1, sizeof *into->input_hash_known);
    char *base = tm_shared_inputs(setup->shared, (slots + 1) * into->set_bytes);
    if (!into->input_offset || !into->expected || !into->input_hash || !into->input_hash_known || !base) {
        tm_case_data_free(into);
        return tm_fail_memory(error, setup->one->id);
    }
    size_t offset = 0;
    for (int32_t i = 0; i < graph->inputs; i++) {
        into->input_offset[i] = offset;
        offset += tm_shared_page_up(tm_shape_bytes(&graph->shape[i]));
    }
    for (int32_t slot = 0; slot < setup->slots; slot++) {
        const tm_input_key key = {setup->seed, setup->pass, (uint32_t)slot};
        for (int32_t i = 0; i < graph->inputs; i++) {
            tm_input_fill_all(setup->one, key, i, setup->threads, base + tm_case_data_offset(into, slot, i));
        }
    }
    return TM_OK;
}

void tm_case_data_free(tm_case_data *data)
{
    if (data->expected) {
        for (int32_t slot = 0; slot < data->slots; slot++) tm_expected_free(data->expected[slot]);
    }
    free(data->expected);
    free(data->input_offset);
    free(data->input_hash);
    free(data->input_hash_known);
    *data = (tm_case_data){0};
}

size_t tm_case_data_offset(const tm_case_data *data, int32_t slot, int32_t input)
{
    return (size_t)slot * data->set_bytes + data->input_offset[input];
}

void tm_case_data_inputs(const tm_case_data *data, int32_t slot, const void **into)
{
    const char *base = tm_shared_inputs(data->shared, ((size_t)data->slots + 1) * data->set_bytes);
    for (int32_t i = 0; i < data->one->graph->inputs; i++) into[i] = base + tm_case_data_offset(data, slot, i);
}

tm_status tm_case_data_expected(tm_case_data *data, int32_t slot, const tm_expected **into, tm_error *error)
{
    if (!data->expected[slot]) {
        const tm_graph *graph = data->one->graph;
        const void **inputs = calloc((size_t)graph->inputs + 1, sizeof *inputs);
        if (!inputs) return tm_fail_memory(error, data->one->id);
        tm_case_data_inputs(data, slot, inputs);
        tm_text key = {0};
        tm_text_format(&key, "%s seed=%llu pass=%u slot=%d", data->one->id, (unsigned long long)data->seed, data->pass,
                       slot);
        const tm_expect_options options = {
            .sample_seed = data->seed + data->pass,
            .whole_seconds = 0.5, /* a case has two outputs to check, and a second for them */
            .least_elements = 65536,
            .threads = data->threads,
            .cache_folder = key.failed ? NULL : data->cache_folder,
            .cache_key = key.data,
        };
        const tm_status status = tm_expect(graph, inputs, &options, &data->expected[slot], error);
        tm_text_free(&key);
        free(inputs);
        if (status != TM_OK) return status;
    }
    *into = data->expected[slot];
    return TM_OK;
}
