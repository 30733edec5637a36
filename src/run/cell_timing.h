/* Findings against a backend's times: work that does not cost what it should. */
#ifndef TM_RUN_CELL_TIMING_H
#define TM_RUN_CELL_TIMING_H

#include "run/cell_check.h"

/* Does time grow with the number of executions? False with the reason if not; `*nonlinear` if it is odd, no more. */
bool tm_timing_grows(const tm_calibration *calibration, bool *nonlinear, char *reason, size_t capacity);

/* Do executions on the same bytes, written anew, take as long as on new bytes? False with the reason if not. */
bool tm_timing_is_fresh(const tm_rewriting *rewriting, char *reason, size_t capacity);

/* How many times as long an execution takes on new bytes; 95 % interval, NaN with fewer than two pairs. */
typedef struct tm_freshness {
    double ratio, low, high;
} tm_freshness;
tm_freshness tm_timing_freshness(const tm_rewriting *rewriting);

/* Writes slot 0's inputs anew, with the same and with other bytes, and judges times and the last output. A finding
 * about time counts when two repeats agree. Slot 0 is left as it was. Needs two slots; calls over 1 s are not
 * checked: then `last`, which gets the last measurement, is left as it was. */
tm_outcome tm_cell_rewritten(tm_worker *worker, tm_case_data *data, tm_cell_check *check, double call_ns,
                             double first_call_ns, tm_rewriting *last);

/* Before measurements are repeated because of what they said: another moment for the machine. */
void tm_timing_wait(int32_t repeat);

#endif
