/* --breakdown: which op takes which share of a case of several. Each op was measured as a case of its own, on the same
 * shapes and the same backend; what the whole takes more or less than these together has a line of its own. Everything
 * comes from the record: the graph of a case follows from its id. */
#include "cli/cli.h"

#include "report/format.h"
#include "report/table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One op with its shapes, and how often the case has it. */
typedef struct part {
    char *id;
    int32_t count;
} part;

typedef struct parts {
    part *item;
    int32_t count;
    bool failed;
} parts;

static void parts_free(parts *all)
{
    for (int32_t i = 0; i < all->count; i++) free(all->item[i].id);
    free(all->item);
}

static void count_part(parts *all, const char *id)
{
    for (int32_t i = 0; i < all->count; i++) {
        if (strcmp(all->item[i].id, id) != 0) continue;
        all->item[i].count++;
        return;
    }
    char *copy = strdup(id);
    if (copy)
        all->item[all->count++] = (part){copy, 1};
    else
        all->failed = true;
}

static parts parts_of(const tm_case *one)
{
    const int32_t nodes = one->graph->nodes;
    parts all = {.item = calloc((size_t)nodes + 1, sizeof *all.item)};
    all.failed = !all.item;
    for (int32_t node = 0; node < nodes && !all.failed; node++) {
        tm_text id = {0};
        tm_case_part_id(one, node, &id);
        all.failed = id.failed;
        if (!id.failed) count_part(&all, id.data);
        tm_text_free(&id);
    }
    return all;
}

static const tm_record_cell *find(const tm_record *record, const char *case_id, const char *backend)
{
    for (int64_t i = 0; i < record->cell_count; i++) {
        const tm_record_cell *cell = &record->cells[i];
        if (strcmp(tm_report_text(cell->case_id), case_id) == 0 && strcmp(tm_report_text(cell->backend), backend) == 0)
            return cell;
    }
    return NULL;
}

static void add_row(tm_table *table, const char *name, const char *count, double each_ns, double all_ns,
                    double whole_ns)
{
    tm_table_add(table, TM_PAINT_NONE, name);
    tm_table_add(table, TM_PAINT_NONE, count);
    if (isfinite(each_ns))
        tm_table_format(table, TM_PAINT_NONE, "%.2f", each_ns * 1e-3);
    else
        tm_table_add(table, TM_PAINT_NONE, "");
    tm_table_format(table, TM_PAINT_NONE, "%.2f", all_ns * 1e-3);
    tm_table_format(table, TM_PAINT_NONE, "%.1f %%", all_ns / whole_ns * 100);
}

/* An op without a time: its status, so that nobody takes the others for all. */
static void add_missing(tm_table *table, const part *one, const tm_record_cell *cell)
{
    tm_table_add(table, TM_PAINT_NONE, one->id);
    tm_table_format(table, TM_PAINT_NONE, "%d", (int)one->count);
    tm_table_add(table, TM_PAINT_BAD, cell ? tm_cell_status_name(cell->status) : "not measured");
    tm_table_add(table, TM_PAINT_NONE, "");
    tm_table_add(table, TM_PAINT_NONE, "");
}

static void add_table(const tm_record *record, const tm_record_cell *whole, const parts *all, bool color, tm_text *into)
{
    static const char *const heads[] = {"op", "times", "each (us)", "together (us)", "share"};
    tm_table table = {.columns = 5};
    double sum = 0;
    bool complete = true;
    for (int i = 0; i < 5; i++) tm_table_add(&table, TM_PAINT_HEAD, heads[i]);
    for (int32_t i = 0; i < all->count; i++) {
        const part *one = &all->item[i];
        const tm_record_cell *cell = find(record, one->id, tm_report_text(whole->backend));
        char count[16];
        if (!tm_cell_completed(cell)) {
            add_missing(&table, one, cell);
            complete = false;
            continue;
        }
        snprintf(count, sizeof count, "%d", (int)one->count);
        add_row(&table, one->id, count, cell->median_ns, one->count * cell->median_ns, whole->median_ns);
        sum += one->count * cell->median_ns;
    }
    if (complete) add_row(&table, "the whole less these", "", NAN, whole->median_ns - sum, whole->median_ns);
    add_row(&table, "the whole", "", NAN, whole->median_ns, whole->median_ns);
    tm_table_print(&table, true, color, into);
    into->failed = into->failed || table.failed;
    tm_table_free(&table);
}

/* False: the cell is of one op, or has no time. */
static bool add_cell(const tm_record *record, const tm_record_cell *cell, bool color, tm_text *into)
{
    tm_case one;
    if (!tm_cell_completed(cell) || tm_case_parse(tm_report_text(cell->case_id), "", &one, NULL) != TM_OK) return false;
    const bool several = one.graph->nodes > 1;
    if (several) {
        parts all = parts_of(&one);
        tm_text_add(into, "\n## ");
        tm_markdown_add(into, one.id);
        tm_text_add(into, " on ");
        tm_markdown_add(into, tm_report_text(cell->backend));
        tm_text_add(into, "\n\n");
        add_table(record, cell, &all, color, into);
        into->failed = into->failed || all.failed;
        parts_free(&all);
    }
    tm_case_free(&one);
    return several;
}

bool tm_cli_breakdown(const tm_record *record, bool color, tm_text *into)
{
    bool any = false;
    for (int64_t i = 0; i < record->cell_count; i++) any = add_cell(record, &record->cells[i], color, into) || any;
    if (any) {
        tm_text_add(into, "\nEach op was measured as a case of its own with these shapes; the whole may fuse them, or "
                          "find in a cache what they read from memory.\n");
    }
    return any;
}
