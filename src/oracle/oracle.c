/* Expected outputs: which units are computed, and computing them on all threads. Graphs of several nodes are evaluated
 * elsewhere (layer.c).
 *
 * A sample is stratified: the units are cut into equal runs of neighbours and one is drawn from each, so that no block
 * of rows goes unseen. */
#include "oracle/oracle.h"

#include "base/clock.h"
#include "base/hash.h"
#include "oracle/expected.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { UNITS_PER_ROW_BLOCK = 256 };
static const double worth_caching_ns = 50e6;

static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static int64_t begin_of_stratum(int64_t stratum, int64_t strata, int64_t units)
{
    return stratum * (units / strata) + tm_least(stratum, units % strata);
}

int64_t tm_stratum_draw(int64_t stratum, int64_t strata, int64_t units, uint64_t seed)
{
    const int64_t begin = begin_of_stratum(stratum, strata, units), end = begin_of_stratum(stratum + 1, strata, units);
    return begin + (int64_t)(mix(seed ^ mix((uint64_t)stratum)) % (uint64_t)(end - begin));
}

/* One unit of each stratum into expected->unit. */
static void draw(tm_expected *expected, int64_t strata, uint64_t seed)
{
    expected->chosen = strata;
    expected->count = 0;
    for (int64_t i = 0; i < strata; i++) {
        expected->unit[i] = tm_stratum_draw(i, strata, expected->layout.units, seed);
        expected->count += tm_unit_at(&expected->layout, expected->unit[i]).count;
    }
}

static tm_status choose(tm_expected *expected, const tm_shape *result, const tm_expect_options *options,
                        tm_error *error)
{
    const int64_t units = expected->layout.units, elements = tm_shape_elements(result);
    const int threads = options->threads < 1 ? 1 : options->threads;
    expected->whole =
        elements <= options->least_elements || expected->layout.cost_ns / threads <= options->whole_seconds * 1e9;
    expected->chosen = units;
    expected->count = elements;
    if (expected->whole) return TM_OK;
    int64_t strata = tm_most(tm_ceil_div(units, UNITS_PER_ROW_BLOCK),
                             tm_ceil_div(options->least_elements, tm_most(1, elements / units)));
    do { /* ragged units may fall short of the least number of elements */
        strata = tm_least(units, strata + strata / 8);
        free(expected->unit);
        expected->unit = malloc((size_t)strata * sizeof *expected->unit);
        if (!expected->unit) return tm_fail_memory(error, "the oracle's sample");
        draw(expected, strata, options->sample_seed);
        if (strata < 8) strata++;
    } while (expected->count < options->least_elements && expected->chosen < units);
    return TM_OK;
}

tm_status tm_expected_place(tm_expected *expected, tm_error *error)
{
    expected->offset = malloc(((size_t)expected->chosen + 1) * sizeof *expected->offset);
    if (!expected->offset) return tm_fail_memory(error, "the oracle's offsets");
    int64_t offset = 0;
    for (int64_t i = 0; i < expected->chosen; i++) {
        expected->offset[i] = offset;
        offset += tm_unit_at(&expected->layout, tm_expected_unit(expected, i)).count;
    }
    expected->offset[expected->chosen] = offset;
    return TM_OK;
}

typedef struct compute_job {
    const tm_problem *problem;
    tm_expected *expected;
    tm_unit_function unit;
} compute_job;

static void compute_units(void *context, int64_t begin, int64_t end, double *scratch)
{
    const compute_job *job = context;
    const tm_expected *expected = job->expected;
    double *size = scratch + expected->layout.scratch;
    for (int64_t i = begin; i < end; i++) {
        const tm_unit unit = tm_unit_at(&expected->layout, tm_expected_unit(expected, i));
        job->unit(job->problem, &unit, expected->want + expected->offset[i], size, scratch);
        if (!expected->size) continue;
        float *into = expected->size + expected->offset[i];
        for (int64_t j = 0; j < unit.count; j++) into[j] = (float)(size[j] > FLT_MAX ? FLT_MAX : size[j]);
    }
}

int64_t tm_grain_of(int64_t units, int threads)
{
    return tm_most(1, tm_least(1024, units / (16 * (int64_t)threads)));
}

static tm_status compute(tm_problem *problem, tm_expected *expected, tm_error *error)
{
    const tm_oracle_op *op = tm_oracle_op_of(problem->op);
    const tm_status status = tm_problem_prepare(problem, error);
    if (status != TM_OK) return status;
    compute_job job = {problem, expected, op->unit};
    const size_t doubles = expected->layout.scratch + (size_t)expected->layout.longest;
    return tm_parallel_scratch(expected->chosen, tm_grain_of(expected->chosen, problem->threads), problem->threads,
                               doubles, compute_units, &job, error);
}

/* Identifies file and selection: the caller's key, the graph, which units, the oracle's version. */
static tm_status full_key(const tm_graph *graph, const tm_expect_options *options, const tm_expected *expected,
                          tm_text *key, tm_error *error)
{
    tm_text bytes = {0};
    const tm_status status = tm_graph_write(graph, &bytes, error);
    if (status == TM_OK) {
        const tm_hash128 hash = tm_hash128_bytes(bytes.data, bytes.length);
        tm_text_format(key, "v%d %016llx%016llx %lld/%lld %llu %s", TM_ORACLE_VERSION, (unsigned long long)hash.high,
                       (unsigned long long)hash.low, (long long)expected->chosen, (long long)expected->count,
                       (unsigned long long)(expected->whole ? 0 : options->sample_seed),
                       options->cache_key ? options->cache_key : "");
    }
    tm_text_free(&bytes);
    if (status == TM_OK && key->failed) return tm_fail_memory(error, "the oracle's key");
    return status;
}

tm_status tm_expected_fill(const tm_graph *graph, const tm_expect_options *options, tm_expected *expected,
                           tm_fill_function fill, void *context, tm_error *error)
{
    const char *folder = options->cache_key ? options->cache_folder : NULL;
    tm_text key = {0};
    tm_status status = tm_expected_place(expected, error);
    if (status == TM_OK) status = full_key(graph, options, expected, &key, error);
    if (status != TM_OK || (folder && tm_blob_load(expected, folder, key.data))) goto done;
    const uint64_t start = tm_now_ns();
    status = tm_blob_new(expected, key.data, error);
    if (status == TM_OK) status = fill(context, expected, error);
    if (status == TM_OK && folder && (double)(tm_now_ns() - start) > worth_caching_ns) {
        tm_blob_save(expected, folder, key.data);
    }
done:
    tm_text_free(&key);
    return status;
}

static tm_status compute_node(void *context, tm_expected *expected, tm_error *error)
{
    tm_problem *problem = context;
    const tm_status status = compute(problem, expected, error);
    tm_problem_release(problem);
    return status;
}

static tm_status expect_node(const tm_graph *graph, const void *const *inputs, const tm_expect_options *options,
                             tm_expected *expected, tm_error *error)
{
    tm_problem problem = tm_problem_view(graph, 0, inputs, options->threads);
    const tm_oracle_op *op = tm_oracle_op_of(problem.op);
    op->layout(&problem, &expected->layout);
    expected->sized = op->sized;
    expected->stored = !op->direct;
    tm_status status = choose(expected, &problem.result, options, error);
    if (status != TM_OK) return status;
    if (expected->stored) return tm_expected_fill(graph, options, expected, compute_node, &problem, error);
    status = tm_problem_prepare(&problem, error);
    expected->problem = problem;
    return status;
}

static tm_status check_graph(const tm_graph *graph, tm_error *error)
{
    if (graph->outputs > 0 && graph->output[0] >= graph->inputs) return TM_OK;
    return tm_fail(error, TM_INVALID_ARGUMENT, "the oracle needs a graph with an output");
}

tm_status tm_expect(const tm_graph *graph, const void *const *inputs, const tm_expect_options *options,
                    tm_expected **into, tm_error *error)
{
    *into = NULL;
    tm_status status = check_graph(graph, error);
    if (status != TM_OK) return status;
    tm_expected *expected = calloc(1, sizeof *expected);
    if (!expected) return tm_fail_memory(error, "expected values");
    status = graph->nodes == 1 ? expect_node(graph, inputs, options, expected, error)
                               : tm_expect_layer(graph, inputs, options, expected, error);
    if (status == TM_OK)
        *into = expected;
    else
        tm_expected_free(expected);
    return status;
}

void tm_expected_free(tm_expected *expected)
{
    if (!expected) return;
    tm_problem_release(&expected->problem);
    free(expected->unit);
    free(expected->offset);
    free(expected->blob);
    free(expected);
}

bool tm_expected_is_whole(const tm_expected *expected)
{
    return expected->whole;
}

int64_t tm_expected_count(const tm_expected *expected)
{
    return expected->count;
}

tm_status tm_oracle_evaluate(const tm_graph *graph, const void *const *inputs, int threads, double *into,
                             tm_error *error)
{
    const tm_status status = check_graph(graph, error);
    return status == TM_OK ? tm_graph_evaluate(graph, inputs, threads, into, error) : status;
}
