/* A record as text: markdown tables, csv, json, jsonl. Renderers only render; every figure comes from the record. */
#ifndef TM_REPORT_REPORT_H
#define TM_REPORT_REPORT_H

#include "base/text.h"
#include "store/gate.h"

typedef struct tm_report_style {
    bool color;       /* ANSI colours */
    bool samples;     /* json: raw samples too */
    const char *base; /* backend that speed-ups refer to; NULL: the first */
    int width;        /* columns of the terminal; 0: no limit */
} tm_report_style;

/* Detailed table (a row per case: median +- half-width per backend, efficiency, speed-up columns, status), then the
 * average table (a row per op: geometric means over the cases that all backends completed, with the count). */
void tm_report_markdown(const tm_record *record, const tm_report_style *style, tm_text *into);
void tm_report_csv(const tm_record *record, const tm_report_style *style, tm_text *into);   /* a row per cell */
void tm_report_json(const tm_record *record, const tm_report_style *style, tm_text *into);  /* tensormark.run/1 */
void tm_report_jsonl(const tm_record *record, const tm_report_style *style, tm_text *into); /* a cell per line */

/* A table to be kept as a page: a row per case with its limit, time and share of the limit per backend; its head says
 * how to make it again, and on which machine it was measured. */
void tm_report_efficiency(const tm_record *record, const tm_report_style *style, tm_text *into);

/* Two runs, or backends of one: a row per case and pair of backends, and what they add up to. */
void tm_report_compare_markdown(const tm_comparison *all, const tm_report_style *style, tm_text *into);
void tm_report_compare_csv(const tm_comparison *all, tm_text *into);
void tm_report_compare_json(const tm_comparison *all, tm_text *into); /* tensormark.compare/1 */

/* For CI: a test case per cell in JUnit's XML; a page of markdown with the gate's answer first. `gate` may be NULL. */
void tm_report_junit(const tm_record *record, const tm_gate *gate, tm_text *into);
void tm_report_summary(const tm_record *record, const tm_gate *gate, tm_text *into);

/* One row of the detailed table, for showing cells as they come; `header` gives the lines above the first. */
void tm_report_row_header(const tm_record *record, const tm_report_style *style, tm_text *into);
void tm_report_row(const tm_record *record, const tm_report_style *style, const char *case_id, tm_text *into);

/* "1.23 ms", "412 us", "3.1 s": three significant digits. */
void tm_report_time(double nanoseconds, char *into, size_t capacity);

/* What the cells' statuses add up to as the program's exit status: 0 or 3 (`strict`: only OK counts). */
int tm_report_exit_status(const tm_record *record, bool strict);

#endif
