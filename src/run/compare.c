/* Two records against each other. In one run both sides of a pair saw the same rounds, and what disturbed both cancels.
 * Between runs nothing cancels: levels are compared, the margin is wider, and two machines are two machines. */
#include "run/compare.h"

#include "base/text.h"
#include "measure/stats.h"
#include "measure/verdict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_INCARNATIONS = 64 };

/* A comparison in the making: `pairs` belong to its rows. */
typedef struct work {
    tm_comparison *result;
    const tm_compare_choice *choice;
    tm_pair *pairs;
    tm_pair **group;
    int64_t *ranked; /* rows that may be judged */
    int64_t ranked_count;
} work;

static int64_t backend_index(const tm_record *record, const char *id)
{
    for (int64_t i = 0; i < record->backend_count; i++) {
        if (strcmp(record->backends[i].id, id) == 0) return i;
    }
    return -1;
}

/* What backend `i` of the other record stands against; -1 for nothing. */
static int64_t partner_of(const work *w, int64_t i)
{
    const tm_comparison *all = w->result;
    const char *id = all->other->backends[i].id;
    bool asked = !w->choice->only;
    for (const char *const *only = w->choice->only; only && *only; only++) asked |= strcmp(*only, id) == 0;
    if (!asked) return -1;
    if (all->unpaired && !w->choice->base) {
        const int64_t namesake = backend_index(all->base, id);
        return namesake < 0 && all->base->backend_count == 1 ? 0 : namesake;
    }
    const int64_t base = w->choice->base ? backend_index(all->base, w->choice->base) : 0;
    return !all->unpaired && base == i ? -1 : base;
}

static tm_status no_partner(const tm_comparison *all, tm_error *error)
{
    tm_text names = {0};
    for (int side = 0; side < 2; side++) {
        const tm_record *record = side ? all->other : all->base;
        for (int64_t i = 0; i < record->backend_count; i++) {
            tm_text_format(&names, "%s%s", i ? ", " : side ? " and " : "", record->backends[i].id);
        }
        if (!all->unpaired) break;
    }
    const tm_status status =
        tm_fail(error, TM_INVALID_ARGUMENT,
                all->unpaired ? "the runs have no backend in common (%.300s); --base names one of the first run's"
                              : "there is nothing to compare in a run of one backend (%.300s)",
                names.data ? names.data : "none");
    tm_text_free(&names);
    return status;
}

static tm_status find_pairs(work *w, tm_error *error)
{
    tm_comparison *all = w->result;
    if (w->choice->base && backend_index(all->base, w->choice->base) < 0) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "--base: '%.100s' is no backend of run %s", w->choice->base,
                       all->base->id);
    }
    all->pairs = calloc((size_t)all->other->backend_count + 1, sizeof *all->pairs);
    if (!all->pairs) return tm_fail_memory(error, "comparisons");
    for (int64_t i = 0; i < all->other->backend_count; i++) {
        const int64_t base = partner_of(w, i);
        if (base < 0) continue;
        all->pairs[all->pair_count++] =
            (tm_compared_pair){.base = &all->base->backends[base], .other = &all->other->backends[i]};
    }
    return all->pair_count ? TM_OK : no_partner(all, error);
}

static const tm_record_cell *find_cell(const tm_record *record, const char *case_id, const char *backend)
{
    for (int64_t i = 0; i < record->cell_count; i++) {
        const tm_record_cell *cell = &record->cells[i];
        if (strcmp(cell->backend, backend) == 0 && strcmp(cell->case_id, case_id) == 0) return cell;
    }
    return NULL;
}

/* Rows in the order of the other record's cases, and what either side has alone. */
static tm_status find_rows(work *w, tm_error *error)
{
    tm_comparison *all = w->result;
    const size_t most = (size_t)all->other->cell_count * (size_t)all->pair_count + 1;
    all->rows = calloc(most, sizeof *all->rows);
    w->pairs = calloc(most, sizeof *w->pairs);
    w->group = calloc(most, sizeof *w->group);
    w->ranked = calloc(most, sizeof *w->ranked);
    if (!all->rows || !w->pairs || !w->group || !w->ranked) return tm_fail_memory(error, "comparisons");
    for (int64_t c = 0; c < all->other->cell_count; c++) {
        const tm_record_cell *other = &all->other->cells[c];
        for (int64_t p = 0; p < all->pair_count; p++) {
            if (strcmp(other->backend, all->pairs[p].other->id) != 0) continue;
            const tm_record_cell *base = find_cell(all->base, other->case_id, all->pairs[p].base->id);
            if (base)
                all->rows[all->row_count++] = (tm_compared){base, other, NAN, NAN, NAN, NAN, "", p, NAN};
            else
                all->only_other++;
        }
    }
    for (int64_t c = 0; c < all->base->cell_count; c++) {
        const tm_record_cell *base = &all->base->cells[c];
        for (int64_t p = 0; p < all->pair_count; p++) {
            if (strcmp(base->backend, all->pairs[p].base->id) != 0) continue;
            all->only_base += !find_cell(all->other, base->case_id, all->pairs[p].other->id);
        }
    }
    if (all->row_count > 0) return TM_OK;
    return tm_fail(error, TM_INVALID_ARGUMENT,
                   "runs %s and %s have no case in common on these backends (%lld of the first, %lld of the second)",
                   all->base->id, all->other->id, (long long)all->only_base, (long long)all->only_other);
}

/* A cell's visits; false when memory is short. */
static bool visits_of(const tm_record *record, const tm_record_cell *cell, tm_visit **into, size_t *count)
{
    const int64_t index = cell - record->cells;
    *count = 0;
    *into = calloc((size_t)record->sample_count + 1, sizeof **into);
    for (int64_t i = 0; *into && i < record->sample_count; i++) {
        const tm_record_sample *sample = &record->samples[i];
        if (sample->cell != index) continue;
        (*into)[(*count)++] = (tm_visit){sample->incarnation, sample->round,         sample->start_ns,
                                         sample->ns,          (size_t)sample->count, sample->core_to_core_ns};
    }
    return *into != NULL;
}

static bool is_steady(const tm_compared *row)
{
    return tm_cell_steady(row->base) && tm_cell_steady(row->other);
}

/* Rounds that a pair has in common tell whether its ratio held still; between runs there are none. */
static bool is_ranked(const tm_comparison *all, const tm_compared *row)
{
    return tm_cell_ranked(row->base) && tm_cell_ranked(row->other) && (!all->unpaired || is_steady(row));
}

static tm_status measure_row(const tm_comparison *all, const tm_compared *row, tm_pair *into, tm_error *error)
{
    tm_visit *base = NULL, *other = NULL;
    size_t base_count = 0, other_count = 0;
    double a[MOST_INCARNATIONS], b[MOST_INCARNATIONS];
    tm_status status = TM_OK;
    if (!visits_of(all->base, row->base, &base, &base_count) ||
        !visits_of(all->other, row->other, &other, &other_count)) {
        status = tm_fail_memory(error, "comparisons");
    } else if (all->unpaired) {
        const size_t of_base = tm_incarnation_levels(base, base_count, a, MOST_INCARNATIONS);
        *into = tm_unpaired_of(a, of_base, b, tm_incarnation_levels(other, other_count, b, MOST_INCARNATIONS));
    } else {
        *into = tm_pair_of(a, tm_pair_differences(base, base_count, other, other_count, a, MOST_INCARNATIONS));
        if (!is_steady(row)) into->drift = tm_pair_drift(base, base_count, other, other_count);
    }
    free(base);
    free(other);
    return status;
}

static tm_status measure_rows(work *w, tm_error *error)
{
    tm_comparison *all = w->result;
    tm_status status = TM_OK;
    for (int64_t i = 0; i < all->row_count && status == TM_OK; i++) {
        const tm_compared *row = &all->rows[i];
        w->pairs[i] = tm_pair_of(NULL, 0);
        if (!tm_cell_completed(row->base) || !tm_cell_completed(row->other)) continue;
        status = measure_row(all, row, &w->pairs[i], error);
        if (is_ranked(all, row) && isfinite(w->pairs[i].mean)) w->ranked[w->ranked_count++] = i;
    }
    return status;
}

/* Cells of the same pair of backends and the same time class share what they know of their scatter. */
static void moderate(const work *w)
{
    const tm_comparison *all = w->result;
    for (int64_t pair = 0; pair < all->pair_count; pair++) {
        for (int32_t time_class = 0; time_class < TM_TIME_CLASSES; time_class++) {
            size_t count = 0;
            for (int64_t i = 0; i < w->ranked_count; i++) {
                const tm_compared *row = &all->rows[w->ranked[i]];
                if (row->pair != pair || tm_time_class(row->base->median_ns) != time_class) continue;
                if (w->pairs[w->ranked[i]].drift > 0) continue;
                w->group[count++] = &w->pairs[w->ranked[i]];
            }
            tm_moderate_variances(w->group, count);
        }
    }
}

static tm_status judge(const work *w, tm_error *error)
{
    tm_comparison *all = w->result;
    const size_t count = (size_t)w->ranked_count;
    tm_pair *pairs = calloc(count + 1, sizeof *pairs);
    tm_judgement *judged = calloc(count + 1, sizeof *judged);
    if (!pairs || !judged) {
        free(pairs);
        free(judged);
        return tm_fail_memory(error, "comparisons");
    }
    for (size_t i = 0; i < count; i++) pairs[i] = w->pairs[w->ranked[i]];
    tm_judge_pairs(pairs, count, all->margin, judged);
    for (size_t i = 0; i < count; i++) all->rows[w->ranked[i]].verdict = tm_verdict_name(judged[i].verdict);
    free(pairs);
    free(judged);
    return TM_OK;
}

static void fill_rows(const work *w)
{
    const tm_comparison *all = w->result;
    for (int64_t i = 0; i < all->row_count; i++) {
        const tm_pair *pair = &w->pairs[i];
        const double half_width = tm_pair_half_width(pair);
        tm_compared *row = &all->rows[i];
        row->ratio = exp(pair->mean);
        row->ci_low = exp(pair->mean - half_width);
        row->ci_high = exp(pair->mean + half_width);
        row->smallest_effect = tm_smallest_effect(pair, all->margin);
        row->margin = tm_pair_margin(pair, all->margin);
    }
}

static void add_up(tm_comparison *all)
{
    for (int64_t p = 0; p < all->pair_count; p++) {
        tm_compared_pair *sum = &all->pairs[p];
        double logarithm = 0, squares = 0;
        for (int64_t i = 0; i < all->row_count; i++) {
            const tm_compared *row = &all->rows[i];
            if (row->pair != p) continue;
            int64_t *const count = strcmp(row->verdict, "FASTER") == 0      ? &sum->faster
                                   : strcmp(row->verdict, "SLOWER") == 0    ? &sum->slower
                                   : strcmp(row->verdict, "EQUAL") == 0     ? &sum->equal
                                   : strcmp(row->verdict, "UNDECIDED") == 0 ? &sum->undecided
                                                                            : &sum->unjudged;
            ++*count;
            if (!isfinite(row->ratio)) continue;
            sum->averaged++;
            logarithm += log(row->ratio);
            squares += pow(log(row->ci_high / row->ci_low) / 2, 2);
        }
        const double n = (double)sum->averaged, mean = n > 0 ? logarithm / n : (double)NAN;
        sum->ratio = exp(mean);
        sum->ci_low = exp(mean - sqrt(squares) / n);
        sum->ci_high = exp(mean + sqrt(squares) / n);
    }
}

static bool is_complete(const tm_record *record)
{
    return strcmp(record->status, "COMPLETE") == 0 || strcmp(record->status, "NOISY") == 0;
}

static tm_status compare(work *w, tm_error *error)
{
    tm_comparison *all = w->result;
    all->unpaired = strcmp(all->base->id, all->other->id) != 0;
    all->machines_differ = strcmp(all->base->machine.key, all->other->machine.key) != 0;
    all->incomplete = !is_complete(all->base) || !is_complete(all->other);
    all->margin =
        all->unpaired ? tm_unpaired_margin(all->base->aa_floor, all->other->aa_floor) : tm_margin(all->base->aa_floor);
    tm_status status = find_pairs(w, error);
    if (status == TM_OK) status = find_rows(w, error);
    if (status == TM_OK) status = measure_rows(w, error);
    if (status != TM_OK) return status;
    moderate(w);
    fill_rows(w);
    const bool may_judge = !all->incomplete && (!all->machines_differ || w->choice->across_machines);
    if (may_judge) status = judge(w, error);
    add_up(all);
    return status;
}

tm_status tm_compare(const tm_record *base, const tm_record *other, const tm_compare_choice *choice,
                     tm_comparison **into, tm_error *error)
{
    work w = {.result = calloc(1, sizeof *w.result), .choice = choice};
    *into = NULL;
    if (!w.result) return tm_fail_memory(error, "comparisons");
    w.result->base = base;
    w.result->other = other;
    const tm_status status = compare(&w, error);
    free(w.pairs);
    free(w.group);
    free(w.ranked);
    if (status == TM_OK)
        *into = w.result;
    else
        tm_comparison_free(w.result);
    return status;
}
