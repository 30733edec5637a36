/* From an output to a grade: every expected unit is judged (checks.c), then all outputs by Freivalds' check and, where
 * only a sample was judged, by their share of zeros. */
#include "oracle/verify.h"

#include "base/parallel.h"
#include "oracle/judge.h"

#include <float.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { RMS_FROM = 256 };

static const tm_check_function checks[TM_OP_COUNT] = {
#define TM_OP(name, least, most, attributes, shape, work, id, data, check) [TM_OP_##name] = tm_check_##check,
#include "graph/ops.def"
#undef TM_OP
};

const char *tm_grade_name(tm_grade grade)
{
    static const char *const names[] = {"none", "pass", "lowacc", "fail"};
    return (unsigned)grade < sizeof names / sizeof *names ? names[grade] : "?";
}

typedef struct judge_job {
    const tm_judge *judge;
    const tm_expected *expected;
    tm_source got;
    tm_tally *total;
    pthread_mutex_t lock;
} judge_job;

static void add_tally(tm_tally *total, const tm_tally *part)
{
    if (part->max_at >= 0 &&
        (part->max_error > total->max_error || (part->max_error == total->max_error && part->max_at < total->max_at))) {
        total->max_error = part->max_error;
        total->max_at = part->max_at;
        total->max_got = part->max_got;
        total->max_want = part->max_want;
    }
    if (part->failures > 0 && (total->failures == 0 || part->failed_at < total->failed_at)) {
        total->failed_at = part->failed_at;
        memcpy(total->failure, part->failure, sizeof total->failure);
    }
    total->failures += part->failures;
    total->squares += part->squares;
    total->checked += part->checked;
    total->may_be_zero += part->may_be_zero;
    total->labels |= part->labels;
}

static void judge_units(void *context, int64_t begin, int64_t end, double *scratch)
{
    judge_job *job = context;
    const tm_expected *expected = job->expected;
    const tm_oracle_op *op = tm_oracle_op_of(job->judge->problem->op);
    double *again = scratch + expected->layout.scratch, *got = again + expected->layout.longest;
    double *unused_size = got + expected->layout.longest;
    tm_tally tally = {.max_at = -1};
    for (int64_t i = begin; i < end; i++) {
        const tm_unit unit = tm_unit_at(&expected->layout, tm_expected_unit(expected, i));
        const double *want = again;
        const float *size = NULL;
        if (expected->stored) {
            want = expected->want + expected->offset[i];
            if (expected->size) size = expected->size + expected->offset[i];
        } else {
            op->unit(job->judge->problem, &unit, again, unused_size, scratch);
        }
        tm_source_read(&job->got, unit.base, unit.count, unit.stride, got);
        job->judge->check(job->judge, &unit, got, want, size, &tally);
    }
    pthread_mutex_lock(&job->lock);
    add_tally(job->total, &tally);
    pthread_mutex_unlock(&job->lock);
}

tm_status tm_judge_all(const tm_judge *judge, const tm_expected *expected, const void *got, tm_tally *into,
                       tm_error *error)
{
    *into = (tm_tally){.max_at = -1};
    judge_job job = {.judge = judge, .expected = expected, .total = into};
    job.got = (tm_source){judge->problem->result, got, false};
    pthread_mutex_init(&job.lock, NULL);
    const size_t doubles = expected->layout.scratch + 3 * (size_t)expected->layout.longest;
    const int threads = judge->problem->threads;
    const int64_t grain = tm_most(1, tm_least(4096, expected->chosen / (16 * (int64_t)threads)));
    const tm_status status = tm_parallel_scratch(expected->chosen, grain, threads, doubles, judge_units, &job, error);
    pthread_mutex_destroy(&job.lock);
    return status;
}

typedef struct count_job {
    const char *data;
    size_t width;
    uint32_t infinity; /* its bits; what is above them, without the sign, is no number */
    _Atomic int64_t zeros, nans;
} count_job;

static void count_kinds(void *context, int64_t begin, int64_t end)
{
    count_job *job = context;
    int64_t zeros = 0, nans = 0;
    if (job->width == 4) {
        const uint32_t *bits = (const uint32_t *)(const void *)job->data;
        for (int64_t i = begin; i < end; i++) {
            zeros += (bits[i] & 0x7fffffffu) == 0;
            nans += (bits[i] & 0x7fffffffu) > job->infinity;
        }
    } else {
        const uint16_t *bits = (const uint16_t *)(const void *)job->data;
        for (int64_t i = begin; i < end; i++) {
            zeros += (bits[i] & 0x7fffu) == 0;
            nans += (bits[i] & 0x7fffu) > job->infinity;
        }
    }
    atomic_fetch_add(&job->zeros, zeros);
    atomic_fetch_add(&job->nans, nans);
}

static uint32_t infinity_of(tm_dtype dtype)
{
    return dtype == TM_F32 ? 0x7f800000u : dtype == TM_BF16 ? 0x7f80u : 0x7c00u;
}

/* Where only a sample was judged: are there many more zeros than the oracle has, or, in a layer, which gives numbers
 * everywhere if it does in the sample, one that is none? A whole comparison has seen them. */
static void check_rest(const tm_judge *judge, const tm_expected *expected, const void *got, const tm_tally *tally,
                       tm_check *into)
{
    const tm_shape *result = &judge->problem->result;
    if (expected->whole || !tm_dtype_is_real(result->dtype) || tally->checked == 0) return;
    const int64_t elements = tm_shape_elements(result);
    count_job job = {.data = got, .width = tm_dtype_size(result->dtype), .infinity = infinity_of(result->dtype)};
    tm_parallel_for(elements, 1 << 20, judge->problem->threads, count_kinds, &job);
    const long long nans = (long long)atomic_load(&job.nans);
    if (expected->layered && nans > 0) {
        into->grade = TM_GRADE_FAIL;
        snprintf(into->reason, sizeof into->reason, "%lld elements outside the oracle's sample are NaN", nans);
        return;
    }
    const double share = (double)atomic_load(&job.zeros) / (double)elements;
    /* Elements are drawn independently of each other, but for scatters: there whole rows are zero. */
    const bool by_rows = tm_op_has(judge->problem->op, TM_ATTRIBUTE_rows);
    const double draws = (double)(by_rows ? expected->chosen : tally->checked);
    const double allowed = (double)tally->may_be_zero / (double)tally->checked;
    const double slack = 5 * sqrt(allowed * (1 - allowed) / draws) + 10 / draws;
    if (share <= allowed + slack) return;
    into->grade = TM_GRADE_FAIL;
    snprintf(into->reason, sizeof into->reason, "%.4g %% of the output are zeros, the oracle's sample has %.4g %%",
             100 * share, 100 * allowed);
}

/* The grade that max E and rms E give. */
static void grade_errors(const tm_judge *judge, const tm_tally *tally, tm_check *into)
{
    const tm_rule *rule = &judge->rule;
    const double max_limit = judge->check == tm_check_ulp ? 1 : rule->max_limit;
    const bool rms_counts = tally->checked >= RMS_FROM && judge->check != tm_check_ulp;
    const bool max_good = into->max_error <= max_limit;
    if (max_good && !(rms_counts && !(into->rms_error <= rule->rms_limit))) return;
    into->grade = TM_GRADE_FAIL;
    if (judge->check == tm_check_mean) {
        const double terms = (double)tm_shape_elements(&judge->problem->in[0].shape);
        if (into->max_error <= rule->low_limit * sqrt(terms)) into->grade = TM_GRADE_LOWACC;
    }
    if (!max_good) {
        snprintf(into->reason, sizeof into->reason, "E %.4g at element %lld (%.9g, wanted %.9g), allowed %g",
                 into->max_error, (long long)tally->max_at, tally->max_got, tally->max_want, max_limit);
    } else {
        snprintf(into->reason, sizeof into->reason, "rms E %.4g over %lld elements, allowed %g", into->rms_error,
                 (long long)tally->checked, rule->rms_limit);
    }
}

static void grade(const tm_judge *judge, const tm_tally *tally, tm_check *into)
{
    *into = (tm_check){.grade = TM_GRADE_PASS, .checked = tally->checked, .freivalds = NAN, .labels = tally->labels};
    into->max_error = tally->max_error;
    into->rms_error = tally->checked > 0 ? sqrt(tally->squares / (double)tally->checked) : 0;
    if (tally->failures == 0) {
        grade_errors(judge, tally, into);
        return;
    }
    into->grade = TM_GRADE_FAIL;
    into->labels = 0; /* labels describe right outputs */
    if (tally->failures == 1)
        snprintf(into->reason, sizeof into->reason, "%s", tally->failure);
    else {
        snprintf(into->reason, sizeof into->reason, "%s; %lld failures in all", tally->failure,
                 (long long)tally->failures);
    }
}

static tm_status check_freivalds(const tm_judge *judge, const void *got, tm_check *into, tm_error *error)
{
    const tm_status status = tm_freivalds(judge->problem, &judge->rule, got, false, &into->freivalds, error);
    if (status != TM_OK || isnan(into->freivalds) || into->freivalds <= 1 || into->grade == TM_GRADE_FAIL) {
        return status;
    }
    into->grade = TM_GRADE_FAIL;
    snprintf(into->reason, sizeof into->reason, "Freivalds: a row of the output is off by %.4g times its bound",
             into->freivalds);
    return TM_OK;
}

tm_status tm_verify(const tm_graph *graph, const void *const *inputs, const tm_expected *expected, const void *got,
                    const tm_declared *declared, int threads, tm_check *into, tm_error *error)
{
    *into = (tm_check){.freivalds = NAN};
    tm_problem problem =
        tm_problem_view(graph, graph->output[0] - graph->inputs, expected->layered ? NULL : inputs, threads);
    problem.prepared = expected->problem.prepared; /* still owned by `expected` */
    const tm_judge judge = {&problem, tm_rule_of(&problem, expected->layered, declared), !expected->whole,
                            expected->layered ? tm_check_scaled : checks[problem.op]};
    tm_tally tally;
    tm_status status = tm_judge_all(&judge, expected, got, &tally, error);
    if (status != TM_OK) return status;
    grade(&judge, &tally, into);
    if (into->grade == TM_GRADE_PASS) check_rest(&judge, expected, got, &tally, into);
    return expected->layered ? TM_OK : check_freivalds(&judge, got, into, error);
}
