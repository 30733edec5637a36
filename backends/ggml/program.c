/* A compiled graph. Each slot has its inputs in one buffer of ggml's around the session's pages, and a graph over them
 * that is made when the last of them is first bound. Results come from one allocator, so that they lie at the same
 * place whichever slot was run: made before the first execution and kept, as ggml's users have them. */
#include "adapter_ggml.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { alignment = 64, slot_pitch = 4096 };

static size_t up(size_t bytes, size_t pitch)
{
    return (bytes + pitch - 1) / pitch * pitch;
}

/* Asks ggml about every call that the graph has become. */
static tm_status check_nodes(const tm_ggml_call *call, cgraph *into, tm_error *error)
{
    const tm_ggml_api *api = call->api;
    *into = api->ggml_new_graph_custom(call->context, TM_GGML_MOST_TENSORS, false);
    api->ggml_build_forward_expand(*into, call->result);
    for (int i = 0; i < api->ggml_graph_n_nodes(*into); i++) {
        const tensor node = api->ggml_graph_node(*into, i);
        if (api->ggml_backend_supports_op(call->session->backend, node)) continue;
        return tm_adapter_fail(error, TM_UNSUPPORTED, "ggml's CPU backend does not run %.60s on these types",
                               api->ggml_op_desc(node));
    }
    return TM_OK;
}

tm_status tm_ggml_supports(tm_session *session, const tm_graph *graph, tm_error *error)
{
    tm_ggml_call call;
    cgraph nodes;
    tm_status status = tm_ggml_make_call(&call, session, graph, error);
    if (status == TM_OK) status = check_nodes(&call, &nodes, error);
    if (call.context) session->ggml.api.ggml_free(call.context);
    return status;
}

static void place_held(tm_program *program)
{
    for (int32_t i = 0; i < program->call.held_count; i++) {
        tm_ggml_held *held = &program->call.held[i];
        held->at = program->slot_bytes;
        program->slot_bytes = up(held->at + tm_ggml_form_bytes(&held->form), alignment);
    }
    program->slot_bytes = up(program->slot_bytes, slot_pitch);
}

tm_status tm_ggml_compile(tm_session *session, const tm_graph *graph, int32_t slots, tm_program **program,
                          tm_error *error)
{
    const tm_ggml_api *api = &session->ggml.api;
    tm_program *made = calloc(1, sizeof *made);
    if (!made) return tm_adapter_fail(error, TM_OUT_OF_MEMORY, "out of memory for a program");
    made->session = session;
    made->graph = graph;
    made->slots = slots;
    made->inputs = session->host->input_count(graph);
    made->bound = calloc((size_t)slots * (size_t)made->inputs + 1, sizeof *made->bound);
    made->slot_context = calloc((size_t)slots, sizeof(context));
    made->slot_graph = calloc((size_t)slots, sizeof(cgraph));
    made->slot_buffer = calloc((size_t)slots, sizeof(buffer));
    made->allocator = api->ggml_gallocr_new(api->ggml_backend_get_default_buffer_type(session->backend));
    tm_status status = tm_ggml_make_call(&made->call, session, graph, error);
    if (made->call.context) api->ggml_free(made->call.context);
    made->call.context = NULL;
    if (status == TM_OK && !(made->bound && made->slot_context && made->slot_graph && made->slot_buffer)) {
        status = tm_adapter_fail(error, TM_OUT_OF_MEMORY, "out of memory for a program's slots");
    }
    if (status != TM_OK) {
        tm_ggml_discard(made);
        return status;
    }
    place_held(made);
    *program = made;
    return TM_OK;
}

static char *slot_memory(const tm_program *program, int32_t slot)
{
    char *base = tm_pages_take(&program->session->pages, (size_t)program->slots * program->slot_bytes);
    return base ? base + (size_t)slot * program->slot_bytes : NULL;
}

/* Before anything is written to them, and wholly inside the result. */
static void ask_for_huge_pages(char *data, size_t bytes)
{
#ifdef MADV_HUGEPAGE
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), first = up((size_t)(uintptr_t)data, page);
    const size_t last = ((size_t)(uintptr_t)data + bytes) / page * page;
    if (last > first) (void)madvise(data + (first - (size_t)(uintptr_t)data), last - first, MADV_HUGEPAGE);
#else
    (void)data;
    (void)bytes;
#endif
}

/* The tensors of a slot's call at the places of its inputs, and the graph of the call allocated. */
static tm_status place_tensors(tm_program *program, tm_ggml_call *call, int32_t slot, char *memory, tm_error *error)
{
    const tm_ggml_api *api = call->api;
    program->slot_buffer[slot] = api->ggml_backend_dev_buffer_from_host_ptr(program->session->ggml.device, memory,
                                                                            program->slot_bytes, program->slot_bytes);
    if (!program->slot_buffer[slot]) return tm_adapter_fail(error, TM_FAILED, "ggml takes no buffer from memory");
    for (int32_t i = 0; i < call->held_count; i++) {
        const tm_ggml_held *held = &program->call.held[i];
        char *at = memory + held->at;
        if (held->input < 0) tm_ggml_fill_mask(program->session, program->graph, &held->form, (uint16_t *)(void *)at);
        const int failed = api->ggml_backend_tensor_alloc(program->slot_buffer[slot], call->operand[i], at);
        if (failed) return tm_adapter_fail(error, TM_FAILED, "tensor_alloc: %s", api->ggml_status_to_string(failed));
    }
    cgraph graph;
    api->ggml_set_output(call->result);
    const tm_status status = check_nodes(call, &graph, error);
    if (status != TM_OK) return status;
    if (!program->allocator || !api->ggml_gallocr_alloc_graph(program->allocator, graph)) {
        return tm_adapter_fail(error, TM_OUT_OF_MEMORY, "ggml got no memory for the graph's results");
    }
    char *data = api->ggml_get_data(call->result);
    if (api->ggml_nbytes(call->result) != tm_ggml_form_bytes(&call->result_form)) {
        return tm_adapter_fail(error, TM_FAILED, "ggml's result has %zu bytes, not %zu", api->ggml_nbytes(call->result),
                               tm_ggml_form_bytes(&call->result_form));
    }
    if (program->session->tuned && !program->result) ask_for_huge_pages(data, api->ggml_nbytes(call->result));
    program->result = call->result;
    program->slot_graph[slot] = graph;
    return TM_OK;
}

static tm_status make_slot(tm_program *program, int32_t slot, tm_error *error)
{
    tm_ggml_call call;
    const tm_status status = tm_ggml_make_call(&call, program->session, program->graph, error);
    program->slot_context[slot] = call.context;
    return status == TM_OK ? place_tensors(program, &call, slot, slot_memory(program, slot), error) : status;
}

static tm_status check_piece(const tm_program *program, int32_t slot, int32_t input, size_t offset, size_t bytes,
                             tm_error *error)
{
    if (slot < 0 || slot >= program->slots || input < 0 || input >= program->inputs) {
        return tm_adapter_fail(error, TM_INVALID_ARGUMENT, "there is no input %d of slot %d", (int)input, (int)slot);
    }
    const tm_shape shape = program->session->host->value_shape(program->graph, input);
    const size_t whole = tm_adapter_bytes(&shape), size = tm_adapter_size_of(shape.dtype);
    if (offset > whole || bytes > whole - offset) {
        return tm_adapter_fail(error, TM_INVALID_ARGUMENT, "a piece goes beyond input %d", (int)input);
    }
    if (offset % size || bytes % size) {
        return tm_adapter_fail(error, TM_INVALID_ARGUMENT, "a piece of input %d must hold whole elements", (int)input);
    }
    return TM_OK;
}

static bool all_bound(const tm_program *program, int32_t slot)
{
    for (int32_t i = 0; i < program->inputs; i++) {
        if (!program->bound[slot * program->inputs + i]) return false;
    }
    return true;
}

tm_status tm_ggml_bind(tm_program *program, int32_t slot, int32_t input, size_t offset_bytes, const void *data,
                       size_t bytes, tm_error *error)
{
    const tm_status status = check_piece(program, slot, input, offset_bytes, bytes, error);
    if (status != TM_OK) return status;
    char *memory = slot_memory(program, slot);
    if (!memory) return tm_adapter_fail(error, TM_OUT_OF_MEMORY, "out of memory for inputs");
    for (int32_t i = 0; i < program->call.held_count; i++) {
        const tm_ggml_held *held = &program->call.held[i];
        if (held->input != input) continue;
        tm_ggml_copy_in(&program->session->ggml, &held->form, memory + held->at, offset_bytes, bytes, data);
    }
    program->bound[slot * program->inputs + input] = true;
    return program->slot_graph[slot] || !all_bound(program, slot) ? TM_OK : make_slot(program, slot, error);
}

tm_status tm_ggml_read_input(tm_program *program, int32_t slot, int32_t input, size_t offset_bytes, size_t bytes,
                             void *into, tm_error *error)
{
    const tm_status status = check_piece(program, slot, input, offset_bytes, bytes, error);
    if (status != TM_OK) return status;
    for (int32_t i = 0; i < program->call.held_count; i++) {
        const tm_ggml_held *held = &program->call.held[i];
        if (held->input != input || !program->bound[slot * program->inputs + input]) continue;
        tm_ggml_copy_out(&program->session->ggml, &held->form, slot_memory(program, slot) + held->at, offset_bytes,
                         bytes, into);
        return TM_OK;
    }
    return tm_adapter_fail(error, TM_INVALID_ARGUMENT, "input %d of slot %d is not bound", (int)input, (int)slot);
}

static void free_slots(tm_program *program)
{
    const tm_ggml_api *api = &program->session->ggml.api;
    for (int32_t i = 0; i < program->slots; i++) {
        if (program->slot_context && program->slot_context[i]) api->ggml_free(program->slot_context[i]);
        if (program->slot_buffer && program->slot_buffer[i]) api->ggml_backend_buffer_free(program->slot_buffer[i]);
        if (program->slot_context) program->slot_context[i] = NULL;
        if (program->slot_buffer) program->slot_buffer[i] = NULL;
        if (program->slot_graph) program->slot_graph[i] = NULL;
    }
    program->result = NULL;
}

void tm_ggml_unbind(tm_program *program)
{
    free_slots(program);
    memset(program->bound, 0, (size_t)program->slots * (size_t)program->inputs * sizeof *program->bound);
    tm_pages_free(&program->session->pages);
}

void tm_ggml_discard(tm_program *program)
{
    free_slots(program);
    if (program->allocator) program->session->ggml.api.ggml_gallocr_free(program->allocator);
    free(program->bound);
    free(program->slot_context);
    free(program->slot_graph);
    free(program->slot_buffer);
    free(program);
}

tm_status tm_ggml_run(tm_program *program, int32_t first_slot, int64_t count, tm_error *error)
{
    const tm_ggml_api *api = &program->session->ggml.api;
    for (int64_t i = 0; i < count; i++) {
        const int64_t slot = (first_slot + i) % program->slots;
        if (!program->slot_graph[slot]) {
            return tm_adapter_fail(error, TM_INVALID_ARGUMENT, "slot %d is not bound", (int)slot);
        }
        const int failed = api->ggml_backend_graph_compute(program->session->backend, program->slot_graph[slot]);
        if (failed) return tm_adapter_fail(error, TM_FAILED, "ggml: %s", api->ggml_status_to_string(failed));
    }
    return TM_OK;
}

tm_status tm_ggml_read(tm_program *program, int32_t output, size_t offset_bytes, size_t bytes, void *into,
                       tm_error *error)
{
    const tm_ggml_form *form = &program->call.result_form;
    const tm_shape shape = program->session->host->value_shape(program->graph, program->inputs);
    const size_t whole = tm_adapter_bytes(&shape), size = tm_adapter_size_of(shape.dtype);
    if (output != 0 || !program->result || offset_bytes > whole || bytes > whole - offset_bytes ||
        offset_bytes % size || bytes % size) {
        return tm_adapter_fail(error, TM_INVALID_ARGUMENT, "there is no such part of an output");
    }
    tm_ggml_copy_out(&program->session->ggml, form, program->session->ggml.api.ggml_get_data(program->result),
                     offset_bytes, bytes, into);
    return TM_OK;
}

void tm_ggml_poison(tm_program *program)
{
    if (!program->result) return;
    memset(program->session->ggml.api.ggml_get_data(program->result), 0xff,
           tm_ggml_form_bytes(&program->call.result_form));
}
