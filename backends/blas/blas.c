/* The table of the BLAS backend. A graph is a list of products, each written into a buffer of ours, as BLAS has it:
 * there is nothing to allocate in a call. */
#include "blas.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tm_session {
    const tm_host *host;
    tm_blas blas;
    tm_pages inputs;
    bool tuned; /* results in huge pages */
};

struct tm_program {
    tm_session *session;
    tm_slots slots;
    tm_results results;
    int32_t nodes;
    tm_blas_product *product; /* by node */
};

static tm_status blas_probe(const char *device, const char *location, tm_device_info *info, tm_error *error)
{
    tm_blas blas;
    tm_status status = tm_adapter_only_cpu("blas", device, error);
    if (status == TM_OK) status = tm_blas_load(location, &blas, error);
    if (status != TM_OK) return status;
    snprintf(info->framework, sizeof info->framework, "%s", blas.name);
    snprintf(info->library, sizeof info->library, "%.500s", blas.path);
    tm_adapter_cpu_name(info->device, sizeof info->device);
    return TM_OK;
}

static tm_status blas_open(const char *device, const char *location, const char *options, int32_t threads,
                           const tm_host *host, tm_session **session, tm_error *error)
{
    tm_session *opened = calloc(1, sizeof *opened);
    if (!opened) return tm_adapter_fail(error, TM_OUT_OF_MEMORY, "out of memory for a session");
    opened->host = host;
    opened->inputs.threads = threads;
    tm_status status = tm_adapter_only_cpu("blas", device, error);
    if (status == TM_OK) status = tm_adapter_only_tuned("blas", options, &opened->tuned, error);
    if (status == TM_OK) status = tm_blas_load(location, &opened->blas, error);
    if (status == TM_OK) status = tm_blas_set_threads(&opened->blas, threads, error);
    if (status != TM_OK) {
        free(opened);
        return status;
    }
    *session = opened;
    return TM_OK;
}

static tm_status blas_supports(tm_session *session, const tm_graph *graph, tm_error *error)
{
    tm_blas_product product;
    tm_status status = TM_OK;
    for (int32_t node = 0; status == TM_OK && node < session->host->node_count(graph); node++) {
        status = tm_blas_plan(&session->blas, session->host, graph, node, 0, &product, error);
        tm_blas_product_free(&product);
    }
    return status;
}

static void blas_discard(tm_program *program)
{
    for (int32_t i = 0; program->product && i < program->nodes; i++) tm_blas_product_free(&program->product[i]);
    free(program->product);
    tm_slots_free(&program->slots);
    tm_results_free(&program->results);
    free(program);
}

static tm_status blas_compile(tm_session *session, const tm_graph *graph, int32_t slots, tm_program **program,
                              tm_error *error)
{
    const tm_host *host = session->host;
    tm_program *made = calloc(1, sizeof *made);
    if (!made) return tm_adapter_fail(error, TM_OUT_OF_MEMORY, "out of memory for a program");
    made->session = session;
    made->nodes = host->node_count(graph);
    made->product = calloc((size_t)made->nodes + 1, sizeof *made->product);
    tm_status status = made->product ? TM_OK : tm_adapter_fail(error, TM_OUT_OF_MEMORY, "out of memory for a program");
    if (status == TM_OK) status = tm_slots_make(&made->slots, host, graph, slots, &session->inputs, error);
    if (status == TM_OK) status = tm_results_make(&made->results, host, graph, session->tuned, error);
    for (int32_t node = 0; status == TM_OK && node < made->nodes; node++) {
        status = tm_blas_plan(&session->blas, host, graph, node, slots, &made->product[node], error);
    }
    if (status != TM_OK) {
        blas_discard(made);
        return status;
    }
    *program = made;
    return TM_OK;
}

/* Labels, each once: what the library was not told, how batches go, what is made besides. */
static void blas_declared(const tm_program *program, tm_declared *into)
{
    const char *threads = program->session->blas.threads, *batch = NULL;
    bool narrow = false;
    for (int32_t i = 0; i < program->nodes; i++) {
        const tm_blas_product *product = &program->product[i];
        if (product->batch > 1) batch = product->in_one_call ? "sgemm_batch" : "loop";
        narrow = narrow || product->dtype == TM_BF16;
    }
    *into = (tm_declared){0};
    const int used =
        snprintf(into->labels, sizeof into->labels, "%s%s%s%s%s", threads ? "THREADS=" : "", threads ? threads : "",
                 threads && batch ? "," : "", batch ? "BATCH=" : "", batch ? batch : "");
    if (narrow) snprintf(into->labels + used, sizeof into->labels - (size_t)used, "%sALSO=f32", used ? "," : "");
}

static tm_status blas_bind(tm_program *program, int32_t slot, int32_t input, size_t offset_bytes, const void *data,
                           size_t bytes, tm_error *error)
{
    return tm_slots_bind(&program->slots, slot, input, offset_bytes, data, bytes, error);
}

static void blas_unbind(tm_program *program)
{
    tm_slots_unbind(&program->slots);
}

static tm_status blas_read_input(tm_program *program, int32_t slot, int32_t input, size_t offset_bytes, size_t bytes,
                                 void *into, tm_error *error)
{
    return tm_slots_read_input(&program->slots, slot, input, offset_bytes, bytes, into, error);
}

static void *value_of(const tm_program *program, int32_t slot, int32_t value)
{
    if (value < 0) return NULL;
    const int32_t inputs = program->results.inputs;
    return value < inputs ? tm_slots_input(&program->slots, slot, value) : program->results.data[value - inputs];
}

static tm_status blas_run(tm_program *program, int32_t first_slot, int64_t count, tm_error *error)
{
    for (int64_t execution = 0; execution < count; execution++) {
        const int32_t slot = (int32_t)((first_slot + execution) % program->slots.slots);
        if (!tm_slots_all_bound(&program->slots, slot)) {
            return tm_adapter_fail(error, TM_INVALID_ARGUMENT, "slot %d is not bound", (int)slot);
        }
        for (int32_t i = 0; i < program->nodes; i++) {
            const tm_blas_product *p = &program->product[i];
            tm_blas_multiply(&program->session->blas, p, slot, value_of(program, slot, p->a),
                             value_of(program, slot, p->b), value_of(program, slot, p->bias),
                             value_of(program, slot, p->c));
        }
    }
    return TM_OK;
}

static tm_status blas_sync(tm_session *session, tm_error *error)
{
    (void)session;
    (void)error;
    return TM_OK;
}

static tm_status blas_read(tm_program *program, int32_t output, size_t offset_bytes, size_t bytes, void *into,
                           tm_error *error)
{
    return tm_results_read(&program->results, output, offset_bytes, bytes, into, error);
}

static void blas_poison(tm_program *program)
{
    tm_results_poison(&program->results);
}

static void blas_close(tm_session *session)
{
    tm_pages_free(&session->inputs);
    free(session);
}

const tm_backend *tensormark_backend(void)
{
    static const tm_backend table = {
        .size = sizeof table,
        .abi = TM_BACKEND_ABI,
        .flags = TM_PARALLEL_READ,
        .name = "blas",
        .probe = blas_probe,
        .open = blas_open,
        .supports = blas_supports,
        .compile = blas_compile,
        .declared = blas_declared,
        .bind = blas_bind,
        .unbind = blas_unbind,
        .run = blas_run,
        .sync = blas_sync,
        .read = blas_read,
        .discard = blas_discard,
        .close = blas_close,
        .poison = blas_poison,
        .read_input = blas_read_input,
    };
    return &table;
}
