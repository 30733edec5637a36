/* gather, concat, sort, argmax, split_heads, merge_heads: results are input elements or positions, to the bit. */
#include "oracle/problem.h"

#include <math.h>
#include <stdlib.h>

enum { BLOCK = 4096, LINES = 256 };

static void gather_layout(const tm_problem *problem, tm_layout *into)
{
    const int64_t elements = tm_shape_elements(&problem->result), rows = tm_shape_elements(&problem->in[1].shape);
    const int64_t width = rows > 0 ? elements / rows : 0;
    tm_layout_blocks(into, rows, width, BLOCK, 0);
    into->cost_ns = 2.0 * (double)elements + 50.0 * (double)into->units;
}

static void oracle_gather(const tm_problem *problem, const tm_unit *unit, double *want, double *size, double *scratch)
{
    (void)size, (void)scratch;
    const int64_t width = tm_shape_elements(&problem->result) / tm_shape_elements(&problem->in[1].shape);
    const int64_t row = tm_source_index(&problem->in[1], unit->row);
    tm_source_read(&problem->in[0], row * width + unit->first, unit->count, 1, want);
}

static void concat_layout(const tm_problem *problem, tm_layout *into)
{
    const tm_axis_view view = tm_view_axis(&problem->result, problem->attributes.axis);
    tm_layout_blocks(into, view.outer, view.length * view.inner, BLOCK, 0);
    into->cost_ns = 2.0 * (double)tm_shape_elements(&problem->result) + 50.0 * (double)into->units;
}

/* A row of the output is one row of each operand in turn. */
static void oracle_concat(const tm_problem *problem, const tm_unit *unit, double *want, double *size, double *scratch)
{
    (void)size, (void)scratch;
    int64_t begin = 0; /* of the operand within the row */
    for (int32_t i = 0; i < problem->operands; i++) {
        const tm_axis_view view = tm_view_axis(&problem->in[i].shape, problem->attributes.axis);
        const int64_t width = view.length * view.inner, end = begin + width;
        const int64_t from = tm_most(begin, unit->first), to = tm_least(end, unit->first + unit->count);
        if (from < to) {
            tm_source_read(&problem->in[i], unit->row * width + from - begin, to - from, 1,
                           want + (from - unit->first));
        }
        begin = end;
    }
}

static void sort_layout(const tm_problem *problem, tm_layout *into)
{
    const tm_axis_view view = tm_view_axis(&problem->result, problem->attributes.axis);
    tm_layout_lines(into, view, 0);
    into->cost_ns = (double)tm_shape_elements(&problem->result) * (5 + 8 * log2((double)tm_most(view.length, 2)));
}

static int ascending_nan_last(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    if (isnan(a) || isnan(b)) return isnan(a) - isnan(b);
    return (a > b) - (a < b);
}

static void oracle_sort(const tm_problem *problem, const tm_unit *unit, double *want, double *size, double *scratch)
{
    (void)size, (void)scratch;
    tm_source_read(&problem->in[0], unit->base, unit->count, unit->stride, want);
    qsort(want, (size_t)unit->count, sizeof *want, ascending_nan_last);
}

static void argmax_layout(const tm_problem *problem, tm_layout *into)
{
    const tm_axis_view view = tm_view_axis(&problem->in[0].shape, problem->attributes.axis);
    if (view.inner == 1)
        tm_layout_blocks(into, 1, view.outer, LINES, BLOCK);
    else
        tm_layout_blocks(into, view.outer, view.inner, BLOCK, 2 * BLOCK);
    into->cost_ns = 2.0 * (double)(view.outer * view.length * view.inner);
}

/* True if x comes to stand as the maximum in place of an earlier one; a NaN is larger than all, the first one wins. */
static bool exceeds(double x, double max)
{
    return x > max || (isnan(x) && !isnan(max));
}

/* The first position of the maximum. */
static void oracle_argmax(const tm_problem *problem, const tm_unit *unit, double *want, double *size, double *scratch)
{
    (void)size;
    const tm_axis_view view = tm_view_axis(&problem->in[0].shape, problem->attributes.axis);
    if (view.inner == 1) {
        for (int64_t i = 0; i < unit->count; i++) {
            double max = 0;
            for (int64_t at = 0; at < view.length; at += BLOCK) {
                const int64_t count = tm_least(BLOCK, view.length - at);
                tm_source_read(&problem->in[0], (unit->base + i) * view.length + at, count, 1, scratch);
                for (int64_t j = 0; j < count; j++) {
                    if (at + j > 0 && !exceeds(scratch[j], max)) continue;
                    max = scratch[j];
                    want[i] = (double)(at + j);
                }
            }
        }
        return;
    }
    double *x = scratch, *max = scratch + BLOCK;
    for (int64_t at = 0; at < view.length; at++) {
        const int64_t first = (unit->row * view.length + at) * view.inner + unit->first;
        tm_source_read(&problem->in[0], first, unit->count, 1, x);
        for (int64_t i = 0; i < unit->count; i++) {
            if (at > 0 && !exceeds(x[i], max[i])) continue;
            max[i] = x[i];
            want[i] = (double)at;
        }
    }
}

/* A unit of both is one row of one head: d elements of the operand or of the result, which lie together. */
static void heads_layout(tm_layout *into, int64_t elements, int64_t width)
{
    tm_layout_blocks(into, width > 0 ? elements / width : 0, width, width, 0);
    into->cost_ns = 2.0 * (double)elements + 50.0 * (double)into->units;
}

static void split_heads_layout(const tm_problem *problem, tm_layout *into)
{
    const tm_shape *y = &problem->result;
    heads_layout(into, tm_shape_elements(y), y->dim[y->rank - 1]);
}

/* Row (b, h, t) of the result is piece h of row (b, t) of x. */
static void oracle_split_heads(const tm_problem *problem, const tm_unit *unit, double *want, double *size,
                               double *scratch)
{
    (void)size, (void)scratch;
    const int64_t *dim = problem->result.dim + problem->result.rank - 3;
    const int64_t heads = dim[0], tokens = dim[1];
    const int64_t token = unit->row % tokens, head = unit->row / tokens % heads, batch = unit->row / tokens / heads;
    tm_source_read(&problem->in[0], ((batch * tokens + token) * heads + head) * dim[2], unit->count, 1, want);
}

static void merge_heads_layout(const tm_problem *problem, tm_layout *into)
{
    const tm_shape *x = &problem->in[0].shape;
    heads_layout(into, tm_shape_elements(x), x->dim[x->rank - 1]);
}

/* Piece h of row (b, t) of the result is row (b, h, t) of x. */
static void oracle_merge_heads(const tm_problem *problem, const tm_unit *unit, double *want, double *size,
                               double *scratch)
{
    (void)size, (void)scratch;
    const int64_t *dim = problem->in[0].shape.dim + problem->in[0].shape.rank - 3;
    const int64_t heads = dim[0], tokens = dim[1];
    const int64_t head = unit->row % heads, token = unit->row / heads % tokens, batch = unit->row / heads / tokens;
    tm_source_read(&problem->in[0], ((batch * heads + head) * tokens + token) * dim[2], unit->count, 1, want);
}

const tm_oracle_op tm_oracle_split_heads = {.layout = split_heads_layout, .unit = oracle_split_heads, .direct = true};
const tm_oracle_op tm_oracle_merge_heads = {.layout = merge_heads_layout, .unit = oracle_merge_heads, .direct = true};
const tm_oracle_op tm_oracle_gather = {.layout = gather_layout, .unit = oracle_gather, .direct = true};
const tm_oracle_op tm_oracle_concat = {.layout = concat_layout, .unit = oracle_concat, .direct = true};
const tm_oracle_op tm_oracle_sort = {.layout = sort_layout, .unit = oracle_sort};
const tm_oracle_op tm_oracle_argmax = {.layout = argmax_layout, .unit = oracle_argmax, .direct = true};
