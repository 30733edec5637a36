/* Small pieces that several renderers share. */
#ifndef TM_REPORT_FORMAT_H
#define TM_REPORT_FORMAT_H

#include "report/report.h"

/* The command that measures one cell again; in a form that a shell takes as it stands. */
void tm_report_repeat(const tm_record *record, const char *case_id, const char *backends, tm_text *into);

/* " OPTION VALUE" as the recorded command line has it; nothing where it was not given. A list of thread counts is left
 * out: the names of the backends hold it. */
void tm_report_given(const tm_record *record, const char *option, tm_text *into);

/* The lines above the tables of a run, and those below. */
void tm_report_caption(const tm_record *record, tm_text *into);
void tm_report_remarks(const tm_record *record, tm_text *into);

/* A line of measured limits for each thread count that a backend of the run has. */
void tm_report_limits(const tm_record *record, tm_text *into);

/* " --backends A,B", after a --backend for every name among them that the user defined, and before what else the run
 * was told of backends: --threads, --torch, --isa. */
void tm_report_backends(const tm_record *record, const char *backends, tm_text *into);

/* Appends one word so that a shell reads it back as it is. */
void tm_shell_quote(const char *word, tm_text *into);

/* "hot" or "cold": the cache state that the case id asks for. */
const char *tm_report_cache(const char *case_id);

/* "1.23x": three significant digits, of a ratio below 0.1 two. */
void tm_report_ratio(double ratio, char *into, size_t capacity);

/* One field of a CSV row: quoted where it must be, never a formula; the `last` one ends the row. */
void tm_csv_field(const char *text, bool last, tm_text *into);
void tm_csv_real(double value, tm_text *into); /* empty unless finite; never the last field */

/* "" for NULL. */
const char *tm_report_text(const char *text);

#endif
