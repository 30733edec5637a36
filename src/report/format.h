/* Small pieces that several renderers share. */
#ifndef TM_REPORT_FORMAT_H
#define TM_REPORT_FORMAT_H

#include "report/report.h"

/* The command that measures one cell again; in a form that a shell takes as it stands. */
void tm_report_repeat(const tm_record *record, const char *case_id, const char *backends, tm_text *into);

/* A line of measured limits for each thread count that a backend of the run has. */
void tm_report_limits(const tm_record *record, tm_text *into);

/* Appends one word so that a shell reads it back as it is. */
void tm_shell_quote(const char *word, tm_text *into);

/* "hot" or "cold": the cache state that the case id asks for. */
const char *tm_report_cache(const char *case_id);

/* "" for NULL. */
const char *tm_report_text(const char *text);

#endif
