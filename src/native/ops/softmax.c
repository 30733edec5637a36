/* Softmax along an axis.
 *
 * Contiguous rows that stay in a core's cache are done whole, divided over the threads. A longer row is cut into pieces
 * of fixed size: first each piece's maximum and sum, then, with those merged in order, each piece's result. Rows are
 * divided over the threads where there are several for each; else all threads share every row. The second pass goes
 * backwards, so that it begins with what the first one left in the cache. Other axes: strips of columns. */
#include "native/ops/step_support.h"

#include <math.h>

enum { OUTER, LENGTH, INNER, PIECES, STRIPS };
enum { PIECE = 16384, LONGEST_ROW = 65536, STRIP = 512 };

typedef struct softmax_part {
    double sum;
    float max;
} softmax_part;

typedef struct softmax_work {
    const tm_step *step;
    const tm_kernels *kernels;
    const float *x;
    float *y;
    softmax_part *part; /* of one row, or of one row of each member */
} softmax_work;

static void rows_body(void *context, int32_t member, int32_t members)
{
    const softmax_work *work = context;
    const int64_t length = work->step->size[LENGTH];
    int64_t begin, end;
    tm_share(work->step->size[OUTER], 1, member, members, &begin, &end);
    work->kernels->softmax_rows_f32(work->x + begin * length, work->y + begin * length, end - begin, length,
                                    work->step->stream);
}

static int64_t piece_length(const softmax_work *work, int64_t piece)
{
    const int64_t left = work->step->size[LENGTH] - piece * PIECE;
    return left < PIECE ? left : PIECE;
}

static void measure(const softmax_work *work, const float *x, softmax_part *part, int64_t begin, int64_t end)
{
    for (int64_t i = begin; i < end; i++) {
        work->kernels->softmax_part_f32(x + i * PIECE, piece_length(work, i), &part[i].max, &part[i].sum);
    }
}

/* A piece of nothing but -inf adds nothing, unless the whole row is so; an infinite maximum makes every result NaN. */
static softmax_part merge(const softmax_part *part, int64_t pieces)
{
    softmax_part all = {0.0, -INFINITY};
    for (int64_t i = 0; i < pieces; i++) {
        if (isnan(part[i].max)) return (softmax_part){NAN, NAN};
        if (part[i].max > all.max) all.max = part[i].max;
    }
    if (isinf(all.max)) return (softmax_part){NAN, NAN};
    for (int64_t i = 0; i < pieces; i++) {
        if (part[i].max > -INFINITY) all.sum += part[i].sum * exp((double)part[i].max - (double)all.max);
    }
    return all;
}

static void apply(const softmax_work *work, int64_t row, const softmax_part *part, int64_t begin, int64_t end)
{
    const softmax_part all = merge(part, work->step->size[PIECES]);
    const float scale = (float)(1.0 / all.sum);
    const int64_t at = row * work->step->size[LENGTH];
    for (int64_t i = end - 1; i >= begin; i--) {
        work->kernels->softmax_apply_f32(work->x + at + i * PIECE, work->y + at + i * PIECE, piece_length(work, i),
                                         all.max, scale, work->step->stream);
    }
}

static void own_rows_body(void *context, int32_t member, int32_t members)
{
    const softmax_work *work = context;
    const int64_t pieces = work->step->size[PIECES];
    softmax_part *part = work->part + pieces * member;
    int64_t begin, end;
    tm_share(work->step->size[OUTER], 1, member, members, &begin, &end);
    for (int64_t row = begin; row < end; row++) {
        measure(work, work->x + row * work->step->size[LENGTH], part, 0, pieces);
        apply(work, row, part, 0, pieces);
    }
}

/* One row, shared by all members. */
typedef struct shared_row {
    const softmax_work *work;
    int64_t row;
} shared_row;

static void measure_body(void *context, int32_t member, int32_t members)
{
    const shared_row *shared = context;
    const softmax_work *work = shared->work;
    int64_t begin, end;
    tm_share(work->step->size[PIECES], 1, member, members, &begin, &end);
    measure(work, work->x + shared->row * work->step->size[LENGTH], work->part, begin, end);
}

static void apply_body(void *context, int32_t member, int32_t members)
{
    const shared_row *shared = context;
    int64_t begin, end;
    tm_share(shared->work->step->size[PIECES], 1, member, members, &begin, &end);
    apply(shared->work, shared->row, shared->work->part, begin, end);
}

static void columns_body(void *context, int32_t member, int32_t members)
{
    const softmax_work *work = context;
    const int64_t *size = work->step->size;
    int64_t begin, end;
    tm_share(size[OUTER] * size[STRIPS], 1, member, members, &begin, &end);
    for (int64_t item = begin; item < end; item++) {
        const int64_t first = item % size[STRIPS] * STRIP,
                      at = item / size[STRIPS] * size[LENGTH] * size[INNER] + first;
        const int64_t columns = size[INNER] - first < STRIP ? size[INNER] - first : STRIP;
        work->kernels->softmax_columns_f32(work->x + at, work->y + at, size[LENGTH], size[INNER], columns);
    }
}

static softmax_work softmax_work_of(const tm_step *step, const tm_frame *frame)
{
    return (softmax_work){step, frame->kernels, tm_step_input(step, frame, 0), tm_step_result(step, frame),
                          frame->scratch};
}

static void run_rows(const tm_step *step, const tm_frame *frame)
{
    softmax_work work = softmax_work_of(step, frame);
    tm_pool_run(frame->pool, step->members, rows_body, &work);
}

static void run_own_rows(const tm_step *step, const tm_frame *frame)
{
    softmax_work work = softmax_work_of(step, frame);
    tm_pool_run(frame->pool, step->members, own_rows_body, &work);
}

static void run_shared_rows(const tm_step *step, const tm_frame *frame)
{
    const softmax_work work = softmax_work_of(step, frame);
    for (int64_t row = 0; row < step->size[OUTER]; row++) {
        shared_row shared = {&work, row};
        tm_pool_run(frame->pool, step->members, measure_body, &shared);
        tm_pool_run(frame->pool, step->members, apply_body, &shared);
    }
}

static void run_columns(const tm_step *step, const tm_frame *frame)
{
    softmax_work work = softmax_work_of(step, frame);
    tm_pool_run(frame->pool, step->members, columns_body, &work);
}

static void plan_long_rows(const tm_planner *planner, tm_step *step, double flop)
{
    enum { ROWS_EACH = 4 };
    const int64_t pieces = step->size[PIECES];
    const bool own = step->size[OUTER] >= (int64_t)ROWS_EACH * tm_pool_threads(planner->pool);
    step->run = own ? run_own_rows : run_shared_rows;
    tm_step_divide(planner, step, flop, own ? step->size[OUTER] : pieces);
    step->scratch_bytes = (size_t)(pieces * (own ? step->members : 1)) * sizeof(softmax_part);
    TM_USE(planner, step, softmax_part_f32);
    TM_USE(planner, step, softmax_apply_f32);
}

tm_status tm_plan_softmax(const tm_planner *planner, tm_step *step, tm_error *error)
{
    (void)error;
    const tm_axis_view view = tm_view_axis(&step->shape[step->result], step->node.attributes.axis);
    const int64_t elements = view.outer * view.length * view.inner;
    const int64_t strips = (view.inner + STRIP - 1) / STRIP, pieces = (view.length + PIECE - 1) / PIECE;
    const double flop = 20.0 * (double)elements;
    step->size[OUTER] = elements == 0 ? 0 : view.outer;
    step->size[LENGTH] = view.length;
    step->size[INNER] = view.inner;
    step->size[PIECES] = pieces;
    step->size[STRIPS] = elements == 0 ? 1 : strips;
    if (view.inner > 1) {
        step->run = run_columns;
        TM_USE(planner, step, softmax_columns_f32);
        tm_step_divide(planner, step, flop, step->size[OUTER] * step->size[STRIPS]);
    } else if (view.length <= LONGEST_ROW) {
        step->run = run_rows;
        TM_USE(planner, step, softmax_rows_f32);
        tm_step_divide(planner, step, flop, step->size[OUTER]);
    } else {
        plan_long_rows(planner, step, flop);
    }
    return TM_OK;
}
