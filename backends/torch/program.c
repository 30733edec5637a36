/* A compiled graph: registers, and two lists of steps. Views of inputs are made once, when a slot's last input is
 * allocated, as a user makes them before his loop; everything else is done by each execution. The result of the last
 * execution is kept until the next one begins, so every execution frees one result and makes one. */
#include "torch.h"

#include <stdlib.h>
#include <string.h>

enum { large_copy = 1 << 20 };

static void dense_strides(const tm_shape *shape, int64_t *strides)
{
    int64_t stride = 1;
    for (int32_t i = shape->rank; i-- > 0;) {
        strides[i] = stride;
        stride *= shape->dim[i] > 1 ? shape->dim[i] : 1;
    }
}

tm_status tm_torch_new_tensor(const tm_torch *torch, const tm_shape *shape, bool on_host, tensor *into, tm_error *error)
{
    int64_t strides[TM_MAX_RANK];
    dense_strides(shape, strides);
    const int32_t device = on_host ? torch->api.aoti_torch_device_type_cpu() : torch->device_type;
    if (torch->api.aoti_torch_empty_strided(shape->rank, shape->dim, strides, tm_torch_dtype(torch, shape->dtype),
                                            device, 0, into) == 0) {
        return TM_OK;
    }
    *into = NULL;
    return tm_torch_refused(torch, "empty_strided", error);
}

/* The device's tensor as one row, with host memory of the same length copied into it or out of it. */
static tm_status copy_piece(const tm_torch *torch, tensor whole, const tm_shape *shape, size_t offset, size_t bytes,
                            void *host, bool to_device, tm_error *error)
{
    const size_t size = tm_adapter_size_of(shape->dtype);
    if (offset % size || bytes % size) {
        return tm_adapter_fail(error, TM_INVALID_ARGUMENT, "a piece must hold whole elements");
    }
    const int64_t count = (int64_t)(bytes / size), one = 1;
    const tm_torch_api *api = &torch->api;
    tensor row = NULL, memory = NULL;
    const bool made =
        api->aoti_torch__reinterpret_tensor(whole, 1, &count, &one, (int64_t)(offset / size), &row) == 0 &&
        api->aoti_torch_create_tensor_from_blob(host, 1, &count, &one, 0, tm_torch_dtype(torch, shape->dtype),
                                                api->aoti_torch_device_type_cpu(), 0, &memory) == 0;
    const bool done = made && api->aoti_torch_copy_(to_device ? row : memory, to_device ? memory : row, 0) == 0;
    const tm_status status = done ? TM_OK : tm_torch_refused(torch, "copy_", error);
    tm_torch_free_tensor(torch, &row);
    tm_torch_free_tensor(torch, &memory);
    return status;
}

/* Between host memory and a dense tensor, wherever it lies. Large pieces are PyTorch's: it copies on all threads. */
static tm_status copy_part(const tm_torch *torch, tensor whole, const tm_shape *shape, bool on_host, size_t offset,
                           size_t bytes, void *host, bool to_tensor, tm_error *error)
{
    if (offset > tm_adapter_bytes(shape) || bytes > tm_adapter_bytes(shape) - offset) {
        return tm_adapter_fail(error, TM_INVALID_ARGUMENT, "a piece goes beyond its tensor");
    }
    if (bytes == 0) return TM_OK;
    if (!on_host || bytes >= large_copy) {
        return copy_piece(torch, whole, shape, offset, bytes, host, to_tensor, error);
    }
    void *data = NULL;
    if (torch->api.aoti_torch_get_data_ptr(whole, &data) != 0) return tm_torch_refused(torch, "data_ptr", error);
    char *at = (char *)data + offset;
    memcpy(to_tensor ? at : host, to_tensor ? host : at, bytes);
    return TM_OK;
}

static bool is_cpu(const tm_program *program)
{
    return program->session->torch.device == TM_TORCH_CPU;
}

static tensor *slot_register(const tm_program *program, int32_t slot, int32_t index)
{
    return &program->of_slot[(size_t)slot * (size_t)program->registers + (size_t)index];
}

static tm_shape value_shape(const tm_program *program, int32_t value)
{
    return program->session->host->value_shape(program->graph, value);
}

static bool all_bound(const tm_program *program, int32_t slot)
{
    for (int32_t i = 0; i < program->inputs; i++) {
        if (!*slot_register(program, slot, i)) return false;
    }
    return true;
}

/* On the processor an input lies in the session's pages, on other devices where PyTorch puts it. */
static tm_status new_input(tm_program *program, int32_t slot, int32_t input, const tm_shape *shape, tensor *into,
                           tm_error *error)
{
    tm_session *session = program->session;
    const tm_torch *torch = &session->torch;
    if (!is_cpu(program)) return tm_torch_new_tensor(torch, shape, false, into, error);
    char *at = tm_slots_input(&program->host_inputs, slot, input);
    if (!at) return tm_adapter_fail(error, TM_OUT_OF_MEMORY, "out of memory for inputs");
    int64_t strides[TM_MAX_RANK];
    dense_strides(shape, strides);
    if (torch->api.aoti_torch_create_tensor_from_blob(at, shape->rank, shape->dim, strides, 0,
                                                      tm_torch_dtype(torch, shape->dtype),
                                                      torch->api.aoti_torch_device_type_cpu(), 0, into) == 0) {
        return TM_OK;
    }
    *into = NULL;
    return tm_torch_refused(torch, "create_tensor_from_blob", error);
}

tm_status tm_torch_bind(tm_program *program, int32_t slot, int32_t input, size_t offset_bytes, const void *data,
                        size_t bytes, tm_error *error)
{
    if (slot < 0 || slot >= program->slots || input < 0 || input >= program->inputs) {
        return tm_adapter_fail(error, TM_INVALID_ARGUMENT, "there is no input %d of slot %d", (int)input, (int)slot);
    }
    const tm_torch *torch = &program->session->torch;
    const tm_shape shape = value_shape(program, input);
    tensor *place = slot_register(program, slot, input);
    if (!*place) {
        tm_status status = new_input(program, slot, input, &shape, place, error);
        if (status == TM_OK && all_bound(program, slot)) {
            status = tm_torch_execute(program, &program->views, slot, error);
        }
        if (status != TM_OK) return status;
    }
    /* Only read from: copy_part takes one pointer for both directions. */
    return copy_part(torch, *place, &shape, is_cpu(program), offset_bytes, bytes, (void *)(uintptr_t)data, true, error);
}

tm_status tm_torch_read_input(tm_program *program, int32_t slot, int32_t input, size_t offset_bytes, size_t bytes,
                              void *into, tm_error *error)
{
    if (slot < 0 || slot >= program->slots || input < 0 || input >= program->inputs ||
        !*slot_register(program, slot, input)) {
        return tm_adapter_fail(error, TM_INVALID_ARGUMENT, "input %d of slot %d is not bound", (int)input, (int)slot);
    }
    const tm_shape shape = value_shape(program, input);
    return copy_part(&program->session->torch, *slot_register(program, slot, input), &shape, is_cpu(program),
                     offset_bytes, bytes, into, false, error);
}

static void free_dense(tm_program *program)
{
    const int32_t outputs = program->session->host->output_count(program->graph);
    for (int32_t i = 0; program->dense && i < outputs; i++) {
        tm_torch_free_tensor(&program->session->torch, &program->dense[i]);
    }
}

/* Results of the last execution, and what a failed one left behind. */
static void free_results(tm_program *program)
{
    for (int32_t i = 0; i < program->registers; i++) {
        if (program->life[i] == TM_TORCH_OF_RUN) tm_torch_free_tensor(&program->session->torch, &program->live[i]);
    }
}

static void free_tensors(tm_program *program)
{
    free_dense(program);
    free_results(program);
    for (size_t i = 0; i < (size_t)program->slots * (size_t)program->registers; i++) {
        tm_torch_free_tensor(&program->session->torch, &program->of_slot[i]);
    }
}

void tm_torch_unbind(tm_program *program)
{
    free_tensors(program);
    tm_slots_unbind(&program->host_inputs);
}

tm_status tm_torch_run(tm_program *program, int32_t first_slot, int64_t count, tm_error *error)
{
    tm_status status = TM_OK;
    free_dense(program);
    for (int64_t i = 0; i < count && status == TM_OK; i++) {
        const int32_t slot = (int32_t)((first_slot + i) % program->slots);
        if (!all_bound(program, slot)) {
            return tm_adapter_fail(error, TM_INVALID_ARGUMENT, "slot %d is not bound", (int)slot);
        }
        free_results(program);
        program->last_slot = slot;
        status = program->package.library ? tm_torch_package_run(program, slot, error)
                                          : tm_torch_execute(program, &program->steps, slot, error);
    }
    return status;
}

/* A result that is not what the graph says would be read beyond its end. */
static tm_status check_result(const tm_torch *torch, tensor result, const tm_shape *shape, tm_error *error)
{
    int64_t rank = -1, *sizes = NULL;
    int32_t dtype = -1;
    const tm_torch_api *api = &torch->api;
    bool equal = result && api->aoti_torch_get_dim(result, &rank) == 0 &&
                 api->aoti_torch_get_sizes(result, &sizes) == 0 && api->aoti_torch_get_dtype(result, &dtype) == 0;
    if (!equal) return tm_adapter_fail(error, TM_INVALID_ARGUMENT, "there is no result to be read");
    equal = rank == shape->rank && dtype == tm_torch_dtype(torch, shape->dtype);
    for (int32_t i = 0; equal && i < shape->rank; i++) equal = sizes[i] == shape->dim[i];
    if (equal) return TM_OK;
    return tm_adapter_fail(error, TM_FAILED, "PyTorch's result has another shape or type than the graph's");
}

/* The tensor itself if it is dense and in host memory, else a copy that is. */
static tm_status make_dense(const tm_torch *torch, tensor result, const tm_shape *shape, tensor *into, tm_error *error)
{
    bool contiguous = false;
    tm_status status = check_result(torch, result, shape, error);
    if (status != TM_OK) return status;
    if (torch->api.aoti_torch_is_contiguous(result, &contiguous) == 0 && contiguous && torch->device == TM_TORCH_CPU) {
        if (torch->api.aoti_torch_new_tensor_handle(result, into) == 0) return TM_OK;
        return tm_torch_refused(torch, "handle", error);
    }
    status = tm_torch_new_tensor(torch, shape, true, into, error);
    if (status != TM_OK) return status;
    return torch->api.aoti_torch_copy_(*into, result, 0) == 0 ? TM_OK : tm_torch_refused(torch, "copy_", error);
}

tm_status tm_torch_read(tm_program *program, int32_t output, size_t offset_bytes, size_t bytes, void *into,
                        tm_error *error)
{
    const tm_host *host = program->session->host;
    if (output < 0 || output >= host->output_count(program->graph)) {
        return tm_adapter_fail(error, TM_INVALID_ARGUMENT, "there is no output %d", (int)output);
    }
    const tm_torch *torch = &program->session->torch;
    const int32_t value = host->output_value(program->graph, output);
    const tm_shape shape = value_shape(program, value);
    if (program->dense_since != program->session->syncs) free_dense(program);
    program->dense_since = program->session->syncs;
    if (!program->dense[output]) {
        const int32_t where = program->where[value];
        const tensor result = program->life[where] == TM_TORCH_OF_SLOT
                                  ? *slot_register(program, program->last_slot, where)
                                  : program->live[where];
        const tm_status status = make_dense(torch, result, &shape, &program->dense[output], error);
        if (status != TM_OK) {
            tm_torch_free_tensor(torch, &program->dense[output]);
            return status;
        }
    }
    return copy_part(torch, program->dense[output], &shape, true, offset_bytes, bytes, into, false, error);
}

static void fill_ones(const tm_torch *torch, tensor whole, const tm_shape *shape, bool on_host)
{
    enum { piece = 1 << 16 };
    unsigned char ones[piece];
    memset(ones, 0xff, sizeof ones);
    const size_t bytes = tm_adapter_bytes(shape);
    for (size_t done = 0; done < bytes; done += piece) {
        const size_t part = bytes - done < piece ? bytes - done : piece;
        copy_part(torch, whole, shape, on_host, done, part, ones, true, NULL);
    }
}

/* PyTorch's allocator hands out what was freed last: a block of the result's size, full of NaN. The system's allocator
 * maps blocks above this size afresh, zeroed, every time. */
static void poison_fresh(const tm_program *program, const tm_shape *shape)
{
    enum { largest_kept = 32 << 20 };
    const tm_torch *torch = &program->session->torch;
    tensor block = NULL;
    if (is_cpu(program) && tm_adapter_bytes(shape) > largest_kept) return;
    if (tm_torch_new_tensor(torch, shape, false, &block, NULL) != TM_OK) return;
    fill_ones(torch, block, shape, is_cpu(program));
    tm_torch_free_tensor(torch, &block);
}

void tm_torch_poison(tm_program *program)
{
    const tm_host *host = program->session->host;
    free_dense(program);
    free_results(program);
    for (int32_t i = 0; i < program->buffers; i++) {
        const tm_torch_buffer *buffer = &program->buffer[i];
        fill_ones(&program->session->torch, program->live[buffer->where], &buffer->shape, is_cpu(program));
    }
    for (int32_t i = 0; i < host->output_count(program->graph); i++) {
        const int32_t value = host->output_value(program->graph, i);
        const tm_shape shape = value_shape(program, value);
        if (program->life[program->where[value]] == TM_TORCH_OF_RUN) poison_fresh(program, &shape);
    }
}

void tm_torch_discard(tm_program *program)
{
    if (program->of_slot) free_tensors(program);
    for (int32_t i = 0; program->live && i < program->registers; i++) {
        tm_torch_free_tensor(&program->session->torch, &program->live[i]);
    }
    tm_torch_package_close(&program->package);
    tm_slots_free(&program->host_inputs);
    free(program->life);
    free(program->where);
    free(program->of_slot);
    free(program->live);
    free(program->views.item);
    free(program->steps.item);
    free(program->buffer);
    free(program->dense);
    free(program);
}

int32_t tm_torch_register(tm_program *program, tm_torch_life life)
{
    const size_t count = (size_t)program->registers + 1;
    tm_torch_life *lives = realloc(program->life, count * sizeof *lives);
    if (lives) program->life = lives;
    tensor *live = realloc(program->live, count * sizeof(tensor));
    if (live) program->live = live;
    if (!lives || !live) return -1;
    program->life[program->registers] = life;
    program->live[program->registers] = NULL;
    return program->registers++;
}

tm_status tm_torch_program_tensor(tm_program *program, const tm_shape *shape, const void *data, int32_t *where,
                                  tm_error *error)
{
    const tm_torch *torch = &program->session->torch;
    *where = tm_torch_register(program, TM_TORCH_OF_PROGRAM);
    tm_torch_buffer *buffer = realloc(program->buffer, ((size_t)program->buffers + 1) * sizeof *buffer);
    if (buffer) program->buffer = buffer;
    if (*where < 0 || !buffer) return tm_adapter_fail(error, TM_OUT_OF_MEMORY, "out of memory for a program's values");
    const tm_status status = tm_torch_new_tensor(torch, shape, false, &program->live[*where], error);
    if (status != TM_OK) return status;
    if (data) {
        return copy_part(torch, program->live[*where], shape, is_cpu(program), 0, tm_adapter_bytes(shape),
                         (void *)(uintptr_t)data, true, error);
    }
    program->buffer[program->buffers++] = (tm_torch_buffer){*where, *shape};
    return TM_OK;
}

/* Every step frees the results that no later step reads; those that are outputs stay. */
static void find_releases(tm_program *program)
{
    const tm_host *host = program->session->host;
    for (int32_t r = 0; r < program->registers; r++) {
        bool kept = program->life[r] != TM_TORCH_OF_RUN;
        for (int32_t o = 0; o < host->output_count(program->graph); o++) {
            if (program->where[host->output_value(program->graph, o)] == r) kept = true;
        }
        for (int32_t s = program->steps.count; !kept && s-- > 0;) {
            tm_torch_step *step = &program->steps.item[s];
            bool used = step->result == r;
            for (int32_t a = 0; a < step->arguments; a++) {
                const tm_torch_argument *argument = &step->argument[a];
                const bool one = argument->kind == TM_TORCH_TENSOR || argument->kind == TM_TORCH_SOME_TENSOR;
                const bool many = argument->kind == TM_TORCH_TENSORS || argument->kind == TM_TORCH_SOME_TENSORS;
                if (one && argument->tensor == r) used = true;
                for (int32_t i = 0; many && i < argument->count; i++) used = used || argument->list[i] == r;
            }
            if (!used) continue;
            step->release[step->releases++] = r;
            kept = true;
        }
    }
}

tm_status tm_torch_compile(tm_session *session, const tm_graph *graph, int32_t slots, tm_program **program,
                           tm_error *error)
{
    const tm_host *host = session->host;
    tm_program *made = calloc(1, sizeof *made);
    if (!made) return tm_adapter_fail(error, TM_OUT_OF_MEMORY, "out of memory for a program");
    made->session = session;
    made->graph = graph;
    made->slots = slots;
    made->inputs = host->input_count(graph);
    const int32_t values = made->inputs + host->node_count(graph);
    made->where = malloc(((size_t)values + 1) * sizeof *made->where);
    made->dense = calloc((size_t)host->output_count(graph) + 1, sizeof(tensor));
    bool complete = made->where && made->dense;
    for (int32_t i = 0; complete && i < made->inputs; i++) {
        made->where[i] = tm_torch_register(made, TM_TORCH_OF_SLOT);
        complete = made->where[i] >= 0;
    }
    tm_status status = TM_OK;
    if (!complete) status = tm_adapter_fail(error, TM_OUT_OF_MEMORY, "out of memory for a program's values");
    tm_torch_declare(made);
    if (status == TM_OK) status = session->compiled ? tm_torch_package_open(made, error) : tm_torch_plan(made, error);
    if (status == TM_OK) status = tm_slots_make(&made->host_inputs, host, graph, slots, &session->pages, error);
    if (status == TM_OK) {
        made->of_slot = calloc((size_t)slots * (size_t)made->registers + 1, sizeof(tensor));
        if (!made->of_slot) status = tm_adapter_fail(error, TM_OUT_OF_MEMORY, "out of memory for a program's slots");
    }
    if (status != TM_OK) {
        tm_torch_discard(made);
        return status;
    }
    find_releases(made);
    *program = made;
    return TM_OK;
}
