/* What `--fail-on-regression` found: which cells seemed to be slower than allowed, and what became of each when it was
 * measured again. */
#ifndef TM_STORE_GATE_H
#define TM_STORE_GATE_H

#include "store/comparison.h"

typedef struct tm_regression {
    char *case_id, *backend;
    bool confirmed;     /* slower than allowed when measured again as well: the gate fails */
    bool unknown;       /* not measured again, whatever the reason: there is no answer */
    char sentence[640]; /* what was found */
} tm_regression;

typedef struct tm_gate {
    double allowed;            /* a slowdown up to this share: 0.05 is 5 % */
    char against[160];         /* "in run 2026...", or a backend of the same run */
    tm_comparison *comparison; /* before anything was measured again; points into records that outlive the gate */
    tm_regression *items;
    int64_t count, confirmed, unknown;
} tm_gate;

/* By how much longer the other takes: 0.3 is 30 %; NaN for a ratio that is not known. */
double tm_slowdown(double ratio);

/* Is the other slower by more than `allowed` beyond doubt: is the near end of the interval? False where there is none.
 */
bool tm_is_slower_than(const tm_compared *row, double allowed);

/* The finding about a cell, NULL for none. `gate` may be NULL. */
const tm_regression *tm_gate_find(const tm_gate *gate, const char *case_id, const char *backend);

/* False for a completed cell that the gate should have compared and could not, since the other side has no time. `gate`
 * may be NULL. */
bool tm_gate_could_compare(const tm_gate *gate, const tm_record_cell *cell);

/* How many cells have a time on both sides. */
int64_t tm_gate_compared(const tm_gate *gate);

void tm_gate_free(const tm_gate *gate); /* what it holds */

#endif
