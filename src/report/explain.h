/* How one cell's number came about: its visits in order, what was looked at before them, every check with its figure,
 * the limits behind its efficiency, what its labels mean, its verdict, and how to see it again. */
#ifndef TM_REPORT_EXPLAIN_H
#define TM_REPORT_EXPLAIN_H

#include "report/report.h"

typedef struct tm_explained_visit {
    int32_t incarnation, round, attempt;
    double start_ns, median_ns, least_ns, most_ns; /* start since the run's; times per execution */
    double core_to_core_ns;                        /* where the processors lay; NaN: not known */
    int64_t samples;
    bool kept;
    char reason[64]; /* of one that was not kept */
} tm_explained_visit;

typedef struct tm_explained_note {
    int32_t incarnation;
    char *json; /* as the run layer wrote it */
} tm_explained_note;

typedef struct tm_explained {
    const tm_record *record;
    const tm_record_cell *cell;
    tm_explained_visit *visits;
    tm_explained_note *notes;
    int64_t visit_count, note_count;
} tm_explained;

/* Markdown. */
void tm_report_explain(const tm_explained *explained, tm_text *into);

/* What a label says, the run's or an adapter's, in a sentence; NULL for one that only its backend knows. */
const char *tm_label_meaning(const char *label);

#endif
