/* Sections of plain markdown, each a function of what was recorded. A figure that was not looked at is "n/a". */
#include "report/explain.h"

#include "report/format.h"
#include "report/rows.h"
#include "report/table.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PLOT = 32, TIME = 32 };

static void add_time(const char *before, double ns, const char *after, tm_text *into)
{
    char time[TIME];
    tm_report_time(ns, time, sizeof time);
    tm_text_format(into, "%s%s%s", before, time, after);
}

/* "n/a" for a figure that is not known. */
static void add_figure(const char *before, const char *format, double value, tm_text *into)
{
    char text[64] = "n/a";
    if (isfinite(value)) snprintf(text, sizeof text, "%.4g", value);
    tm_text_format(into, "%s%s%s", before, text, isfinite(value) ? format : "");
}

static double member(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

static void add_head(const tm_explained *explained, tm_text *into)
{
    const tm_record *record = explained->record;
    const tm_record_cell *cell = explained->cell;
    tm_text_add(into, "# ");
    tm_markdown_add(into, tm_report_text(cell->case_id));
    tm_text_add(into, " on ");
    tm_markdown_add(into, tm_report_text(cell->backend));
    tm_text_format(into, "\n\n- status: %s", tm_cell_status_name(cell->status));
    if (*tm_report_text(cell->reason)) {
        tm_text_add(into, ": ");
        tm_markdown_add(into, cell->reason);
    }
    tm_text_add(into, "\n- run ");
    tm_markdown_add(into, tm_report_text(record->id));
    tm_text_format(into, ", mode %s, %s, seed %llu\n", tm_report_text(record->mode), tm_report_text(record->status),
                   (unsigned long long)record->seed);
    if (!isfinite(cell->median_ns)) return;
    add_time("- median ", cell->median_ns, ", ", into);
    if (isfinite(cell->ci_low_ns)) {
        add_time("95 % interval ", cell->ci_low_ns, " to ", into);
        add_time("", cell->ci_high_ns, ", ", into);
    }
    add_time("5 % of samples under ", cell->p5_ns, ", ", into);
    add_time("5 % over ", cell->p95_ns, ", ", into);
    add_time("least ", cell->min_ns, "", into);
    tm_text_format(into, "; %lld samples; cache %s\n", (long long)cell->samples, tm_report_cache(cell->case_id));
}

/* Where times stand between the shortest sample and the longest median: '-' what samples cover, 'o' the median, '>'
 * beyond the scale. */
static void draw(const tm_explained_visit *visit, double low, double high, char *into)
{
    const double scale = high > low ? (PLOT - 2) / (high - low) : 0;
    memset(into, '.', PLOT - 1);
    into[PLOT - 1] = '\0';
    if (!(visit->least_ns >= low)) return;
    const int from = (int)((visit->least_ns - low) * scale);
    const int middle = (int)(fmin(visit->median_ns - low, high - low) * scale);
    const int to = (int)(fmin(visit->most_ns - low, high - low) * scale);
    for (int i = from; i <= to && i < PLOT - 1; i++) into[i] = '-';
    if (middle >= 0) into[middle] = 'o';
    if (visit->most_ns > high) into[PLOT - 2] = '>';
}

static void visit_row(const tm_explained_visit *visit, double low, double high, tm_table *table)
{
    char times[3][TIME], plot[PLOT];
    tm_report_time(visit->median_ns, times[0], TIME);
    tm_report_time(visit->least_ns, times[1], TIME);
    tm_report_time(visit->most_ns, times[2], TIME);
    draw(visit, low, high, plot);
    tm_table_format(table, TM_PAINT_NONE, "%d.%d%s", (int)visit->incarnation, (int)visit->round,
                    visit->attempt ? " again" : "");
    tm_table_format(table, TM_PAINT_NONE, "%.2f", visit->start_ns / 1e9);
    tm_table_format(table, TM_PAINT_NONE, isfinite(visit->core_to_core_ns) ? "%.0f ns" : "n/a", visit->core_to_core_ns);
    tm_table_format(table, TM_PAINT_NONE, "%lld", (long long)visit->samples);
    for (int i = 0; i < 3; i++) tm_table_add(table, TM_PAINT_NONE, times[i]);
    tm_table_add(table, TM_PAINT_NONE, plot);
    tm_table_format(table, TM_PAINT_NONE, "%s%s",
                    visit->kept ? "kept" : "discarded: ", visit->kept ? "" : visit->reason);
}

static void add_visits(const tm_explained *explained, tm_text *into)
{
    static const char *const heads[] = {
        "incarnation.round", "start s", "core to core", "samples", "median", "least", "most", "scale", "became"};
    tm_text_add(into, "\n## Samples over time\n\n");
    if (explained->visit_count == 0) {
        tm_text_add(into, "None: the cell ended before its first visit.\n");
        return;
    }
    double low = INFINITY, high = -INFINITY;
    for (int64_t i = 0; i < explained->visit_count; i++) {
        low = fmin(low, explained->visits[i].least_ns);
        high = fmax(high, explained->visits[i].median_ns);
    }
    tm_table table = {.columns = 9};
    for (int i = 0; i < 9; i++) tm_table_add(&table, TM_PAINT_HEAD, heads[i]);
    for (int64_t i = 0; i < explained->visit_count; i++) visit_row(&explained->visits[i], low, high, &table);
    tm_table_print(&table, true, false, into);
    if (table.failed) into->failed = true;
    tm_table_free(&table);
    add_time("\nTimes are of one execution. The scale goes from ", low, " to ", into);
    add_time("", high, ".\n", into);
    tm_text_add(into,
                "Core to core: how long a cache line takes between the processors; visits that differ by a factor of "
                "2 and more found them in different places.\n");
}

static void add_ratios(const json_t *ratios, tm_text *into)
{
    const double any = fmax(member(ratios, "twice_least"), fmax(member(ratios, "four"), member(ratios, "singly")));
    if (isnan(any)) {
        tm_text_add(into, "; growth with the work was looked at in another incarnation");
        return;
    }
    add_figure("; 2n executions over n: ", " (2 is right)", member(ratios, "twice"), into);
    add_figure(", shortest of each: ", "", member(ratios, "twice_least"), into);
    add_figure("; 4 over 1: ", " (at least 1.5)", member(ratios, "four"), into);
    add_figure("; a batch one by one over at once: ", " (at most 1.5)", member(ratios, "singly"), into);
}

static void add_note(const tm_explained_note *one, tm_text *into)
{
    json_t *note = json_loads(one->json, 0, NULL);
    const json_t *warmup = json_object_get(note, "warmup"), *calibration = json_object_get(note, "calibration");
    const json_t *rewriting = json_object_get(note, "rewriting");
    tm_text_format(into, "- incarnation %d: ", (int)one->incarnation);
    add_time("first call ", member(note, "first_call_ns"), "", into);
    tm_text_format(into, ", %.0f input slots, warm-up of at least %.0f more calls", member(note, "slots"),
                   member(warmup, "calls"));
    if (member(warmup, "time_ns") > 0) add_time(" and ", member(warmup, "time_ns"), "", into);
    if (json_is_object(calibration)) {
        add_time("; a call is about ", member(calibration, "call_ns"), "", into);
        tm_text_format(into, ", %.0f of them a sample (clock: steps of %.0f ns, %.0f ns to read it twice)",
                       member(calibration, "batch"), member(calibration, "resolution_ns"),
                       member(calibration, "overhead_ns"));
        if (member(calibration, "attempts") > 1) {
            tm_text_format(into, "; asked %.0f times, the last answer is shown", member(calibration, "attempts"));
        }
        add_ratios(json_object_get(calibration, "ratios"), into);
    } else {
        tm_text_add(into, "; ended before batch size and linearity");
    }
    if (json_is_object(rewriting)) {
        add_figure("; new bytes over the same bytes written again: ", "", member(rewriting, "new_over_same"), into);
        add_figure(" (", "", member(rewriting, "low"), into);
        add_figure(" to ", "", member(rewriting, "high"), into);
        tm_text_format(into, ", %.0f pairs)", member(rewriting, "pairs"));
    }
    tm_text_add(into, "\n");
    json_decref(note);
}

static void add_preparation(const tm_explained *explained, tm_text *into)
{
    tm_text_add(into, "\n## Before the samples\n\n");
    if (explained->note_count == 0) tm_text_add(into, "Nothing was recorded: no call succeeded, or an older run.\n");
    for (int64_t i = 0; i < explained->note_count; i++) add_note(&explained->notes[i], into);
}

static void add_checks(const tm_explained *explained, tm_text *into)
{
    const tm_record_cell *cell = explained->cell;
    tm_text_add(into, "\n## Checks\n\n");
    tm_text_format(into, "- oracle in float64: %s; %lld elements", tm_report_text(cell->verify),
                   (long long)cell->checked);
    add_figure(", largest error E ", "", cell->error, into);
    add_figure(", rms ", " (at most 16 and 1 where the op is judged by E)", cell->rms_error, into);
    tm_text_format(into, "\n- exact probe: %s\n", tm_report_text(cell->probe));
    add_figure("- Freivalds' check of the whole output, largest residual over its bound: ", " (below 1 passes)",
               cell->freivalds, into);
    int64_t kept = 0;
    for (int64_t i = 0; i < explained->visit_count; i++) kept += explained->visits[i].kept;
    tm_text_format(
        into,
        "\n- outputs of timed batches: %lld right, one of each visit above (by the hash of an output that the "
        "oracle judged, or judged itself); %lld of them of visits that were kept%s\n",
        (long long)explained->visit_count, (long long)kept,
        cell->status == TM_CELL_INVALID ? "; a visit with a wrong output is not stored" : "");
    tm_text_add(into, "- growth with the work, rewritten inputs: above, per incarnation\n");
    add_time("- floor, the time that no correct program can beat here: ", cell->floor_ns, "", into);
    if (cell->floor_ns > 0 && isfinite(cell->median_ns)) {
        add_figure("; the median is ", " times that", cell->median_ns / cell->floor_ns, into);
    }
    tm_text_add(into, "\n");
}

static void add_limits(const tm_explained *explained, tm_text *into)
{
    const tm_record_cell *cell = explained->cell;
    tm_text_add(into, "\n## Limits\n\n");
    add_figure("- work: ", " FLOP", cell->flop, into);
    add_figure(", ", " bytes to move\n", cell->bytes, into);
    add_time("- limit: ", cell->limit_ns, "", into);
    tm_text_format(into, ", set by %s", tm_report_text(cell->limit_basis));
    add_figure("; efficiency ", " %\n", 100 * cell->efficiency, into);
    tm_report_limits(explained->record, into);
}

static void add_bytes(const char *before, int64_t bytes, tm_text *into)
{
    add_figure(before, " MB", bytes > 0 ? (double)bytes / 1e6 : (double)NAN, into);
}

static void add_cost(const tm_explained *explained, tm_text *into)
{
    const tm_record_cell *cell = explained->cell;
    json_t *metrics = json_loads(tm_report_text(cell->metrics), 0, NULL);
    tm_text_add(into, "\n## Memory and energy\n\n");
    add_bytes("- peak on the host: ", cell->peak_host_bytes, into);
    add_bytes("; on the device: ", cell->peak_device_bytes, into);
    add_figure("\n- energy of one execution, all that ran on the processor counted: ", " J",
               member(metrics, "energy_j"), into);
    tm_text_add(into, "\n");
    json_decref(metrics);
}

static void add_labels(const tm_explained *explained, tm_text *into)
{
    tm_text_add(into, "\n## Labels\n\n");
    const char *at = tm_report_text(explained->cell->labels);
    if (!*at) tm_text_add(into, "None.\n");
    while (*at) {
        char label[64];
        const size_t length = strcspn(at, ",");
        snprintf(label, sizeof label, "%.*s", (int)length, at);
        const char *meaning = tm_label_meaning(label);
        tm_text_add(into, "- ");
        tm_markdown_add(into, label);
        tm_text_format(into, ": %s\n", meaning ? meaning : "added by the backend; what it means, only that knows");
        at += length + (at[length] == ',');
    }
}

static void add_comparison(const tm_record_comparison *pair, tm_text *into)
{
    tm_text_add(into, "- ");
    tm_markdown_add(into, tm_report_text(pair->backend));
    tm_text_add(into, " against ");
    tm_markdown_add(into, tm_report_text(pair->base));
    tm_text_format(into, ": %s", *tm_report_text(pair->verdict) ? pair->verdict : "not ranked");
    add_figure("; ratio ", "", pair->ratio, into);
    add_figure(", 95 % interval ", "", pair->ci_low, into);
    add_figure(" to ", "", pair->ci_high, into);
    add_figure("; a difference of ", " % would have been found 8 times in 10", 100 * pair->smallest_effect, into);
    add_figure("; the verdict is about a margin of ", " %", 100 * pair->margin, into);
    tm_text_add(into, "\n");
}

static void add_verdict(const tm_explained *explained, tm_text *into)
{
    const tm_record *record = explained->record;
    const tm_record_cell *cell = explained->cell;
    bool any = false;
    tm_text_add(into, "\n## Verdict\n\n");
    for (int64_t i = 0; i < record->comparison_count; i++) {
        const tm_record_comparison *pair = &record->comparisons[i];
        if (strcmp(tm_report_text(pair->case_id), cell->case_id) != 0) continue;
        const bool own = strcmp(tm_report_text(pair->backend), cell->backend) == 0;
        if (!own && strcmp(tm_report_text(pair->base), cell->backend) != 0) continue;
        add_comparison(pair, into);
        any = true;
    }
    if (!any) tm_text_add(into, "None: nothing to compare with, a cell that failed, or a run that is not complete.\n");
    if (isfinite(record->aa_floor)) {
        add_figure("- equal programs differed by up to ", " % in this run\n", 100 * record->aa_floor, into);
    }
}

/* What reproduces an INVALID cell: a wrong output shows without timing, all else needs it. */
static void add_reproduction(const tm_explained *explained, tm_text *into)
{
    const tm_record_cell *cell = explained->cell;
    const char *reason = tm_report_text(cell->reason);
    tm_text_add(into, "\n## Again\n\n    ");
    tm_report_repeat(explained->record, cell->case_id, cell->backend, into);
    tm_text_add(into, "\n");
    if (cell->status != TM_CELL_INVALID) return;
    const bool arithmetic = strncmp(reason, "output differs", strlen("output differs")) == 0 ||
                            strncmp(reason, "exact probe", strlen("exact probe")) == 0;
    if (!arithmetic) {
        tm_text_add(into, "\nThe finding is about the time, so the run above, or with `--quick`, shows it again.\n");
        return;
    }
    tm_text_add(into, "\nThe output is wrong whether or not it is timed; this writes inputs, output and what is right:"
                      "\n\n    tensormark verify ");
    tm_shell_quote(tm_report_text(cell->case_id), into);
    tm_report_backends(explained->record, tm_report_text(cell->backend), into);
    tm_text_format(into, " --seed %llu --dump wrong\n", (unsigned long long)explained->record->seed);
}

void tm_report_explain(const tm_explained *explained, tm_text *into)
{
    add_head(explained, into);
    add_visits(explained, into);
    add_preparation(explained, into);
    add_checks(explained, into);
    add_limits(explained, into);
    add_cost(explained, into);
    add_labels(explained, into);
    add_verdict(explained, into);
    add_reproduction(explained, into);
}
