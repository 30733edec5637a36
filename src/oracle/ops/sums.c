/* sum, sum_all, bce. Long sums are cut into chunks whose results are added with a running correction (Neumaier), so
 * that 10^8 terms cost no more accuracy than a thousand. */
#include "oracle/problem.h"

#include "base/parallel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 1024, LANES = 8, WIDE_BLOCK = 1024, SHARE = 256 * CHUNK };

typedef struct running {
    double sum, lost;
} running;

static void running_add(running *total, double term)
{
    const double next = total->sum + term;
    const double lost = fabs(total->sum) >= fabs(term) ? total->sum - next + term : term - next + total->sum;
    if (isfinite(next)) total->lost += lost;
    total->sum = next;
}

/* Adds up to CHUNK terms, eight partial sums at a time. */
static void add_chunk(const double *x, int64_t count, running *sum, running *squares)
{
    double part[LANES] = {0}, square[LANES] = {0};
    int64_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        for (int lane = 0; lane < LANES; lane++) {
            part[lane] += x[i + lane];
            square[lane] += x[i + lane] * x[i + lane];
        }
    }
    for (; i < count; i++) {
        part[0] += x[i];
        square[0] += x[i] * x[i];
    }
    double all = 0, all_squares = 0;
    for (int lane = 0; lane < LANES; lane++) {
        all += part[lane];
        all_squares += square[lane];
    }
    running_add(sum, all);
    running_add(squares, all_squares);
}

static void sum_layout(const tm_problem *problem, tm_layout *into)
{
    const tm_axis_view view = tm_view_axis(&problem->in[0].shape, problem->attributes.axis);
    if (view.inner == 1)
        tm_layout_blocks(into, 1, view.outer, tm_most(1, 4096 / tm_most(view.length, 1)), CHUNK);
    else
        tm_layout_blocks(into, view.outer, view.inner, WIDE_BLOCK, WIDE_BLOCK);
    into->cost_ns = 1.5 * (double)(view.outer * view.length * view.inner);
}

static void oracle_sum(const tm_problem *problem, const tm_unit *unit, double *want, double *size, double *scratch)
{
    const tm_axis_view view = tm_view_axis(&problem->in[0].shape, problem->attributes.axis);
    const double terms = (double)view.length;
    if (view.inner == 1) {
        for (int64_t i = 0; i < unit->count; i++) {
            running sum = {0}, squares = {0};
            for (int64_t at = 0; at < view.length; at += CHUNK) {
                const int64_t count = tm_least(CHUNK, view.length - at);
                tm_source_read(&problem->in[0], (unit->base + i) * view.length + at, count, 1, scratch);
                add_chunk(scratch, count, &sum, &squares);
            }
            want[i] = sum.sum + sum.lost;
            size[i] = sqrt(terms * (squares.sum + squares.lost));
        }
        return;
    }
    memset(want, 0, (size_t)unit->count * sizeof *want);
    memset(size, 0, (size_t)unit->count * sizeof *size);
    for (int64_t at = 0; at < view.length; at++) {
        const int64_t first = (unit->row * view.length + at) * view.inner + unit->first;
        tm_source_read(&problem->in[0], first, unit->count, 1, scratch);
        tm_accumulate(1, scratch, unit->count, want, size);
    }
    for (int64_t i = 0; i < unit->count; i++) size[i] = sqrt(terms * size[i]);
}

/* A whole tensor's terms, summed share by share; each share's result has a place of its own, so that the total does not
 * depend on the threads. */
typedef struct total_job {
    const tm_problem *problem;
    void (*terms)(const tm_problem *problem, int64_t first, int64_t count, double *into, double *scratch);
    int64_t elements;
    double *share; /* sum and sum of squares of each */
} total_job;

static void total_shares(void *context, int64_t begin, int64_t end)
{
    const total_job *job = context;
    double x[CHUNK], scratch[CHUNK];
    for (int64_t i = begin; i < end; i++) {
        running sum = {0}, squares = {0};
        const int64_t last = tm_least(job->elements, (i + 1) * SHARE);
        for (int64_t at = i * SHARE; at < last; at += CHUNK) {
            const int64_t count = tm_least(CHUNK, last - at);
            job->terms(job->problem, at, count, x, scratch);
            add_chunk(x, count, &sum, &squares);
        }
        job->share[2 * i] = sum.sum + sum.lost;
        job->share[2 * i + 1] = squares.sum + squares.lost;
    }
}

/* problem->prepared becomes {sum, sum of squares}. */
static tm_status prepare_total(tm_problem *problem, total_job job, tm_error *error)
{
    job.problem = problem;
    job.elements = tm_shape_elements(&problem->in[0].shape);
    const int64_t shares = tm_ceil_div(job.elements, SHARE);
    double *total = malloc(2 * sizeof *total);
    job.share = malloc(((size_t)shares * 2 + 1) * sizeof *job.share);
    if (!job.share || !total) {
        free(job.share);
        free(total);
        return tm_fail_memory(error, "the oracle's sum");
    }
    tm_parallel_for(shares, 1, problem->threads, total_shares, &job);
    running sum = {0}, squares = {0};
    for (int64_t i = 0; i < shares; i++) {
        running_add(&sum, job.share[2 * i]);
        running_add(&squares, job.share[2 * i + 1]);
    }
    free(job.share);
    total[0] = sum.sum + sum.lost;
    total[1] = squares.sum + squares.lost;
    problem->prepared = total;
    return TM_OK;
}

static void scalar_layout(const tm_problem *problem, tm_layout *into)
{
    (void)problem;
    tm_layout_blocks(into, 1, 1, 1, 1);
    into->cost_ns = 0; /* always whole: the work is in `prepare` */
}

static void plain_terms(const tm_problem *problem, int64_t first, int64_t count, double *into, double *scratch)
{
    (void)scratch;
    tm_source_read(&problem->in[0], first, count, 1, into);
}

static tm_status sum_all_prepare(tm_problem *problem, tm_error *error)
{
    return prepare_total(problem, (total_job){.terms = plain_terms}, error);
}

static void oracle_sum_all(const tm_problem *problem, const tm_unit *unit, double *want, double *size, double *scratch)
{
    (void)unit, (void)scratch;
    const double *total = problem->prepared;
    want[0] = total[0];
    size[0] = sqrt((double)tm_shape_elements(&problem->in[0].shape) * total[1]);
}

/* -(t ln p + (1 - t) ln(1 - p)), each logarithm clamped at -100. */
static void entropy_terms(const tm_problem *problem, int64_t first, int64_t count, double *into, double *scratch)
{
    tm_source_read(&problem->in[0], first, count, 1, into);
    tm_source_read(&problem->in[1], first, count, 1, scratch);
    for (int64_t i = 0; i < count; i++) {
        const double p = into[i], t = scratch[i];
        const double hit = log(p), miss = log1p(-p);
        into[i] = -(t * (hit < -100 ? -100 : hit) + (1 - t) * (miss < -100 ? -100 : miss));
    }
}

static tm_status bce_prepare(tm_problem *problem, tm_error *error)
{
    return prepare_total(problem, (total_job){.terms = entropy_terms}, error);
}

/* The mean of terms that are all >= 0; S = their mean. */
static void oracle_bce(const tm_problem *problem, const tm_unit *unit, double *want, double *size, double *scratch)
{
    (void)unit, (void)scratch;
    const double *total = problem->prepared;
    want[0] = total[0] / (double)tm_shape_elements(&problem->in[0].shape);
    size[0] = fabs(want[0]);
}

const tm_oracle_op tm_oracle_sum = {.layout = sum_layout, .unit = oracle_sum, .sized = true};
const tm_oracle_op tm_oracle_sum_all = {
    .layout = scalar_layout, .unit = oracle_sum_all, .prepare = sum_all_prepare, .sized = true};
const tm_oracle_op tm_oracle_bce = {.layout = scalar_layout, .unit = oracle_bce, .prepare = bce_prepare, .sized = true};
