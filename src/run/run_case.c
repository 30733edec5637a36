/* One case in one pass: make the data, make every seat ready (checked before it is timed), run the rounds. At any
 * moment one worker is awake; the others are stopped by signal. */
#include "run/run_state.h"

#include "base/clock.h"
#include "run/cell_timing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double start_timeout_s = 120;

/* Warm-up, batch size and linearity take some forty calls and at least 30 ms. */
static double calibrate_timeout_s(double first_call_ns)
{
    return fmax(10.0, 400 * first_call_ns * 1e-9);
}

/* Workers and parent together may hold this share of free memory. */
static const double resident_share = 0.85;

/* Beyond this share the workers of one incarnation hold a case at a time: memory that one of them has just given back
 * is cheap to have, and memory that nobody held before is not (on virtual machines down to 0.5 GB/s). */
static const double roomy_share = 0.4;

static bool is_gpu(const tm_backend_spec *spec)
{
    return strcmp(spec->device, "cpu") != 0;
}

static void backend_is_dead(tm_run *run, int32_t backend, const tm_outcome *outcome)
{
    run->backend_dead[backend] = true;
    run->backend_status[backend] = outcome->status;
    snprintf(run->backend_reason[backend], sizeof run->backend_reason[backend], "%s", outcome->reason);
}

static tm_status record_device(tm_run *run, int32_t backend, const tm_device_info *info, tm_error *error)
{
    if (backend >= run->shown) return TM_OK;
    tm_record_backend *row = &run->record->backends[backend];
    if (row->framework_version && *row->framework_version) return TM_OK;
    free(row->framework_version);
    free(row->device);
    free(row->library);
    row->framework_version = strdup(info->framework);
    row->device = strdup(info->device);
    row->library = strdup(info->library);
    if (!row->framework_version || !row->device || !row->library) return tm_fail_memory(error, "a backend's name");
    return tm_store_set_backend(run->store, run->id, backend, row, error);
}

bool tm_seat_start(tm_run *run, tm_seat *seat)
{
    const int32_t backend = seat->backend;
    tm_outcome outcome = {.status = TM_CELL_FAILED};
    for (int32_t attempt = 0; attempt < TM_MOST_LOSSES && !run->backend_dead[backend]; attempt++) {
        const tm_worker_setup setup = {
            .spec = &run->options->backends[backend],
            .threads = tm_run_threads(run, backend),
            .incarnation = seat->incarnation,
            .seed = run->options->seed,
            .shared = run->shared,
            .open_timeout_s = start_timeout_s,
        };
        tm_device_info info = {0};
        outcome = tm_worker_start(&setup, &seat->worker, &info);
        if (outcome.status == TM_CELL_OK) {
            tm_error error = {0};
            if (record_device(run, backend, &info, &error) != TM_OK) tm_run_notice(run, "%s", error.message);
            return true;
        }
        seat->worker = NULL;
        if (outcome.status != TM_CELL_CRASHED && outcome.status != TM_CELL_PROTOCOL) break;
    }
    if (!run->backend_dead[backend]) backend_is_dead(run, backend, &outcome);
    return false;
}

void tm_seat_stop(tm_seat *seat)
{
    tm_worker_free(seat->worker);
    seat->worker = NULL;
    seat->ready = seat->bound = seat->holds = false;
}

void tm_seat_release(tm_seat *seat)
{
    if (seat->worker && seat->holds) {
        tm_worker_wake(seat->worker);
        const tm_outcome outcome = tm_worker_unbind(seat->worker);
        if (outcome.lost)
            tm_seat_stop(seat);
        else
            tm_worker_pause(seat->worker);
    }
    seat->bound = seat->holds = false;
}

void tm_seat_failed(tm_run *run, tm_seat *seat, int64_t case_position, const tm_outcome *outcome)
{
    tm_cell *cell = tm_run_cell(run, case_position, seat->backend);
    if (outcome->lost) {
        tm_seat_stop(seat);
        if (outcome->status == TM_CELL_WEDGED) backend_is_dead(run, seat->backend, outcome);
    }
    seat->ready = seat->bound = false;
    const bool may_be_chance = outcome->status == TM_CELL_CRASHED || outcome->status == TM_CELL_PROTOCOL;
    if (may_be_chance && ++cell->losses < TM_MOST_LOSSES) {
        tm_run_notice(run, "%s on %s: worker lost (%s); a fresh one goes on",
                      run->options->cases->items[case_position].id, run->options->backends[seat->backend].id,
                      outcome->reason);
        return;
    }
    tm_cell_end(cell, outcome->status, outcome->reason);
}

/* Batch size, and, of the first incarnation of a pass, whether more work takes more time; a doubtful answer is asked
 * for again. */
static tm_outcome calibrate(tm_run *run, tm_seat *seat, tm_cell *cell, const tm_case *one, double first_call_ns)
{
    tm_calibration calibration;
    tm_outcome outcome = {.status = TM_CELL_OK};
    bool grows = false, nonlinear = false;
    int32_t failures = 0;
    for (int32_t attempt = 0; failures < 3; attempt++) {
        if (failures > 0) tm_timing_wait(failures);
        const tm_calibration_setup setup = {
            .first_call_ns = first_call_ns,
            .gpu = is_gpu(&run->options->backends[seat->backend]),
            .linearity = seat->incarnation == run->first_incarnation,
            .hold_slot = tm_case_holds_slot(one, run->limits[0].llc_bytes),
        };
        outcome = tm_worker_calibrate(seat->worker, &setup, calibrate_timeout_s(first_call_ns), &calibration);
        if (outcome.status != TM_CELL_OK) return outcome;
        seat->findings.calibration = calibration;
        seat->findings.calibrations = attempt + 1;
        seat->call_ns = calibration.call_ns;
        seat->batch = calibration.batch;
        grows = tm_timing_grows(&calibration, &nonlinear, outcome.reason, sizeof outcome.reason);
        failures = grows ? 0 : failures + 1;
        if (grows && (!nonlinear || attempt >= 1)) break;
    }
    if (grows && cell->visit_count == 0 && seat->incarnation == run->first_incarnation) cell->nonlinear = nonlinear;
    if (!grows) outcome.status = TM_CELL_INVALID;
    return outcome;
}

static tm_outcome make_ready(tm_run *run, tm_seat *seat, tm_cell *cell, tm_case_data *data, tm_cell_check *check)
{
    double first_call_ns = NAN, begun_ns = (double)tm_now_ns();
    seat->findings = (tm_findings){.pending = true,
                                   .first_call_ns = NAN,
                                   .slots = data->slots,
                                   .gpu = is_gpu(&run->options->backends[seat->backend])};
    tm_outcome outcome = tm_worker_compile(seat->worker, data->one->graph, data->slots, &check->declared);
    cell->declared = check->declared;
    if (outcome.status == TM_CELL_OK && !tm_worker_reset_peak(seat->worker)) cell->peak_of_worker = true;
    if (outcome.status == TM_CELL_OK) outcome = tm_cell_bind(seat->worker, data, -1);
    begun_ns = tm_run_spend(run, TM_PHASE_BINDING, begun_ns);
    if (outcome.status == TM_CELL_OK) outcome = tm_cell_first_calls(seat->worker, data, check, &first_call_ns);
    if (outcome.status == TM_CELL_OK && !cell->probe_done) outcome = tm_cell_probe(seat->worker, data, check);
    if (check->probe_done) {
        cell->probe_done = true;
        cell->probe_exists = check->probe_exists;
        cell->probe_passed = check->probe_passed;
    }
    if (isnan(cell->first_call_ns)) cell->first_call_ns = first_call_ns;
    seat->findings.first_call_ns = first_call_ns;
    begun_ns = tm_run_spend(run, TM_PHASE_CHECKS, begun_ns);
    if (outcome.status == TM_CELL_OK) outcome = calibrate(run, seat, cell, data->one, first_call_ns);
    begun_ns = tm_run_spend(run, TM_PHASE_WARMUP, begun_ns);
    if (outcome.status == TM_CELL_OK && seat->incarnation == 0) {
        outcome = tm_cell_rewritten(seat->worker, data, check, seat->call_ns, first_call_ns, &seat->findings.rewriting);
    }
    tm_run_spend(run, TM_PHASE_CHECKS, begun_ns);
    return outcome;
}

static void merge_check(tm_cell *cell, const tm_check *now)
{
    if (now->grade > cell->check.grade) cell->check.grade = now->grade;
    if (!(now->max_error <= cell->check.max_error)) cell->check.max_error = now->max_error;
    if (!(now->rms_error <= cell->check.rms_error)) cell->check.rms_error = now->rms_error;
    if (now->checked > cell->check.checked) cell->check.checked = now->checked;
    if (!isnan(now->freivalds) && !(now->freivalds <= cell->check.freivalds)) cell->check.freivalds = now->freivalds;
    cell->check.labels |= now->labels;
}

bool tm_seat_prepare(tm_run *run, tm_seat *seat, int64_t case_position, tm_case_data *data, tm_cell_check *check)
{
    tm_cell *cell = tm_run_cell(run, case_position, seat->backend);
    while (!cell->final) {
        if (!seat->worker && !tm_seat_start(run, seat)) {
            tm_cell_end(cell, run->backend_status[seat->backend], run->backend_reason[seat->backend]);
            break;
        }
        tm_worker_wake(seat->worker);
        seat->holds = true;
        const tm_outcome outcome = make_ready(run, seat, cell, data, check);
        merge_check(cell, &check->worst);
        if (outcome.status == TM_CELL_OK) {
            seat->ready = seat->bound = true;
            return true;
        }
        tm_seat_failed(run, seat, case_position, &outcome);
        tm_seat_release(seat);
    }
    return false;
}

static bool nothing_to_do(const tm_run *run, int64_t case_position)
{
    for (int32_t backend = 0; backend < run->shown; backend++) {
        if (!tm_run_cell(run, case_position, backend)->final) return false;
    }
    return true;
}

/* A case that does not fit is skipped on every backend alike, unless an earlier pass measured it. */
static tm_status skip_for_memory(tm_run *run, int64_t case_position, double available, tm_error *error)
{
    const tm_case *one = &run->options->cases->items[case_position];
    char reason[128];
    snprintf(reason, sizeof reason, "memory: needs %.1f GB, %.1f GB are free", tm_case_memory(one, 1) / 1e9,
             available / 1e9);
    for (int32_t backend = 0; backend < run->options->backend_count; backend++) {
        tm_cell *cell = tm_run_cell(run, case_position, backend);
        if (cell->visit_count == 0) tm_cell_end(cell, TM_CELL_SKIPPED, reason);
    }
    tm_status status = tm_store_begin(run->store, error);
    if (status == TM_OK) status = tm_run_store_case(run, case_position, error);
    return status == TM_OK ? tm_store_commit(run->store, error) : status;
}

/* Makes the seats ready one after the other, leaving each stopped (and empty, when only one may hold the case). */
static void prepare_seats(tm_run *run, int64_t case_position, tm_case_data *data, tm_cell_check *checks,
                          tm_residency residency)
{
    for (int32_t s = 0; s < run->seat_count && !tm_run_cancelled(run); s++) {
        tm_seat *seat = &run->seats[s];
        if (!tm_seat_prepare(run, seat, case_position, data, &checks[seat->backend])) continue;
        if (residency == TM_HOLD_VISIT)
            tm_seat_release(seat);
        else
            tm_worker_pause(seat->worker);
    }
}

/* The case is over. Workers keep its memory for the next one, since fresh pages are dear, but it is the next case that
 * decides whether they may. */
static void leave_case(tm_run *run)
{
    for (int32_t s = 0; s < run->seat_count; s++) run->seats[s].ready = run->seats[s].bound = false;
}

static void release_seats(tm_run *run)
{
    for (int32_t s = 0; s < run->seat_count; s++) tm_seat_release(&run->seats[s]);
}

/* What `workers` of them and the parent hold of a case. */
static double held_bytes(const tm_case *one, int32_t slots, int32_t workers)
{
    const double parent =
        (double)tm_case_set_bytes(one->graph) * (slots + 1) + (double)tm_case_output_bytes(one->graph);
    return parent + workers * (tm_case_memory(one, slots) - parent);
}

/* Input slots and residency that fit in memory. What earlier cases left is given back only where it is missing. */
static int32_t fit_in_memory(tm_run *run, int64_t case_position, tm_residency *residency, double *available)
{
    const tm_case *one = &run->options->cases->items[case_position];
    const double llc_bytes = run->limits[0].llc_bytes;
    const int32_t wanted = tm_case_slots(one, llc_bytes), backends = tm_run_open_cells(run, case_position);
    const int32_t workers = backends * run->schedule.incarnations[run->pass];
    int32_t slots = 0;
    for (int32_t attempt = 0; attempt < 3; attempt++) {
        if (attempt == 1) release_seats(run);
        if (attempt == 2) tm_shared_release(run->shared);
        *available = (double)tm_memory_available();
        slots = tm_case_fitting_slots(one, llc_bytes, *available);
        if (slots < wanted) continue;
        *residency = TM_HOLD_ALL;
        if (held_bytes(one, slots, workers) <= roomy_share * *available) return slots;
        *residency = TM_HOLD_INCARNATION;
        if (attempt > 0 && held_bytes(one, slots, backends) <= resident_share * *available) return slots;
    }
    if (slots > 0) *residency = TM_HOLD_VISIT;
    return slots;
}

static tm_status run_with_data(tm_run *run, int64_t case_position, tm_case_data *data, tm_residency residency,
                               tm_error *error)
{
    const int32_t backends = run->options->backend_count;
    tm_status status = TM_OK;
    tm_cell_check *checks = calloc((size_t)backends, sizeof *checks);
    if (!checks) return tm_fail_memory(error, data->one->id);
    for (int32_t backend = 0; backend < backends; backend++) {
        if (!tm_cell_check_init(&checks[backend], data->slots)) status = tm_fail_memory(error, data->one->id);
    }
    if (status == TM_OK) {
        if (residency != TM_HOLD_INCARNATION) prepare_seats(run, case_position, data, checks, residency);
        status = tm_run_rounds(run, case_position, data, checks, residency, error);
    }
    leave_case(run);
    for (int32_t backend = 0; backend < backends; backend++) tm_cell_check_free(&checks[backend]);
    free(checks);
    return status;
}

tm_status tm_run_case(tm_run *run, int64_t case_position, tm_error *error)
{
    if (nothing_to_do(run, case_position)) return TM_OK;
    const tm_case *one = &run->options->cases->items[case_position];
    double available;
    tm_residency residency = TM_HOLD_VISIT;
    const int32_t slots = fit_in_memory(run, case_position, &residency, &available);
    if (slots == 0) return skip_for_memory(run, case_position, available, error);

    const tm_case_data setup = {
        .one = one,
        .shared = run->shared,
        .cache_folder = run->options->keep_cache && *run->cache_folder ? run->cache_folder : NULL,
        .seed = run->options->seed,
        .pass = (uint32_t)run->pass,
        .slots = slots,
        .threads = run->options->threads,
    };
    tm_case_data data;
    double begun = (double)tm_now_ns();
    tm_status status = tm_case_data_make(&setup, &data, error);
    begun = tm_run_spend(run, TM_PHASE_INPUTS, begun);
    if (status != TM_OK) return status;
    status = run_with_data(run, case_position, &data, residency, error);
    tm_run_rest(run, (double)tm_now_ns() - begun);
    tm_case_data_free(&data);
    return status;
}
