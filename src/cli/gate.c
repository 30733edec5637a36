/* A gate that is right more often than one measurement is: what seems to be slower is measured again, and only the
 * second measurement counts, since the first was picked for being slow. It must be slower beyond its own interval. */
#include "cli/gate.h"

#include "cli/compare.h"
#include "cli/progress.h"
#include "measure/machine.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool tm_cli_has_gate(const tm_options *options)
{
    return options->fail_on_regression >= 0;
}

static const tm_backend_spec *base_spec(const tm_run_options *run)
{
    for (int32_t i = 0; run->base && i < run->backend_count; i++) {
        if (strcmp(run->backends[i].id, run->base) == 0) return &run->backends[i];
    }
    return run->backends;
}

/* Another build, or another setting, of the same program on the same device: what the gate is about. That another
 * framework is slower is no regression. */
static bool is_build_of(const tm_backend_spec *base, const tm_backend_spec *other)
{
    return other != base && strcmp(base->name, other->name) == 0 && strcmp(base->device, other->device) == 0;
}

/* Writes the ids of those, and a NULL; returns how many there are. */
static int32_t builds_of_base(const tm_run_options *run, const char **ids)
{
    const tm_backend_spec *base = base_spec(run);
    int32_t count = 0;
    for (int32_t i = 0; i < run->backend_count; i++) {
        if (is_build_of(base, &run->backends[i])) ids[count++] = run->backends[i].id;
    }
    ids[count] = NULL;
    return count;
}

/* A run of one backend goes with a baseline of one, whatever they are called. */
static bool both_are_alone(const tm_record *baseline, const tm_run_options *run)
{
    return baseline->backend_count == 1 && run->backend_count == 1;
}

/* Writes the ids of backends that the baseline has too, and a NULL; returns how many there are. */
static int32_t namesakes(const tm_record *baseline, const tm_run_options *run, const char **ids)
{
    int32_t count = 0;
    for (int32_t k = 0; k < run->backend_count; k++) {
        bool found = false;
        for (int64_t i = 0; i < baseline->backend_count; i++) {
            found = found || strcmp(baseline->backends[i].id, run->backends[k].id) == 0;
        }
        if (found) ids[count++] = run->backends[k].id;
    }
    ids[count] = NULL;
    return count;
}

static bool has_partner(const tm_record *baseline, const tm_run_options *run)
{
    if (run->backend_count == 0) return true; /* known once the run is resumed */
    const char **ids = calloc((size_t)run->backend_count + 1, sizeof *ids);
    const bool found = both_are_alone(baseline, run) || (ids && namesakes(baseline, run, ids) > 0);
    free(ids);
    return found;
}

static bool has_case(const tm_record *baseline, const tm_run_options *run)
{
    if (run->cases->count == 0) return true; /* known once the run is resumed */
    for (size_t c = 0; c < run->cases->count; c++) {
        for (int64_t i = 0; i < baseline->cell_count; i++) {
            if (strcmp(baseline->cells[i].case_id, run->cases->items[c].id) == 0) return true;
        }
    }
    return false;
}

static int check_baseline(const tm_options *options, const tm_run_options *run, tm_record **baseline)
{
    const int result = tm_cli_load_run(options, options->baseline, true, baseline);
    if (result != TM_EXIT_OK) return result;
    const tm_record *found = *baseline;
    tm_machine here;
    tm_machine_read(&here);
    if (strcmp(found->machine.key, here.key) != 0) {
        return tm_cli_complain(TM_EXIT_USAGE, "--baseline: run %s is from another machine (%s; this is %s)", found->id,
                               found->machine.key, here.key);
    }
    if (strcmp(found->status, "INTERRUPTED") == 0) {
        return tm_cli_complain(TM_EXIT_USAGE, "--baseline: run %s is not complete", found->id);
    }
    const bool partner = has_partner(found, run);
    if (partner && has_case(found, run)) return TM_EXIT_OK;
    return tm_cli_complain(TM_EXIT_USAGE, "--baseline: run %s has none of this run's %s", found->id,
                           partner ? "cases" : "backends");
}

int tm_cli_gate_check(const tm_options *options, const tm_run_options *run, tm_record **baseline)
{
    *baseline = NULL;
    if (!tm_cli_has_gate(options)) {
        if (!options->baseline) return TM_EXIT_OK;
        return tm_cli_complain(TM_EXIT_USAGE, "--baseline goes with --fail-on-regression PCT");
    }
    if (options->baseline) return check_baseline(options, run, baseline);
    const char **ids = calloc((size_t)run->backend_count + 1, sizeof *ids);
    if (!ids) return tm_cli_complain(TM_EXIT_FAILED, "out of memory");
    const bool nothing = run->backend_count > 0 && builds_of_base(run, ids) == 0;
    free(ids);
    if (!nothing) return TM_EXIT_OK;
    return tm_cli_complain(TM_EXIT_USAGE, "--fail-on-regression needs --baseline RUN, or another build beside the base "
                                          "(--backend old=native@PATH --base old)");
}

static tm_status compare(const tm_run_options *run, const tm_record *record, const tm_record *baseline,
                         tm_comparison **into, tm_error *error)
{
    const char **ids = calloc((size_t)run->backend_count + 1, sizeof *ids);
    if (!ids) return tm_fail_memory(error, "the gate");
    tm_compare_choice choice = {0};
    if (!baseline) {
        builds_of_base(run, ids);
        choice = (tm_compare_choice){.base = base_spec(run)->id, .only = ids};
    } else if (!both_are_alone(baseline, run)) {
        namesakes(baseline, run, ids);
        choice.only = ids;
    }
    const tm_status status = tm_compare(baseline ? baseline : record, record, &choice, into, error);
    free(ids);
    return status;
}

/* Without an answer until it is measured again. */
static bool add_item(tm_gate *gate, const tm_compared *row)
{
    tm_regression *items = realloc(gate->items, ((size_t)gate->count + 1) * sizeof *items);
    if (!items) return false;
    gate->items = items;
    items[gate->count] =
        (tm_regression){.case_id = strdup(row->other->case_id), .backend = strdup(row->other->backend)};
    tm_regression *item = &items[gate->count++];
    item->unknown = true;
    gate->unknown++;
    snprintf(item->sentence, sizeof item->sentence,
             "seems to take %.1f %% longer than %.200s, but was not measured again", 100 * tm_slowdown(row->ratio),
             gate->against);
    return item->case_id && item->backend;
}

static bool flag(tm_gate *gate)
{
    const tm_comparison *all = gate->comparison;
    bool good = true;
    for (int64_t i = 0; i < all->row_count && good; i++) {
        if (tm_slowdown(all->rows[i].ratio) > gate->allowed) good = add_item(gate, &all->rows[i]);
    }
    return good;
}

static const tm_compared *find_row(const tm_comparison *all, const tm_regression *item)
{
    for (int64_t i = 0; i < all->row_count; i++) {
        const tm_compared *row = &all->rows[i];
        if (strcmp(row->other->case_id, item->case_id) == 0 && strcmp(row->other->backend, item->backend) == 0) {
            return row;
        }
    }
    return NULL;
}

/* --- measuring again --- */

/* The run that measures the flagged cells again. */
typedef struct again {
    tm_run_options run;
    tm_case_list cases;
    tm_backend_spec *backends;
    tm_text command;
} again;

static tm_status add_cases(again *one, const tm_gate *gate, tm_error *error)
{
    tm_case_list *list = &one->cases;
    list->items = calloc((size_t)gate->count + 1, sizeof *list->items);
    if (!list->items) return tm_fail_memory(error, "cases");
    for (int64_t i = 0; i < gate->count; i++) {
        const tm_compared *row = find_row(gate->comparison, &gate->items[i]);
        bool there = false;
        for (size_t k = 0; k < list->count; k++) there = there || strcmp(list->items[k].id, row->other->case_id) == 0;
        if (there) continue;
        const tm_status status =
            tm_case_parse(row->other->case_id, row->other->suite, &list->items[list->count], error);
        if (status != TM_OK) return status;
        list->count++;
    }
    return TM_OK;
}

static bool is_flagged(const tm_gate *gate, const char *backend)
{
    for (int64_t i = 0; i < gate->count; i++) {
        if (strcmp(gate->items[i].backend, backend) == 0) return true;
    }
    return false;
}

/* The flagged backends, and the base where it is one of the same run. */
static tm_status add_backends(again *one, const tm_gate *gate, const tm_run_options *run, tm_error *error)
{
    const bool paired = !gate->comparison->unpaired;
    one->backends = calloc((size_t)run->backend_count + 1, sizeof *one->backends);
    if (!one->backends) return tm_fail_memory(error, "backends");
    one->run.backends = one->backends;
    one->run.backend_count = 0;
    one->run.base = paired ? base_spec(run)->id : NULL;
    for (int32_t i = 0; i < run->backend_count; i++) {
        const bool is_base = paired && &run->backends[i] == base_spec(run);
        if (is_base || is_flagged(gate, run->backends[i].id)) {
            one->backends[one->run.backend_count++] = run->backends[i];
        }
    }
    return TM_OK;
}

static tm_status prepare(again *one, const tm_gate *gate, const tm_run_options *run, tm_error *error)
{
    *one = (again){.run = *run};
    tm_status status = add_cases(one, gate, error);
    if (status == TM_OK) status = add_backends(one, gate, run, error);
    tm_text_format(&one->command, "%s # flagged cells again", run->command ? run->command : "");
    if (status == TM_OK && one->command.failed) status = tm_fail_memory(error, "the command");
    one->run.cases = &one->cases;
    one->run.mode = TM_MODE_FULL; /* 8 incarnations */
    one->run.budget_s = 0;
    one->run.resume = NULL;
    one->run.command = one->command.data;
    return status;
}

static int measure_again(const tm_options *options, const tm_run_options *run, const tm_gate *gate, tm_record **into)
{
    again one;
    tm_error error = {""};
    char id[64] = "";
    int result = TM_EXIT_FAILED;
    const tm_status status = prepare(&one, gate, run, &error);
    if (status != TM_OK) {
        tm_cli_complain(TM_EXIT_FAILED, "%s", error.message);
    } else {
        tm_progress progress = tm_progress_new(options);
        one.run.events = tm_progress_events(&progress);
        const tm_run_end end = tm_run_execute(&one.run, id, sizeof id, &error);
        tm_progress_end(&progress);
        if (end == TM_RUN_FAILED) tm_cli_complain(TM_EXIT_FAILED, "%s", error.message);
        if (end == TM_RUN_INTERRUPTED) {
            result = tm_cli_complain(TM_EXIT_INTERRUPTED,
                                     "interrupted while flagged cells were measured again: run %s "
                                     "itself is complete, the gate has no answer",
                                     gate->comparison->other->id);
        }
        if (end == TM_RUN_COMPLETE) result = tm_cli_load(run->database, id, true, into);
    }
    tm_case_list_free(&one.cases);
    free(one.backends);
    tm_text_free(&one.command);
    return result;
}

/* --- what was found --- */

/* Fills the sentence, and says what is known now. */
static void conclude(tm_gate *gate, tm_regression *item, const tm_compared *row)
{
    const tm_compared *first = find_row(gate->comparison, item);
    const double before = 100 * tm_slowdown(first->ratio), allowed = 100 * gate->allowed;
    if (!row || !isfinite(row->ratio) || !isfinite(row->ci_high)) {
        snprintf(item->sentence, sizeof item->sentence,
                 "seems to take %.1f %% longer than %.200s, but could not be measured again: %s: %.200s", before,
                 gate->against, row ? tm_cell_status_name(row->other->status) : "no result",
                 row ? row->other->reason : "");
        return;
    }
    item->unknown = false;
    gate->unknown--;
    const double now = 100 * tm_slowdown(row->ratio), low = 100 * tm_slowdown(row->ci_high),
                 high = 100 * tm_slowdown(row->ci_low);
    item->confirmed = tm_is_slower_than(row, gate->allowed);
    gate->confirmed += item->confirmed;
    if (item->confirmed) {
        snprintf(
            item->sentence, sizeof item->sentence,
            "takes %.1f %% longer than %.200s (95 %%: %.1f to %.1f %%, from 8 fresh processes; allowed are %.3g %%)",
            now, gate->against, low, high, allowed);
    } else {
        snprintf(
            item->sentence, sizeof item->sentence,
            "seemed to take %.1f %% longer than %.200s; measured again it is %.1f %% (95 %%: %.1f to %.1f %%, from 8 "
            "fresh processes; allowed are %.3g %%)",
            before, gate->against, now, low, high, allowed);
    }
}

static int judge_again(const tm_options *options, const tm_run_options *run, const tm_record *baseline, tm_gate *gate)
{
    tm_record *second = NULL;
    tm_comparison *all = NULL;
    tm_error error = {""};
    if (!options->quiet) {
        tm_cli_say("%lld cell%s may take more than %.3g %% longer than %s: measured again by 8 fresh processes",
                   (long long)gate->count, gate->count == 1 ? "" : "s", 100 * gate->allowed, gate->against);
    }
    int result = measure_again(options, run, gate, &second);
    if (result == TM_EXIT_OK) {
        const tm_status status = compare(run, second, baseline, &all, &error);
        if (status != TM_OK) result = tm_cli_error(status, &error);
    }
    for (int64_t i = 0; i < gate->count && result == TM_EXIT_OK; i++) {
        conclude(gate, &gate->items[i], find_row(all, &gate->items[i]));
    }
    tm_comparison_free(all);
    tm_record_free(second);
    if (result != TM_EXIT_OK) return result;
    return gate->confirmed ? TM_EXIT_REGRESSION : gate->unknown ? TM_EXIT_CELLS : TM_EXIT_OK;
}

/* Regressions are told even with --quiet. */
static void tell(const tm_gate *gate, bool quiet)
{
    for (int64_t i = 0; i < gate->count; i++) {
        const tm_regression *item = &gate->items[i];
        if (quiet && !item->confirmed) continue;
        tm_cli_say("%s%s on %s %s", item->confirmed ? "REGRESSION: " : "", item->case_id, item->backend,
                   item->sentence);
    }
    if (quiet) return;
    int64_t unknown = 0;
    const tm_comparison *all = gate->comparison;
    for (int64_t i = 0; i < all->row_count; i++) unknown += !isfinite(all->rows[i].ratio);
    tm_cli_say("%lld of %lld cells take more than %.3g %% longer than %s; %lld could not be compared",
               (long long)gate->confirmed, (long long)all->row_count, 100 * gate->allowed, gate->against,
               (long long)(unknown + all->only_base + all->only_other));
}

int tm_cli_gate(const tm_options *options, const tm_run_options *run, const tm_record *record,
                const tm_record *baseline, tm_gate *gate)
{
    tm_error error = {""};
    const tm_status status = compare(run, record, baseline, &gate->comparison, &error);
    if (status != TM_OK) return tm_cli_error(status, &error);
    snprintf(gate->against, sizeof gate->against, "%s%.120s", baseline ? "in run " : "",
             baseline ? baseline->id : base_spec(run)->id);
    gate->allowed = fmax(options->fail_on_regression / 100, gate->comparison->margin);
    if (100 * gate->allowed > options->fail_on_regression) {
        tm_cli_say("--fail-on-regression: differences below %.3g %% may be chance here; %.3g %% it is",
                   100 * gate->comparison->margin, 100 * gate->allowed);
    }
    if (!flag(gate)) return tm_cli_complain(TM_EXIT_FAILED, "out of memory for the gate");
    if (tm_gate_compared(gate) == 0) {
        return tm_cli_complain(TM_EXIT_CELLS, "--fail-on-regression: there is no cell that has a time here and %s",
                               gate->against);
    }
    const int result = gate->count ? judge_again(options, run, baseline, gate) : TM_EXIT_OK;
    if (result == TM_EXIT_OK || result == TM_EXIT_REGRESSION || result == TM_EXIT_CELLS) tell(gate, options->quiet);
    return result;
}
