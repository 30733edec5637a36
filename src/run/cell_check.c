/* Every step gives an outcome; the first that is not OK ends the check. */
#include "run/cell_check.h"

#include "base/clock.h"
#include "base/dtype.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Seconds: no first call, compile or load may take longer; later calls neither, whatever they took before. */
static const double first_call_timeout_s = 120;

/* A call longer than this needs no warm-up (measurement.md, point 5). */
static const double long_call_ns = 1e9;

/* From the end of a batch until its output is looked at again. */
static const double settling_ns = 20e6;

static const tm_outcome fine = {.status = TM_CELL_OK};

static tm_outcome own_failure(tm_status status, const tm_error *error)
{
    tm_outcome outcome = {.status = status == TM_OUT_OF_MEMORY ? TM_CELL_OOM : TM_CELL_FAILED};
    snprintf(outcome.reason, sizeof outcome.reason, "%s", error->message);
    return outcome;
}

static tm_outcome invalid(const char *check, const char *detail)
{
    tm_outcome outcome = {.status = TM_CELL_INVALID};
    snprintf(outcome.reason, sizeof outcome.reason, "%s: %s", check, detail);
    return outcome;
}

bool tm_cell_check_init(tm_cell_check *check, int32_t slots)
{
    *check = (tm_cell_check){.worst = {.freivalds = NAN}, .slots = slots};
    check->verified = calloc((size_t)slots, sizeof *check->verified);
    check->known = calloc((size_t)slots, sizeof *check->known);
    return check->verified && check->known;
}

void tm_cell_check_free(tm_cell_check *check)
{
    free(check->verified);
    free(check->known);
    *check = (tm_cell_check){0};
}

static void keep_worst(tm_check *worst, const tm_check *now)
{
    if (now->grade > worst->grade) {
        worst->grade = now->grade;
        snprintf(worst->reason, sizeof worst->reason, "%s", now->reason);
    }
    if (!(now->max_error <= worst->max_error)) worst->max_error = now->max_error;
    if (!(now->rms_error <= worst->rms_error)) worst->rms_error = now->rms_error;
    if (now->checked > worst->checked) worst->checked = now->checked;
    if (!isnan(now->freivalds) && !(now->freivalds <= worst->freivalds)) worst->freivalds = now->freivalds;
    worst->labels |= now->labels;
}

tm_outcome tm_cell_bind(tm_worker *worker, const tm_case_data *data, int32_t slot)
{
    const tm_graph *graph = data->one->graph;
    const int32_t first = slot < 0 ? 0 : slot, end = slot < 0 ? data->slots : slot + 1;
    for (int32_t s = first; s < end; s++) {
        for (int32_t i = 0; i < graph->inputs; i++) {
            const tm_outcome outcome =
                tm_worker_bind(worker, s, i, tm_case_data_offset(data, s, i), tm_shape_bytes(&graph->shape[i]));
            if (outcome.status != TM_CELL_OK) return outcome;
        }
    }
    return fine;
}

tm_outcome tm_cell_late(void)
{
    return invalid("work after the stop", "the output still changed after the timed batch was said to be finished");
}

tm_outcome tm_cell_settled(tm_worker *worker, const tm_case_data *data, const tm_visit_result *visit)
{
    const double left_ns = visit->end_ns + settling_ns - (double)tm_now_ns();
    tm_hash128 now;
    if (left_ns > 0) tm_sleep_ns((uint64_t)left_ns);
    const tm_outcome outcome = tm_worker_hash_output(worker, data->output_bytes, &now);
    if (outcome.status != TM_CELL_OK) return outcome;
    return tm_hash128_equal(now, visit->hash) ? outcome : tm_cell_late();
}

/* Reads output 0 and hands it to the oracle's judgement. What is read must be what hashed to `hash` (NULL: any). */
static tm_outcome judge_output(tm_worker *worker, tm_case_data *data, tm_cell_check *check, int32_t slot,
                               const tm_hash128 *hash)
{
    const tm_graph *graph = data->one->graph;
    const tm_expected *expected = NULL;
    tm_error error = {0};
    tm_status status = tm_case_data_expected(data, slot, &expected, &error);
    if (status != TM_OK) return own_failure(status, &error);

    const void *got = tm_shared_outputs(data->shared, data->output_bytes + 1);
    const void **inputs = calloc((size_t)graph->inputs + 1, sizeof *inputs);
    if (!got || !inputs) {
        free(inputs);
        return own_failure(tm_fail_memory(&error, data->one->id), &error);
    }
    tm_case_data_inputs(data, slot, inputs);
    tm_outcome outcome = tm_worker_read(worker, data->output_bytes);
    tm_check now = {.freivalds = NAN};
    if (outcome.status == TM_CELL_OK) {
        status = tm_verify(graph, inputs, expected, got, &check->declared, data->threads, &now, &error);
        if (status != TM_OK) outcome = own_failure(status, &error);
    }
    free(inputs);
    if (outcome.status != TM_CELL_OK) return outcome;
    keep_worst(&check->worst, &now);
    if (now.grade == TM_GRADE_FAIL) return invalid("output differs from the oracle", now.reason);
    const tm_hash128 seen = tm_chunk_hash(got, data->output_bytes, data->threads);
    if (hash && !tm_hash128_equal(seen, *hash)) return tm_cell_late();
    check->verified[slot] = seen;
    check->known[slot] = true;
    return fine;
}

tm_outcome tm_cell_verify_output(tm_worker *worker, tm_case_data *data, tm_cell_check *check, int32_t slot,
                                 const tm_hash128 *hash)
{
    if (check->known[slot]) {
        tm_hash128 now;
        if (hash) {
            now = *hash;
        } else {
            const tm_outcome outcome = tm_worker_hash_output(worker, data->output_bytes, &now);
            if (outcome.status != TM_CELL_OK) return outcome;
        }
        if (tm_hash128_equal(now, check->verified[slot])) return fine;
    }
    return judge_output(worker, data, check, slot, hash);
}

tm_outcome tm_cell_first_calls(tm_worker *worker, tm_case_data *data, tm_cell_check *check, double *first_call_ns)
{
    const int32_t checked[] = {0, 1, data->slots - 1};
    for (int32_t i = 0; i < 3; i++) {
        const int32_t slot = checked[i];
        if (slot >= data->slots || (i == 2 && slot < 2)) continue;
        double call_ns = NAN;
        tm_outcome outcome = tm_worker_call(worker, slot, first_call_timeout_s, &call_ns);
        if (outcome.status == TM_CELL_OK) outcome = tm_cell_verify_output(worker, data, check, slot, NULL);
        if (outcome.status != TM_CELL_OK) return outcome;
        if (i == 0) *first_call_ns = call_ns;
        if (call_ns > long_call_ns) break; /* the other slots are verified when the rounds come to them */
    }
    return fine;
}

static tm_outcome probe_run(tm_worker *worker, tm_case_data *data, const void *const *inputs, tm_check *result)
{
    const tm_graph *graph = data->one->graph;
    tm_outcome outcome = fine;
    for (int32_t i = 0; i < graph->inputs && outcome.status == TM_CELL_OK; i++) {
        outcome =
            tm_worker_bind(worker, 0, i, tm_case_data_offset(data, data->slots, i), tm_shape_bytes(&graph->shape[i]));
    }
    double call_ns;
    const void *got = tm_shared_outputs(data->shared, data->output_bytes + 1);
    if (outcome.status == TM_CELL_OK) outcome = tm_worker_call(worker, 0, first_call_timeout_s, &call_ns);
    if (outcome.status == TM_CELL_OK) outcome = tm_worker_read(worker, data->output_bytes);
    if (outcome.status != TM_CELL_OK) return outcome;
    tm_error error = {0};
    const tm_status status =
        got ? tm_probe_check(graph, inputs, got, data->threads, result, &error) : tm_fail_memory(&error, "probe");
    if (status != TM_OK) return own_failure(status, &error);
    return fine;
}

tm_outcome tm_cell_probe(tm_worker *worker, tm_case_data *data, tm_cell_check *check)
{
    if (check->probe_done) return fine;
    const tm_graph *graph = data->one->graph;
    check->probe_exists = tm_probe_exists(graph, &check->declared);
    if (!check->probe_exists) {
        check->probe_done = true;
        return fine;
    }
    tm_error error = {0};
    const void **inputs = calloc((size_t)graph->inputs + 1, sizeof *inputs);
    if (!inputs) return own_failure(tm_fail_memory(&error, "probe"), &error);
    char *base = tm_shared_inputs(data->shared, ((size_t)data->slots + 1) * data->set_bytes);
    for (int32_t i = 0; i < graph->inputs; i++) {
        tm_probe_fill(graph, data->seed, i, data->threads, base + tm_case_data_offset(data, data->slots, i));
    }
    tm_case_data_inputs(data, data->slots, inputs);
    tm_check result = {0};
    tm_outcome outcome = probe_run(worker, data, inputs, &result);
    free(inputs);
    if (outcome.status != TM_CELL_OK) return outcome;
    check->probe_done = true;
    check->probe_passed = result.grade == TM_GRADE_PASS;
    if (!check->probe_passed) {
        check->worst.grade = TM_GRADE_FAIL;
        return invalid("exact probe", result.reason);
    }
    return tm_cell_bind(worker, data, 0);
}

/* The hash of an input as it was generated; computed once. */
static tm_hash128 generated_hash(tm_case_data *data, int32_t slot, int32_t input)
{
    const size_t place = (size_t)slot * (size_t)data->one->graph->inputs + (size_t)input;
    if (!data->input_hash_known[place]) {
        const char *base = tm_shared_inputs(data->shared, ((size_t)data->slots + 1) * data->set_bytes);
        data->input_hash[place] = tm_chunk_hash(base + tm_case_data_offset(data, slot, input),
                                                tm_shape_bytes(&data->one->graph->shape[input]), data->threads);
        data->input_hash_known[place] = true;
    }
    return data->input_hash[place];
}

tm_outcome tm_cell_inputs_unchanged(tm_worker *worker, tm_case_data *data)
{
    const tm_graph *graph = data->one->graph;
    for (int32_t slot = 0; slot < data->slots && slot < 2; slot++) {
        for (int32_t i = 0; i < graph->inputs; i++) {
            tm_hash128 now;
            bool known = false;
            const tm_outcome outcome =
                tm_worker_hash_input(worker, slot, i, tm_shape_bytes(&graph->shape[i]), &now, &known);
            if (outcome.status != TM_CELL_OK) return outcome;
            if (known && !tm_hash128_equal(now, generated_hash(data, slot, i))) {
                char detail[64];
                snprintf(detail, sizeof detail, "input %d of slot %d was overwritten", i, slot);
                return invalid("inputs changed", detail);
            }
        }
    }
    return fine;
}
