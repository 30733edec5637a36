/* Reading operands as float64, cutting outputs into units, and the two helpers that every op shares: rounding to a
 * dtype, and loops whose threads have scratch of their own. */
#include "oracle/problem.h"

#include "base/parallel.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static const tm_oracle_op *const ops[TM_OP_COUNT] = {
#define TM_OP(name, ...) [TM_OP_##name] = &tm_oracle_##name,
#include "graph/ops.def"
#undef TM_OP
};

const tm_oracle_op *tm_oracle_op_of(tm_op op)
{
    return ops[op];
}

void tm_source_read(const tm_source *source, int64_t first, int64_t count, int64_t stride, double *restrict into)
{
    if (source->wide) {
        const double *data = (const double *)source->data + first;
        for (int64_t i = 0; i < count; i++) into[i] = data[i * stride];
    } else if (source->shape.dtype == TM_F32 && stride == 1) {
        const float *data = (const float *)source->data + first;
        for (int64_t i = 0; i < count; i++) into[i] = (double)data[i];
    } else if (source->shape.dtype == TM_F32) {
        const float *data = (const float *)source->data + first;
        for (int64_t i = 0; i < count; i++) into[i] = (double)data[i * stride];
    } else if (source->shape.dtype == TM_BF16) {
        const uint16_t *data = (const uint16_t *)source->data + first;
        for (int64_t i = 0; i < count; i++) into[i] = (double)tm_f32_from_bf16(data[i * stride]);
    } else {
        for (int64_t i = 0; i < count; i++) into[i] = tm_element(source->shape.dtype, source->data, first + i * stride);
    }
}

double tm_source_at(const tm_source *source, int64_t index)
{
    return source->wide ? ((const double *)source->data)[index] : tm_element(source->shape.dtype, source->data, index);
}

int64_t tm_source_index(const tm_source *source, int64_t position)
{
    if (source->wide) return (int64_t)((const double *)source->data)[position];
    if (source->shape.dtype == TM_I64) return ((const int64_t *)source->data)[position];
    return (int64_t)tm_element(source->shape.dtype, source->data, position);
}

void tm_layout_blocks(tm_layout *into, int64_t rows, int64_t row_length, int64_t block, size_t scratch)
{
    *into = (tm_layout){
        .rows = rows, .row_length = row_length, .block = tm_most(1, tm_least(block, row_length)), .scratch = scratch};
    into->units = rows * tm_ceil_div(row_length, into->block);
    into->longest = into->block;
}

void tm_layout_lines(tm_layout *into, tm_axis_view view, size_t scratch)
{
    *into = (tm_layout){.length = view.length, .inner = view.inner, .scratch = scratch, .longest = view.length};
    into->units = view.length > 0 ? view.outer * view.inner : 0;
}

tm_unit tm_unit_at(const tm_layout *layout, int64_t number)
{
    if (layout->inner > 0) {
        const int64_t outer = number / layout->inner, inside = number % layout->inner;
        return (tm_unit){.row = number,
                         .base = outer * layout->length * layout->inner + inside,
                         .count = layout->length,
                         .stride = layout->inner};
    }
    const int64_t per_row = tm_ceil_div(layout->row_length, layout->block);
    tm_unit unit = {.row = number / per_row, .first = number % per_row * layout->block, .stride = 1};
    unit.base = unit.row * layout->row_length + unit.first;
    unit.count = tm_least(layout->block, layout->row_length - unit.first);
    return unit;
}

/* Index operands (letter i) must lie in 0..rows-1 of what they point into. */
static tm_status check_indices(const tm_problem *problem, tm_error *error)
{
    const char *data = tm_op_data(problem->op);
    for (int32_t i = 0; i < problem->operands && data[i]; i++) {
        if (data[i] != 'i') continue;
        const int64_t rows = problem->op == TM_OP_gather ? problem->in[0].shape.dim[0] : problem->result.dim[0];
        const int64_t count = tm_shape_elements(&problem->in[i].shape);
        for (int64_t at = 0; at < count; at++) {
            const int64_t index = tm_source_index(&problem->in[i], at);
            if (index < 0 || index >= rows) {
                return tm_fail(error, TM_INVALID_ARGUMENT, "%s: index %lld at position %lld is outside 0..%lld",
                               tm_op_name(problem->op), (long long)index, (long long)at, (long long)rows - 1);
            }
        }
    }
    return TM_OK;
}

tm_problem tm_problem_view(const tm_graph *graph, int32_t node, const void *const *values, int threads)
{
    const tm_node *source = &graph->node[node];
    tm_problem problem = {.op = source->op,
                          .attributes = source->attributes,
                          .operands = source->operands,
                          .result = graph->shape[graph->inputs + node],
                          .threads = threads < 1 ? 1 : threads};
    for (int32_t i = 0; i < source->operands; i++) {
        const int32_t value = source->operand[i];
        problem.in[i] = (tm_source){graph->shape[value], values ? values[value] : NULL, value >= graph->inputs};
    }
    return problem;
}

tm_status tm_problem_prepare(tm_problem *problem, tm_error *error)
{
    const tm_status status = check_indices(problem, error);
    if (status != TM_OK || !ops[problem->op]->prepare) return status;
    return ops[problem->op]->prepare(problem, error);
}

void tm_problem_release(tm_problem *problem)
{
    free(problem->prepared);
    problem->prepared = NULL;
}

double tm_round_to(tm_dtype dtype, double value)
{
    switch (dtype) {
    case TM_F32: return (double)(float)value;
    case TM_BF16: return (double)tm_f32_from_bf16(tm_bf16_from_f32((float)value));
    case TM_F16: return (double)tm_f32_from_f16(tm_f16_from_f32((float)value));
    case TM_I32:
    case TM_I64: return value;
    }
    return value;
}

/* The exponent's bits alone are a power of two. */
double tm_ulp(tm_dtype dtype, double value)
{
    const uint64_t exponent_bits = UINT64_C(0x7ff) << 52;
    const double lowest = dtype == TM_F16 ? 0x1p-14 : 0x1p-126;
    uint64_t bits;
    double power;
    memcpy(&bits, &value, sizeof bits);
    bits &= exponent_bits;
    if (bits == exponent_bits) bits = 0; /* infinite or NaN */
    memcpy(&power, &bits, sizeof power);
    return 2 * tm_dtype_roundoff(dtype) * (power > lowest ? power : lowest);
}

typedef struct scratch_job {
    tm_scratch_body body;
    void *context;
    size_t doubles;
    atomic_bool failed;
} scratch_job;

static void with_scratch(void *context, int64_t begin, int64_t end)
{
    scratch_job *job = context;
    double *scratch = malloc((job->doubles + 1) * sizeof *scratch);
    if (scratch)
        job->body(job->context, begin, end, scratch);
    else
        atomic_store(&job->failed, true);
    free(scratch);
}

tm_status tm_parallel_scratch(int64_t count, int64_t grain, int threads, size_t doubles, tm_scratch_body body,
                              void *context, tm_error *error)
{
    scratch_job job = {.body = body, .context = context, .doubles = doubles};
    tm_parallel_for(count, grain, threads, with_scratch, &job);
    return atomic_load(&job.failed) ? tm_fail_memory(error, "the oracle's scratch") : TM_OK;
}
