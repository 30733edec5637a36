/* Rows and averages. A mean is taken only over cases that every backend of it completed: otherwise the backend that
 * fails on the slow cases would look fast. */
#include "report/rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool same(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static int64_t backend_index(const tm_record *record, const char *id)
{
    for (int64_t i = 0; i < record->backend_count; i++) {
        if (same(record->backends[i].id, id)) return i;
    }
    return -1;
}

bool tm_row_next(const tm_record *record, int64_t *cursor, const tm_record_cell **cells)
{
    if (*cursor >= record->cell_count) return false;
    const tm_record_cell *first = &record->cells[*cursor];
    for (int64_t i = 0; i < record->backend_count; i++) cells[i] = NULL;
    while (*cursor < record->cell_count) {
        const tm_record_cell *cell = &record->cells[*cursor];
        if (!same(cell->case_id, first->case_id) || !same(cell->suite, first->suite)) break;
        const int64_t backend = backend_index(record, cell->backend);
        if (backend >= 0) cells[backend] = cell;
        ++*cursor;
    }
    return true;
}

int64_t tm_row_base(const tm_record *record, const char *base)
{
    const int64_t found = base ? backend_index(record, base) : 0;
    return found < 0 ? 0 : found;
}

tm_ratio tm_cell_ratio(const tm_record *record, const tm_record_cell *cell, const tm_record_cell *base)
{
    const tm_ratio none = {NAN, NAN, "", NAN};
    if (!tm_cell_completed(cell) || !tm_cell_completed(base)) return none;
    for (int64_t i = 0; i < record->comparison_count; i++) {
        const tm_record_comparison *pair = &record->comparisons[i];
        if (same(pair->case_id, cell->case_id) && same(pair->backend, cell->backend) &&
            same(pair->base, base->backend) && isfinite(pair->ratio)) {
            return (tm_ratio){pair->ratio, log(pair->ci_high / pair->ci_low) / 2, pair->verdict ? pair->verdict : "",
                              pair->smallest_effect};
        }
    }
    return (tm_ratio){base->median_ns / cell->median_ns, NAN, "", NAN};
}

static bool row_passes(const tm_record *record, const tm_record_cell *const *cells, tm_average_filter filter)
{
    const tm_record_cell *first = NULL;
    double limit = NAN;
    for (int64_t i = 0; i < record->backend_count; i++) {
        if (!cells[i]) continue;
        if (!first) first = cells[i];
        if (isfinite(cells[i]->limit_ns)) limit = cells[i]->limit_ns;
    }
    if (!first || (filter.group && !same(first->group, filter.group))) return false;
    return filter.above_limit_ns == 0 || limit > filter.above_limit_ns;
}

static bool row_complete(const tm_record *record, const tm_record_cell *const *cells, const tm_average *averages)
{
    for (int64_t i = 0; i < record->backend_count; i++) {
        if (averages[i].takes_part && !tm_cell_completed(cells[i])) return false;
    }
    return true;
}

/* Who takes part; the number of rows that the filter lets through. */
static int64_t choose_backends(const tm_record *record, int64_t base, tm_average_filter filter,
                               const tm_record_cell **cells, tm_average *averages)
{
    int64_t rows = 0;
    for (int64_t i = 0; i < record->backend_count; i++) averages[i] = (tm_average){NAN, NAN, NAN, NAN, 0, false};
    for (int64_t cursor = 0; tm_row_next(record, &cursor, cells);) {
        if (!row_passes(record, cells, filter)) continue;
        rows++;
        for (int64_t i = 0; i < record->backend_count; i++) averages[i].completed += tm_cell_completed(cells[i]);
    }
    for (int64_t i = 0; i < record->backend_count; i++) {
        averages[i].takes_part = i == base || 2 * averages[i].completed >= rows;
    }
    return rows;
}

/* Sums of logarithms and how many went in. */
typedef struct sums {
    double time, efficiency, ratio, variance;
    int64_t efficiencies;
} sums;

static void add_row(const tm_record *record, int64_t base, const tm_record_cell *const *cells,
                    const tm_average *averages, sums *into)
{
    for (int64_t i = 0; i < record->backend_count; i++) {
        if (!averages[i].takes_part) continue;
        const tm_ratio ratio = tm_cell_ratio(record, cells[i], cells[base]);
        into[i].time += log(cells[i]->median_ns);
        into[i].ratio += log(ratio.value);
        into[i].variance += ratio.half_width * ratio.half_width;
        if (isfinite(cells[i]->efficiency) && cells[i]->efficiency > 0) {
            into[i].efficiency += log(fmin(cells[i]->efficiency, 1.0));
            into[i].efficiencies++;
        }
    }
}

bool tm_average_rows(const tm_record *record, int64_t base, tm_average_filter filter, tm_average *averages,
                     int64_t *cases, int64_t *of)
{
    const size_t backends = (size_t)record->backend_count;
    sums *totals = calloc(backends + 1, sizeof *totals);
    const tm_record_cell **cells = calloc(backends + 1, sizeof *cells);
    const bool enough = totals && cells;
    *cases = *of = 0;
    if (enough) *of = choose_backends(record, base, filter, cells, averages);
    for (int64_t cursor = 0; enough && tm_row_next(record, &cursor, cells);) {
        if (!row_passes(record, cells, filter) || !row_complete(record, cells, averages)) continue;
        ++*cases;
        add_row(record, base, cells, averages, totals);
    }
    for (size_t i = 0; enough && i < backends; i++) {
        const double n = (double)*cases;
        if (*cases == 0 || !averages[i].takes_part) continue;
        averages[i].median_ns = exp(totals[i].time / n);
        averages[i].ratio = exp(totals[i].ratio / n);
        averages[i].ratio_half_width = sqrt(totals[i].variance) / n;
        if (totals[i].efficiencies) averages[i].efficiency = exp(totals[i].efficiency / (double)totals[i].efficiencies);
    }
    free(totals);
    free(cells);
    return enough;
}
