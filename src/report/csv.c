/* CSV after RFC 4180, a row per cell. A text that a spreadsheet would take for a formula gets an apostrophe before it.
 */
#include "report/format.h"

#include <math.h>
#include <string.h>

void tm_csv_field(const char *text, bool last, tm_text *into)
{
    tm_text visible = {0};
    const size_t spaces = strspn(text, " \t\r\n");
    if (text[spaces] && strchr("=+-@|%", text[spaces])) tm_text_add(&visible, "'");
    tm_text_add_visible(&visible, text);
    tm_text_add(&visible, "");
    if (visible.failed) {
        into->failed = true;
    } else if (strpbrk(visible.data, "\",")) {
        tm_text_add(into, "\"");
        for (const char *c = visible.data; *c; c++) {
            if (*c == '"') tm_text_add(into, "\"");
            tm_text_add_bytes(into, c, 1);
        }
        tm_text_add(into, "\"");
    } else {
        tm_text_add(into, visible.data);
    }
    tm_text_add(into, last ? "\r\n" : ",");
    tm_text_free(&visible);
}

void tm_csv_real(double value, tm_text *into)
{
    if (isfinite(value)) tm_text_format(into, "%.9g", value);
    tm_text_add(into, ",");
}

static void add_integer(int64_t value, tm_text *into)
{
    tm_text_format(into, "%lld,", (long long)value);
}

static void add_cell(const tm_record *record, const tm_record_cell *cell, tm_text *into)
{
    const char *const names[] = {record->id,  cell->case_id, cell->suite,
                                 cell->group, cell->backend, tm_cell_status_name(cell->status),
                                 cell->reason};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) tm_csv_field(tm_report_text(names[i]), false, into);
    const double times[] = {cell->median_ns, cell->ci_low_ns, cell->ci_high_ns,
                            cell->p5_ns,     cell->p95_ns,    cell->min_ns};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) tm_csv_real(times[i], into);
    add_integer(cell->samples, into);
    add_integer(cell->discarded, into);
    tm_csv_real(cell->first_call_ns, into);
    tm_csv_field(tm_report_text(cell->verify), false, into);
    tm_csv_real(cell->error, into);
    tm_csv_real(cell->rms_error, into);
    add_integer(cell->checked, into);
    tm_csv_field(tm_report_text(cell->probe), false, into);
    const double work[] = {cell->freivalds, cell->flop, cell->bytes, cell->limit_ns};
    for (size_t i = 0; i < sizeof work / sizeof *work; i++) tm_csv_real(work[i], into);
    tm_csv_field(tm_report_text(cell->limit_basis), false, into);
    tm_csv_real(cell->floor_ns, into);
    tm_csv_real(cell->efficiency, into);
    add_integer(cell->peak_host_bytes, into);
    add_integer(cell->peak_device_bytes, into);
    tm_csv_field(tm_report_cache(cell->case_id), false, into);
    tm_csv_field(tm_report_text(cell->labels), false, into);
    tm_csv_field(tm_report_text(cell->metrics), false, into);
    tm_text repeat = {0};
    tm_report_repeat(record, cell->case_id, cell->backend, &repeat);
    tm_csv_field(tm_report_text(repeat.data), true, into);
    tm_text_free(&repeat);
}

void tm_report_csv(const tm_record *record, const tm_report_style *style, tm_text *into)
{
    (void)style;
    tm_text_add(into, "run,case,suite,op,backend,status,reason,median_ns,ci_low_ns,ci_high_ns,p5_ns,p95_ns,min_ns,"
                      "samples,discarded,first_call_ns,verify,error,rms_error,checked_elements,probe,freivalds,flop,"
                      "bytes,limit_ns,limit_basis,floor_ns,efficiency,peak_host_bytes,peak_device_bytes,cache,labels,"
                      "metrics,repeat\r\n");
    for (int64_t i = 0; i < record->cell_count; i++) add_cell(record, &record->cells[i], into);
}
