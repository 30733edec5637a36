/* The automatic A/A comparison: on some cases the base also runs as a copy of itself. What the two differ by is chance,
 * and tells what differences mean in this run. The twin is the last backend of the run, behind those asked for: it
 * takes part in rounds like any other, but has no cells in the record. Which cases it runs on follows from the list of
 * cases alone, so that a resumed run chooses the same. */
#include "run/run_state.h"

#include "measure/verdict.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A number that costs little, grows with the run, and is still enough when two of them turn out not to be steady. */
static size_t twins_wanted(size_t cases)
{
    if (cases < TM_LEAST_CASES_FOR_TWINS) return 0;
    const size_t wanted = TM_LEAST_TWINS + 2 + (cases - TM_LEAST_CASES_FOR_TWINS) / 24;
    return wanted < TM_MOST_TWINS ? wanted : TM_MOST_TWINS;
}

static bool group_is_chosen(const tm_case_list *cases, const bool *chosen, const char *group)
{
    for (size_t i = 0; i < cases->count; i++) {
        if (chosen[i] && strcmp(cases->items[i].group, group) == 0) return true;
    }
    return false;
}

/* The shortest case of a time class that is not chosen yet, or one of a new op that takes less than three times as
 * long; -1 for none. */
static int64_t next_of_class(const tm_case_list *cases, const bool *chosen, int32_t time_class)
{
    const tm_limits limits = tm_modest_limits(1);
    int64_t best = -1;
    double least = INFINITY;
    for (size_t i = 0; i < cases->count; i++) {
        const double call_ns = tm_case_call_ns(&cases->items[i], &limits);
        if (chosen[i] || tm_time_class(call_ns) != time_class) continue;
        const double cost = group_is_chosen(cases, chosen, cases->items[i].group) ? 3 * call_ns : call_ns;
        if (!(cost < least)) continue;
        best = (int64_t)i;
        least = cost;
    }
    return best;
}

void tm_twin_cases(const tm_case_list *cases, bool *chosen)
{
    size_t left = twins_wanted(cases->count);
    memset(chosen, 0, cases->count * sizeof *chosen);
    for (bool any = true; any && left > 0;) {
        any = false;
        for (int32_t time_class = 0; time_class < TM_TIME_CLASSES && left > 0; time_class++) {
            const int64_t next = next_of_class(cases, chosen, time_class);
            if (next < 0) continue;
            chosen[next] = any = true;
            left--;
        }
    }
}

int32_t tm_run_base(const tm_run *run)
{
    for (int32_t i = 0; run->options->base && i < run->shown; i++) {
        if (strcmp(run->options->backends[i].id, run->options->base) == 0) return i;
    }
    return 0;
}

int32_t tm_run_sibling(const tm_run *run, int32_t backend)
{
    const tm_backend_spec *twin = &run->options->backends[backend];
    for (int32_t i = 0; twin->twin && i < run->shown; i++) {
        const tm_backend_spec *other = &run->options->backends[i];
        if (!other->twin && strcmp(twin->name, other->name) == 0 && strcmp(twin->device, other->device) == 0 &&
            strcmp(twin->options, other->options) == 0 && strcmp(twin->location, other->location) == 0 &&
            strcmp(twin->library, other->library) == 0 && twin->threads == other->threads &&
            twin->delay_percent == other->delay_percent) {
            return i;
        }
    }
    return -1;
}

static bool base_has_twin(const tm_run *run, int32_t base)
{
    for (int32_t i = 0; i < run->shown; i++) {
        if (tm_run_sibling(run, i) == base) return true;
    }
    return run->options->backends[base].twin;
}

tm_status tm_run_add_twin(tm_run *run, tm_error *error)
{
    tm_run_options *options = run->options;
    run->shown = options->backend_count;
    const int32_t base = tm_run_base(run);
    if (twins_wanted(options->cases->count) == 0 || run->shown == TM_MOST_BACKENDS || base_has_twin(run, base)) {
        return TM_OK;
    }
    tm_backend_spec *all = calloc((size_t)run->shown + 1, sizeof *all);
    if (!all) return tm_fail_memory(error, "backends");
    memcpy(all, options->backends, (size_t)run->shown * sizeof *all);
    tm_backend_spec *twin = &all[run->shown];
    *twin = all[base];
    twin->twin = true;
    const size_t length = strlen(twin->id);
    snprintf(twin->id + length, sizeof twin->id - length, "+twin");
    run->asked = options->backends;
    options->backends = all;
    options->backend_count++;
    return TM_OK;
}

tm_status tm_run_choose_twins(tm_run *run, tm_error *error)
{
    const tm_case_list *cases = run->options->cases;
    if (run->options->backend_count == run->shown) return TM_OK;
    bool *chosen = calloc(cases->count, sizeof *chosen);
    if (!chosen) return tm_fail_memory(error, "backends");
    tm_twin_cases(cases, chosen);
    for (size_t c = 0; c < cases->count; c++) {
        if (!chosen[c]) tm_cell_end(tm_run_cell(run, (int64_t)c, run->shown), TM_CELL_SKIPPED, "");
    }
    free(chosen);
    return TM_OK;
}

void tm_run_drop_twin(tm_run *run)
{
    if (!run->asked) return;
    free(run->options->backends);
    run->options->backends = run->asked;
    run->options->backend_count = run->shown;
    run->asked = NULL;
}
