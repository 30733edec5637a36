/* How units of an output are judged: the rule of the case, one check function per kind of op, and the tally they keep.
 */
#ifndef TM_ORACLE_JUDGE_H
#define TM_ORACLE_JUDGE_H

#include "oracle/expected.h"
#include "oracle/verify.h"

/* The figures of the element error, see docs/verification.md. */
typedef struct tm_rule {
    tm_dtype dtype;
    double u_out, u_acc;
    double c;    /* roundings to the output type that are granted */
    double tiny; /* absolute error that is granted: flushed or half the smallest subnormal */
    double max_limit, rms_limit, low_limit;
} tm_rule;

tm_rule tm_rule_of(const tm_problem *problem, bool layered, const tm_declared *declared);

/* E; INFINITY for what no tolerance covers (NaN, wrong infinity, an error where S is 0). */
double tm_element_error(const tm_rule *rule, double got, double want, double size);

typedef struct tm_tally {
    double max_error, squares;
    int64_t max_at; /* element of the output; -1: none */
    double max_got, max_want;
    int64_t checked, failures;
    int64_t failed_at; /* the first of them */
    char failure[192];
    int64_t may_be_zero; /* elements where a zero would be accepted */
    uint32_t labels;
} tm_tally;

typedef struct tm_judge tm_judge;

/* Judges one unit; `size` is NULL for ops that are not sized. */
typedef void (*tm_check_function)(const tm_judge *judge, const tm_unit *unit, const double *got, const double *want,
                                  const float *size, tm_tally *tally);

struct tm_judge {
    const tm_problem *problem; /* with the verified inputs */
    tm_rule rule;
    bool counts_zeros; /* may_be_zero is wanted: only where a sample is judged */
    tm_check_function check;
};

void tm_check_exact(const tm_judge *, const tm_unit *, const double *, const double *, const float *, tm_tally *);
void tm_check_candidate(const tm_judge *, const tm_unit *, const double *, const double *, const float *, tm_tally *);
void tm_check_maximum(const tm_judge *, const tm_unit *, const double *, const double *, const float *, tm_tally *);
void tm_check_ulp(const tm_judge *, const tm_unit *, const double *, const double *, const float *, tm_tally *);
void tm_check_scaled(const tm_judge *, const tm_unit *, const double *, const double *, const float *, tm_tally *);
void tm_check_contraction(const tm_judge *, const tm_unit *, const double *, const double *, const float *, tm_tally *);
void tm_check_mean(const tm_judge *, const tm_unit *, const double *, const double *, const float *, tm_tally *);
void tm_check_softmax(const tm_judge *, const tm_unit *, const double *, const double *, const float *, tm_tally *);
/* What a probe asks: the exact result, rounded once. */
void tm_check_probe(const tm_judge *, const tm_unit *, const double *, const double *, const float *, tm_tally *);

/* Judges every unit of `expected` on all threads. */
tm_status tm_judge_all(const tm_judge *judge, const tm_expected *expected, const void *got, tm_tally *into,
                       tm_error *error);

/* The largest row residual of C r against A (B r) over its bound, all outputs; NaN where the op has no such check.
 * With `exact`, the bound is that of the final rounding alone (probe data). */
tm_status tm_freivalds(const tm_problem *problem, const tm_rule *rule, const void *got, bool exact, double *into,
                       tm_error *error);

#endif
