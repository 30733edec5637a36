/* Graphs of several nodes: evaluated node by node, in float64, which is what is wanted, and as our own portable program
 * would, in float32 loops with every node's result rounded to its dtype, whose error is the measure of what is allowed.
 * The error of few elements says little about the size of noise; then the second is repeated with results rounded up or
 * down at random, in proportion to what is cut off (the CESTAC method of Vignes). Where the whole takes too long, some
 * items of the batch stand for all. */
#include "oracle/expected.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { POOL = 256, MOST_REPEATS = 32, MANY_ELEMENTS = 1 << 16 };
static const double repeats_ns = 200e6; /* what all of them may take, on one thread */

/* How values are computed. */
typedef struct manner {
    bool plain;    /* in float32 loops, results rounded */
    uint64_t seed; /* of rounding at random; 0: to the nearest */
} manner;

/* Results of one node, placed where they belong in the output. */
typedef struct node_job {
    const tm_problem *problem;
    tm_layout layout;
    const tm_oracle_op *op;
    manner how;
    int64_t width; /* of a row */
    double *into;
} node_job;

/* Uniform in [0, 1), by the seed and the element. */
static double chance(uint64_t seed, int64_t element)
{
    uint64_t x = seed * 0x9e3779b97f4a7c15u + (uint64_t)element;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return (double)((x ^ x >> 31) >> 11) * 0x1p-53;
}

/* Element number `element` of the node's result as its dtype holds it. */
static double rounded(const node_job *job, int64_t element, double value)
{
    const tm_dtype dtype = job->problem->result.dtype;
    const double nearest = tm_round_to(dtype, value);
    if (job->how.seed == 0 || nearest == value || !isfinite(nearest)) return nearest;
    const double other = tm_round_to(dtype, nearest + copysign(tm_ulp(dtype, nearest), value - nearest));
    if (!isfinite(other) || other == nearest) return nearest;
    return chance(job->how.seed, element) < fabs((value - nearest) / (other - nearest)) ? other : nearest;
}

static void node_rows(void *context, int64_t begin, int64_t end, double *scratch)
{
    const node_job *job = context;
    double *into = job->into + begin * job->width;
    job->op->rows(job->problem, begin, end - begin, into, scratch);
    for (int64_t i = 0; job->how.plain && i < (end - begin) * job->width; i++)
        into[i] = rounded(job, begin * job->width + i, into[i]);
}

static void node_units(void *context, int64_t begin, int64_t end, double *scratch)
{
    const node_job *job = context;
    const bool plain = job->how.plain;
    const tm_unit_function fill = plain && job->op->plain ? job->op->plain : job->op->unit;
    double *want = scratch + job->layout.scratch, *size = want + job->layout.longest;
    for (int64_t i = begin; i < end; i++) {
        const tm_unit unit = tm_unit_at(&job->layout, i);
        fill(job->problem, &unit, want, size, scratch);
        for (int64_t j = 0; j < unit.count; j++) {
            const int64_t element = unit.base + j * unit.stride;
            job->into[element] = plain ? rounded(job, element, want[j]) : want[j];
        }
    }
}

static tm_status evaluate_node(const tm_graph *graph, int32_t node, const void *const *values, int threads, manner how,
                               double *into, tm_error *error)
{
    tm_problem problem = tm_problem_view(graph, node, values, threads);
    node_job job = {.problem = &problem, .op = tm_oracle_op_of(problem.op), .how = how, .into = into};
    job.how.seed *= (uint64_t)node + 1;
    problem.plain = how.plain;
    tm_status status = tm_problem_prepare(&problem, error);
    if (status == TM_OK && job.op->rows) {
        const tm_matmul_view view = tm_view_contraction(&problem).view;
        const int64_t rows = view.n > 0 ? view.batch * view.m : 0;
        job.width = view.n;
        status = tm_parallel_scratch(rows, TM_ROWS, problem.threads, TM_ROWS_SCRATCH, node_rows, &job, error);
    } else if (status == TM_OK) {
        job.op->layout(&problem, &job.layout);
        const size_t doubles = job.layout.scratch + 2 * (size_t)job.layout.longest;
        status = tm_parallel_scratch(job.layout.units, tm_grain_of(job.layout.units, problem.threads), problem.threads,
                                     doubles, node_units, &job, error);
    }
    tm_problem_release(&problem);
    return status;
}

/* Frees the results that no node after `node` reads. */
static void free_read(const tm_graph *graph, int32_t node, int32_t last, const void **values)
{
    for (int32_t k = 0; k < graph->node[node].operands; k++) {
        const int32_t value = graph->node[node].operand[k];
        bool needed = value < graph->inputs;
        for (int32_t n = node + 1; n <= last && !needed; n++) {
            for (int32_t o = 0; o < graph->node[n].operands; o++) needed = needed || graph->node[n].operand[o] == value;
        }
        if (needed) continue;
        free((void *)(uintptr_t)values[value]);
        values[value] = NULL;
    }
}

static tm_status evaluate(const tm_graph *graph, const void *const *inputs, int threads, manner how, double *into,
                          tm_error *error)
{
    const int32_t last = graph->output[0] - graph->inputs;
    const void **values = calloc((size_t)(graph->inputs + graph->nodes), sizeof *values);
    if (!values) return tm_fail_memory(error, "the oracle's values");
    memcpy(values, inputs, (size_t)graph->inputs * sizeof *values);
    tm_status status = TM_OK;
    for (int32_t node = 0; node <= last && status == TM_OK; node++) {
        const int32_t value = graph->inputs + node;
        double *result = into;
        if (node != last) {
            result = malloc(((size_t)tm_shape_elements(&graph->shape[value]) + 1) * sizeof *result);
            values[value] = result;
        }
        status = result ? evaluate_node(graph, node, values, threads, how, result, error)
                        : tm_fail_memory(error, "an intermediate of the oracle");
        free_read(graph, node, last, values);
    }
    for (int32_t node = 0; node < last; node++) free((void *)(uintptr_t)values[graph->inputs + node]);
    free(values);
    return status;
}

tm_status tm_graph_evaluate(const tm_graph *graph, const void *const *inputs, int threads, double *into,
                            tm_error *error)
{
    return evaluate(graph, inputs, threads, (manner){0}, into, error);
}

/* Units [first, next) that together have enough elements for a root mean square, over all `repeats`. */
static int64_t end_of_pool(const tm_expected *expected, int64_t first, int64_t repeats)
{
    const int64_t *offset = expected->offset, last = expected->chosen;
    int64_t next = first + 1;
    while (next < last && (offset[next] - offset[first]) * repeats < POOL) next++;
    return (offset[last] - offset[next]) * repeats < POOL ? last : next;
}

/* S of the rule for layers, from the sums of squared errors: per row of the last axis, the rms error of our own
 * portable evaluation, at least u times the rms of the row. Very short rows are taken together. */
static void layer_sizes(tm_expected *expected, const double *squares, int64_t repeats, double roundoff)
{
    for (int64_t i = 0, next; i < expected->chosen; i = next) {
        next = end_of_pool(expected, i, repeats);
        const int64_t begin = expected->offset[i], end = expected->offset[next];
        double error = 0, norm = 0;
        for (int64_t j = begin; j < end; j++) {
            error += squares[j];
            norm += expected->want[j] * expected->want[j];
        }
        const double terms = (double)(end - begin);
        const double size = fmax(sqrt(error / terms / (double)repeats), roundoff * sqrt(norm / terms));
        for (int64_t j = begin; j < end; j++) expected->size[j] = (float)fmin(size, FLT_MAX);
    }
}

/* Both evaluations together, on one thread. */
static double cost_of(const tm_graph *graph)
{
    double ns = 0;
    for (int32_t node = 0; node < graph->nodes; node++) {
        const tm_problem problem = tm_problem_view(graph, node, NULL, 1);
        const tm_oracle_op *op = tm_oracle_op_of(problem.op);
        tm_layout layout = {0};
        op->layout(&problem, &layout);
        ns += layout.cost_ns * (op->rows ? 0.4 : 2);
    }
    return ns;
}

/* The graph over the chosen items and its inputs; the graph itself where that is all of them. */
typedef struct sample {
    const tm_graph *graph, *whole;
    tm_graph *own; /* or NULL */
    const void *const *inputs;
    void **part; /* own copies of inputs that have items; NULL for the others */
    const void **view;
    int64_t *item;
    int64_t items; /* chosen */
    int threads;
} sample;

static void sample_free(sample *s)
{
    for (int32_t i = 0; s->part && i < s->whole->inputs; i++) free(s->part[i]);
    tm_graph_free(s->own);
    free(s->part);
    free(s->view);
    free(s->item);
}

/* How many items are evaluated: all, if they are cheap or few. */
static int64_t items_wanted(const tm_graph *graph, const tm_expect_options *options, int threads)
{
    const tm_shape *result = &graph->shape[graph->output[0]];
    const int64_t elements = tm_shape_elements(result), items = result->rank > 0 ? result->dim[0] : 1;
    const double seconds = cost_of(graph) / threads * 1e-9;
    if (elements <= options->least_elements || seconds <= options->whole_seconds) return items;
    const int64_t least = tm_ceil_div(options->least_elements, elements / items);
    return tm_least(items, tm_most(least, (int64_t)((double)items * options->whole_seconds / seconds)));
}

static tm_status copy_items(sample *s, const bool *sliced, tm_error *error)
{
    for (int32_t i = 0; i < s->whole->inputs; i++) {
        s->view[i] = s->inputs[i];
        if (!sliced[i]) continue;
        const size_t bytes = tm_shape_bytes(&s->whole->shape[i]) / (size_t)s->whole->shape[i].dim[0];
        char *part = malloc((size_t)s->items * bytes + 1);
        if (!part) return tm_fail_memory(error, "a sample's inputs");
        for (int64_t k = 0; k < s->items; k++)
            memcpy(part + (size_t)k * bytes, (const char *)s->inputs[i] + (size_t)s->item[k] * bytes, bytes);
        s->view[i] = s->part[i] = part;
    }
    return TM_OK;
}

static tm_status choose_items(sample *s, const tm_expect_options *options, tm_error *error)
{
    const tm_graph *graph = s->whole;
    const tm_shape *result = &graph->shape[graph->output[0]];
    const int64_t all = result->rank > 0 ? result->dim[0] : 1, wanted = items_wanted(graph, options, s->threads);
    bool *sliced = calloc((size_t)graph->inputs + 1, sizeof *sliced);
    if (!sliced) return tm_fail_memory(error, "a sample");
    s->items = all;
    tm_status status = wanted < all ? tm_graph_slice(graph, wanted, sliced, &s->own, error) : TM_OK;
    if (status == TM_OK && s->own) {
        s->items = wanted;
        s->graph = s->own;
        s->item = calloc((size_t)wanted, sizeof *s->item);
        s->part = calloc((size_t)graph->inputs + 1, sizeof *s->part);
        s->view = calloc((size_t)graph->inputs + 1, sizeof *s->view);
        if (!s->item || !s->part || !s->view) status = tm_fail_memory(error, "a sample");
        for (int64_t k = 0; k < wanted && status == TM_OK; k++)
            s->item[k] = tm_stratum_draw(k, wanted, all, options->sample_seed);
        if (status == TM_OK) status = copy_items(s, sliced, error);
    }
    free(sliced);
    return status;
}

/* How often the portable program is evaluated: the fewer elements there are, the more often. */
static int64_t repeats_for(const tm_graph *graph, int64_t elements)
{
    const int64_t wanted = tm_least(MOST_REPEATS, MANY_ELEMENTS / tm_most(1, elements));
    return tm_most(1, tm_least(wanted, (int64_t)(repeats_ns / (cost_of(graph) + 1))));
}

static tm_status fill(void *context, tm_expected *expected, tm_error *error)
{
    const sample *s = context;
    const void *const *inputs = s->own ? s->view : s->inputs;
    const tm_dtype dtype = s->graph->shape[s->graph->output[0]].dtype;
    const int64_t repeats = repeats_for(s->graph, expected->count);
    double *plain = malloc(((size_t)expected->count + 1) * sizeof *plain);
    double *squares = calloc((size_t)expected->count + 1, sizeof *squares);
    tm_status status = plain && squares ? TM_OK : tm_fail_memory(error, "the oracle's plain evaluation");
    if (status == TM_OK) status = tm_graph_evaluate(s->graph, inputs, s->threads, expected->want, error);
    for (int64_t r = 0; r < repeats && status == TM_OK; r++) {
        status = evaluate(s->graph, inputs, s->threads, (manner){true, (uint64_t)r}, plain, error);
        for (int64_t i = 0; i < expected->count; i++) {
            const double error_of = plain[i] - expected->want[i];
            squares[i] += error_of * error_of;
        }
    }
    if (status == TM_OK) layer_sizes(expected, squares, repeats, tm_dtype_roundoff(dtype));
    free(plain);
    free(squares);
    return status;
}

/* Units are rows of the last axis; those of the chosen items. */
static tm_status set_units(const sample *s, tm_expected *expected, tm_error *error)
{
    const tm_shape *result = &s->whole->shape[s->whole->output[0]];
    const int64_t elements = tm_shape_elements(result), width = result->rank > 0 ? result->dim[result->rank - 1] : 1;
    const int64_t rows = width > 0 ? elements / width : 0;
    *expected = (tm_expected){.whole = true, .stored = true, .layered = true, .sized = true, .chosen = rows};
    tm_layout_blocks(&expected->layout, rows, width, width, 0);
    expected->count = elements;
    if (!s->own) return TM_OK;
    const int64_t each = rows / result->dim[0];
    expected->whole = false;
    expected->chosen = s->items * each;
    expected->count = expected->chosen * width;
    expected->unit = malloc((size_t)expected->chosen * sizeof *expected->unit);
    if (!expected->unit) return tm_fail_memory(error, "the oracle's sample");
    for (int64_t i = 0; i < expected->chosen; i++) expected->unit[i] = s->item[i / each] * each + i % each;
    return TM_OK;
}

tm_status tm_expect_layer(const tm_graph *graph, const void *const *inputs, const tm_expect_options *options,
                          tm_expected *expected, tm_error *error)
{
    sample s = {.graph = graph, .whole = graph, .inputs = inputs};
    s.threads = options->threads < 1 ? 1 : options->threads;
    tm_status status = choose_items(&s, options, error);
    if (status == TM_OK) status = set_units(&s, expected, error);
    if (status == TM_OK) status = tm_expected_fill(graph, options, expected, fill, &s, error);
    sample_free(&s);
    return status;
}
