/* The end of a run: every backend against the base, and the twins against what they are copies of. Twins come first,
 * since the margin of all verdicts follows from them. */
#include "run/run_state.h"

#include "measure/verdict.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST_STORED_TWINS = 50 };

typedef struct compared {
    int64_t case_position;
    int32_t base, backend;
    double base_ns;
} compared;

/* Pairs, the ranked ones first; `pairs` and `judged` belong to the items at the same place. */
typedef struct comparing {
    compared *items;
    tm_pair *pairs, **group;
    tm_judgement *judged;
    size_t count, ranked;
} comparing;

static void free_comparing(const comparing *all)
{
    free(all->items);
    free(all->pairs);
    free(all->group);
    free(all->judged);
}

/* Accurate: may be told from another by its time. */
static bool is_ranked(const tm_cell *cell)
{
    return cell->check.grade != TM_GRADE_LOWACC;
}

/* Adds the pair if both have times and its being ranked is `ranked`. */
static void add_pair(const tm_run *run, comparing *all, compared item, bool ranked)
{
    const tm_cell *base = tm_run_cell(run, item.case_position, item.base);
    const tm_cell *other = tm_run_cell(run, item.case_position, item.backend);
    if (base->status != TM_CELL_OK || other->status != TM_CELL_OK) return;
    if ((is_ranked(base) && is_ranked(other)) != ranked) return;
    double differences[TM_MOST_INCARNATIONS];
    const size_t count = tm_pair_differences(base->visits, base->visit_count, other->visits, other->visit_count,
                                             differences, TM_MOST_INCARNATIONS);
    if (count == 0) return;
    const tm_summary of_base = tm_summarise(base->visits, base->visit_count);
    const tm_summary of_other = tm_summarise(other->visits, other->visit_count);
    tm_pair pair = tm_pair_of(differences, count);
    if (tm_has_drift(&of_base) || tm_has_drift(&of_other)) {
        pair.drift = tm_pair_drift(base->visits, base->visit_count, other->visits, other->visit_count);
    }
    item.base_ns = of_base.median_ns;
    all->items[all->count] = item;
    all->pairs[all->count++] = pair;
}

/* What a backend is compared with; -1: nothing. */
typedef int32_t (*partner)(const tm_run *run, int32_t backend);

static int32_t base_of(const tm_run *run, int32_t backend)
{
    const int32_t base = tm_run_base(run);
    return backend == base || backend >= run->shown ? -1 : base;
}

static tm_status collect(const tm_run *run, partner partner_of, comparing *all, tm_error *error)
{
    const size_t most = run->options->cases->count * (size_t)run->options->backend_count;
    *all = (comparing){.items = calloc(most + 1, sizeof *all->items),
                       .pairs = calloc(most + 1, sizeof *all->pairs),
                       .group = calloc(most + 1, sizeof *all->group),
                       .judged = calloc(most + 1, sizeof *all->judged)};
    if (!all->items || !all->pairs || !all->group || !all->judged) return tm_fail_memory(error, "comparisons");
    for (int ranked = 1; ranked >= 0; ranked--) {
        for (int64_t c = 0; c < (int64_t)run->options->cases->count; c++) {
            for (int32_t backend = 0; backend < run->options->backend_count; backend++) {
                const int32_t base = partner_of(run, backend);
                if (base >= 0) add_pair(run, all, (compared){c, base, backend, NAN}, ranked);
            }
        }
        if (ranked) all->ranked = all->count;
    }
    return TM_OK;
}

/* Pairs of the same two backends and the same time class share what they know of their scatter; what did not hold still
 * is no example of it. */
static void moderate(const tm_run *run, comparing *all)
{
    for (int32_t backend = 0; backend < run->options->backend_count; backend++) {
        for (int32_t time_class = 0; time_class < TM_TIME_CLASSES; time_class++) {
            size_t count = 0;
            for (size_t i = 0; i < all->ranked; i++) {
                const compared *item = &all->items[i];
                if (item->backend != backend || tm_time_class(item->base_ns) != time_class) continue;
                if (all->pairs[i].drift > 0) continue;
                all->group[count++] = &all->pairs[i];
            }
            tm_moderate_variances(all->group, count);
        }
    }
}

static tm_record_comparison row_of(const tm_run *run, const comparing *all, size_t i, double margin)
{
    const compared *item = &all->items[i];
    const tm_pair *pair = &all->pairs[i];
    const double half_width = tm_pair_half_width(pair);
    return (tm_record_comparison){
        .case_id = run->options->cases->items[item->case_position].id,
        .backend = run->options->backends[item->backend].id,
        .base = run->options->backends[item->base].id,
        .verdict = (char *)(i < all->ranked ? tm_verdict_name(all->judged[i].verdict) : ""),
        .ratio = exp(pair->mean),
        .ci_low = exp(pair->mean - half_width),
        .ci_high = exp(pair->mean + half_width),
        .smallest_effect = tm_smallest_effect(pair, margin),
        .margin = tm_pair_margin(pair, margin),
    };
}

/* From this run's twins that held still; if those are too few, from all; if these are too few as well, from those that
 * runs of this mode on this machine left. */
static tm_status find_floor(tm_run *run, const comparing *twins, tm_error *error)
{
    const size_t capacity = twins->count < MOST_STORED_TWINS ? MOST_STORED_TWINS : twins->count;
    double *differences = malloc(capacity * sizeof *differences);
    if (!differences) return tm_fail_memory(error, "comparisons");
    size_t count = 0;
    for (size_t i = 0; i < twins->ranked; i++) {
        if (twins->pairs[i].drift == 0) differences[count++] = twins->pairs[i].mean;
    }
    if (count < TM_LEAST_TWINS) {
        for (count = 0; count < twins->count; count++) differences[count] = twins->pairs[count].mean;
    }
    tm_status status = TM_OK;
    if (count < TM_LEAST_TWINS) {
        status = tm_store_twins(run->store, run->id, run->record->machine.key, tm_mode_name(run->options->mode),
                                differences, capacity, &count, error);
    }
    if (status == TM_OK) run->aa_floor = tm_aa_floor(differences, count);
    free(differences);
    return status;
}

/* The automatic twin has no cells in the record: what went wrong with it is only said here. */
static void tell_failed_twins(const tm_run *run)
{
    for (int64_t c = 0; c < (int64_t)run->options->cases->count && run->options->backend_count > run->shown; c++) {
        const tm_cell *cell = tm_run_cell(run, c, run->shown);
        if (cell->status == TM_CELL_OK || cell->status == TM_CELL_SKIPPED) continue;
        tm_run_notice(run, "%s on %s: %s: %s", run->options->cases->items[c].id, run->options->backends[run->shown].id,
                      tm_cell_status_name(cell->status), cell->reason);
    }
}

/* Twins are judged at the least margin, whatever the floor: that is the rate of false verdicts that is told. */
static tm_status conclude_twins(tm_run *run, tm_error *error)
{
    comparing twins = {0};
    tell_failed_twins(run);
    tm_status status = collect(run, tm_run_sibling, &twins, error);
    if (status == TM_OK) status = find_floor(run, &twins, error);
    if (status == TM_OK) status = tm_store_set_aa_floor(run->store, run->id, run->aa_floor, error);
    if (status == TM_OK) {
        moderate(run, &twins);
        tm_judge_pairs(twins.pairs, twins.ranked, tm_least_margin, twins.judged);
    }
    size_t told_apart = 0, ranked = 0;
    for (size_t i = 0; i < twins.count && status == TM_OK; i++) {
        const tm_verdict verdict = i < twins.ranked ? twins.judged[i].verdict : TM_UNRANKED;
        const tm_record_comparison row = row_of(run, &twins, i, tm_least_margin);
        ranked += verdict != TM_UNRANKED;
        told_apart += verdict == TM_FASTER || verdict == TM_SLOWER;
        status = tm_store_put_aa(run->store, run->id, &row, error);
    }
    run->noisy = tm_is_noisy(told_apart, ranked);
    free_comparing(&twins);
    return status;
}

tm_status tm_run_give_verdicts(tm_run *run, tm_error *error)
{
    comparing all = {0};
    tm_status status = conclude_twins(run, error);
    if (status == TM_OK) status = collect(run, base_of, &all, error);
    const double margin = tm_margin(run->aa_floor);
    if (status == TM_OK) {
        moderate(run, &all);
        tm_judge_pairs(all.pairs, all.ranked, margin, all.judged);
    }
    for (size_t i = 0; i < all.count && status == TM_OK; i++) {
        const tm_record_comparison row = row_of(run, &all, i, margin);
        status = tm_store_put_comparison(run->store, run->id, &row, error);
    }
    run->no_floor = all.count > 0 && !isfinite(run->aa_floor);
    free_comparing(&all);
    return status;
}
