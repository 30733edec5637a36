/* Shares of the limit: a row per case, a time and a share per backend. Made for a file that is kept, so its head says
 * how to make it again; the command is put together from what was run, not taken from the record, which knows paths. */
#include "report/format.h"
#include "report/rows.h"
#include "report/table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_share(double share, tm_table *table)
{
    if (isfinite(share))
        tm_table_format(table, TM_PAINT_NONE, share < 0.0995 ? "%.1f %%" : "%.0f %%", share * 100);
    else
        tm_table_add(table, TM_PAINT_DIM, "?");
}

static void add_cell(const tm_record_cell *cell, tm_table *table)
{
    char time[32];
    if (cell && cell->status == TM_CELL_OK) {
        tm_report_time(cell->median_ns, time, sizeof time);
        tm_table_add(table, TM_PAINT_NONE, time);
        add_share(cell->efficiency, table);
        return;
    }
    tm_table_add(table, TM_PAINT_BAD, cell ? tm_cell_status_name(cell->status) : "not measured");
    tm_table_add(table, TM_PAINT_DIM, "-");
}

/* The limit of the first backend that has one: with one thread count for all it is everybody's. */
static void add_limit(const tm_record_cell *const *cells, int64_t backends, tm_table *table)
{
    for (int64_t i = 0; i < backends; i++) {
        if (!cells[i] || !isfinite(cells[i]->limit_ns)) continue;
        char time[32];
        tm_report_time(cells[i]->limit_ns, time, sizeof time);
        tm_table_format(table, TM_PAINT_NONE, "%s %s", time, tm_report_text(cells[i]->limit_basis));
        return;
    }
    tm_table_add(table, TM_PAINT_DIM, "?");
}

static void add_mean(const tm_record *record, const char *name, double above_limit_ns, tm_table *table)
{
    tm_average *averages = calloc((size_t)record->backend_count + 1, sizeof *averages);
    const tm_average_filter filter = {NULL, above_limit_ns};
    int64_t cases = 0, of = 0;
    if (!averages || !tm_average_rows(record, 0, filter, averages, &cases, &of)) {
        free(averages);
        table->failed = true;
        return;
    }
    tm_table_format(table, TM_PAINT_NONE, "%s (%lld of %lld cases)", name, (long long)cases, (long long)of);
    tm_table_add(table, TM_PAINT_DIM, "-");
    for (int64_t i = 0; i < record->backend_count; i++) {
        char time[32];
        tm_report_time(averages[i].median_ns, time, sizeof time);
        tm_table_add(table, TM_PAINT_NONE, cases && averages[i].takes_part ? time : "-");
        add_share(averages[i].efficiency, table);
    }
    free(averages);
}

/* "ops relu/8x8/f32": suites, and by its id what was named so. */
static void add_suites(const tm_record *record, tm_text *into)
{
    const char *last = NULL;
    for (int64_t i = 0; i < record->cell_count; i++) {
        const tm_record_cell *cell = &record->cells[i];
        const char *suite = tm_report_text(cell->suite);
        const char *word = *suite && strcmp(suite, "case") != 0 ? suite : tm_report_text(cell->case_id);
        if (last && strcmp(word, last) == 0) continue; /* equal ones follow each other */
        tm_text_add(into, " ");
        tm_shell_quote(word, into);
        last = word;
    }
}

static void add_head(const tm_record *record, tm_text *into)
{
    const char *mode = tm_report_text(record->mode);
    tm_text list = {0};
    for (int64_t i = 0; i < record->backend_count; i++) {
        tm_text_format(&list, "%s%s", i ? "," : "", tm_report_text(record->backends[i].id));
    }
    tm_text_add(into, "# Efficiency\n\nWritten by the program; to make it again:\n\n    tensormark run");
    add_suites(record, into);
    tm_report_backends(record, tm_report_text(list.data), into);
    if (strcmp(mode, "quick") == 0 || strcmp(mode, "full") == 0) tm_text_format(into, " --%s", mode);
    tm_text_add(into,
                " --db efficiency.db\n    tensormark show --db efficiency.db --efficiency -o docs/efficiency.md\n\n");
    if (list.failed) into->failed = true;
    tm_text_free(&list);
    tm_text_add(into, "- measured ");
    tm_markdown_add(into, tm_report_text(record->started));
    tm_text_add(into, ", version ");
    tm_markdown_add(into, tm_report_text(record->version));
    if (strcmp(tm_report_text(record->status), "COMPLETE") != 0) {
        tm_text_format(into, ", %s", tm_report_text(record->status));
    }
    tm_text_add(into, "\n- machine ");
    tm_markdown_add(into, tm_report_text(record->machine.cpu));
    tm_text_format(into, ", %lld cores, %.1f GB memory\n", (long long)record->machine.cores,
                   (double)record->machine.memory_bytes / 1e9);
    tm_report_limits(record, into);
}

void tm_report_efficiency(const tm_record *record, const tm_report_style *style, tm_text *into)
{
    const tm_record_cell **cells = calloc((size_t)record->backend_count + 1, sizeof *cells);
    if (!cells) {
        into->failed = true;
        return;
    }
    add_head(record, into);
    tm_text_add(into, "\nA percentage is the share of what this machine can do: limit / median. See "
                      "[limits](limits.md).\n\n");
    tm_table table = {.columns = 2 + 2 * (int)record->backend_count};
    tm_table_add(&table, TM_PAINT_HEAD, "case");
    tm_table_add(&table, TM_PAINT_HEAD, "limit");
    for (int64_t i = 0; i < record->backend_count; i++) {
        tm_table_format(&table, TM_PAINT_HEAD, "%.200s", tm_report_text(record->backends[i].id));
        tm_table_add(&table, TM_PAINT_HEAD, "% of limit");
    }
    for (int64_t cursor = 0, start = 0; tm_row_next(record, &cursor, cells); start = cursor) {
        tm_table_add(&table, TM_PAINT_NONE, tm_report_text(record->cells[start].case_id));
        add_limit(cells, record->backend_count, &table);
        for (int64_t i = 0; i < record->backend_count; i++) add_cell(cells[i], &table);
    }
    add_mean(record, "geometric mean", 0, &table);
    add_mean(record, "geometric mean, limit above 50 us", 50e3, &table);
    tm_table_print(&table, true, style->color, into);
    tm_table_free(&table);
    tm_text_add(into, "\nMeans are over the cases that every backend completed, those left out that completed less "
                      "than half, shares clipped at 100 %.\n");
    free(cells);
}
