/* One node with its operands, and how its output is cut into units: the pieces that are computed, sampled and judged
 * independently of each other. Every op has one plain function that fills one unit (src/oracle/ops/). */
#ifndef TM_ORACLE_PROBLEM_H
#define TM_ORACLE_PROBLEM_H

#include "base/dtype.h"
#include "graph/graph.h"

/* An operand: dense data in its dtype, or float64 where it is an earlier node's result (`wide`). */
typedef struct tm_source {
    tm_shape shape;
    const void *data;
    bool wide;
} tm_source;

/* `count` elements at first, first + stride, ... as float64. */
void tm_source_read(const tm_source *source, int64_t first, int64_t count, int64_t stride, double *into);
double tm_source_at(const tm_source *source, int64_t index);
int64_t tm_source_index(const tm_source *source, int64_t position); /* of an index tensor */

typedef struct tm_problem {
    tm_op op;
    tm_attributes attributes;
    tm_source in[TM_MAX_OPERANDS];
    int32_t operands;
    tm_shape result;
    int threads;
    bool plain;     /* in float32 loops, as our own portable program does it, where the op has such */
    void *prepared; /* what the op's `prepare` made; freed by tm_problem_release */
} tm_problem;

/* Either blocks: the output is `rows` x `row_length`, each row cut into blocks of at most `block` elements; or lines
 * (`inner` > 0): a unit is the `length` elements at distance `inner` around an axis. */
typedef struct tm_layout {
    int64_t rows, row_length, block;
    int64_t length, inner;
    int64_t units;
    int64_t longest; /* elements of the largest unit */
    size_t scratch;  /* doubles that the unit function needs */
    double cost_ns;  /* estimate for all units on one thread */
} tm_layout;

typedef struct tm_unit {
    int64_t row, first;          /* of blocks: row, and offset within it */
    int64_t base, count, stride; /* of its elements in the output */
} tm_unit;

tm_unit tm_unit_at(const tm_layout *layout, int64_t number);
void tm_layout_blocks(tm_layout *into, int64_t rows, int64_t row_length, int64_t block, size_t scratch);
void tm_layout_lines(tm_layout *into, tm_axis_view view, size_t scratch);

/* Fills `want` and, for ops that are `sized`, `size` (S of docs/verification.md) of one unit. */
typedef void (*tm_unit_function)(const tm_problem *problem, const tm_unit *unit, double *want, double *size,
                                 double *scratch);

/* Fills `count` whole rows of the last axis from row `first` on, all at once: for graphs of several nodes, where no
 * size is asked for. Obeys `plain`. */
typedef void (*tm_rows_function)(const tm_problem *problem, int64_t first, int64_t count, double *into,
                                 double *scratch);

typedef struct tm_oracle_op {
    void (*layout)(const tm_problem *problem, tm_layout *into);
    tm_unit_function unit;
    tm_status (*prepare)(tm_problem *problem, tm_error *error); /* NULL: nothing to prepare */
    tm_rows_function rows;                                      /* NULL: unit by unit */
    tm_unit_function plain; /* the unit in float32 loops; NULL: rounding of the result is all its noise */
    bool direct;            /* cheaper to compute again than to keep: expected values are not stored */
    bool sized;
} tm_oracle_op;

/* One descriptor per op; an op without one does not link. */
#define TM_OP(name, ...) extern const tm_oracle_op tm_oracle_##name;
#include "graph/ops.def"
#undef TM_OP

const tm_oracle_op *tm_oracle_op_of(tm_op op);

/* The problem of node `node`; `values[v]` is the data of value v, `wide` from the first node result on; NULL: no data.
 */
tm_problem tm_problem_view(const tm_graph *graph, int32_t node, const void *const *values, int threads);

/* Checks indices and runs the op's `prepare`; needed before units are computed. */
tm_status tm_problem_prepare(tm_problem *problem, tm_error *error);
void tm_problem_release(tm_problem *problem);

static inline int64_t tm_least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}
static inline int64_t tm_most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}
static inline int64_t tm_ceil_div(int64_t a, int64_t b)
{
    return b > 0 ? (a + b - 1) / b : 0;
}

/* rows.c: what a tm_rows_function works on at a time, and the scratch it needs, in doubles. */
enum { TM_ROWS = 64, TM_ROWS_SCRATCH = 3 * 64 * 64 };
void tm_product_rows(const tm_problem *problem, int64_t first, int64_t count, double *into, double *scratch);

/* sum += a b and squares += (a b)^2, elementwise over n results. */
static inline void tm_accumulate(double a, const double *restrict b, int64_t n, double *restrict sum,
                                 double *restrict squares)
{
    for (int64_t j = 0; j < n; j++) {
        const double product = a * b[j];
        sum[j] += product;
        squares[j] += product * product;
    }
}

/* `value` as a tensor of this dtype would hold it. */
double tm_round_to(tm_dtype dtype, double value);
/* Distance of neighbouring values of the dtype around `value`. */
double tm_ulp(tm_dtype dtype, double value);

/* Parallel over pieces of 0..count where each thread has scratch memory of its own. */
typedef void (*tm_scratch_body)(void *context, int64_t begin, int64_t end, double *scratch);
tm_status tm_parallel_scratch(int64_t count, int64_t grain, int threads, size_t doubles, tm_scratch_body body,
                              void *context, tm_error *error);

/* convolution as one implicit matrix product, for the oracle and for Freivalds' check */
typedef struct tm_convolution {
    int64_t n, h, w, c, o, kh, kw, oh, ow;
} tm_convolution;
tm_convolution tm_view_convolution(const tm_problem *problem);

/* matmul and linear as `batch` products with an optional bias row */
typedef struct tm_contraction {
    tm_matmul_view view;
    const tm_source *a, *b, *bias;
} tm_contraction;
tm_contraction tm_view_contraction(const tm_problem *problem);
int64_t tm_contraction_a(const tm_contraction *c, int64_t batch); /* first element of the batch's matrix */
int64_t tm_contraction_b(const tm_contraction *c, int64_t batch);

/* scatter: source rows by destination */
typedef struct tm_candidates {
    const int64_t *start; /* rows + 1 */
    const int64_t *source;
} tm_candidates;
tm_candidates tm_candidates_of(const tm_problem *problem);

#endif
