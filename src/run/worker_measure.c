/* The timed region is one call of run() for the whole batch and one of sync(). Warm-up, batch size and the linearity
 * pairs follow measurement.md points 4 and 5; the rules themselves are in measure/sampling. */
#include "run/worker_measure.h"
#include "base/clock.h"
#include "run/worker_proof.h"

#include <math.h>
#include <stdlib.h>

static const double long_call_ns = 10e6; /* above: one execution is a good estimate, linearity is not judged */

static void spin_until(uint64_t end_ns)
{
    while (tm_now_ns() < end_ns) {}
}

tm_status tm_timed_pieces(tm_timed *timed, int64_t count, int64_t piece, uint64_t *start_ns, uint64_t *stop_ns,
                          tm_error *error)
{
    tm_status status = TM_OK;
    if (timed->holds_slot) piece = 1;
    *start_ns = tm_now_ns();
    for (int64_t left = count; left > 0 && status == TM_OK; left -= piece) {
        const int64_t now = left < piece ? left : piece;
        status = timed->backend->run(timed->program, timed->next_slot, now, error);
        if (!timed->holds_slot) timed->next_slot = (int32_t)((timed->next_slot + now) % timed->slots);
    }
    if (status == TM_OK) status = timed->backend->sync(timed->session, error);
    *stop_ns = tm_now_ns();
    if (timed->delay_percent > 0) {
        spin_until(*stop_ns + (*stop_ns - *start_ns) * (uint64_t)timed->delay_percent / 100u);
        *stop_ns = tm_now_ns();
    }
    return status;
}

tm_status tm_timed_batch(tm_timed *timed, int64_t count, uint64_t *start_ns, uint64_t *stop_ns, tm_error *error)
{
    return tm_timed_pieces(timed, count, count, start_ns, stop_ns, error);
}

static tm_status batch_time(tm_timed *timed, int64_t count, double *ns, tm_error *error)
{
    uint64_t start, stop;
    const tm_status status = tm_timed_batch(timed, count, &start, &stop, error);
    *ns = fmax((double)(stop - start), 1.0); /* a backend that does nothing still gets a finite ratio */
    return status;
}

tm_status tm_timed_call(tm_timed *timed, uint64_t *start_ns, uint64_t *stop_ns, tm_error *error)
{
    const tm_status status = tm_timed_batch(timed, 1, start_ns, stop_ns, error);
    const double ns = (double)(*stop_ns - *start_ns);
    if (timed->calls > 0) {
        timed->least_ns = timed->calls > 1 ? fmin(timed->least_ns, ns) : ns;
        timed->later_ns += ns;
    }
    timed->calls++;
    return status;
}

/* At least so many calls and so long, those that were verified counted. *least_ns gets the time of the shortest; it
 * stays as it was if there is none. */
static tm_status warm_up(tm_timed *timed, tm_warmup rule, double *least_ns, tm_error *error)
{
    const double begin = (double)tm_now_ns() - timed->later_ns;
    const int32_t before = timed->calls > 1 ? timed->calls - 1 : 0;
    tm_status status = TM_OK;
    double least = before > 0 ? timed->least_ns : (double)INFINITY, ns = 0.0;
    for (int32_t calls = before; status == TM_OK; calls++) {
        if (calls >= rule.calls && (double)tm_now_ns() - begin >= rule.time_ns) break;
        status = batch_time(timed, 1, &ns, error);
        least = fmin(least, ns);
    }
    if (least < INFINITY) *least_ns = least;
    return status;
}

/* Time per execution of short calls: the least of three batches that are long enough for the clock. */
static tm_status estimate_short(tm_timed *timed, tm_timer timer, double *call_ns, tm_error *error)
{
    const double enough = fmax(100e3, fmax(100.0 * timer.resolution_ns, 100.0 * timer.overhead_ns));
    int64_t count = 1;
    double ns = 0.0;
    tm_status status = batch_time(timed, count, &ns, error);
    while (status == TM_OK && ns < enough && count < (int64_t)1 << 30) {
        count *= 2;
        status = batch_time(timed, count, &ns, error);
    }
    double least = ns;
    for (int32_t again = 0; again < 2 && status == TM_OK; again++) {
        status = batch_time(timed, count, &ns, error);
        least = fmin(least, ns);
    }
    *call_ns = least / (double)count;
    return status;
}

/* n, 2n, n, 2n, ..., n executions; each 2n is compared with the n before and the n after it: a drift cancels, and both
 * sides cover the same input slots, so that slots that lie in faster and slower memory do not pass for caching. */
static tm_status linearity_pairs(tm_timed *timed, tm_calibration *into, tm_error *error)
{
    const int32_t pairs = sizeof into->ratio / sizeof *into->ratio;
    double before = 0.0, least_once, least_twice = INFINITY;
    tm_status status = batch_time(timed, into->batch, &before, error);
    least_once = before;
    for (int32_t i = 0; i < pairs && status == TM_OK; i++) {
        double twice = 0.0, after = 0.0;
        status = batch_time(timed, 2 * into->batch, &twice, error);
        if (status == TM_OK) status = batch_time(timed, into->batch, &after, error);
        into->ratio[i] = 2 * twice / (before + after);
        least_once = fmin(least_once, after);
        least_twice = fmin(least_twice, twice);
        before = after;
    }
    into->least_ratio = least_twice / least_once;
    into->ratios = status == TM_OK ? pairs : 0;
    return status;
}

tm_status tm_timed_calibrate(tm_timed *timed, const tm_request *request, tm_calibration *into, tm_error *error)
{
    *into = (tm_calibration){.timer = tm_timer_measure(), .call_ns = request->first_call_ns, .batch = 1};
    tm_status status = warm_up(timed, tm_warmup_after(request->first_call_ns, request->gpu), &into->call_ns, error);
    if (status == TM_OK && into->call_ns <= long_call_ns) {
        status = estimate_short(timed, into->timer, &into->call_ns, error);
    }
    if (status != TM_OK) return status;
    into->batch = tm_batch_size(into->call_ns, into->timer, request->gpu);
    if (!request->linearity) return TM_OK;
    if (into->call_ns <= long_call_ns) status = linearity_pairs(timed, into, error);
    return status == TM_OK ? tm_proof_growth(timed, request, into, error) : status;
}

static void add_stamp(tm_text *stamps, uint64_t value)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(value >> (8 * i));
    tm_text_add_bytes(stamps, bytes, sizeof bytes);
}

/* One sample: a batch, and where the slope is asked for a second one of twice the length. `guarded`: the last batch is
 * prepared so that its output is known to be its own. */
static tm_status take_sample(tm_timed *timed, const tm_request *request, bool guarded, tm_text *stamps, uint64_t *stop,
                             tm_error *error)
{
    const int64_t batches = request->slope ? 2 : 1;
    tm_status status = TM_OK;
    for (int64_t i = 1; i <= batches && status == TM_OK; i++) {
        uint64_t start = 0;
        if (guarded && i == batches) tm_proof_prepare(timed, i * request->batch);
        status = tm_timed_batch(timed, i * request->batch, &start, stop, error);
        add_stamp(stamps, start);
        add_stamp(stamps, *stop);
    }
    return status;
}

tm_status tm_timed_visit(tm_timed *timed, const tm_request *request, tm_text *stamps, tm_answer *answer,
                         tm_error *error)
{
    const size_t most = TM_WIRE_CAP / 64; /* leaves room for the rest of the answer */
    const size_t capacity = (size_t)request->capacity < most ? (size_t)request->capacity : most;
    tm_status status = TM_OK;
    timed->holds_slot = request->hold_slot;
    answer->before = tm_noise_of_process(0);
    answer->discarded = request->rule.discard_first;
    if (answer->discarded) {
        status = tm_timed_batch(timed, request->batch, &answer->first_start_ns, &answer->first_stop_ns, error);
    }
    const uint64_t begin = tm_now_ns();
    uint64_t previous = begin, stop = begin;
    bool guarded = false;
    for (size_t kept = 0; status == TM_OK && kept < capacity; kept++) {
        const double spent_ns = (double)(stop - begin);
        const bool enough = kept >= (size_t)request->rule.samples && spent_ns >= request->rule.time_ns;
        if (enough && guarded) break;
        const double then_ns = spent_ns + (double)(stop - previous);
        guarded =
            kept + 1 == capacity || (kept + 1 >= (size_t)request->rule.samples && then_ns >= request->rule.time_ns);
        previous = stop;
        status = take_sample(timed, request, guarded, stamps, &stop, error);
    }
    if (status == TM_OK) status = tm_proof_look(timed, error);
    answer->after = tm_noise_of_process(0);
    if (status == TM_OK && stamps->failed) status = tm_fail_memory(error, "the samples of a visit");
    answer->stamps = (const uint8_t *)stamps->data;
    answer->stamp_bytes = (uint32_t)stamps->length;
    answer->last_slot = (timed->next_slot + timed->slots - (timed->holds_slot ? 0 : 1)) % timed->slots;
    timed->holds_slot = false;
    return status;
}
