/* Rough figures for planning: memory from shapes, time from the machine's limits. */
#include "run/run_state.h"

#include <math.h>

/* Share of free memory that a case may take. */
static const double memory_share = 0.85;

double tm_case_memory(const tm_case *one, int32_t slots)
{
    const tm_work work = tm_graph_work(one->graph);
    const double set = (double)tm_case_set_bytes(one->graph), output = (double)tm_case_output_bytes(one->graph);
    const double intermediates = work.resident_bytes - set - output;
    const double parent = set * (slots + 1) + output;
    const double worker = set * slots + output + (intermediates > 0 ? intermediates : 0);
    return parent + worker + 256e6; /* the worker's code and scratch, the oracle's sample */
}

int32_t tm_case_fitting_slots(const tm_case *one, double llc_bytes, double available_bytes)
{
    for (int32_t slots = tm_case_slots(one, llc_bytes); slots >= 1; slots = slots > 2 ? 2 : slots - 1) {
        if (tm_case_memory(one, slots) <= memory_share * available_bytes) return slots;
    }
    return 0;
}

tm_limits tm_modest_limits(int32_t threads)
{
    return (tm_limits){.threads = threads,
                       .read_gbs = 20,
                       .copy_gbs = 20,
                       .write_gbs = 10,
                       .llc_gbs = 50,
                       .llc_copy_gbs = 50,
                       .l1_gbs = 200,
                       .l2_gbs = 100,
                       .f32_gflops = 100,
                       .llc_bytes = 8e6};
}

tm_load tm_load_of(const tm_work *work)
{
    return (tm_load){.flop = work->flop,
                     .bytes = work->bytes,
                     .written = work->written,
                     .floor_flop = work->floor_flop,
                     .floor_bytes = work->floor_bytes,
                     .read_only = work->read_only};
}

double tm_case_call_ns(const tm_case *one, const tm_limits *limits)
{
    const tm_work work = tm_graph_work(one->graph);
    const tm_load load = tm_load_of(&work);
    const tm_bound bound = tm_bound_of(limits, &load);
    return fmax(isnan(bound.limit_ns) ? 1e6 : 2 * bound.limit_ns, 1e3);
}

double tm_case_seconds(const tm_case *one, const tm_limits *limits, const tm_schedule *schedule, int32_t backends)
{
    const double call_ns = tm_case_call_ns(one, limits);
    const tm_visit_rule rule = tm_visit_rule_for(call_ns);
    const double visit_ns = fmax(rule.time_ns, (rule.samples + 1) * call_ns);
    const double rounds = tm_rounds_for(schedule, call_ns);
    double seconds = 0;
    for (int32_t pass = 0; pass < schedule->passes; pass++) {
        const double inputs_s = 3 * (double)tm_case_set_bytes(one->graph) / 1e9 + 0.2;
        const double setup_ns = 40e6 + 6 * call_ns + 10 * fmin(call_ns, 10e6);
        seconds += inputs_s + schedule->incarnations[pass] * backends * (rounds * visit_ns + setup_ns) * 1e-9;
    }
    return seconds;
}

tm_status tm_run_dry(tm_run_options *options, tm_text *into, tm_error *error)
{
    const tm_limits limits = tm_modest_limits(options->threads);
    const tm_schedule schedule = tm_schedule_of(options->mode);
    const double available = (double)tm_memory_available();
    double total_s = 0;
    for (size_t i = 0; i < options->cases->count; i++) {
        const tm_case *one = &options->cases->items[i];
        const int32_t slots = tm_case_fitting_slots(one, limits.llc_bytes, available);
        const double seconds = slots ? tm_case_seconds(one, &limits, &schedule, options->backend_count) : 0;
        total_s += seconds;
        tm_text_format(into, "%-60s %8.0f MB %6.1f s%s\n", one->id, tm_case_memory(one, slots ? slots : 2) / 1e6,
                       seconds, slots ? "" : "  SKIPPED (memory)");
    }
    tm_text_format(into, "%zu cases x %d backends, mode %s, at most about %.0f s, %.0f MB of memory free\n",
                   options->cases->count, options->backend_count, tm_mode_name(options->mode), total_s,
                   available / 1e6);
    return into->failed ? tm_fail_memory(error, "plan") : TM_OK;
}
