/* softmax, layer_norm and sdpa: every result of a row depends on the whole row. */
#include "oracle/problem.h"

#include <math.h>
#include <string.h>

static void softmax_layout(const tm_problem *problem, tm_layout *into)
{
    const tm_axis_view view = tm_view_axis(&problem->result, problem->attributes.axis);
    tm_layout_lines(into, view, (size_t)view.length);
    into->cost_ns = 15.0 * (double)tm_shape_elements(&problem->result);
}

/* y = exp(x - max) / sum of exp(x - max). */
static void oracle_softmax(const tm_problem *problem, const tm_unit *unit, double *want, double *size, double *scratch)
{
    double *x = scratch, max = -INFINITY, sum = 0;
    tm_source_read(&problem->in[0], unit->base, unit->count, unit->stride, x);
    for (int64_t i = 0; i < unit->count; i++) {
        if (x[i] > max) max = x[i]; /* a NaN reaches every result through the sum */
    }
    for (int64_t i = 0; i < unit->count; i++) {
        want[i] = exp(x[i] - max);
        sum += want[i];
    }
    for (int64_t i = 0; i < unit->count; i++) {
        want[i] /= sum;
        size[i] = want[i] * (1 + fabs(x[i] - max));
    }
}

static void layer_norm_layout(const tm_problem *problem, tm_layout *into)
{
    const int64_t elements = tm_shape_elements(&problem->result);
    const int64_t length = problem->result.rank > 0 ? problem->result.dim[problem->result.rank - 1] : 1;
    tm_layout_blocks(into, length > 0 ? elements / length : 0, length, length, 3 * (size_t)length);
    into->cost_ns = 5.0 * (double)elements;
}

/* y = gamma (x - mean) / sqrt(variance + eps) + beta over the last axis; the variance from the deviations. */
static void oracle_layer_norm(const tm_problem *problem, const tm_unit *unit, double *want, double *size,
                              double *scratch)
{
    const int64_t n = unit->count;
    double *x = scratch, *gamma = scratch + n, *beta = scratch + 2 * n;
    tm_source_read(&problem->in[0], unit->base, n, 1, x);
    tm_source_read(&problem->in[1], 0, n, 1, gamma);
    tm_source_read(&problem->in[2], 0, n, 1, beta);
    double sum = 0, squares = 0, deviations = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += x[i];
        squares += x[i] * x[i];
    }
    const double mean = sum / (double)n, rms = sqrt(squares / (double)n);
    for (int64_t i = 0; i < n; i++) deviations += (x[i] - mean) * (x[i] - mean);
    const double r = 1 / sqrt(deviations / (double)n + problem->attributes.eps);
    for (int64_t i = 0; i < n; i++) {
        want[i] = gamma[i] * ((x[i] - mean) * r) + beta[i];
        size[i] = fabs(want[i]) + fabs(gamma[i]) * r * (fabs(x[i]) + fabs(mean) + rms) + fabs(beta[i]);
    }
}

static void plain_layer_norm(const tm_problem *problem, const tm_unit *unit, double *want, double *size,
                             double *scratch)
{
    (void)size;
    const int64_t n = unit->count;
    double *x = scratch, *gamma = scratch + n, *beta = scratch + 2 * n;
    tm_source_read(&problem->in[0], unit->base, n, 1, x);
    tm_source_read(&problem->in[1], 0, n, 1, gamma);
    tm_source_read(&problem->in[2], 0, n, 1, beta);
    float sum = 0, deviations = 0;
    for (int64_t i = 0; i < n; i++) sum += (float)x[i];
    const float mean = sum / (float)n;
    for (int64_t i = 0; i < n; i++) deviations += ((float)x[i] - mean) * ((float)x[i] - mean);
    const float r = 1 / sqrtf(deviations / (float)n + (float)problem->attributes.eps);
    for (int64_t i = 0; i < n; i++) want[i] = (double)(((float)x[i] - mean) * r * (float)gamma[i] + (float)beta[i]);
}

/* sdpa's sizes: rows of queries and keys, widths of keys and values. */
typedef struct attention {
    int64_t groups, queries, keys, width, value_width;
} attention;

static attention view_attention(const tm_problem *problem)
{
    const tm_shape *q = &problem->in[0].shape, *k = &problem->in[1].shape, *v = &problem->in[2].shape;
    attention view = {.groups = 1,
                      .queries = q->dim[q->rank - 2],
                      .keys = k->dim[k->rank - 2],
                      .width = q->dim[q->rank - 1],
                      .value_width = v->dim[v->rank - 1]};
    for (int32_t i = 0; i < q->rank - 2; i++) view.groups *= q->dim[i];
    return view;
}

/* How many keys a query of a group sees: always the first ones. */
static int64_t seen_keys(const tm_problem *problem, const attention *view, int64_t group, int64_t query)
{
    const tm_mask mask = (tm_mask)problem->attributes.mask;
    if (mask != TM_MASK_LENGTHS) return tm_visible_keys(mask, query, view->queries, view->keys);
    const int64_t entry = group / (view->groups / problem->in[0].shape.dim[0]);
    return tm_key_length(tm_source_index(&problem->in[3], entry), view->keys);
}

static void sdpa_layout(const tm_problem *problem, tm_layout *into)
{
    const attention view = view_attention(problem);
    const size_t scratch = (size_t)(2 * view.width + 2 * view.value_width + 2 * view.keys);
    const int64_t rows = view.groups * view.queries;
    tm_layout_blocks(into, rows, view.value_width, view.value_width, scratch);
    double visible = 0;
    for (int64_t i = 0; i < view.queries; i++) {
        visible += (double)tm_visible_keys((tm_mask)problem->attributes.mask, i, view.queries, view.keys);
    }
    into->cost_ns = (double)view.groups * visible * (double)(view.width + view.value_width) * 1.2;
}

/* softmax(scale q k^T) v of one query over the keys it sees. size: |y| + sum p |v| (2 + |s - max| + norm of the
 * products behind s, times scale sqrt d). A query that sees no key gives zeros. */
static void oracle_sdpa(const tm_problem *problem, const tm_unit *unit, double *want, double *size, double *scratch)
{
    const attention view = view_attention(problem);
    const int64_t group = unit->row / view.queries, query = unit->row % view.queries;
    const int64_t keys = seen_keys(problem, &view, group, query);
    const double root = sqrt((double)view.width);
    const double scale = isnan(problem->attributes.scale) ? 1 / root : problem->attributes.scale;
    double *q = scratch, *k = q + view.width, *v = k + view.width, *p = v + view.value_width, *noise = p + view.keys;

    tm_source_read(&problem->in[0], unit->row * view.width, view.width, 1, q);
    double max = -INFINITY, sum = 0;
    for (int64_t j = 0; j < keys; j++) {
        tm_source_read(&problem->in[1], (group * view.keys + j) * view.width, view.width, 1, k);
        double dot = 0, squares = 0;
        for (int64_t i = 0; i < view.width; i++) {
            dot += q[i] * k[i];
            squares += q[i] * k[i] * (q[i] * k[i]);
        }
        p[j] = dot * scale;
        noise[j] = sqrt(squares) * fabs(scale) * root;
        if (p[j] > max) max = p[j];
    }
    for (int64_t j = 0; j < keys; j++) {
        noise[j] += 2 + fabs(p[j] - max);
        p[j] = exp(p[j] - max);
        sum += p[j];
    }
    memset(want, 0, (size_t)unit->count * sizeof *want);
    memset(size, 0, (size_t)unit->count * sizeof *size);
    for (int64_t j = 0; j < keys; j++) {
        tm_source_read(&problem->in[2], (group * view.keys + j) * view.value_width, view.value_width, 1, v);
        const double share = p[j] / sum;
        for (int64_t i = 0; i < unit->count; i++) {
            want[i] += share * v[i];
            size[i] += share * fabs(v[i]) * noise[j];
        }
    }
    for (int64_t i = 0; i < unit->count; i++) {
        size[i] += fabs(want[i]);
    }
}

static void plain_sdpa(const tm_problem *problem, const tm_unit *unit, double *want, double *size, double *scratch)
{
    (void)size;
    const attention view = view_attention(problem);
    const int64_t group = unit->row / view.queries, query = unit->row % view.queries;
    const int64_t keys = seen_keys(problem, &view, group, query);
    const float scale =
        (float)(isnan(problem->attributes.scale) ? 1 / sqrt((double)view.width) : problem->attributes.scale);
    double *q = scratch, *k = q + view.width, *v = k + view.width;
    float *p = (float *)(void *)(v + view.value_width), *y = p + view.keys, max = -INFINITY, sum = 0;
    tm_source_read(&problem->in[0], unit->row * view.width, view.width, 1, q);
    for (int64_t j = 0; j < keys; j++) {
        tm_source_read(&problem->in[1], (group * view.keys + j) * view.width, view.width, 1, k);
        float dot = 0;
        for (int64_t i = 0; i < view.width; i++) dot += (float)q[i] * (float)k[i];
        p[j] = dot * scale;
        if (p[j] > max) max = p[j];
    }
    for (int64_t j = 0; j < keys; j++) sum += p[j] = expf(p[j] - max);
    for (int64_t i = 0; i < unit->count; i++) y[i] = 0;
    for (int64_t j = 0; j < keys; j++) {
        tm_source_read(&problem->in[2], (group * view.keys + j) * view.value_width, view.value_width, 1, v);
        for (int64_t i = 0; i < unit->count; i++) y[i] += p[j] / sum * (float)v[i];
    }
    for (int64_t i = 0; i < unit->count; i++) want[i] = (double)y[i];
}

const tm_oracle_op tm_oracle_softmax = {.layout = softmax_layout, .unit = oracle_softmax, .sized = true};
const tm_oracle_op tm_oracle_layer_norm = {
    .layout = layer_norm_layout, .unit = oracle_layer_norm, .plain = plain_layer_norm, .sized = true};
const tm_oracle_op tm_oracle_sdpa = {.layout = sdpa_layout, .unit = oracle_sdpa, .plain = plain_sdpa, .sized = true};
