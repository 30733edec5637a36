/* A comparison for programs: CSV and JSON. */
#include "report/format.h"
#include "report/json_value.h"

#include <string.h>

/* What is wrong with the comparison as such, in words that rows can carry. */
static size_t labels_of(const tm_comparison *all, const char *into[3])
{
    size_t count = 0;
    if (all->unpaired) into[count++] = "UNPAIRED";
    if (all->machines_differ) into[count++] = "MACHINES DIFFER";
    if (all->incomplete) into[count++] = "provisional";
    return count;
}

void tm_report_compare_csv(const tm_comparison *all, tm_text *into)
{
    const char *labels[3];
    char joined[64] = "";
    const size_t count = labels_of(all, labels);
    for (size_t i = 0, used = 0; i < count; i++) {
        used += (size_t)snprintf(joined + used, sizeof joined - used, "%s%s", i ? "," : "", labels[i]);
    }
    tm_text_add(into, "base_run,run,case,base,backend,base_status,status,base_median_ns,median_ns,ratio,ci_low,ci_high,"
                      "smallest_effect,margin,verdict,labels\r\n");
    for (int64_t i = 0; i < all->row_count; i++) {
        const tm_compared *row = &all->rows[i];
        const char *const names[] = {all->base->id,
                                     all->other->id,
                                     row->other->case_id,
                                     row->base->backend,
                                     row->other->backend,
                                     tm_cell_status_name(row->base->status),
                                     tm_cell_status_name(row->other->status)};
        const double figures[] = {row->base->median_ns, row->other->median_ns, row->ratio, row->ci_low,
                                  row->ci_high,         row->smallest_effect,  row->margin};
        for (size_t k = 0; k < sizeof names / sizeof *names; k++) tm_csv_field(tm_report_text(names[k]), false, into);
        for (size_t k = 0; k < sizeof figures / sizeof *figures; k++) tm_csv_real(figures[k], into);
        tm_csv_field(row->verdict, false, into);
        tm_csv_field(joined, true, into);
    }
}

static json_t *run_object(const tm_record *record)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "id", tm_json_text(record->id), "started",
                     tm_json_text(record->started), "mode", tm_json_text(record->mode), "version",
                     tm_json_text(record->version), "status", tm_json_text(record->status), "machine",
                     tm_json_text(record->machine.key));
}

static json_t *row_object(const tm_compared *row)
{
    return json_pack("{s:o, s:o, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "case",
                     tm_json_text(row->other->case_id), "backend", tm_json_text(row->other->backend), "base",
                     tm_json_text(row->base->backend), "status", tm_cell_status_name(row->other->status), "base_status",
                     tm_cell_status_name(row->base->status), "median_ns", tm_json_real(row->other->median_ns),
                     "base_median_ns", tm_json_real(row->base->median_ns), "ratio", tm_json_real(row->ratio), "ci_low",
                     tm_json_real(row->ci_low), "ci_high", tm_json_real(row->ci_high), "smallest_effect",
                     tm_json_real(row->smallest_effect), "margin", tm_json_real(row->margin), "verdict",
                     tm_json_text(*row->verdict ? row->verdict : NULL));
}

static json_t *sum_object(const tm_compared_pair *sum)
{
    return json_pack("{s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "backend", tm_json_text(sum->other->id),
                     "base", tm_json_text(sum->base->id), "faster", (json_int_t)sum->faster, "slower",
                     (json_int_t)sum->slower, "equal", (json_int_t)sum->equal, "undecided", (json_int_t)sum->undecided,
                     "no_verdict", (json_int_t)sum->unjudged, "cases_averaged", (json_int_t)sum->averaged, "ratio",
                     tm_json_real(sum->ratio), "ci_low", tm_json_real(sum->ci_low), "ci_high",
                     tm_json_real(sum->ci_high));
}

void tm_report_compare_json(const tm_comparison *all, tm_text *into)
{
    const char *names[3];
    json_t *labels = json_array(), *rows = json_array(), *sums = json_array();
    bool good = true;
    const size_t count = labels_of(all, names);
    for (size_t i = 0; i < count; i++) good = json_array_append_new(labels, json_string(names[i])) == 0 && good;
    for (int64_t i = 0; i < all->row_count; i++) {
        good = json_array_append_new(rows, row_object(&all->rows[i])) == 0 && good;
    }
    for (int64_t i = 0; i < all->pair_count; i++) {
        good = json_array_append_new(sums, sum_object(&all->pairs[i])) == 0 && good;
    }
    json_t *root = json_pack("{s:s, s:o, s:o, s:o, s:f, s:o, s:o, s:I, s:I}", "schema", "tensormark.compare/1", "base",
                             run_object(all->base), "other", run_object(all->other), "labels", labels, "margin",
                             all->margin, "comparisons", rows, "summary", sums, "only_base", (json_int_t)all->only_base,
                             "only_other", (json_int_t)all->only_other);
    tm_json_print(root, good && root, JSON_INDENT(1), into);
}
