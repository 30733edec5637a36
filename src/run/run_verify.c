/* `verify`: the same workers and the same checks as a run, without timing; and dumps for recomputing elsewhere. */
#include "run/run_state.h"

#include "base/dtype.h"
#include "base/file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct verify_state {
    tm_run_options *options;
    tm_shared *shared;
    const char *dump;
    tm_verify_line line;
    void *context;
    int64_t failed;
    char cache_folder[512];
} verify_state;

/* A case id as one folder name: everything but letters, digits, dots, commas, '=' and '-' becomes '_'. */
static void folder_name(const char *id, char *into, size_t capacity)
{
    snprintf(into, capacity, "%s", id);
    for (char *c = into; *c; c++) {
        const bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9');
        if (!plain && !strchr(".,=-+", *c)) *c = '_';
    }
}

/* DIR for one case, else DIR/<case>; backends behind the first have a folder of their own in it. */
static tm_status dump_folder(const verify_state *state, const tm_case *one, const tm_backend_spec *spec, tm_text *into,
                             tm_error *error)
{
    tm_text_add(into, state->dump);
    char name[256];
    if (state->options->cases->count > 1) {
        folder_name(one->id, name, sizeof name);
        tm_text_format(into, "/%s", name);
    }
    if (spec != &state->options->backends[0]) {
        folder_name(spec->id, name, sizeof name);
        tm_text_format(into, "/%s", name);
    }
    return into->failed ? tm_fail_memory(error, "dump") : tm_make_folders(into->data, error);
}

/* Of slot 0: the inputs, the output as the backend gave it, and the oracle's whole answer in float64. */
static tm_status dump_cell(const verify_state *state, const tm_case_data *data, const tm_backend_spec *spec,
                           const void *got, tm_error *error)
{
    const tm_graph *graph = data->one->graph;
    const tm_shape *result = &graph->shape[graph->output[0]];
    tm_text folder = {0}, path = {0};
    const void **inputs = calloc((size_t)graph->inputs + 1, sizeof *inputs);
    double *want = malloc(((size_t)tm_shape_elements(result) + 1) * sizeof *want);
    tm_status status =
        inputs && want ? dump_folder(state, data->one, spec, &folder, error) : tm_fail_memory(error, data->one->id);
    if (status != TM_OK) goto done;
    tm_case_data_inputs(data, 0, inputs);
    for (int32_t i = 0; i < graph->inputs && status == TM_OK; i++) {
        path.length = 0;
        tm_text_format(&path, "%s/input%d.npy", folder.data, i);
        status =
            path.failed ? tm_fail_memory(error, "dump") : tm_npy_write(path.data, &graph->shape[i], inputs[i], error);
    }
    path.length = 0;
    tm_text_format(&path, "%s/output0.npy", folder.data);
    if (status == TM_OK && got) status = tm_npy_write(path.data, result, got, error);
    if (status == TM_OK) status = tm_oracle_evaluate(graph, inputs, data->threads, want, error);
    path.length = 0;
    tm_text_format(&path, "%s/oracle0.npy", folder.data);
    if (status == TM_OK) status = tm_npy_write_f64(path.data, result, want, error);
done:
    free(inputs);
    free(want);
    tm_text_free(&folder);
    tm_text_free(&path);
    return status;
}

/* Compiles, binds, calls and judges on a live worker; with a dump, slot 0's output is written whatever its grade. */
static tm_outcome check_on(const verify_state *state, tm_worker *worker, tm_case_data *data, tm_cell_check *check,
                           const tm_backend_spec *spec)
{
    double first_call_ns = NAN;
    tm_outcome outcome = tm_worker_compile(worker, data->one->graph, data->slots, &check->declared);
    if (outcome.status == TM_CELL_OK) outcome = tm_cell_bind(worker, data, -1);
    if (outcome.status == TM_CELL_OK && state->dump) {
        const void *got = tm_shared_outputs(data->shared, data->output_bytes + 1);
        outcome = tm_worker_call(worker, 0, 120, &first_call_ns);
        if (outcome.status == TM_CELL_OK) outcome = tm_worker_read(worker, data->output_bytes);
        tm_error error = {0};
        if (outcome.status == TM_CELL_OK && dump_cell(state, data, spec, got, &error) != TM_OK) {
            outcome.status = TM_CELL_FAILED;
            snprintf(outcome.reason, sizeof outcome.reason, "%s", error.message);
        }
    }
    if (outcome.status == TM_CELL_OK) outcome = tm_cell_first_calls(worker, data, check, &first_call_ns);
    if (outcome.status == TM_CELL_OK) outcome = tm_cell_probe(worker, data, check);
    if (outcome.status == TM_CELL_OK) outcome = tm_cell_inputs_unchanged(worker, data);
    return outcome;
}

static tm_outcome verify_on_backend(const verify_state *state, tm_case_data *data, const tm_backend_spec *spec,
                                    tm_cell_check *check)
{
    const tm_worker_setup setup = {
        .spec = spec,
        .threads = spec->threads > 0 ? spec->threads : state->options->threads,
        .seed = state->options->seed,
        .shared = state->shared,
        .open_timeout_s = 120,
    };
    tm_worker *worker = NULL;
    tm_device_info info;
    tm_outcome outcome = tm_worker_start(&setup, &worker, &info);
    if (outcome.status == TM_CELL_OK) outcome = check_on(state, worker, data, check, spec);
    tm_worker_free(worker);
    return outcome;
}

static void tell_line(verify_state *state, const tm_case *one, const tm_backend_spec *spec, const tm_cell_check *check,
                      const tm_outcome *outcome)
{
    char reason[sizeof outcome->reason], labels[64];
    const tm_check *worst = &check->worst;
    snprintf(reason, sizeof reason, "%s", *outcome->reason ? outcome->reason : worst->reason);
    snprintf(labels, sizeof labels, "%s%s%s", worst->grade == TM_GRADE_LOWACC ? "LOWACC" : "",
             worst->labels & TM_LABEL_RACY ? "RACY" : "", worst->labels & TM_LABEL_NOT_FIRST ? "NOT-FIRST" : "");
    const char *grade = outcome->status == TM_CELL_INVALID ? "fail" : tm_grade_name(worst->grade);
    char group[64], suite[256], verify[16], probe[8], id[128];
    snprintf(group, sizeof group, "%s", one->group);
    snprintf(suite, sizeof suite, "%s", one->suite);
    snprintf(verify, sizeof verify, "%s", grade);
    snprintf(probe, sizeof probe, "%s",
             !check->probe_done || !check->probe_exists ? "none"
             : check->probe_passed                      ? "pass"
                                                        : "fail");
    snprintf(id, sizeof id, "%s", spec->id);
    const tm_record_cell cell = {
        .case_id = one->id,
        .suite = suite,
        .group = group,
        .backend = id,
        .status = outcome->status,
        .reason = reason,
        .labels = labels,
        .verify = verify,
        .probe = probe,
        .error = worst->max_error,
        .rms_error = worst->rms_error,
        .checked = worst->checked,
        .freivalds = worst->freivalds,
    };
    const bool passed =
        outcome->status == TM_CELL_OK || outcome->status == TM_CELL_UNSUPPORTED || outcome->status == TM_CELL_SKIPPED;
    if (!passed) state->failed++;
    state->line(state->context, &cell);
}

static tm_status verify_case(verify_state *state, const tm_case *one, tm_error *error)
{
    const tm_case_data setup = {
        .one = one,
        .shared = state->shared,
        .cache_folder = *state->cache_folder ? state->cache_folder : NULL,
        .seed = state->options->seed,
        .threads = state->options->threads,
        .slots = tm_case_fitting_slots(one, 32e6, (double)tm_memory_available()),
    };
    tm_case_data data = {0};
    if (setup.slots > 0) {
        const tm_status status = tm_case_data_make(&setup, &data, error);
        if (status != TM_OK) return status;
    }
    for (int32_t b = 0; b < state->options->backend_count; b++) {
        const tm_backend_spec *spec = &state->options->backends[b];
        tm_cell_check check;
        tm_outcome outcome = {.status = TM_CELL_SKIPPED, .reason = "memory"};
        if (!tm_cell_check_init(&check, setup.slots + 1)) return tm_fail_memory(error, one->id);
        if (setup.slots > 0) outcome = verify_on_backend(state, &data, spec, &check);
        tell_line(state, one, spec, &check, &outcome);
        tm_cell_check_free(&check);
    }
    if (setup.slots > 0) tm_case_data_free(&data);
    return TM_OK;
}

int64_t tm_run_verify(tm_run_options *options, const char *dump, tm_verify_line line, void *context, tm_error *error)
{
    verify_state state = {.options = options, .dump = dump, .line = line, .context = context};
    if (options->threads <= 0) {
        tm_machine machine;
        tm_machine_read(&machine);
        options->threads = machine.cores;
    }
    if (tm_cache_folder(state.cache_folder, sizeof state.cache_folder, error) != TM_OK) state.cache_folder[0] = '\0';
    if (tm_shared_new(&state.shared, error) != TM_OK) return -1;
    tm_status status = TM_OK;
    for (size_t c = 0; c < options->cases->count && status == TM_OK; c++) {
        if (options->cancel && *options->cancel) break;
        status = verify_case(&state, &options->cases->items[c], error);
    }
    tm_shared_free(state.shared);
    return status == TM_OK ? state.failed : -1;
}
