/* A compiled graph: a primitive for each node, with its memories for each slot. Inputs that a primitive wants otherwise
 * than the graph has them are reordered when they are bound; an execution only executes. */
#include "onednn.h"

#include <stdlib.h>

static const size_t page = 4096;

static const tm_onednn_api *api_of(const tm_program *program)
{
    return &program->session->onednn.api;
}

static char *prepared_data(const tm_program *program, int32_t slot, const tm_onednn_prepared *prepared)
{
    char *base =
        tm_pages_take(&program->session->prepared, (size_t)program->slots.slots * program->prepared_bytes + page);
    return base ? base + (size_t)slot * program->prepared_bytes + prepared->at : NULL;
}

static void *data_of(const tm_program *program, int32_t slot, const tm_onednn_use *use)
{
    if (use->prepared >= 0) return prepared_data(program, slot, &program->prepared[use->prepared]);
    const int32_t inputs = program->results.inputs;
    return use->value < inputs ? tm_slots_input(&program->slots, slot, use->value)
                               : program->results.data[use->value - inputs];
}

/* Tells the slot's memories where their data are. Inputs stay where they are until they are unbound. */
static tm_status place(tm_program *program, int32_t slot, tm_error *error)
{
    void *inputs = tm_slots_input(&program->slots, slot, 0);
    if (program->placed[slot] && program->placed[slot] == inputs) return TM_OK;
    for (int32_t s = 0; s < program->steps; s++) {
        const tm_onednn_step *step = &program->step[s];
        for (int32_t i = 0; i < step->uses; i++) {
            void *data = data_of(program, slot, &step->use[i]);
            if (!data) return tm_adapter_fail(error, TM_OUT_OF_MEMORY, "out of memory for inputs");
            const int status = api_of(program)->memory_set_data_handle(step->use[i].memory[slot], data);
            if (status != ONEDNN_SUCCESS) {
                return tm_onednn_refused(&program->session->onednn, status, "memory_set_data_handle", error);
            }
        }
    }
    program->placed[slot] = inputs;
    return TM_OK;
}

/* Reorders what was bound since it was last reordered. */
static tm_status prepare(tm_program *program, int32_t slot, int32_t index, tm_error *error)
{
    tm_onednn_prepared *prepared = &program->prepared[index];
    const tm_onednn *onednn = &program->session->onednn;
    if (!prepared->stale[slot]) return TM_OK;
    char *into = prepared_data(program, slot, prepared);
    void *from = tm_slots_input(&program->slots, slot, prepared->input);
    if (!into || !from) return tm_adapter_fail(error, TM_OUT_OF_MEMORY, "out of memory for a reordered input");
    int status = onednn->api.memory_set_data_handle(prepared->from, from);
    if (status == ONEDNN_SUCCESS) status = onednn->api.memory_set_data_handle(prepared->to, into);
    const tm_onednn_argument arguments[] = {{ONEDNN_ARG_SRC, prepared->from}, {ONEDNN_ARG_DST, prepared->to}};
    if (status == ONEDNN_SUCCESS) {
        status = onednn->api.primitive_execute(prepared->primitive, onednn->stream, 2, arguments);
    }
    if (status == ONEDNN_SUCCESS) status = onednn->api.stream_wait(onednn->stream);
    if (status != ONEDNN_SUCCESS) return tm_onednn_refused(onednn, status, "reorder", error);
    prepared->stale[slot] = false;
    return TM_OK;
}

tm_status tm_onednn_bind(tm_program *program, int32_t slot, int32_t input, size_t offset_bytes, const void *data,
                         size_t bytes, tm_error *error)
{
    tm_status status = tm_slots_bind(&program->slots, slot, input, offset_bytes, data, bytes, error);
    if (status != TM_OK) return status;
    const tm_shape shape = program->slots.host->value_shape(program->slots.graph, input);
    const bool is_last_piece = offset_bytes + bytes == tm_adapter_bytes(&shape);
    for (int32_t i = 0; i < program->prepareds && status == TM_OK; i++) {
        if (program->prepared[i].input != input) continue;
        program->prepared[i].stale[slot] = true;
        if (is_last_piece) status = prepare(program, slot, i, error);
    }
    return status;
}

void tm_onednn_unbind(tm_program *program)
{
    tm_slots_unbind(&program->slots);
    tm_pages_free(&program->session->prepared);
    for (int32_t slot = 0; slot < program->slots.slots; slot++) program->placed[slot] = NULL;
}

tm_status tm_onednn_run(tm_program *program, int32_t first_slot, int64_t count, tm_error *error)
{
    const tm_onednn *onednn = &program->session->onednn;
    for (int64_t execution = 0; execution < count; execution++) {
        const int32_t slot = (int32_t)((first_slot + execution) % program->slots.slots);
        if (!tm_slots_all_bound(&program->slots, slot)) {
            return tm_adapter_fail(error, TM_INVALID_ARGUMENT, "slot %d is not bound", (int)slot);
        }
        tm_status status = place(program, slot, error);
        for (int32_t i = 0; i < program->prepareds && status == TM_OK; i++) {
            status = prepare(program, slot, i, error);
        }
        if (status != TM_OK) return status;
        for (int32_t i = 0; i < program->steps; i++) {
            const tm_onednn_step *step = &program->step[i];
            const int refused = onednn->api.primitive_execute(step->primitive, onednn->stream, step->uses,
                                                              step->arguments + (size_t)slot * (size_t)step->uses);
            if (refused != ONEDNN_SUCCESS) return tm_onednn_refused(onednn, refused, "primitive_execute", error);
        }
    }
    return TM_OK;
}

static tm_status out_of_memory(tm_error *error)
{
    return tm_adapter_fail(error, TM_OUT_OF_MEMORY, "out of memory for a program");
}

/* Adds what reorders the operand of the use. */
static tm_status add_prepared(tm_program *program, tm_onednn_use *use, tm_error *error)
{
    tm_onednn *onednn = &program->session->onednn;
    const tm_onednn_api *api = &onednn->api;
    tm_onednn_prepared *prepared = &program->prepared[program->prepareds];
    void *pd = NULL;
    *prepared = (tm_onednn_prepared){.input = use->value, .at = program->prepared_bytes};
    use->prepared = program->prepareds++;
    prepared->bytes = api->memory_desc_get_size(use->md);
    program->prepared_bytes += (prepared->bytes / page + 1) * page;
    prepared->stale = calloc((size_t)program->slots.slots, sizeof *prepared->stale);
    if (!prepared->stale) return out_of_memory(error);
    int status = api->reorder_primitive_desc_create(&pd, use->plain, onednn->engine, use->md, onednn->engine, NULL);
    if (status == ONEDNN_SUCCESS) status = api->primitive_create(&prepared->primitive, pd);
    if (pd) api->primitive_desc_destroy(pd);
    if (status == ONEDNN_SUCCESS) status = api->memory_create(&prepared->from, use->plain, onednn->engine, NULL);
    if (status == ONEDNN_SUCCESS) status = api->memory_create(&prepared->to, use->md, onednn->engine, NULL);
    return status == ONEDNN_SUCCESS ? TM_OK : tm_onednn_refused(onednn, status, "reorder", error);
}

static tm_status add_memories(tm_program *program, tm_onednn_step *step, int32_t index, tm_error *error)
{
    tm_onednn *onednn = &program->session->onednn;
    tm_onednn_use *use = &step->use[index];
    const int32_t slots = program->slots.slots;
    use->memory = calloc((size_t)slots, sizeof *use->memory);
    if (!use->memory) return out_of_memory(error);
    for (int32_t slot = 0; slot < slots; slot++) {
        const int status = onednn->api.memory_create(&use->memory[slot], use->md, onednn->engine, NULL);
        if (status != ONEDNN_SUCCESS) return tm_onednn_refused(onednn, status, "memory_create", error);
        step->arguments[slot * step->uses + index] = (tm_onednn_argument){use->argument, use->memory[slot]};
    }
    return TM_OK;
}

/* From a description to what executes. */
static tm_status finish_step(tm_program *program, tm_onednn_step *step, tm_error *error)
{
    const tm_onednn *onednn = &program->session->onednn;
    const int created = onednn->api.primitive_create(&step->primitive, step->pd);
    if (created != ONEDNN_SUCCESS) return tm_onednn_refused(onednn, created, "primitive_create", error);
    step->arguments = calloc((size_t)program->slots.slots * (size_t)step->uses, sizeof *step->arguments);
    tm_status status = step->arguments ? TM_OK : out_of_memory(error);
    for (int32_t i = 0; i < step->uses && status == TM_OK; i++) {
        tm_onednn_use *use = &step->use[i];
        const bool differs = use->plain && !onednn->api.memory_desc_equal(use->md, use->plain);
        if (differs && use->value >= program->results.inputs) {
            return tm_adapter_fail(error, TM_UNSUPPORTED, "oneDNN wants an operand in another type than the graph");
        }
        if (differs) status = add_prepared(program, use, error);
        if (status == TM_OK) status = add_memories(program, step, i, error);
    }
    return status;
}

static tm_status add_node(tm_program *program, const tm_graph *graph, int32_t node, tm_error *error)
{
    tm_status status = TM_OK;
    bool has_next = true;
    for (int32_t part = 0; status == TM_OK && has_next && part < TM_ONEDNN_PARTS; part++) {
        tm_onednn_step *step = &program->step[program->steps++];
        status = tm_onednn_describe(program->session, graph, node, part, step, error);
        if (status == TM_OK) status = finish_step(program, step, error);
        has_next = step->has_next;
    }
    return status;
}

static void free_memories(const tm_program *program, tm_onednn_step *step)
{
    for (int32_t i = 0; i < step->uses; i++) {
        void **memory = step->use[i].memory;
        for (int32_t slot = 0; memory && slot < program->slots.slots; slot++) {
            if (memory[slot]) api_of(program)->memory_destroy(memory[slot]);
        }
        free(memory);
    }
    free(step->arguments);
}

void tm_onednn_discard(tm_program *program)
{
    const tm_onednn_api *api = api_of(program);
    for (int32_t i = 0; program->step && i < program->steps; i++) {
        free_memories(program, &program->step[i]);
        tm_onednn_step_free(&program->session->onednn, &program->step[i]);
    }
    for (int32_t i = 0; i < program->prepareds; i++) {
        tm_onednn_prepared *prepared = &program->prepared[i];
        if (prepared->primitive) api->primitive_destroy(prepared->primitive);
        if (prepared->from) api->memory_destroy(prepared->from);
        if (prepared->to) api->memory_destroy(prepared->to);
        free(prepared->stale);
    }
    free(program->step);
    free(program->prepared);
    free(program->placed);
    tm_slots_free(&program->slots);
    tm_results_free(&program->results);
    free(program);
}

tm_status tm_onednn_compile(tm_session *session, const tm_graph *graph, int32_t slots, tm_program **program,
                            tm_error *error)
{
    const tm_host *host = session->host;
    tm_program *made = calloc(1, sizeof *made);
    if (!made) return out_of_memory(error);
    const size_t most_steps = (size_t)host->node_count(graph) * TM_ONEDNN_PARTS + 1;
    made->session = session;
    made->step = calloc(most_steps, sizeof *made->step);
    made->prepared = calloc(most_steps * TM_ONEDNN_USES, sizeof *made->prepared);
    made->placed = calloc((size_t)slots, sizeof *made->placed);
    tm_status status = made->step && made->prepared && made->placed ? TM_OK : out_of_memory(error);
    if (status == TM_OK) status = tm_slots_make(&made->slots, host, graph, slots, &session->inputs, error);
    if (status == TM_OK) status = tm_results_make(&made->results, host, graph, session->tuned, error);
    for (int32_t node = 0; status == TM_OK && node < host->node_count(graph); node++) {
        status = add_node(made, graph, node, error);
    }
    if (status != TM_OK) {
        tm_onednn_discard(made);
        return status;
    }
    *program = made;
    return TM_OK;
}
