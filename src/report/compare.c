/* A comparison as markdown. The time of the base stands beside every ratio: a ratio alone does not say whether it is
 * about microseconds. */
#include "report/format.h"
#include "report/table.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void add_run(const char *what, const tm_record *record, tm_text *into)
{
    tm_text_format(into, "- %s: run ", what);
    tm_markdown_add(into, tm_report_text(record->id));
    tm_text_add(into, ", started ");
    tm_markdown_add(into, tm_report_text(record->started));
    tm_text_add(into, ", mode ");
    tm_markdown_add(into, tm_report_text(record->mode));
    tm_text_add(into, ", version ");
    tm_markdown_add(into, tm_report_text(record->version));
    if (strcmp(tm_report_text(record->status), "COMPLETE") != 0) {
        tm_text_add(into, ", ");
        tm_markdown_add(into, tm_report_text(record->status));
    }
    tm_text_add(into, ", on ");
    tm_markdown_add(into, tm_report_text(record->machine.key));
    tm_text_add(into, "\n");
}

static void add_backend(const tm_record_backend *backend, tm_text *into)
{
    tm_markdown_add(into, tm_report_text(backend->id));
    tm_text_add(into, " (");
    tm_markdown_add(into, tm_report_text(backend->framework_version));
    tm_text_format(into, ", %lld thread%s)", (long long)backend->threads, backend->threads == 1 ? "" : "s");
}

static void add_head(const tm_comparison *all, tm_text *into)
{
    tm_text_add(into, "# Run ");
    tm_markdown_add(into, tm_report_text(all->other->id));
    if (all->unpaired) {
        tm_text_add(into, " against run ");
        tm_markdown_add(into, tm_report_text(all->base->id));
        tm_text_add(into, "\n\n");
        add_run("base", all->base, into);
        add_run("other", all->other, into);
    } else {
        tm_text_add(into, ": its backends\n\n");
        add_run("both", all->base, into);
    }
    for (int64_t i = 0; i < all->pair_count; i++) {
        tm_text_add(into, "- backend ");
        add_backend(all->pairs[i].other, into);
        tm_text_add(into, " against ");
        add_backend(all->pairs[i].base, into);
        tm_text_add(into, "\n");
    }
    if (all->unpaired) {
        tm_text_add(into, "- UNPAIRED: separate runs, so what the machine did in between is in the difference\n");
    }
    if (all->machines_differ) {
        tm_text_add(into, "- MACHINES DIFFER: a difference may be the machine's as well as the software's\n");
    }
    if (all->incomplete) tm_text_add(into, "- provisional: a run is not complete, so there are no verdicts\n");
}

static tm_paint paint_of(const char *verdict)
{
    if (strcmp(verdict, "FASTER") == 0) return TM_PAINT_GOOD;
    return strcmp(verdict, "SLOWER") == 0 ? TM_PAINT_BAD : *verdict ? TM_PAINT_NONE : TM_PAINT_DIM;
}

static void add_time(const tm_record_cell *cell, tm_table *table)
{
    char time[32];
    if (tm_cell_completed(cell)) {
        tm_report_time(cell->median_ns, time, sizeof time);
        tm_table_add(table, TM_PAINT_NONE, time);
    } else {
        tm_table_add(table, TM_PAINT_DIM, tm_cell_status_name(cell->status));
    }
}

static void add_interval(double low, double high, tm_table *table)
{
    char from[32], to[32];
    if (!isfinite(low) || !isfinite(high)) {
        tm_table_add(table, TM_PAINT_DIM, "?");
        return;
    }
    tm_report_ratio(low, from, sizeof from);
    tm_report_ratio(high, to, sizeof to);
    tm_table_format(table, TM_PAINT_NONE, "%s to %s", from, to);
}

/* Why a row has no verdict. */
static const char *no_verdict(const tm_comparison *all, const tm_compared *row)
{
    if (!isfinite(row->ratio)) return "not completed";
    const bool steady = tm_cell_steady(row->base) && tm_cell_steady(row->other);
    if (!steady || !tm_cell_ranked(row->base) || !tm_cell_ranked(row->other)) return "not ranked";
    return all->incomplete ? "provisional" : "MACHINES DIFFER";
}

static void add_row(const tm_comparison *all, const tm_compared *row, tm_table *table)
{
    const tm_compared_pair *pair = &all->pairs[row->pair];
    tm_table_add(table, TM_PAINT_NONE, tm_report_text(row->other->case_id));
    tm_table_add(table, TM_PAINT_NONE, tm_report_text(pair->other->id));
    add_time(row->base, table);
    add_time(row->other, table);
    const tm_paint paint = paint_of(row->verdict);
    if (isfinite(row->ratio)) {
        char ratio[32];
        tm_report_ratio(row->ratio, ratio, sizeof ratio);
        tm_table_add(table, paint, ratio);
        add_interval(row->ci_low, row->ci_high, table);
    } else {
        tm_table_add(table, TM_PAINT_DIM, "-");
        tm_table_add(table, TM_PAINT_DIM, "-");
    }
    if (isfinite(row->smallest_effect))
        tm_table_format(table, TM_PAINT_NONE, "%.2g %%", 100 * row->smallest_effect);
    else
        tm_table_add(table, TM_PAINT_DIM, "-");
    tm_table_add(table, paint, *row->verdict ? row->verdict : no_verdict(all, row));
}

static void add_rows(const tm_comparison *all, bool color, tm_text *into)
{
    static const char *const head[] = {"case",     "backend", "median of base", "median",
                                       "x faster", "95 %",    "sees",           "verdict"};
    tm_table table = {.columns = sizeof head / sizeof *head};
    for (size_t i = 0; i < sizeof head / sizeof *head; i++) tm_table_add(&table, TM_PAINT_HEAD, head[i]);
    for (int64_t i = 0; i < all->row_count; i++) add_row(all, &all->rows[i], &table);
    tm_text_format(
        into,
        "\n## Cases\n\nFASTER, SLOWER and EQUAL are about differences of %.2g %%, beyond what a ratio may "
        "have changed by where a cell has NO STEADY STATE; sees: the difference that would have been found 8 "
        "times in 10.\n\n",
        100 * all->margin);
    tm_table_print(&table, true, color, into);
    tm_table_free(&table);
}

static void add_count(int64_t count, tm_table *table)
{
    tm_table_format(table, count ? TM_PAINT_NONE : TM_PAINT_DIM, "%lld", (long long)count);
}

static void add_sums(const tm_comparison *all, bool color, tm_text *into)
{
    static const char *const head[] = {"backend",   "against",    "FASTER",         "SLOWER",   "EQUAL",
                                       "UNDECIDED", "no verdict", "cases averaged", "x faster", "95 %"};
    tm_table table = {.columns = sizeof head / sizeof *head};
    for (size_t i = 0; i < sizeof head / sizeof *head; i++) tm_table_add(&table, TM_PAINT_HEAD, head[i]);
    for (int64_t i = 0; i < all->pair_count; i++) {
        const tm_compared_pair *sum = &all->pairs[i];
        const int64_t counts[] = {sum->faster, sum->slower, sum->equal, sum->undecided, sum->unjudged, sum->averaged};
        char ratio[32] = "-";
        tm_table_add(&table, TM_PAINT_NONE, tm_report_text(sum->other->id));
        tm_table_add(&table, TM_PAINT_NONE, tm_report_text(sum->base->id));
        for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) add_count(counts[k], &table);
        if (isfinite(sum->ratio)) tm_report_ratio(sum->ratio, ratio, sizeof ratio);
        tm_table_add(&table, TM_PAINT_NONE, ratio);
        add_interval(sum->ci_low, sum->ci_high, &table);
    }
    tm_text_add(into, "\n## Summary\n\n");
    tm_table_print(&table, true, color, into);
    tm_text_add(into, "\nGeometric means over the cases that both sides completed.\n");
    tm_table_free(&table);
}

void tm_report_compare_markdown(const tm_comparison *all, const tm_report_style *style, tm_text *into)
{
    add_head(all, into);
    add_rows(all, style->color, into);
    add_sums(all, style->color, into);
    if (all->only_base + all->only_other > 0) {
        tm_text_format(into, "\nLeft out, since only one side has the case: %lld of the base, %lld of the other.\n",
                       (long long)all->only_base, (long long)all->only_other);
    }
}
