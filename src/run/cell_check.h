/* Verification of one cell on a live worker: the program that is timed is the program that is checked. */
#ifndef TM_RUN_CELL_CHECK_H
#define TM_RUN_CELL_CHECK_H

#include "run/case_data.h"

/* What is known of a backend's outputs for one case; kept over the incarnations of a pass, so that an output that
 * hashes like a verified one need not be read again. */
typedef struct tm_cell_check {
    tm_check worst; /* the largest errors seen, the worst grade */
    bool probe_done, probe_passed, probe_exists;
    int32_t slots;
    tm_hash128 *verified; /* per slot */
    bool *known;
    tm_declared declared;
} tm_cell_check;

bool tm_cell_check_init(tm_cell_check *check, int32_t slots);
void tm_cell_check_free(tm_cell_check *check);

/* Binds every slot (slot < 0) or one. */
tm_outcome tm_cell_bind(tm_worker *worker, const tm_case_data *data, int32_t slot);

/* Judges output 0 of the last execution, which ran on `slot`: by hash when that slot's output was verified before, by
 * reading it otherwise. INVALID with the reason when it is wrong. `hash` may be NULL (it is asked for). */
tm_outcome tm_cell_verify_output(tm_worker *worker, tm_case_data *data, tm_cell_check *check, int32_t slot,
                                 const tm_hash128 *hash);

/* INVALID: the output changed after the batch had ended. */
tm_outcome tm_cell_late(void);

/* Looks at the output again 20 ms after the visit's last batch. INVALID if it is not what it was then. */
tm_outcome tm_cell_settled(tm_worker *worker, const tm_case_data *data, const tm_visit_result *visit);

/* Runs every checked slot once (0, 1 and the last) and judges it; the first call's time goes to `first_call_ns`. Where
 * calls are long and an earlier incarnation was checked on all slots, slot 0 is enough: rounds judge the others. */
tm_outcome tm_cell_first_calls(tm_worker *worker, tm_case_data *data, tm_cell_check *check, double *first_call_ns);

/* The exact-integer probe on the compiled program, once per check; slot 0 is bound to its own data again. */
tm_outcome tm_cell_probe(tm_worker *worker, tm_case_data *data, tm_cell_check *check);

/* Are the bound inputs still what was bound? INVALID if not; OK where the backend cannot tell. */
tm_outcome tm_cell_inputs_unchanged(tm_worker *worker, tm_case_data *data);

#endif
