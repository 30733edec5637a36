/* Is an output right? Grades as docs/verification.md defines them. */
#ifndef TM_ORACLE_VERIFY_H
#define TM_ORACLE_VERIFY_H

#include "oracle/oracle.h"

typedef enum tm_grade { TM_GRADE_NONE = 0, TM_GRADE_PASS = 1, TM_GRADE_LOWACC = 2, TM_GRADE_FAIL = 3 } tm_grade;

#define TM_LABEL_RACY      1u /* scatter: a row mixed from several candidates */
#define TM_LABEL_NOT_FIRST 2u /* argmax: another index than the first maximum */

typedef struct tm_check {
    tm_grade grade;
    double max_error; /* E, see docs/verification.md; 0 for exact ops */
    double rms_error;
    int64_t checked;  /* elements */
    double freivalds; /* largest row residual over its bound; < 1 passes; NaN: not applicable */
    uint32_t labels;  /* TM_LABEL_... */
    char reason[256]; /* when the grade is FAIL or LOWACC: what failed, where, by how much */
} tm_check;

/* Judges output 0, dense in its own dtype, against `expected`; Freivalds over the whole output where the op has it;
 * share of zeros. `inputs` are the ones `expected` was made from. */
tm_status tm_verify(const tm_graph *graph, const void *const *inputs, const tm_expected *expected, const void *got,
                    const tm_declared *declared, int threads, tm_check *into, tm_error *error);

const char *tm_grade_name(tm_grade grade); /* "pass", "lowacc", "fail", "none" */

/* The exact-integer probe. tm_probe_fill writes input `input` so that any order of summation is exact; false if the
 * graph has no probe (not a contraction or sum). tm_probe_check compares bit by bit; grade PASS or FAIL. */
bool tm_probe_exists(const tm_graph *graph, const tm_declared *declared);
void tm_probe_fill(const tm_graph *graph, uint64_t seed, int32_t input, int threads, void *into);
tm_status tm_probe_check(const tm_graph *graph, const void *const *inputs, const void *got, int threads, tm_check *into,
                         tm_error *error);

#endif
