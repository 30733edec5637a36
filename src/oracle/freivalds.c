/* Freivalds' check of products over all outputs: C r against A (B r), r of random signs, in float64, at the cost of
 * reading A, B and C once (R. Freivalds, 1977). Row i passes within 8 u_acc sqrt(k ((A o A)((B o B) 1))_i) +
 * 3 u_out norm2(C_i). A convolution is the product of its patches with its weights.
 *
 * First pass: B r and (B o B) 1, one value per row of B. Second pass: one residual per row of C. */
#include "base/parallel.h"
#include "oracle/judge.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { LANES = 8, PIECE = 512 };
static const double worst_ratio = 1e30; /* stands for NaN and for any excess over a bound of 0 */

typedef struct freivalds_job {
    const tm_problem *problem;
    tm_contraction product; /* not of convolutions */
    tm_convolution image;
    bool convolves;
    int64_t rows, columns, terms; /* of C; `terms` is k */
    tm_source got;
    double *sign;   /* r: columns */
    double *folded; /* B r */
    double *power;  /* (B o B) 1 */
    double bias_folded, bias_power;
    double of_sum, of_result; /* factors of the bound */
    double tiny;
    _Atomic int64_t worst; /* bits of the largest ratio: non-negative doubles order like integers */
} freivalds_job;

/* Adds sum x w and sum x^2 v. */
static void two_dots(const double *x, const double *w, const double *v, int64_t count, double *dot, double *power)
{
    double a[LANES] = {0}, b[LANES] = {0};
    int64_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        for (int lane = 0; lane < LANES; lane++) {
            a[lane] += x[i + lane] * w[i + lane];
            b[lane] += x[i + lane] * x[i + lane] * v[i + lane];
        }
    }
    for (; i < count; i++) {
        a[0] += x[i] * w[i];
        b[0] += x[i] * x[i] * v[i];
    }
    for (int lane = 0; lane < LANES; lane++) {
        *dot += a[lane];
        *power += b[lane];
    }
}

/* `source`'s `count` elements from `first`, against w and, squared, against v. */
static void fold(const tm_source *source, int64_t first, int64_t count, const double *w, const double *v, double *dot,
                 double *power)
{
    double piece[PIECE];
    for (int64_t at = 0; at < count; at += PIECE) {
        const int64_t some = tm_least(PIECE, count - at);
        tm_source_read(source, first + at, some, 1, piece);
        two_dots(piece, w + at, v + at, some, dot, power);
    }
}

/* A ones vector is the second half of `sign`. */
static void fold_rows_of_b(void *context, int64_t begin, int64_t end)
{
    const freivalds_job *job = context;
    const double *ones = job->sign + job->columns;
    for (int64_t row = begin; row < end; row++) {
        job->folded[row] = job->power[row] = 0;
        fold(&job->problem->in[1], row * job->columns, job->columns, job->sign, ones, &job->folded[row],
             &job->power[row]);
    }
}

/* Weights lie with the output channel outermost. */
static void fold_weights(freivalds_job *job)
{
    for (int64_t tap = 0; tap < job->terms; tap++) job->folded[tap] = job->power[tap] = 0;
    for (int64_t o = 0; o < job->columns; o++) {
        for (int64_t tap = 0; tap < job->terms; tap++) {
            const double weight = tm_source_at(&job->problem->in[1], o * job->terms + tap);
            job->folded[tap] += weight * job->sign[o];
            job->power[tap] += weight * weight;
        }
    }
}

/* A (B r) and (A o A)((B o B) 1) of row `row` of C. */
static void expect_row(const freivalds_job *job, int64_t row, double *dot, double *power)
{
    if (!job->convolves) {
        const tm_matmul_view *v = &job->product.view;
        const int64_t batch = row / v->m;
        const int64_t b = job->columns > 0 ? tm_contraction_b(&job->product, batch) / job->columns : 0;
        *dot = job->bias_folded;
        *power = job->bias_power;
        fold(&job->problem->in[0], tm_contraction_a(&job->product, batch) + row % v->m * v->k, v->k, job->folded + b,
             job->power + b, dot, power);
        return;
    }
    const tm_convolution *v = &job->image;
    const int64_t left = row % v->ow, top = row / v->ow % v->oh, image = row / v->ow / v->oh, span = v->kw * v->c;
    for (int64_t i = 0; i < v->kh; i++) {
        const int64_t first = ((image * v->h + top + i) * v->w + left) * v->c;
        fold(&job->problem->in[0], first, span, job->folded + i * span, job->power + i * span, dot, power);
    }
}

/* The residual of a row over its bound. A row that overflows in float64's eyes too is left to the other checks. */
static double row_ratio(const freivalds_job *job, int64_t row)
{
    double wanted = 0, power = 0, found = 0, norm = 0;
    expect_row(job, row, &wanted, &power);
    if (!isfinite(wanted)) return 0;
    fold(&job->got, row * job->columns, job->columns, job->sign, job->sign + job->columns, &found, &norm);
    const double residual = fabs(found - wanted);
    const double bound =
        job->of_sum * sqrt((double)job->terms * power) + job->of_result * sqrt(norm) + job->tiny * (double)job->columns;
    if (residual <= bound && isfinite(residual)) return bound > 0 ? residual / bound : 0;
    return bound > 0 && residual / bound < worst_ratio ? residual / bound : worst_ratio;
}

static void judge_rows(void *context, int64_t begin, int64_t end)
{
    freivalds_job *job = context;
    double worst = 0;
    for (int64_t row = begin; row < end; row++) {
        const double ratio = row_ratio(job, row);
        if (ratio > worst) worst = ratio;
    }
    int64_t mine, seen = atomic_load(&job->worst);
    memcpy(&mine, &worst, sizeof mine);
    while (mine > seen && !atomic_compare_exchange_weak(&job->worst, &seen, mine)) {}
}

static bool view_product(freivalds_job *job, const tm_problem *problem)
{
    job->problem = problem;
    if (problem->op == TM_OP_conv1d || problem->op == TM_OP_conv2d) {
        const tm_convolution v = job->image = tm_view_convolution(problem);
        job->convolves = true;
        job->rows = v.n * v.oh * v.ow;
        job->columns = v.o;
        job->terms = v.kh * v.kw * v.c;
    } else if (problem->op == TM_OP_matmul || problem->op == TM_OP_linear) {
        job->product = tm_view_contraction(problem);
        job->rows = job->product.view.batch * job->product.view.m;
        job->columns = job->product.view.n;
        job->terms = job->product.view.k;
    } else {
        return false;
    }
    return true;
}

/* Signs from a multiplicative hash: the same in every run, unrelated to any data. */
static void fill_signs(freivalds_job *job)
{
    uint64_t state = 0x243f6a8885a308d3u;
    for (int64_t j = 0; j < job->columns; j++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        job->sign[j] = state >> 63 ? -1 : 1;
        job->sign[job->columns + j] = 1;
    }
}

static double residuals(freivalds_job *job, int64_t folded_rows)
{
    const int threads = job->problem->threads;
    fill_signs(job);
    if (job->convolves)
        fold_weights(job);
    else
        tm_parallel_for(folded_rows, 64, threads, fold_rows_of_b, job);
    if (job->product.bias) {
        fold(job->product.bias, 0, job->columns, job->sign, job->sign + job->columns, &job->bias_folded,
             &job->bias_power);
        job->terms++;
    }
    const int64_t grain = tm_most(1, tm_least(4096, job->rows / (16 * (int64_t)threads)));
    tm_parallel_for(job->rows, grain, threads, judge_rows, job);
    const int64_t bits = atomic_load(&job->worst);
    double worst;
    memcpy(&worst, &bits, sizeof worst);
    return worst;
}

tm_status tm_freivalds(const tm_problem *problem, const tm_rule *rule, const void *got, bool exact, double *into,
                       tm_error *error)
{
    *into = NAN;
    freivalds_job job = {.got = {problem->result, got, false}};
    if (!view_product(&job, problem)) return TM_OK;
    const bool rounds = !exact || rule->dtype != TM_F32;
    job.of_sum = exact ? 0 : 8 * rule->u_acc;
    job.of_result = rounds ? 3 * rule->u_out * fmax(1, rule->c / 1.02) : 0;
    job.tiny = rounds ? rule->tiny : 0;
    const int64_t folded_rows =
        job.convolves ? job.terms : tm_shape_elements(&problem->in[1].shape) / tm_most(job.columns, 1);
    const size_t folded = (size_t)tm_most(folded_rows, job.terms) + 1, signs = 2 * (size_t)job.columns + 1;
    double *memory = malloc((signs + 2 * folded) * sizeof *memory);
    if (!memory) return tm_fail_memory(error, "Freivalds' check");
    job.sign = memory;
    job.folded = memory + signs;
    job.power = job.folded + folded;
    *into = job.rows > 0 && job.columns > 0 ? residuals(&job, folded_rows) : 0;
    free(memory);
    return TM_OK;
}
