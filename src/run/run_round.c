/* Rounds of one case. A round visits every backend of one incarnation once, in seeded random order, and is one
 * transaction: it is in the database whole or not at all. A disturbed round is thrown away and repeated after the
 * others. */
#include "run/run_state.h"

#include "base/clock.h"
#include "base/hash.h"
#include "measure/power.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SAMPLES = 4096, MOST_REPEATS = 3 };

static const double most_repeated_share = 0.10; /* of the run's rounds */
static const double most_moved_share = 0.05;    /* the same, once only because the processors were moved */
static const double cap_ns = 20e9;              /* of sampling, per cell of ops */

typedef struct round_result {
    double *samples;
    tm_visit_result visit;
    double core_to_core_ns; /* between what it was before the visit and after */
    bool taken;
} round_result;

typedef struct case_rounds {
    tm_run *run;
    int64_t position;
    tm_case_data *data;
    tm_cell_check *checks;
    tm_residency residency;
    int32_t first_place, end_place; /* incarnations of the pass that are measured now */
    round_result *results;          /* per backend */
    const char *why;                /* the round at hand is repeated; static */
} case_rounds;

static bool *round_flag(const tm_run *run, int64_t case_position, int32_t incarnation, int32_t round)
{
    return &run->round_done[(case_position * TM_MOST_INCARNATIONS + incarnation) * run->schedule.rounds + round];
}

static tm_seat *seat_of(tm_run *run, int32_t place, int32_t backend)
{
    return &run->seats[place * run->options->backend_count + backend];
}

static bool has_visit(const tm_cell *cell, int32_t incarnation)
{
    for (size_t i = 0; i < cell->visit_count; i++) {
        if (cell->visits[i].incarnation == incarnation) return true;
    }
    return false;
}

/* Canary after a visit; true if the machine was disturbed. */
static bool canary_says_disturbed(tm_run *run)
{
    if (!run->canary) return false;
    const double begun_ns = (double)tm_now_ns();
    const double now_ns = tm_canary_run(run->canary);
    tm_run_spend(run, TM_PHASE_CANARY, begun_ns);
    const bool off = tm_canary_is_off(run->canary_ns, run->canary_count, now_ns);
    if (run->canary_count == run->canary_capacity) {
        const size_t capacity = run->canary_capacity ? 2 * run->canary_capacity : 1024;
        double *history = realloc(run->canary_ns, capacity * sizeof *history);
        if (!history) return off;
        run->canary_ns = history;
        run->canary_capacity = capacity;
    }
    run->canary_ns[run->canary_count++] = now_ns;
    return off;
}

/* Once per cell, after a visit behind which the worker will not be visited again, as far as is known: then nothing it
 * does to outputs or inputs during the visits before stays unseen. */
static tm_outcome settle(case_rounds *rounds, tm_seat *seat, tm_cell *cell, const tm_visit_result *visit)
{
    tm_outcome outcome = tm_cell_settled(seat->worker, rounds->data, visit);
    if (outcome.status == TM_CELL_OK) outcome = tm_cell_inputs_unchanged(seat->worker, rounds->data);
    cell->settled = outcome.status == TM_CELL_OK;
    return outcome;
}

static tm_outcome timed_visit(case_rounds *rounds, tm_seat *seat, bool last_round, round_result *result)
{
    tm_run *run = rounds->run;
    tm_cell *cell = tm_run_cell(run, rounds->position, seat->backend);
    tm_cell_check *check = &rounds->checks[seat->backend];
    tm_outcome outcome = {.status = TM_CELL_OK};
    double begun_ns = (double)tm_now_ns();
    if (!seat->bound) outcome = tm_cell_bind(seat->worker, rounds->data, -1);
    begun_ns = tm_run_spend(run, TM_PHASE_BINDING, begun_ns);
    if (outcome.status != TM_CELL_OK) return outcome;
    seat->bound = seat->holds = true;
    const tm_visit_rule rule = tm_visit_rule_for(seat->call_ns);
    const double hashing_s = (double)rounds->data->output_bytes / 500e6; /* at the pace of a busy machine */
    const double batches = (rule.samples + 1) * (cell->nonlinear ? 3 : 1);
    const double expected_s = fmax(rule.time_ns, batches * (double)seat->batch * seat->call_ns) * 1e-9 + hashing_s;
    result->visit = (tm_visit_result){.sample_ns = result->samples,
                                      .capacity = MOST_SAMPLES,
                                      .slope = cell->nonlinear,
                                      .hold_slot = tm_case_holds_slot(rounds->data->one, run->limits[0].llc_bytes)};
    tm_energy energy;
    tm_energy_read("/sys", &energy);
    const double before_ns = tm_run_core_to_core(run);
    outcome = tm_worker_visit(seat->worker, seat->batch, &rule, rounds->data->output_bytes, fmax(10.0, 10 * expected_s),
                              &result->visit);
    result->core_to_core_ns = sqrt(before_ns * tm_run_core_to_core(run));
    const double joules = tm_energy_since("/sys", &energy), end_ns = tm_run_spend(run, TM_PHASE_SAMPLING, begun_ns);
    if (isfinite(joules)) {
        cell->energy_j += joules;
        cell->measured_ns += end_ns - begun_ns;
    }
    begun_ns = end_ns;
    if (outcome.status != TM_CELL_OK) return outcome;
    if (tm_run_was_throttled(run) && !result->visit.disturbed) result->visit.disturbed = "throttling";
    if (result->visit.late) outcome = tm_cell_late();
    if (outcome.status == TM_CELL_OK) {
        outcome =
            tm_cell_verify_output(seat->worker, rounds->data, check, result->visit.last_slot, &result->visit.hash);
    }
    const bool last = last_round || cell->sampling_ns + result->visit.end_ns - result->visit.start_ns > cap_ns;
    if (outcome.status == TM_CELL_OK && last && !cell->settled) outcome = settle(rounds, seat, cell, &result->visit);
    tm_run_spend(run, TM_PHASE_CHECKS, begun_ns);
    return outcome;
}

/* After the visit: what the worker held. */
static tm_outcome after_visit(tm_seat *seat, tm_cell *cell)
{
    uint64_t host = 0, device = 0;
    const tm_outcome outcome = tm_worker_memory(seat->worker, &host, &device);
    if (outcome.status != TM_CELL_OK) return outcome;
    if (host > cell->peak_host) cell->peak_host = host;
    if (device > cell->peak_device) cell->peak_device = device;
    return outcome;
}

/* The worker waits, empty where only one may hold the case. */
static void leave_seat(const case_rounds *rounds, tm_seat *seat)
{
    if (rounds->residency == TM_HOLD_VISIT) tm_seat_release(seat);
    if (seat->worker) tm_worker_pause(seat->worker);
}

/* One backend's part of a round. */
static void visit_seat(case_rounds *rounds, tm_seat *seat, int32_t round, round_result *result, bool *disturbed)
{
    tm_run *run = rounds->run;
    tm_cell *cell = tm_run_cell(run, rounds->position, seat->backend);
    if (cell->final) return;
    if (!seat->ready && !tm_seat_prepare(run, seat, rounds->position, rounds->data, &rounds->checks[seat->backend])) {
        return;
    }
    const int32_t wanted = tm_rounds_for(&run->schedule, seat->call_ns);
    const bool capped = cell->sampling_ns > cap_ns && has_visit(cell, seat->incarnation);
    if (capped || round >= wanted) {
        cell->capped |= capped && round < wanted;
        leave_seat(rounds, seat);
        return;
    }
    tm_worker_wake(seat->worker);
    tm_outcome outcome = timed_visit(rounds, seat, round == wanted - 1, result);
    if (outcome.status == TM_CELL_OK) {
        result->taken = true;
        cell->sampling_ns += result->visit.end_ns - result->visit.start_ns;
        if (result->visit.disturbed) *disturbed = true;
        outcome = after_visit(seat, cell);
    }
    if (outcome.status != TM_CELL_OK) tm_seat_failed(run, seat, rounds->position, &outcome);
    leave_seat(rounds, seat);
    if (canary_says_disturbed(run)) *disturbed = true;
}

/* A worker that is lost in a visit is replaced by one that takes it, until the cell has lost too many: no incarnation
 * is without a visit where a case has one round. */
static void visit_whoever_is_lost(case_rounds *rounds, tm_seat *seat, int32_t round, round_result *result,
                                  bool *disturbed)
{
    const tm_cell *cell = tm_run_cell(rounds->run, rounds->position, seat->backend);
    int32_t losses;
    do {
        losses = cell->losses;
        visit_seat(rounds, seat, round, result, disturbed);
    } while (!result->taken && !cell->final && cell->losses > losses);
}

static tm_status store_visit(case_rounds *rounds, const tm_seat *seat, int32_t round, int32_t attempt, bool kept,
                             tm_error *error)
{
    tm_run *run = rounds->run;
    const round_result *result = &rounds->results[seat->backend];
    tm_cell *cell = tm_run_cell(run, rounds->position, seat->backend);
    const double start_ns = result->visit.start_ns - run->started_ns;
    const tm_store_visit stored = {
        .case_position = rounds->position,
        .backend_position = seat->backend,
        .pass = run->pass,
        .incarnation = seat->incarnation,
        .round = round,
        .attempt = attempt,
        .start_ns = start_ns,
        .core_to_core_ns = result->core_to_core_ns,
        .sample_ns = result->samples,
        .samples = result->visit.samples,
        .kept = kept,
        .reason = kept                      ? ""
                  : result->visit.disturbed ? result->visit.disturbed
                                            : rounds->why,
    };
    if (!kept) cell->discarded++;
    tm_status status = tm_store_put_visit(run->store, run->id, &stored, error);
    if (status == TM_OK && kept) {
        const tm_visit visit = {seat->incarnation,      round, start_ns, result->samples, (size_t)result->visit.samples,
                                result->core_to_core_ns};
        status = tm_cell_add_visit(cell, &visit, error);
    }
    return status;
}

/* Everything of a round in one transaction. */
static tm_status store_round(case_rounds *rounds, int32_t place, int32_t round, int32_t attempt, bool kept,
                             tm_error *error)
{
    tm_run *run = rounds->run;
    const double begun_ns = (double)tm_now_ns();
    tm_status status = tm_store_begin(run->store, error);
    if (status != TM_OK) return status;
    for (int32_t backend = 0; backend < run->options->backend_count && status == TM_OK; backend++) {
        if (rounds->results[backend].taken) {
            status = store_visit(rounds, seat_of(run, place, backend), round, attempt, kept, error);
        }
    }
    for (int32_t backend = 0; backend < run->options->backend_count && status == TM_OK; backend++) {
        tm_seat *seat = seat_of(run, place, backend);
        status = tm_run_store_findings(run, rounds->position, seat, error);
        seat->findings.pending = false;
    }
    if (status == TM_OK) status = tm_run_store_case(run, rounds->position, error);
    if (status == TM_OK) status = tm_store_commit(run->store, error);
    if (status != TM_OK) tm_store_rollback(run->store);
    tm_run_spend(run, TM_PHASE_STORE, begun_ns);
    return status;
}

/* Did the host move the processors between the backends' visits, or during one? */
static bool have_moved(const case_rounds *rounds)
{
    double first_ns = NAN;
    for (int32_t i = 0; i < rounds->run->options->backend_count; i++) {
        if (!rounds->results[i].taken) continue;
        if (!tm_same_placement(first_ns, rounds->results[i].core_to_core_ns)) return true;
        first_ns = rounds->results[i].core_to_core_ns;
    }
    return false;
}

/* Runs one round; `*again` when it was disturbed and may be repeated. */
static tm_status one_round(case_rounds *rounds, int32_t place, int32_t round, int32_t attempt, bool *again,
                           tm_error *error)
{
    tm_run *run = rounds->run;
    const int32_t backends = run->options->backend_count, incarnation = run->first_incarnation + place;
    int32_t order[TM_MOST_BACKENDS];
    tm_visit_order(run->options->seed, tm_hash_text(rounds->data->one->id), incarnation, round, backends, order);
    bool disturbed = false;
    for (int32_t i = 0; i < backends; i++) rounds->results[i].taken = false;
    for (int32_t i = 0; i < backends; i++) {
        visit_whoever_is_lost(rounds, seat_of(run, place, order[i]), round, &rounds->results[order[i]], &disturbed);
    }
    run->rounds_run++;
    const bool moved = !disturbed && have_moved(rounds);
    const double allowed = 1 + (moved ? most_moved_share : most_repeated_share) * (double)run->rounds_run;
    *again = (disturbed || moved) && attempt < MOST_REPEATS && (double)run->rounds_repeated + 1 <= allowed;
    rounds->why = moved ? "the processors were moved" : "canary";
    if (*again) run->rounds_repeated++;
    for (int32_t i = 0; i < backends; i++) {
        if (disturbed && !*again && rounds->results[i].taken) tm_run_cell(run, rounds->position, i)->disturbed = true;
    }
    tm_status status = store_round(rounds, place, round, attempt, !*again, error);
    for (int32_t i = 0; i < backends && status == TM_OK; i++) {
        if (rounds->results[i].taken) status = tm_run_know_placement(run, rounds->results[i].core_to_core_ns, error);
    }
    if (status == TM_OK && !*again) *round_flag(run, rounds->position, incarnation, round) = true;
    return status;
}

/* Every round that is still to do, once; the disturbed ones stay to do. */
static tm_status sweep(case_rounds *rounds, int32_t attempt, bool *left, tm_error *error)
{
    tm_run *run = rounds->run;
    *left = false;
    for (int32_t round = 0; round < run->schedule.rounds; round++) {
        for (int32_t place = rounds->first_place; place < rounds->end_place; place++) {
            if (tm_run_cancelled(run)) return TM_OK;
            if (*round_flag(run, rounds->position, run->first_incarnation + place, round)) continue;
            bool again = false;
            const tm_status status = one_round(rounds, place, round, attempt, &again, error);
            if (status != TM_OK) return status;
            *left |= again;
        }
    }
    return TM_OK;
}

/* All rounds of the places at hand, the disturbed ones again after the others. */
static tm_status measure_places(case_rounds *rounds, int32_t first, int32_t end, tm_error *error)
{
    tm_status status = TM_OK;
    bool left = true;
    rounds->first_place = first;
    rounds->end_place = end;
    for (int32_t attempt = 0; attempt <= MOST_REPEATS && left && status == TM_OK; attempt++) {
        status = sweep(rounds, attempt, &left, error);
    }
    return status;
}

tm_status tm_run_rounds(tm_run *run, int64_t case_position, tm_case_data *data, tm_cell_check *checks,
                        tm_residency residency, tm_error *error)
{
    const int32_t backends = run->options->backend_count, places = run->seat_count / backends;
    case_rounds rounds = {run, case_position, data, checks, residency, 0, 0, NULL, NULL};
    rounds.results = calloc((size_t)backends, sizeof *rounds.results);
    double *samples = calloc((size_t)backends * MOST_SAMPLES, sizeof *samples);
    tm_status status = TM_OK;
    if (!rounds.results || !samples) {
        status = tm_fail_memory(error, "samples");
        goto done;
    }
    for (int32_t i = 0; i < backends; i++) rounds.results[i].samples = samples + (size_t)i * MOST_SAMPLES;
    if (residency != TM_HOLD_INCARNATION) {
        status = measure_places(&rounds, 0, places, error);
        goto done;
    }
    for (int32_t place = 0; place < places && status == TM_OK; place++) {
        status = measure_places(&rounds, place, place + 1, error);
        for (int32_t backend = 0; backend < backends; backend++) tm_seat_release(seat_of(run, place, backend));
    }
done:
    free(samples);
    free(rounds.results);
    return status;
}
