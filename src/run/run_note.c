/* What `show --explain` tells of a cell beside its row: a JSON note for each incarnation, stored with the first round
 * that it takes part in; none where no call succeeded. Figures that were not looked at are null. */
#include "run/cell_timing.h"
#include "run/run_state.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

static json_t *figure(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *figure_if(bool known, double value)
{
    return known ? figure(value) : json_null();
}

static json_t *linearity(const tm_calibration *calibration)
{
    double median = NAN;
    tm_judge_linearity(calibration->ratio, calibration->ratios, calibration->call_ns, &median);
    return json_pack("{s:o, s:o, s:o, s:o}", "twice", figure(median), "twice_least",
                     figure_if(calibration->ratios > 0, calibration->least_ratio), "four",
                     figure_if(calibration->four_ratio > 0, calibration->four_ratio), "singly",
                     figure_if(calibration->singly_ratio > 0, calibration->singly_ratio));
}

static json_t *calibration_of(const tm_findings *findings)
{
    const tm_calibration *calibration = &findings->calibration;
    if (findings->calibrations == 0) return json_null();
    return json_pack("{s:i, s:o, s:I, s:o, s:o, s:o}", "attempts", (int)findings->calibrations, "call_ns",
                     figure(calibration->call_ns), "batch", (json_int_t)calibration->batch, "resolution_ns",
                     figure(calibration->timer.resolution_ns), "overhead_ns", figure(calibration->timer.overhead_ns),
                     "ratios", linearity(calibration));
}

static json_t *rewriting_of(const tm_findings *findings)
{
    if (findings->rewriting.pairs == 0) return json_null();
    const tm_freshness found = tm_timing_freshness(&findings->rewriting);
    return json_pack("{s:i, s:o, s:o, s:o}", "pairs", (int)findings->rewriting.pairs, "new_over_same",
                     figure(found.ratio), "low", figure(found.low), "high", figure(found.high));
}

tm_status tm_run_store_findings(tm_run *run, int64_t case_position, const tm_seat *seat, tm_error *error)
{
    const tm_findings *findings = &seat->findings;
    if (!findings->pending || isnan(findings->first_call_ns)) return TM_OK;
    const tm_warmup warmup = tm_warmup_after(findings->first_call_ns, findings->gpu);
    json_t *note =
        json_pack("{s:i, s:i, s:o, s:{s:i, s:o}, s:o, s:o}", "pass", (int)run->pass, "slots", (int)findings->slots,
                  "first_call_ns", figure(findings->first_call_ns), "warmup", "calls", (int)warmup.calls, "time_ns",
                  figure(warmup.time_ns), "calibration", calibration_of(findings), "rewriting", rewriting_of(findings));
    char *text = note ? json_dumps(note, JSON_COMPACT) : NULL;
    json_decref(note);
    if (!text) return tm_fail_memory(error, "a cell's note");
    const tm_status status =
        tm_store_put_note(run->store, run->id, case_position, seat->backend, seat->incarnation, text, error);
    free(text);
    return status;
}
