/* The exact-integer probe: inputs from {-1, 0, 1} with a few +-4097 that meet only ones, so thin that the sum of the
 * magnitudes of any result's terms stays below 2^24. Every order of summation is then exact in float32; a lost term, or
 * inputs rounded to fewer than 13 bits (TF32, bf16), changes some result. 16-bit types get -1, 0, 1 alone and are
 * compared after one rounding.
 *
 * In a contraction every position along the contracted axis has a role, the same for both operands: plain, or "the left
 * one is large, the right one is +-1", or the reverse. */
#include "oracle/verify.h"

#include "base/parallel.h"
#include "oracle/judge.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LARGE = 4097, LARGE_POSITIONS = 4, ENTROPY_HITS = 1000, ROLES = 3 };
static const double thin_total = 0x1p22; /* wanted sum of magnitudes: a quarter of what is exact */
static const double whole_seconds = 0.5;

static uint64_t scramble(uint64_t x)
{
    x = (x ^ x >> 33) * 0xff51afd7ed558ccdu;
    x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53u;
    return x ^ x >> 33;
}

static bool is_contraction(tm_op op)
{
    return op == TM_OP_matmul || op == TM_OP_linear || op == TM_OP_conv1d || op == TM_OP_conv2d;
}

static bool is_sum(tm_op op)
{
    return op == TM_OP_sum || op == TM_OP_sum_all || op == TM_OP_scatter_sum;
}

bool tm_probe_exists(const tm_graph *graph, const tm_declared *declared)
{
    if (graph->nodes != 1 || graph->outputs != 1) return false;
    const tm_node *node = &graph->node[0];
    if (node->op == TM_OP_bce || is_sum(node->op)) return !declared || declared->accumulator == TM_F32;
    if (!is_contraction(node->op) || node->operand[0] == node->operand[1]) return false;
    if (!declared) return true;
    const tm_shape *weight = &graph->shape[node->operand[1]];
    const bool three = node->op == TM_OP_conv2d && weight->dim[1] == 3 && weight->dim[2] == 3;
    return declared->accumulator == TM_F32 && !declared->tf32 && !(declared->winograd && three);
}

typedef struct probe_job {
    tm_problem problem;
    uint64_t seed;
    int32_t input;
    int64_t divisor, axis; /* element i lies at position i / divisor % axis of the contracted axis; axis 0: at none */
    int64_t every;         /* distance of positions with the same role */
    double density;        /* share of plain elements that are not 0 */
    double large_share;    /* share of elements that may be large which are; 0 for 16-bit types */
    uint64_t large_below[ROLES], one_below[ROLES]; /* of 2^32: which random numbers give +-4097, +-1 */
    char *into;
} probe_job;

/* Where input `input` of a contraction lies along its axis. An image meets a weight by channel alone. */
static void plan_contraction(probe_job *job)
{
    const tm_problem *p = &job->problem;
    int64_t terms, windows = 1;
    job->divisor = 1;
    if (p->op == TM_OP_conv1d || p->op == TM_OP_conv2d) {
        const tm_convolution v = tm_view_convolution(p);
        windows = v.kh * v.kw;
        job->axis = v.c;
        terms = windows * v.c;
    } else {
        const tm_matmul_view v = tm_view_contraction(p).view;
        if (job->input == 1) job->divisor = tm_most(1, v.n);
        job->axis = terms = v.k;
    }
    job->every = tm_most(3, job->axis / LARGE_POSITIONS);
    const double larges = 2.0 * (double)(tm_ceil_div(job->axis, job->every) * windows);
    job->large_share *= fmin(1, thin_total / (LARGE * fmax(1, larges)));
    job->density = fmin(2.0 / 3, sqrt(thin_total / (double)tm_most(1, terms)));
    if (job->input == 2) job->axis = 0;
}

static void plan_sum(probe_job *job)
{
    const tm_problem *p = &job->problem;
    int64_t terms = tm_shape_elements(&p->in[0].shape);
    if (p->op == TM_OP_sum) terms = tm_view_axis(&p->in[0].shape, p->attributes.axis).length;
    if (p->op == TM_OP_scatter_sum) terms = p->in[0].shape.dim[0];
    job->density = fmin(2.0 / 3, thin_total / 2 / (double)tm_most(1, terms));
    job->large_share *= fmin(0x1p-10, thin_total / 2 / LARGE / (double)tm_most(1, terms));
}

/* Role 0: the left operand is large, role 1: the right one, role 2: plain. The operand that is not large is +-1. */
static void plan_roles(probe_job *job)
{
    const bool sums = is_sum(job->problem.op), roles = !sums && job->axis > 0 && job->large_share > 0;
    if (!roles) job->axis = 0;
    for (int32_t role = 0; role < ROLES; role++) {
        const bool plain = !roles || role == ROLES - 1;
        const double large = sums || (roles && role == job->input) ? job->large_share : 0;
        job->large_below[role] = (uint64_t)(large * 0x1p32);
        job->one_below[role] = job->large_below[role] + (uint64_t)((plain ? job->density : 1) * (1 - large) * 0x1p32);
        if (!plain) job->one_below[role] = (uint64_t)1 << 32;
    }
}

/* Where an element stands: counters in place of two divisions for each. */
typedef struct cursor {
    int64_t within, position, place;
} cursor;

static cursor cursor_at(const probe_job *job, int64_t index)
{
    if (job->axis == 0) return (cursor){.place = ROLES - 1};
    const int64_t position = index / job->divisor % job->axis;
    return (cursor){index % job->divisor, position,
                    (position + (int64_t)(job->seed % (uint64_t)job->every)) % job->every};
}

static void advance(const probe_job *job, cursor *at)
{
    if (job->axis == 0 || ++at->within < job->divisor) return;
    at->within = 0;
    at->place = at->place + 1 < job->every ? at->place + 1 : 0;
    if (++at->position < job->axis) return;
    *at = cursor_at(job, 0);
}

static float element_value(const probe_job *job, int64_t index, int64_t role)
{
    const uint64_t random =
        scramble(job->seed + 0x9e3779b97f4a7c15u * ((uint64_t)index * 4 + (uint64_t)job->input + 1));
    const uint64_t draw = random >> 32;
    const int32_t magnitude = (LARGE - 1) * (draw < job->large_below[role]) + (draw < job->one_below[role]);
    return (float)(random & 1 ? magnitude : -magnitude);
}

/* bce: t = p = 1 has no loss; at the chosen positions one of them is 0, which costs exactly 100. */
static double entropy_value(const probe_job *job, int64_t index)
{
    const int64_t elements = tm_shape_elements(&job->problem.in[0].shape), hits = tm_least(elements, ENTROPY_HITS);
    const int64_t width = elements / hits, stratum = tm_least(index / width, hits - 1);
    const uint64_t random = scramble(job->seed ^ scramble((uint64_t)stratum + 1));
    const int64_t chosen = stratum * width + (int64_t)((random >> 8) % (uint64_t)width);
    if (index != chosen) return 1;
    return (int32_t)(random & 1) == job->input ? 0 : 1;
}

static void fill_indices(const probe_job *job, int64_t begin, int64_t end)
{
    const uint64_t rows = (uint64_t)job->problem.result.dim[0];
    for (int64_t i = begin; i < end; i++) {
        const int64_t row = (int64_t)(scramble(job->seed ^ scramble((uint64_t)i)) % rows);
        memcpy(job->into + i * 8, &row, sizeof row);
    }
}

static void fill_range(void *context, int64_t begin, int64_t end)
{
    const probe_job *job = context;
    const bool entropy = job->problem.op == TM_OP_bce;
    const tm_dtype dtype = job->problem.in[job->input].shape.dtype;
    if (dtype == TM_I64) {
        fill_indices(job, begin, end);
        return;
    }
    cursor at = cursor_at(job, begin);
    for (int64_t i = begin; i < end; i++) {
        const float value =
            entropy ? (float)entropy_value(job, i) : element_value(job, i, tm_least(at.place, ROLES - 1));
        advance(job, &at);
        if (dtype == TM_F32) {
            memcpy(job->into + i * 4, &value, sizeof value);
        } else {
            const uint16_t bits = dtype == TM_BF16 ? tm_bf16_from_f32(value) : tm_f16_from_f32(value);
            memcpy(job->into + i * 2, &bits, sizeof bits);
        }
    }
}

void tm_probe_fill(const tm_graph *graph, uint64_t seed, int32_t input, int threads, void *into)
{
    probe_job job = {.seed = scramble(seed + 1) >> 1, .into = into, .axis = 0, .every = 1};
    job.problem = tm_problem_view(graph, 0, NULL, threads);
    const tm_node *node = &graph->node[0];
    while (job.input + 1 < node->operands && node->operand[job.input] != input) job.input++;
    job.large_share = job.problem.in[job.input].shape.dtype == TM_F32 ? 1 : 0;
    if (is_contraction(job.problem.op))
        plan_contraction(&job);
    else if (is_sum(job.problem.op))
        plan_sum(&job);
    plan_roles(&job);
    tm_parallel_for(tm_shape_elements(&graph->shape[input]), 1 << 16, job.problem.threads, fill_range, &job);
}

/* The losses of bce add up exactly, but dividing by N is one rounding, multiplying by 1/N two. */
static void check_mean_probe(const tm_judge *judge, const tm_unit *unit, const double *got, const double *want,
                             const float *size, tm_tally *tally)
{
    (void)size;
    const double allowed = 2 * judge->rule.u_out * fabs(want[0]);
    if (!(fabs(got[0] - want[0]) <= allowed)) {
        tally->failures++;
        tally->failed_at = unit->base;
        snprintf(tally->failure, sizeof tally->failure, "the mean is %.9g, wanted %.9g", got[0], want[0]);
    }
    tally->checked += unit->count;
}

static void check_all_rows(const tm_judge *judge, const void *got, tm_check *into, tm_status *status, tm_error *error)
{
    *status = tm_freivalds(judge->problem, &judge->rule, got, true, &into->freivalds, error);
    if (*status != TM_OK || isnan(into->freivalds) || into->freivalds <= 1 || into->grade == TM_GRADE_FAIL) return;
    into->grade = TM_GRADE_FAIL;
    snprintf(into->reason, sizeof into->reason, "probe: a row of the output does not add up");
}

tm_status tm_probe_check(const tm_graph *graph, const void *const *inputs, const void *got, int threads, tm_check *into,
                         tm_error *error)
{
    *into = (tm_check){.freivalds = NAN};
    if (!tm_probe_exists(graph, NULL)) return tm_fail(error, TM_INVALID_ARGUMENT, "this graph has no probe");
    tm_problem problem = tm_problem_view(graph, 0, inputs, threads);
    const tm_expect_options options = {
        .sample_seed = 1, .whole_seconds = whole_seconds, .least_elements = 65536, .threads = problem.threads};
    tm_expected *expected = NULL;
    tm_status status = tm_expect(graph, inputs, &options, &expected, error);
    if (status != TM_OK) return status;
    const tm_judge judge = {&problem, tm_rule_of(&problem, false, NULL), false,
                            problem.op == TM_OP_bce ? check_mean_probe : tm_check_probe};
    tm_tally tally;
    status = tm_judge_all(&judge, expected, got, &tally, error);
    if (status == TM_OK) {
        into->grade = tally.failures == 0 ? TM_GRADE_PASS : TM_GRADE_FAIL;
        into->checked = tally.checked;
        if (tally.failures > 0) {
            snprintf(into->reason, sizeof into->reason, "probe: %s; %lld of %lld differ", tally.failure,
                     (long long)tally.failures, (long long)tally.checked);
        }
        if (!expected->whole) check_all_rows(&judge, got, into, &status, error);
    }
    tm_expected_free(expected);
    return status;
}
