/* From samples to rows: a cell's record is always computed anew from its visits, so it is right at any moment. */
#include "run/run_state.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

tm_cell *tm_run_cell(const tm_run *run, int64_t case_position, int32_t backend)
{
    return &run->cells[case_position * run->options->backend_count + backend];
}

tm_record_cell *tm_run_record_cell(const tm_run *run, int64_t case_position, int32_t backend)
{
    return &run->record->cells[case_position * run->shown + backend];
}

int32_t tm_run_open_cells(const tm_run *run, int64_t case_position)
{
    int32_t open = 0;
    for (int32_t backend = 0; backend < run->options->backend_count; backend++) {
        open += !tm_run_cell(run, case_position, backend)->final;
    }
    return open;
}

tm_status tm_cell_add_visit(tm_cell *cell, const tm_visit *visit, tm_error *error)
{
    if (cell->visit_count == cell->visit_capacity) {
        const size_t capacity = cell->visit_capacity ? 2 * cell->visit_capacity : 16;
        tm_visit *visits = realloc(cell->visits, capacity * sizeof *visits);
        if (!visits) return tm_fail_memory(error, "samples");
        cell->visits = visits;
        cell->visit_capacity = capacity;
    }
    double *samples = malloc((visit->samples + 1) * sizeof *samples);
    if (!samples) return tm_fail_memory(error, "samples");
    memcpy(samples, visit->sample_ns, visit->samples * sizeof *samples);
    cell->visits[cell->visit_count] = *visit;
    cell->visits[cell->visit_count++].sample_ns = samples;
    return TM_OK;
}

void tm_cell_end(tm_cell *cell, tm_cell_status status, const char *reason)
{
    if (cell->final) return;
    cell->final = true;
    cell->status = status;
    snprintf(cell->reason, sizeof cell->reason, "%s", reason);
}

static tm_status replace(char **field, const char *value, tm_error *error)
{
    char *copy = strdup(value);
    if (!copy) return tm_fail_memory(error, "a row of the record");
    free(*field);
    *field = copy;
    return TM_OK;
}

static void fill_times(tm_record_cell *row, const tm_cell *cell, const tm_summary *summary, const tm_bound *bound)
{
    const bool shown = cell->status == TM_CELL_OK;
    row->median_ns = shown ? summary->median_ns : NAN;
    row->ci_low_ns = shown ? summary->ci_low_ns : NAN;
    row->ci_high_ns = shown ? summary->ci_high_ns : NAN;
    row->p5_ns = shown ? summary->p5_ns : NAN;
    row->p95_ns = shown ? summary->p95_ns : NAN;
    row->min_ns = shown ? summary->min_ns : NAN;
    row->samples = summary->samples;
    row->first_call_ns = cell->first_call_ns;
    row->limit_ns = bound->limit_ns;
    row->floor_ns = bound->floor_ns;
    row->efficiency = row->median_ns > 0 ? bound->limit_ns / row->median_ns : NAN;
}

/* Mean power of the packages during the cell's visits times its time: what else ran in them counts too. Nothing where
 * it is not known. */
static tm_status fill_metrics(tm_record_cell *row, const tm_cell *cell, tm_error *error)
{
    const double joules = cell->energy_j / cell->measured_ns * row->median_ns;
    char text[64] = "{}";
    if (isfinite(joules) && joules > 0) snprintf(text, sizeof text, "{\"energy_j\":%.6g}", joules);
    return row->metrics && strcmp(text, "{}") == 0 ? TM_OK : replace(&row->metrics, text, error);
}

static void fill_check(tm_record_cell *row, const tm_cell *cell)
{
    const bool checked = cell->check.grade != TM_GRADE_NONE;
    row->error = checked ? cell->check.max_error : NAN;
    row->rms_error = checked ? cell->check.rms_error : NAN;
    row->checked = cell->check.checked;
    row->freivalds = checked ? cell->check.freivalds : NAN;
    row->peak_host_bytes = (int64_t)cell->peak_host;
    row->peak_device_bytes = (int64_t)cell->peak_device;
    row->discarded = cell->discarded;
}

/* What bounds the case on that backend: the floor by the best that was ever measured, the limit by what held where the
 * processors lay, on the (geometric) average of the cell's visits. */
static tm_bound bound_of(const tm_run *run, const tm_case *one, int32_t backend, const tm_cell *cell,
                         const tm_work *work)
{
    const tm_load load = tm_load_of(work);
    tm_limits limits = *tm_run_limits(run, backend);
    /* bf16 products may run on instructions of their own. */
    if (one->dtype == TM_BF16) limits.f32_gflops = fmax(limits.f32_gflops, limits.bf16_gflops);
    tm_bound bound = tm_bound_of(&limits, &load);
    double mean = 0;
    for (size_t i = 0; i < cell->visit_count; i++) {
        const tm_limits there = tm_limits_in(&limits, cell->visits[i].core_to_core_ns);
        const tm_bound now = tm_bound_of(&there, &load);
        mean += (log(now.limit_ns) - mean) / (double)(i + 1);
        bound.basis = now.basis;
    }
    if (cell->visit_count > 0 && bound.limit_ns > 0) bound.limit_ns = exp(mean);
    return bound;
}

tm_status tm_run_refresh_cell(tm_run *run, int64_t case_position, int32_t backend, tm_error *error)
{
    const tm_case *one = &run->options->cases->items[case_position];
    const tm_cell *cell = tm_run_cell(run, case_position, backend);
    tm_record_cell *row = tm_run_record_cell(run, case_position, backend);
    const tm_work work = tm_graph_work(one->graph);
    const tm_bound bound = bound_of(run, one, backend, cell, &work);
    const tm_summary summary = tm_summarise(cell->visits, cell->visit_count);

    tm_text labels = {0};
    if (!tm_cell_write_labels(run, cell, &summary, &bound, &labels)) {
        tm_text_free(&labels);
        return tm_fail_memory(error, "labels");
    }
    row->flop = work.flop;
    row->bytes = work.bytes;
    fill_times(row, cell, &summary, &bound);
    fill_check(row, cell);

    /* A cell that has not been measured yet has no status of its own; it reads as skipped until it has one. */
    const bool pending = cell->status == TM_CELL_OK && cell->visit_count == 0;
    row->status = pending ? TM_CELL_SKIPPED : cell->status;
    const char *probe = !cell->probe_done || !cell->probe_exists ? "none" : cell->probe_passed ? "pass" : "fail";
    tm_status status = replace(&row->reason, pending ? "not measured yet" : cell->reason, error);
    if (status == TM_OK) status = replace(&row->case_id, one->id, error);
    if (status == TM_OK) status = replace(&row->suite, one->suite, error);
    if (status == TM_OK) status = replace(&row->group, one->group, error);
    if (status == TM_OK) status = replace(&row->backend, run->options->backends[backend].id, error);
    if (status == TM_OK) status = replace(&row->verify, tm_grade_name(cell->check.grade), error);
    if (status == TM_OK) status = replace(&row->probe, probe, error);
    if (status == TM_OK) status = replace(&row->limit_basis, bound.basis ? bound.basis : "", error);
    if (status == TM_OK) status = replace(&row->labels, labels.data, error);
    if (status == TM_OK) status = fill_metrics(row, cell, error);
    tm_text_free(&labels);
    return status;
}

tm_status tm_run_store_case(tm_run *run, int64_t case_position, tm_error *error)
{
    for (int32_t backend = 0; backend < run->shown; backend++) {
        tm_status status = tm_run_refresh_cell(run, case_position, backend, error);
        if (status != TM_OK) return status;
        status = tm_store_put_cell(run->store, run->id, case_position, backend,
                                   tm_run_record_cell(run, case_position, backend), error);
        if (status != TM_OK) return status;
    }
    return TM_OK;
}

/* Faster than this machine can be, in every pass that measured it: something was not computed. */
static bool beats_the_floor(const tm_run *run, const tm_cell *cell, double floor_ns)
{
    if (isnan(floor_ns) || cell->visit_count == 0) return false;
    int32_t first = 0, passes = 0;
    for (int32_t pass = 0; pass < run->schedule.passes; pass++) {
        const int32_t end = first + run->schedule.incarnations[pass];
        tm_visit of_pass[256];
        size_t count = 0;
        for (size_t i = 0; i < cell->visit_count && count < sizeof of_pass / sizeof *of_pass; i++) {
            const tm_visit *visit = &cell->visits[i];
            if (visit->incarnation >= first && visit->incarnation < end) of_pass[count++] = *visit;
        }
        first = end;
        if (!count) continue;
        const tm_summary summary = tm_summarise(of_pass, count);
        if (!(summary.ci_high_ns < 0.90 * floor_ns)) return false;
        passes++;
    }
    return passes >= 2;
}

/* The floor that counts against a cell: limits that were measured while others had the processors for a share of the
 * time, in the quietest look, are at most that share too low. */
static double sure_floor(const tm_run *run, int64_t case_position, int32_t backend)
{
    return tm_run_record_cell(run, case_position, backend)->floor_ns * (1 - tm_run_limits(run, backend)->waited);
}

/* Is there a cell of the case that beats its floor? Such cells are failed if `fail`. */
static bool find_too_fast(tm_run *run, int64_t case_position, bool fail)
{
    bool found = false;
    for (int32_t backend = 0; backend < run->shown; backend++) {
        tm_cell *cell = tm_run_cell(run, case_position, backend);
        const double floor_ns = sure_floor(run, case_position, backend);
        if (cell->status != TM_CELL_OK || !beats_the_floor(run, cell, floor_ns)) continue;
        found = true;
        char reason[128];
        snprintf(reason, sizeof reason, "faster than this machine can be: below 0.90 of the floor, %.3g us",
                 floor_ns / 1e3);
        if (fail) tm_cell_end(cell, TM_CELL_INVALID, reason);
    }
    return found;
}

static tm_status refresh_all(tm_run *run, bool *too_fast, tm_error *error)
{
    tm_status status = TM_OK;
    *too_fast = false;
    for (int64_t c = 0; c < (int64_t)run->options->cases->count && status == TM_OK; c++) {
        for (int32_t backend = 0; backend < run->shown && status == TM_OK; backend++) {
            status = tm_run_refresh_cell(run, c, backend, error);
        }
        if (status == TM_OK) *too_fast = find_too_fast(run, c, false) || *too_fast;
    }
    return status;
}

tm_status tm_run_conclude(tm_run *run, bool complete, tm_error *error)
{
    enum { MORE_CHANCES = 3 };
    const int64_t cases = (int64_t)run->options->cases->count;
    bool too_fast = false;
    tm_status status = refresh_all(run, &too_fast, error);
    /* A machine that was slow whenever its limits were measured makes honest times look too good. */
    for (int i = 0; i < MORE_CHANCES && status == TM_OK && complete && too_fast; i++) {
        status = tm_run_measure_limits(run, 2.0, error);
        if (status == TM_OK) status = refresh_all(run, &too_fast, error);
    }
    for (int64_t c = 0; c < cases && status == TM_OK && complete; c++) (void)find_too_fast(run, c, true);
    if (status == TM_OK && complete) status = tm_run_give_verdicts(run, error);
    for (int64_t c = 0; c < cases && status == TM_OK; c++) status = tm_run_store_case(run, c, error);
    return status;
}
