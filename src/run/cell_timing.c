/* A single measurement may be off by chance, so each finding is what two ways of looking agree on, and counts only when
 * repeated. The rules are pure functions of what the worker sent. */
#include "run/cell_timing.h"

#include "base/clock.h"
#include "measure/stats.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const double long_call_ns = 1e9;

void tm_timing_wait(int32_t repeat)
{
    if (repeat > 0) tm_sleep_ns((uint64_t)repeat * 100000000u);
}

bool tm_timing_grows(const tm_calibration *calibration, bool *nonlinear, char *reason, size_t capacity)
{
    double median;
    const tm_linearity found =
        tm_judge_linearity(calibration->ratio, calibration->ratios, calibration->call_ns, &median);
    *nonlinear = found == TM_NONLINEAR || found == TM_TOO_CHEAP;
    /* A machine that jumps between two speeds can spoil the median of pairs; the shortest times are of the fast one. */
    if (found == TM_TOO_CHEAP && !(calibration->least_ratio >= 1.8)) {
        snprintf(reason, capacity,
                 "twice the executions take only %.2f times as long: results are cached or not computed", median);
        return false;
    }
    if (calibration->four_ratio > 0 && calibration->four_ratio < 1.5) {
        snprintf(reason, capacity,
                 "four executions take only %.2f times as long as one: results are cached or not computed",
                 calibration->four_ratio);
        return false;
    }
    if (calibration->singly_ratio > 1.5) {
        snprintf(reason, capacity,
                 "%lld executions take %.2f times as long when asked for one by one: some of a batch are left out",
                 (long long)calibration->batch, calibration->singly_ratio);
        return false;
    }
    return true;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The interval is that of the median by order: from the second smallest to the second largest of nine, 96 %. However
 * the times scatter, an honest backend's lower end is above 1 at most 2 times in 100, three times in a row in fewer
 * than 1 of 100,000; and one pair that the machine spoilt hides no lie. */
tm_freshness tm_timing_freshness(const tm_rewriting *rewriting)
{
    enum { ALL = sizeof rewriting->new_ns / sizeof *rewriting->new_ns };
    double gain[ALL];
    const int32_t pairs = rewriting->pairs, edge = pairs < ALL ? 0 : 1;
    if (pairs < 1) return (tm_freshness){NAN, NAN, NAN};
    for (int32_t i = 0; i < pairs; i++) gain[i] = rewriting->new_ns[i] / rewriting->same_ns[i];
    qsort(gain, (size_t)pairs, sizeof *gain, by_size);
    return (tm_freshness){gain[pairs / 2], gain[edge], gain[pairs - 1 - edge]};
}

bool tm_timing_is_fresh(const tm_rewriting *rewriting, char *reason, size_t capacity)
{
    const size_t all = sizeof rewriting->new_ns / sizeof *rewriting->new_ns;
    if ((size_t)rewriting->pairs < all) return true; /* the worker saw no hint */
    const tm_freshness found = tm_timing_freshness(rewriting);
    const double allowed = tm_median(rewriting->new_ns, all) < 100e3 ? 1.10 : 1.05;
    if (found.low <= allowed) return true;
    snprintf(reason, capacity,
             "CACHING: an execution takes %.2f times as long (%.2f to %.2f) on new bytes as on the same bytes written "
             "again: results are kept",
             found.ratio, found.low, found.high);
    return false;
}

/* Judges the output on what was new in slot 0's memory, and binds slot 0's own data again. */
static tm_outcome judge_rewritten(tm_worker *worker, tm_case_data *data, tm_cell_check *check,
                                  const tm_rewriting *rewriting)
{
    tm_outcome outcome = tm_cell_verify_output(worker, data, check, 1, &rewriting->hash);
    if (outcome.status == TM_CELL_INVALID) {
        char found[sizeof outcome.reason];
        snprintf(found, sizeof found, "%s", outcome.reason);
        snprintf(outcome.reason, sizeof outcome.reason, "after new bytes were written where the old inputs lay: %.560s",
                 found);
    }
    return outcome.status == TM_CELL_OK ? tm_cell_bind(worker, data, 0) : outcome;
}

tm_outcome tm_cell_rewritten(tm_worker *worker, tm_case_data *data, tm_cell_check *check, double call_ns,
                             double first_call_ns, tm_rewriting *last)
{
    tm_outcome outcome = {.status = TM_CELL_OK};
    const double longest_ns = fmax(call_ns, first_call_ns);
    if (data->slots < 2 || data->set_bytes == 0 || data->output_bytes == 0 || call_ns > long_call_ns) return outcome;
    const double timeout_s = 30 + 40e-9 * longest_ns + 80 * (double)data->set_bytes / 500e6;
    bool fresh = false;
    for (int32_t attempt = 0; attempt < 3 && !fresh; attempt++) {
        tm_timing_wait(attempt);
        tm_rewriting rewriting;
        outcome =
            tm_worker_rewrite(worker, tm_case_data_offset(data, 0, 0), data->set_bytes, call_ns, timeout_s, &rewriting);
        if (outcome.status == TM_CELL_OK) *last = rewriting;
        if (outcome.status == TM_CELL_OK) outcome = judge_rewritten(worker, data, check, &rewriting);
        if (outcome.status != TM_CELL_OK) return outcome;
        fresh = tm_timing_is_fresh(&rewriting, outcome.reason, sizeof outcome.reason);
    }
    if (!fresh) outcome.status = TM_CELL_INVALID;
    return outcome;
}
