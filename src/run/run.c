/* A run from start to end: plan into the store, limits, then pass after pass over all cases, then the conclusion.
 *
 * Invariant: what is in the database is always a true record of whole rounds; a run that ends in any way but COMPLETE
 * can be taken up again from there. */
#include "run/run_state.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const double limits_seconds = 2.0, limits_again_seconds = 1.0;

static double elapsed_s(const tm_run *run)
{
    return ((double)tm_now_ns() - run->started_ns) * 1e-9;
}

/* The record that events show: backends and an empty row per cell. */
static tm_status make_record(tm_run *run, tm_error *error)
{
    const tm_run_options *options = run->options;
    tm_record *record = run->record;
    const int64_t cells = (int64_t)options->cases->count * options->backend_count;
    record->backends = calloc((size_t)run->shown, sizeof *record->backends);
    record->cells = calloc(options->cases->count * (size_t)run->shown + 1, sizeof *record->cells);
    run->cells = calloc((size_t)cells + 1, sizeof *run->cells);
    run->round_done = calloc(options->cases->count * TM_MOST_INCARNATIONS * (size_t)run->schedule.rounds + 1, 1);
    if (!record->backends || !record->cells || !run->cells || !run->round_done) return tm_fail_memory(error, "the run");
    record->backend_count = run->shown;
    record->cell_count = (int64_t)options->cases->count * run->shown;
    for (int32_t i = 0; i < run->shown; i++) {
        record->backends[i] = (tm_record_backend){
            .id = strdup(options->backends[i].id),
            .framework_version = strdup(""),
            .device = strdup(""),
            .options = strdup(options->backends[i].options),
            .library = strdup(options->backends[i].library),
            .definition = strdup(options->backends[i].definition),
            .threads = tm_run_threads(run, i),
        };
        if (!record->backends[i].id || !record->backends[i].options || !record->backends[i].definition) {
            return tm_fail_memory(error, "the run");
        }
    }
    for (int64_t i = 0; i < cells; i++) run->cells[i] = (tm_cell){.first_call_ns = NAN, .check = {.freivalds = NAN}};
    for (int64_t c = 0; c < (int64_t)options->cases->count; c++) {
        for (int32_t b = 0; b < run->shown; b++) {
            const tm_status status = tm_run_refresh_cell(run, c, b, error);
            if (status != TM_OK) return status;
        }
    }
    return tm_run_choose_twins(run, error);
}

/* "20260131-120000-1a2b3c": sorts by time, unique enough for one database. */
static void make_id(tm_run *run)
{
    char now[32];
    tm_wall_time(now, sizeof now);
    const struct {
        uint64_t now;
        int64_t pid;
    } mixed = {tm_now_ns(), getpid()};
    snprintf(run->id, sizeof run->id, "%.4s%.2s%.2s-%.2s%.2s%.2s-%06x", now, now + 5, now + 8, now + 11, now + 14,
             now + 17, (unsigned)(tm_hash_bytes(&mixed, sizeof mixed) & 0xffffff));
}

static tm_status store_new_run(tm_run *run, tm_error *error)
{
    char started[32], *plan = NULL;
    tm_wall_time(started, sizeof started);
    make_id(run);
    tm_record *record = run->record;
    record->id = strdup(run->id);
    record->started = strdup(started);
    record->finished = strdup("");
    record->mode = strdup(tm_mode_name(run->options->mode));
    record->command = strdup(run->options->command ? run->options->command : "");
    record->version = strdup(tm_version());
    record->status = strdup("INTERRUPTED");
    record->seed = run->options->seed;
    if (!record->id || !record->started || !record->finished || !record->mode || !record->command || !record->version ||
        !record->status) {
        return tm_fail_memory(error, "the run");
    }
    tm_status status = tm_run_plan_write(run->options, run->shown, &plan, error);
    if (status == TM_OK) status = tm_store_begin(run->store, error);
    if (status == TM_OK) status = tm_store_new_run(run->store, record, plan, error);
    if (status == TM_OK) status = tm_store_commit(run->store, error);
    free(plan);
    return status;
}

static tm_status set_up(tm_run *run, tm_error *error)
{
    tm_run_options *options = run->options;
    char notice[256] = "";
    tm_status status = tm_store_open(options->database, false, &run->store, notice, error);
    if (status != TM_OK) return status;
    if (*notice) tm_run_notice(run, "%s", notice);
    if (options->resume) {
        char *plan = NULL;
        snprintf(run->id, sizeof run->id, "%s", options->resume);
        status = tm_store_plan(run->store, run->id, &plan, error);
        if (status == TM_OK) status = tm_run_plan_read(plan, options, error);
        free(plan);
        if (status != TM_OK) return status;
    }
    run->schedule = tm_schedule_of(options->mode);
    status = tm_run_describe_machine(run, error);
    if (status == TM_OK && options->backend_count > TM_MOST_BACKENDS) {
        status = tm_fail(error, TM_INVALID_ARGUMENT, "more than %d backends", TM_MOST_BACKENDS);
    }
    if (status == TM_OK) status = tm_run_add_twin(run, error);
    if (status == TM_OK) status = make_record(run, error);
    if (status != TM_OK) return status;
    if (tm_cache_folder(run->cache_folder, sizeof run->cache_folder, error) != TM_OK) run->cache_folder[0] = '\0';
    run->canary = tm_canary_new();
    status = tm_shared_new(&run->shared, error);
    if (status != TM_OK) return status;
    if (!options->resume) return store_new_run(run, error);
    run->record->id = strdup(run->id);
    run->record->status = strdup("INTERRUPTED");
    run->record->mode = strdup(tm_mode_name(options->mode));
    return tm_run_restore(run, error);
}

/* Budget: a case is taken in the first pass only if the passes after it still fit, judged by what cases took so far. */
static bool budget_allows(const tm_run *run, int64_t done)
{
    if (run->options->budget_s <= 0 || run->pass > 0 || done == 0) return true;
    double later = 0;
    for (int32_t pass = 1; pass < run->schedule.passes; pass++) {
        later += (double)run->schedule.incarnations[pass] / run->schedule.incarnations[0];
    }
    const double accepted_s = run->pass_one_ns * 1e-9, average_s = accepted_s / (double)done;
    return elapsed_s(run) + average_s + (accepted_s + average_s) * later + limits_again_seconds * 2 <=
           run->options->budget_s;
}

static tm_status drop_for_budget(tm_run *run, int64_t from, tm_error *error)
{
    tm_status status = tm_store_begin(run->store, error);
    for (int64_t c = from; c < (int64_t)run->options->cases->count && status == TM_OK; c++) {
        for (int32_t b = 0; b < run->options->backend_count; b++) {
            tm_cell *cell = tm_run_cell(run, c, b);
            if (cell->visit_count == 0) tm_cell_end(cell, TM_CELL_SKIPPED, "budget");
        }
        status = tm_run_store_case(run, c, error);
    }
    return status == TM_OK ? tm_store_commit(run->store, error) : status;
}

static bool pass_is_done(const tm_run *run, int64_t c)
{
    for (int32_t i = 0; i < run->schedule.incarnations[run->pass]; i++) {
        for (int32_t round = 0; round < run->schedule.rounds; round++) {
            const int64_t place = c * TM_MOST_INCARNATIONS + run->first_incarnation + i;
            if (!run->round_done[place * run->schedule.rounds + round]) return false;
        }
    }
    return true;
}

static void tell_case_done(tm_run *run, int64_t c, int64_t done_before)
{
    const tm_run_options *options = run->options;
    if (!options->events.case_done) return;
    const int64_t cases = (int64_t)options->cases->count;
    const int64_t of = cases * run->schedule.passes, done = cases * run->pass + c + 1;
    double weight_done = 0, weight_all = 0; /* a pass weighs as much as it has incarnations */
    for (int32_t pass = 0; pass < run->schedule.passes; pass++) {
        const double weight = run->schedule.incarnations[pass];
        weight_all += weight * (double)cases;
        weight_done += pass < run->pass ? weight * (double)cases : pass == run->pass ? weight * (double)(c + 1) : 0;
    }
    weight_done -= (double)done_before * run->schedule.incarnations[0];
    const double remaining_s =
        weight_done > 0 ? elapsed_s(run) * (weight_all - weight_done - (double)done_before) / weight_done : NAN;
    options->events.case_done(options->events.context, run->record, options->cases->items[c].id, done, of, remaining_s);
}

static void make_seats(tm_run *run)
{
    const int32_t backends = run->options->backend_count;
    run->seat_count = run->schedule.incarnations[run->pass] * backends;
    for (int32_t i = 0; i < run->seat_count; i++) {
        run->seats[i] = (tm_seat){.backend = i % backends, .incarnation = run->first_incarnation + i / backends};
    }
}

static void stop_seats(tm_run *run)
{
    for (int32_t i = 0; i < run->seat_count; i++) tm_seat_stop(&run->seats[i]);
    run->seat_count = 0;
}

static tm_status run_pass(tm_run *run, tm_error *error)
{
    const int64_t cases = (int64_t)run->options->cases->count;
    tm_status status = TM_OK;
    int64_t already_done = 0;
    make_seats(run);
    for (int64_t c = 0; c < cases && status == TM_OK && !tm_run_cancelled(run); c++) {
        if (pass_is_done(run, c)) {
            already_done++;
            continue;
        }
        if (!budget_allows(run, c)) {
            status = drop_for_budget(run, c, error);
            break;
        }
        const double begun = (double)tm_now_ns();
        status = tm_run_case(run, c, error);
        if (run->pass == 0) run->pass_one_ns += (double)tm_now_ns() - begun;
        if (status == TM_OK && !tm_run_cancelled(run)) tell_case_done(run, c, already_done);
    }
    stop_seats(run);
    return status;
}

static tm_status run_passes(tm_run *run, tm_error *error)
{
    tm_status status = tm_run_measure_limits(run, limits_seconds, error);
    if (status == TM_OK && run->options->events.planned) {
        double estimate_s = 0;
        for (size_t i = 0; i < run->options->cases->count; i++) {
            estimate_s += tm_case_seconds(&run->options->cases->items[i], &run->limits[0], &run->schedule,
                                          tm_run_open_cells(run, (int64_t)i));
        }
        run->options->events.planned(run->options->events.context, run->record, (int64_t)run->options->cases->count,
                                     estimate_s);
    }
    for (run->pass = 0; run->pass < run->schedule.passes && status == TM_OK && !tm_run_cancelled(run); run->pass++) {
        status = run_pass(run, error);
        run->first_incarnation += run->schedule.incarnations[run->pass];
        if (status == TM_OK && !tm_run_cancelled(run)) status = tm_run_measure_limits(run, limits_again_seconds, error);
    }
    return status;
}

/* A run in which no backend could ever be started has not run. */
static bool nothing_started(const tm_run *run)
{
    for (int32_t b = 0; b < run->shown; b++) {
        if (!run->backend_dead[b]) return false;
        for (int64_t c = 0; c < (int64_t)run->options->cases->count; c++) {
            if (tm_run_cell(run, c, b)->visit_count) return false;
        }
        if (run->backend_status[b] == TM_CELL_UNSUPPORTED) return false;
    }
    return true;
}

static tm_status conclude(tm_run *run, tm_error *error)
{
    const bool complete = !tm_run_cancelled(run);
    char finished[32];
    tm_wall_time(finished, sizeof finished);
    tm_status status = tm_store_begin(run->store, error);
    if (status == TM_OK) status = tm_run_conclude(run, complete, error);
    if (status == TM_OK) status = tm_store_set_machine(run->store, run->id, &run->record->machine, error);
    const char *end = !complete ? "INTERRUPTED" : run->noisy ? "NOISY" : "COMPLETE";
    if (status == TM_OK) status = tm_store_finish_run(run->store, run->id, end, finished, error);
    if (status == TM_OK) status = tm_store_commit(run->store, error);
    if (status != TM_OK) tm_store_rollback(run->store);
    return status;
}

static void tear_down(tm_run *run)
{
    stop_seats(run);
    const int64_t cells = (int64_t)run->options->cases->count * run->options->backend_count;
    for (int64_t i = 0; run->cells && i < cells; i++) {
        for (size_t v = 0; v < run->cells[i].visit_count; v++)
            free((void *)(uintptr_t)run->cells[i].visits[v].sample_ns);
        free(run->cells[i].visits);
    }
    free(run->cells);
    free(run->round_done);
    free(run->canary_ns);
    tm_canary_free(run->canary);
    tm_shared_free(run->shared);
    tm_record_free(run->record);
    tm_store_close(run->store);
    tm_run_drop_twin(run);
    free(run);
}

tm_run_end tm_run_execute(tm_run_options *options, char *run_id, size_t capacity, tm_error *error)
{
    tm_run_end end = TM_RUN_FAILED;
    int lock = -1;
    tm_run *run = calloc(1, sizeof *run);
    if (!run || !(run->record = calloc(1, sizeof *run->record))) {
        tm_fail_memory(error, "the run");
        free(run);
        return end;
    }
    run->options = options;
    run->started_ns = (double)tm_now_ns();
    run->aa_floor = NAN;
    tm_status status = set_up(run, error);
    if (status != TM_OK) goto done;
    snprintf(run_id, capacity, "%s", run->id);
    lock = tm_run_lock_machine(run);
    run->process_started_ns = (double)tm_now_ns();
    if (lock >= 0) status = run_passes(run, error);
    if (status == TM_OK) status = conclude(run, error);
    if (status != TM_OK) goto done;
    tm_run_tell_time(run);
    if (!tm_run_cancelled(run) && nothing_started(run)) {
        tm_fail(error, TM_FAILED, "no worker could be started: %s", run->backend_reason[0]);
        goto done;
    }
    end = tm_run_cancelled(run) ? TM_RUN_INTERRUPTED : TM_RUN_COMPLETE;
done:
    if (lock >= 0) close(lock);
    tear_down(run);
    return end;
}
