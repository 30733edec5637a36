/* scatter, scatter_sum, scatter_max: the source rows are first sorted by destination (counting sort), so that every
 * output row is computed from its own candidates and sampled rows cost only theirs. */
#include "oracle/problem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 1024 };

tm_candidates tm_candidates_of(const tm_problem *problem)
{
    const int64_t *start = problem->prepared;
    return (tm_candidates){start, start + problem->result.dim[0] + 1};
}

/* prepared: rows + 1 starts, then the source row numbers, in order, by destination. */
static tm_status prepare_candidates(tm_problem *problem, tm_error *error)
{
    const int64_t rows = problem->result.dim[0], count = problem->in[1].shape.dim[0];
    int64_t *start = calloc((size_t)(rows + 1 + count), sizeof *start);
    if (!start) return tm_fail_memory(error, "the candidates of a scatter");
    int64_t *source = start + rows + 1;
    for (int64_t i = 0; i < count; i++) start[tm_source_index(&problem->in[1], i) + 1]++;
    for (int64_t row = 0; row < rows; row++) start[row + 1] += start[row];
    for (int64_t i = 0; i < count; i++) source[start[tm_source_index(&problem->in[1], i)]++] = i;
    for (int64_t row = rows; row > 0; row--) start[row] = start[row - 1];
    start[0] = 0;
    problem->prepared = start;
    return TM_OK;
}

static int64_t features(const tm_problem *problem)
{
    int64_t product = 1;
    for (int32_t i = 1; i < problem->result.rank; i++) product *= problem->result.dim[i];
    return product;
}

static void scatter_layout(const tm_problem *problem, tm_layout *into)
{
    const int64_t width = features(problem);
    tm_layout_blocks(into, problem->result.dim[0], width, width, (size_t)width);
    into->cost_ns = 2.0 * (double)tm_shape_elements(&problem->result);
}

static void reduce_layout(const tm_problem *problem, tm_layout *into)
{
    tm_layout_blocks(into, problem->result.dim[0], features(problem), COLUMNS, COLUMNS);
    into->cost_ns = 3.0 * (double)tm_shape_elements(&problem->in[0].shape);
}

/* The last candidate in source order, zeros where there is none. Any candidate is right: see tm_check_candidate. */
static void oracle_scatter(const tm_problem *problem, const tm_unit *unit, double *want, double *size, double *scratch)
{
    (void)size, (void)scratch;
    const tm_candidates c = tm_candidates_of(problem);
    const int64_t begin = c.start[unit->row], end = c.start[unit->row + 1];
    if (begin == end)
        memset(want, 0, (size_t)unit->count * sizeof *want);
    else
        tm_source_read(&problem->in[0], c.source[end - 1] * unit->count, unit->count, 1, want);
}

static void oracle_scatter_sum(const tm_problem *problem, const tm_unit *unit, double *want, double *size,
                               double *scratch)
{
    const tm_candidates c = tm_candidates_of(problem);
    const int64_t begin = c.start[unit->row], end = c.start[unit->row + 1], width = features(problem);
    memset(want, 0, (size_t)unit->count * sizeof *want);
    memset(size, 0, (size_t)unit->count * sizeof *size);
    for (int64_t i = begin; i < end; i++) {
        tm_source_read(&problem->in[0], c.source[i] * width + unit->first, unit->count, 1, scratch);
        tm_accumulate(1, scratch, unit->count, want, size);
    }
    for (int64_t i = 0; i < unit->count; i++) size[i] = sqrt((double)(end - begin) * size[i]);
}

/* The largest of zero and the candidates; NaN if one of them is. */
static void oracle_scatter_max(const tm_problem *problem, const tm_unit *unit, double *want, double *size,
                               double *scratch)
{
    (void)size;
    const tm_candidates c = tm_candidates_of(problem);
    const int64_t width = features(problem);
    memset(want, 0, (size_t)unit->count * sizeof *want);
    for (int64_t i = c.start[unit->row]; i < c.start[unit->row + 1]; i++) {
        tm_source_read(&problem->in[0], c.source[i] * width + unit->first, unit->count, 1, scratch);
        for (int64_t j = 0; j < unit->count; j++) {
            if (!(scratch[j] <= want[j]) && !isnan(want[j])) want[j] = scratch[j];
        }
    }
}

const tm_oracle_op tm_oracle_scatter = {
    .layout = scatter_layout, .unit = oracle_scatter, .prepare = prepare_candidates, .direct = true};
const tm_oracle_op tm_oracle_scatter_sum = {
    .layout = reduce_layout, .unit = oracle_scatter_sum, .prepare = prepare_candidates, .sized = true};
const tm_oracle_op tm_oracle_scatter_max = {
    .layout = reduce_layout, .unit = oracle_scatter_max, .prepare = prepare_candidates};
