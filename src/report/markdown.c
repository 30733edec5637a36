/* Markdown: what was run, a row per case, a row per op, and every failure with its whole reason.
 *
 * A cell that failed shows its status; "?" stands for a figure that is not known, so that nothing is ever blank. */
#include "report/format.h"
#include "report/rows.h"
#include "report/table.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIMITS = 9, FEW_BACKENDS = 3, REASON_WIDTH = 40, CASE_WIDTH = 40, TIME_WIDTH = 30, MAX_COLUMNS = 4096 };

/* What a table is drawn from. */
typedef struct view {
    const tm_record *record;
    const tm_report_style *style;
    int64_t base;
    const tm_record_cell **cells; /* of the present row */
    char *common;                 /* labels that every completed cell has: said once, above the table */
    bool tall;                    /* a row per backend: where a row per case would be wider than the terminal */
} view;

static bool view_open(view *v, const tm_record *record, const tm_report_style *style)
{
    *v = (view){.record = record, .style = style, .base = tm_row_base(record, style->base)};
    v->cells = calloc((size_t)record->backend_count + 1, sizeof *v->cells);
    return v->cells && record->backend_count < MAX_COLUMNS / 3;
}

static void view_close(view *v)
{
    free(v->cells);
    free(v->common);
}

static bool every_cell_has(const tm_record *record, const char *label)
{
    for (int64_t i = 0; i < record->cell_count; i++) {
        const tm_record_cell *cell = &record->cells[i];
        if (cell->status == TM_CELL_OK && !tm_has_label(cell->labels, label)) return false;
    }
    return true;
}

/* Calls for each label of a list; `text` gets those that (`common` NULL) all cells have, or that `common` lacks. */
static void pick_labels(const tm_record *record, const char *labels, const char *common, tm_text *text)
{
    for (const char *at = labels; at && *at;) {
        at += strspn(at, ", ");
        const size_t length = strcspn(at, ",");
        char label[64];
        if (length && length < sizeof label) {
            memcpy(label, at, length);
            label[length] = '\0';
            if (common ? !tm_has_label(common, label) : every_cell_has(record, label)) {
                tm_text_format(text, "%s%s", text->length ? "," : "", label);
            }
        }
        at += length;
    }
}

static void find_common_labels(view *v, tm_text *into)
{
    tm_text common = {0};
    for (int64_t i = 0; i < v->record->cell_count; i++) {
        if (v->record->cells[i].status != TM_CELL_OK) continue;
        pick_labels(v->record, v->record->cells[i].labels, NULL, &common);
        break;
    }
    if (common.failed) into->failed = true;
    v->common = common.data;
}

/* "412 us ± 0.3 % NONLINEAR", or the status and, where there are few backends, the start of its reason: all reasons
 * stand below the table. */
static void add_time(const view *v, const tm_record_cell *cell, tm_table *table)
{
    if (!cell) {
        tm_table_add(table, TM_PAINT_DIM, "not measured");
        return;
    }
    if (cell->status != TM_CELL_OK) {
        const char *reason = v->record->backend_count > FEW_BACKENDS ? "" : tm_report_text(cell->reason);
        const bool failure = cell->status != TM_CELL_UNSUPPORTED && cell->status != TM_CELL_SKIPPED;
        int length = 0; /* in bytes, cut between characters */
        for (int width = 0; reason[length] && (width < REASON_WIDTH || (reason[length] & 0xc0) == 0x80); length++) {
            width += (reason[length] & 0xc0) != 0x80;
        }
        tm_table_format(table, failure ? TM_PAINT_BAD : TM_PAINT_DIM, "%s%s%.*s%s", tm_cell_status_name(cell->status),
                        length ? ": " : "", length, reason, reason[length] ? "..." : "");
        return;
    }
    char time[32], width[32] = "?";
    tm_report_time(cell->median_ns, time, sizeof time);
    const double half = (cell->ci_high_ns - cell->ci_low_ns) / 2 / cell->median_ns * 100;
    if (isfinite(half)) snprintf(width, sizeof width, half < 9.95 ? "%.1f %%" : "%.0f %%", half);
    tm_text labels = {0};
    pick_labels(v->record, cell->labels, v->common ? v->common : "", &labels);
    tm_table_format(table, TM_PAINT_NONE, "%s \u00b1 %s%s%.200s", time, width, labels.length ? " " : "",
                    tm_report_text(labels.data));
    tm_text_free(&labels);
}

static void add_percent(double share, tm_table *table)
{
    if (isfinite(share))
        tm_table_format(table, TM_PAINT_NONE, share < 0.0995 ? "%.1f %%" : "%.0f %%", share * 100);
    else
        tm_table_add(table, TM_PAINT_DIM, "?");
}

static tm_paint paint_of(double ratio)
{
    return ratio >= 1.01 ? TM_PAINT_GOOD : ratio <= 0.99 ? TM_PAINT_BAD : TM_PAINT_NONE;
}

static void add_ratio(tm_ratio ratio, const char *otherwise, tm_table *table)
{
    if (!isfinite(ratio.value)) {
        tm_table_add(table, TM_PAINT_DIM, otherwise);
        return;
    }
    char width[32] = "";
    const double half = 100 * sinh(ratio.half_width);
    if (isfinite(half)) snprintf(width, sizeof width, half < 9.95 ? " \u00b1 %.1f %%" : " \u00b1 %.0f %%", half);
    char value[32], sees[32] = "";
    tm_report_ratio(ratio.value, value, sizeof value);
    if (strcmp(ratio.verdict, "UNDECIDED") == 0 && isfinite(ratio.smallest)) {
        const double percent = 100 * ratio.smallest;
        snprintf(sees, sizeof sees, percent < 9.95 ? " (sees %.1f %%)" : " (sees %.0f %%)", percent);
    }
    tm_table_format(table, paint_of(ratio.value), "%s%s%s%s%s", value, width, *ratio.verdict ? " " : "", ratio.verdict,
                    sees);
}

/* Of the case table: the case, three columns a backend, less the base's speed-up; or one backend's and its name. */
static int column_count(const view *v)
{
    return v->tall ? 5 : v->record->backend_count ? (int)(3 * v->record->backend_count) : 1;
}

/* The header of both tables: three columns a backend, the base without a speed-up. */
static void add_header(const view *v, const char *first, const char *second, const char *time, tm_table *table)
{
    tm_table_add(table, TM_PAINT_HEAD, first);
    if (second) tm_table_add(table, TM_PAINT_HEAD, second);
    const char *base = v->record->backend_count ? tm_report_text(v->record->backends[v->base].id) : "";
    if (v->tall) {
        tm_table_add(table, TM_PAINT_HEAD, "backend");
        tm_table_add(table, TM_PAINT_HEAD, time);
        tm_table_add(table, TM_PAINT_HEAD, "% of limit");
        tm_table_format(table, TM_PAINT_HEAD, "x faster than %.200s", base);
        return;
    }
    for (int64_t i = 0; i < v->record->backend_count; i++) {
        const char *id = tm_report_text(v->record->backends[i].id);
        tm_table_format(table, TM_PAINT_HEAD, "%.200s: %s", id, time);
        tm_table_add(table, TM_PAINT_HEAD, "% of limit");
        if (i != v->base) tm_table_format(table, TM_PAINT_HEAD, "x faster than %.200s", base);
    }
}

static void add_case_header(const view *v, tm_table *table)
{
    add_header(v, "case", NULL, "median \u00b1 95 %", table);
}

/* What stands before a backend's cells. */
static void add_key(const view *v, int64_t backend, const char *first, const char *second, tm_table *table)
{
    const tm_paint paint = backend > 0 ? TM_PAINT_DIM : TM_PAINT_NONE;
    if (backend > 0 && !v->tall) return;
    tm_table_add(table, paint, first);
    if (second) tm_table_add(table, paint, second);
    if (v->tall) tm_table_add(table, TM_PAINT_NONE, tm_report_text(v->record->backends[backend].id));
}

/* Why a row has no speed-up. */
static const char *no_ratio(const tm_record_cell *cell)
{
    if (!cell || cell->status != TM_CELL_OK) return "-";
    return "no base";
}

static void add_case_row(const view *v, const char *case_id, tm_table *table)
{
    const tm_record_cell *base = v->record->backend_count ? v->cells[v->base] : NULL;
    for (int64_t i = 0; i < v->record->backend_count; i++) {
        const tm_record_cell *cell = v->cells[i];
        add_key(v, i, case_id, NULL, table);
        add_time(v, cell, table);
        if (cell && cell->status == TM_CELL_OK)
            add_percent(cell->efficiency, table);
        else
            tm_table_add(table, TM_PAINT_DIM, "-");
        if (i == v->base) {
            if (v->tall) tm_table_add(table, TM_PAINT_DIM, "base");
            continue;
        }
        tm_ratio ratio = tm_cell_ratio(v->record, cell, base);
        const bool ranked = tm_cell_ranked(cell) && tm_cell_ranked(base);
        const bool steady = tm_cell_steady(cell) && tm_cell_steady(base);
        if (!ranked || (!steady && !*ratio.verdict)) ratio.verdict = "not ranked";
        add_ratio(ratio, no_ratio(cell), table);
    }
}

static tm_table case_table(const view *v)
{
    tm_table table = {.columns = column_count(v)};
    add_case_header(v, &table);
    for (int64_t cursor = 0, start = 0; tm_row_next(v->record, &cursor, v->cells); start = cursor) {
        add_case_row(v, tm_report_text(v->record->cells[start].case_id), &table);
    }
    return table;
}

static void add_detailed(const view *v, tm_text *into)
{
    tm_table table = case_table(v);
    tm_text_add(into,
                "\n## Cases\n\nMedian time and half the width of its 95 % interval; % of limit: the share of what this "
                "machine can do.\n\n");
    double margin = INFINITY; /* the run's: that of pairs that held still */
    for (int64_t i = 0; i < v->record->comparison_count; i++) margin = fmin(margin, v->record->comparisons[i].margin);
    if (isfinite(margin)) {
        tm_text_format(
            into,
            "FASTER, SLOWER and EQUAL are about differences of %.2g %%, beyond what a ratio may have changed "
            "by where a cell has NO STEADY STATE; UNDECIDED (sees 5 %%): 5 %% would have been found 8 times "
            "in 10.\n\n",
            100 * margin);
    }
    if (v->common && *v->common) tm_text_format(into, "Labels of every row: %s\n\n", v->common);
    tm_table_print(&table, true, v->style->color, into);
    tm_table_free(&table);
}

static void add_average_row(const view *v, const char *name, tm_average_filter filter, tm_table *table)
{
    tm_average *averages = calloc((size_t)v->record->backend_count + 1, sizeof *averages);
    int64_t cases = 0, of = 0;
    if (!averages || !tm_average_rows(v->record, v->base, filter, averages, &cases, &of)) {
        free(averages);
        table->failed = true;
        return;
    }
    char count[48];
    snprintf(count, sizeof count, "%lld of %lld", (long long)cases, (long long)of);
    if (v->record->backend_count == 0) add_key(v, 0, name, count, table);
    for (int64_t i = 0; i < v->record->backend_count; i++) {
        char time[32];
        const bool averaged = cases > 0 && averages[i].takes_part;
        add_key(v, i, name, count, table);
        tm_report_time(averages[i].median_ns, time, sizeof time);
        if (!averages[i].takes_part)
            tm_table_format(table, TM_PAINT_DIM, "completed %lld", (long long)averages[i].completed);
        else
            tm_table_add(table, averaged ? TM_PAINT_NONE : TM_PAINT_DIM, averaged ? time : "none completed by all");
        if (averaged)
            add_percent(averages[i].efficiency, table);
        else
            tm_table_add(table, TM_PAINT_DIM, "-");
        if (i != v->base)
            add_ratio((tm_ratio){averages[i].ratio, averages[i].ratio_half_width, "", NAN}, "-", table);
        else if (v->tall)
            tm_table_add(table, TM_PAINT_DIM, "base");
    }
    free(averages);
}

/* True if no earlier cell has this group. */
static bool first_of_group(const tm_record *record, int64_t index)
{
    const char *group = tm_report_text(record->cells[index].group);
    for (int64_t i = 0; i < index; i++) {
        if (strcmp(tm_report_text(record->cells[i].group), group) == 0) return false;
    }
    return true;
}

static tm_table average_table(const view *v)
{
    tm_table table = {.columns = column_count(v) + 1};
    add_header(v, "op", "cases averaged", "mean time", &table);
    for (int64_t i = 0; i < v->record->cell_count; i++) {
        if (!first_of_group(v->record, i)) continue;
        const char *group = tm_report_text(v->record->cells[i].group);
        add_average_row(v, group, (tm_average_filter){group, 0}, &table);
    }
    add_average_row(v, "all", (tm_average_filter){NULL, 0}, &table);
    add_average_row(v, "all with a limit above 50 us", (tm_average_filter){NULL, 50e3}, &table);
    return table;
}

static int widest_table(const view *v)
{
    tm_table cases = case_table(v), averages = average_table(v);
    const int of_cases = tm_table_width(&cases), of_averages = tm_table_width(&averages);
    tm_table_free(&cases);
    tm_table_free(&averages);
    return of_cases > of_averages ? of_cases : of_averages;
}

/* Few backends that fit neither way are better wrapped with a case in a row. */
static bool better_tall(const view *v, int wide, int tall)
{
    const int width = v->style->width;
    return width > 0 && wide > width && (tall <= width || v->record->backend_count > FEW_BACKENDS);
}

static void choose_form(view *v)
{
    if (v->style->width <= 0) return;
    const int wide = widest_table(v);
    v->tall = true;
    v->tall = better_tall(v, wide, widest_table(v));
}

static void add_averages(const view *v, tm_text *into)
{
    tm_table table = average_table(v);
    tm_text_add(into, "\n## Averages\n\n");
    tm_table_print(&table, true, v->style->color, into);
    tm_text_add(
        into,
        "\nGeometric means over the cases that every backend completed, those left out that completed less than half "
        "of a row's; efficiency clipped at 100 %.\n");
    tm_table_free(&table);
}

static void add_limits_line(const char *threads, const double values[LIMITS], tm_text *into)
{
    static const struct {
        const char *name, *unit;
    } limits[LIMITS] = {{"memory read", "GB/s"}, {"memory copy", "GB/s"}, {"memory write", "GB/s"},
                        {"L1 read", "GB/s"},     {"L2 read", "GB/s"},     {"last-level read", "GB/s"},
                        {"f32", "GFLOP/s"},      {"bf16", "GFLOP/s"},     {"i8", "GOP/s"}};
    bool any = false;
    for (size_t i = 0; i < LIMITS; i++) {
        if (!(values[i] > 0)) continue;
        if (!any) tm_text_format(into, "- limits measured%s: ", threads);
        tm_text_format(into, values[i] < 100 ? "%s%s %.3g %s" : "%s%s %.0f %s", any ? ", " : "", limits[i].name,
                       values[i], limits[i].unit);
        any = true;
    }
    if (any) tm_text_add(into, "\n");
}

static bool used_by_backend(const tm_record *record, int64_t threads)
{
    for (int64_t i = 0; i < record->backend_count; i++) {
        if (record->backends[i].threads == threads) return true;
    }
    return false;
}

/* Where the host moves the processors, each placement has limits of its own: a line for each when there are several. */
static void add_placements(const json_t *placements, tm_text *into)
{
    static const struct {
        const char *key, *name;
    } figures[] = {{"read_gbs", "read"}, {"copy_gbs", "copy"}, {"write_gbs", "write"}};
    for (size_t i = 0; json_array_size(placements) > 1 && i < json_array_size(placements); i++) {
        const json_t *one = json_array_get(placements, i);
        tm_text_format(into, "  - processors %.0f ns apart: memory ",
                       json_number_value(json_object_get(one, "core_to_core_ns")));
        for (size_t k = 0; k < 3; k++) {
            tm_text_format(into, "%s%s %.3g GB/s", k ? ", " : "", figures[k].name,
                           json_number_value(json_object_get(one, figures[k].key)));
        }
        tm_text_add(into, "\n");
    }
}

/* Limits belong to a number of threads: a line for each that a backend of this run has. Older records have one. */
void tm_report_limits(const tm_record *record, tm_text *into)
{
    static const char *const keys[LIMITS] = {"read_gbs", "copy_gbs",   "write_gbs",   "l1_gbs", "l2_gbs",
                                             "llc_gbs",  "f32_gflops", "bf16_gflops", "i8_gops"};
    const tm_record_machine *machine = &record->machine;
    json_t *facts = machine->facts ? json_loads(machine->facts, 0, NULL) : NULL;
    const json_t *all = json_object_get(facts, "limits");
    bool any = false;
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *one = json_array_get(all, i);
        const json_int_t threads = json_integer_value(json_object_get(one, "threads"));
        double values[LIMITS];
        char who[48];
        if (!used_by_backend(record, threads)) continue;
        for (int k = 0; k < LIMITS; k++) values[k] = json_number_value(json_object_get(one, keys[k]));
        snprintf(who, sizeof who, ", %lld thread%s", (long long)threads, threads == 1 ? "" : "s");
        add_limits_line(who, values, into);
        add_placements(json_object_get(one, "placements"), into);
        any = true;
    }
    json_decref(facts);
    if (any) return;
    const double values[LIMITS] = {machine->read_gbs,   machine->copy_gbs,    machine->write_gbs,
                                   machine->l1_gbs,     machine->l2_gbs,      machine->llc_gbs,
                                   machine->f32_gflops, machine->bf16_gflops, machine->i8_gops};
    add_limits_line("", values, into);
}

void tm_report_markdown(const tm_record *record, const tm_report_style *style, tm_text *into)
{
    view v;
    if (view_open(&v, record, style)) {
        find_common_labels(&v, into);
        choose_form(&v);
        tm_report_caption(record, into);
        add_detailed(&v, into);
        add_averages(&v, into);
        tm_report_remarks(record, into);
    } else {
        into->failed = true;
    }
    view_close(&v);
}

/* Rows that come one by one cannot know the widest: columns get widths that mostly do. */
static bool stream_header(const view *v, tm_table *header, int **into)
{
    header->columns = column_count(v);
    add_case_header(v, header);
    int *widths = *into = calloc((size_t)header->columns + 1, sizeof **into);
    if (!widths || header->failed) return false;
    for (int i = 0; i < header->columns && i < header->count; i++) {
        widths[i] = tm_display_width(header->cells[i].text);
        if (strstr(header->cells[i].text, "median") && widths[i] < TIME_WIDTH) widths[i] = TIME_WIDTH;
    }
    if (widths[0] < CASE_WIDTH) widths[0] = CASE_WIDTH;
    for (int64_t i = 0; i < v->record->cell_count; i++) {
        const int width = tm_display_width(tm_report_text(v->record->cells[i].case_id));
        if (width > widths[0]) widths[0] = width;
    }
    for (int64_t i = 0; i < v->record->backend_count && v->tall; i++) {
        const int width = tm_display_width(tm_report_text(v->record->backends[i].id));
        if (width > widths[1]) widths[1] = width;
    }
    header->least = widths;
    return true;
}

static void add_streamed_row(view *v, const tm_table *header, const char *case_id, tm_text *into)
{
    tm_table rows = {.columns = header->columns, .least = header->least};
    for (int64_t cursor = 0, start = 0; tm_row_next(v->record, &cursor, v->cells); start = cursor) {
        if (strcmp(tm_report_text(v->record->cells[start].case_id), case_id) == 0) {
            add_case_row(v, case_id, &rows);
            break;
        }
    }
    tm_table_print(&rows, false, v->style->color, into);
    tm_table_free(&rows);
}

/* The header, or, with a case, its row. */
static void stream(const tm_record *record, const tm_report_style *style, const char *case_id, tm_text *into)
{
    view v;
    int *widths[2] = {NULL, NULL};
    tm_table header[2] = {{0}, {0}};                                          /* wide and tall */
    bool good = view_open(&v, record, style) && (v.common = strdup("QUICK")); /* every row of a quick run has it */
    for (int tall = 0; tall < 2 && good; tall++) {
        v.tall = tall;
        good = stream_header(&v, &header[tall], &widths[tall]);
    }
    v.tall = good && better_tall(&v, tm_table_width(&header[0]), tm_table_width(&header[1]));
    if (!good)
        into->failed = true;
    else if (case_id)
        add_streamed_row(&v, &header[v.tall], case_id, into);
    else
        tm_table_print(&header[v.tall], true, style->color, into);
    for (int tall = 0; tall < 2; tall++) {
        tm_table_free(&header[tall]);
        free(widths[tall]);
    }
    view_close(&v);
}

void tm_report_row_header(const tm_record *record, const tm_report_style *style, tm_text *into)
{
    stream(record, style, NULL, into);
}

void tm_report_row(const tm_record *record, const tm_report_style *style, const char *case_id, tm_text *into)
{
    stream(record, style, case_id, into);
}
