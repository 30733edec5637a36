/* Sums and argmax along an axis, and the sum of everything.
 *
 * The tensor is outer x length x inner. The work is cut into items by shape alone, never by the number of threads: a
 * piece of at most PIECE steps of the axis, by one strip of columns where inner > 1. Where the axis needs several
 * pieces, each leaves a partial result in scratch, laid out outer x pieces x inner, and a second pass combines them in
 * order. */
#include "native/ops/step_support.h"

#include <math.h>

enum { OUTER, LENGTH, INNER, PIECE, PIECES, STRIP, STRIPS };

typedef struct reduce_work {
    const tm_step *step;
    const tm_frame *frame;
    const float *x;
    void *result; /* of the op */
    void *part;   /* double per piece for rows, else float (sums) or int64_t (argmax) per column of a piece */
} reduce_work;

/* One item, located. */
typedef struct reduce_item {
    const float *x;
    int64_t length, columns;
    int64_t start; /* where on the axis it begins */
    int64_t to;    /* element of the result, or of the partial results */
} reduce_item;

static reduce_item locate(const reduce_work *work, int64_t item)
{
    const int64_t *size = work->step->size;
    const int64_t strip = item % size[STRIPS] * size[STRIP], whole = item / size[STRIPS];
    const int64_t piece = whole % size[PIECES], outer = whole / size[PIECES], start = piece * size[PIECE];
    const int64_t left = size[LENGTH] - start, right = size[INNER] - strip;
    return (reduce_item){.x = work->x + (outer * size[LENGTH] + start) * size[INNER] + strip,
                         .length = left < size[PIECE] ? left : size[PIECE],
                         .columns = right < size[STRIP] ? right : size[STRIP],
                         .start = start,
                         .to = whole * size[INNER] + strip};
}

static void item_share(const reduce_work *work, int32_t member, int32_t members, int64_t *begin, int64_t *end)
{
    const int64_t *size = work->step->size;
    tm_share(size[OUTER] * size[PIECES] * size[STRIPS], 1, member, members, begin, end);
}

/* Rows that are one piece each follow one another: items of this kind need no locating. */
static bool plain_rows(const reduce_work *work)
{
    return work->step->size[INNER] == 1 && work->step->size[PIECES] == 1;
}

static void sum_body(void *context, int32_t member, int32_t members)
{
    const reduce_work *work = context;
    const tm_kernels *kernels = work->frame->kernels;
    const int64_t inner = work->step->size[INNER], length = work->step->size[LENGTH];
    const bool whole = work->step->size[PIECES] == 1;
    int64_t begin, end;
    item_share(work, member, members, &begin, &end);
    if (plain_rows(work)) {
        for (int64_t r = begin; r < end; r++)
            ((float *)work->result)[r] = (float)kernels->sum_f32(work->x + r * length, length);
        return;
    }
    for (int64_t i = begin; i < end; i++) {
        const reduce_item item = locate(work, i);
        if (inner > 1) {
            float *y = (float *)(whole ? work->result : work->part) + item.to;
            kernels->sum_columns_f32(item.x, y, item.length, inner, item.columns);
        } else {
            ((double *)work->part)[item.to] = kernels->sum_f32(item.x, item.length);
        }
    }
}

static void combine_sums(const reduce_work *work)
{
    const int64_t *size = work->step->size;
    float *y = work->result;
    for (int64_t o = 0; o < size[OUTER]; o++) {
        const int64_t at = o * size[PIECES] * size[INNER];
        if (size[INNER] > 1) {
            work->frame->kernels->sum_columns_f32((const float *)work->part + at, y + o * size[INNER], size[PIECES],
                                                  size[INNER], size[INNER]);
            continue;
        }
        double sum = 0.0;
        for (int64_t p = 0; p < size[PIECES]; p++) sum += ((const double *)work->part)[at + p];
        y[o] = (float)sum;
    }
}

static void run_sum(const tm_step *step, const tm_frame *frame)
{
    reduce_work work = {step, frame, tm_step_input(step, frame, 0), tm_step_result(step, frame), frame->scratch};
    tm_pool_run(frame->pool, step->members, sum_body, &work);
    if (step->size[PIECES] > 1) combine_sums(&work);
}

static void argmax_body(void *context, int32_t member, int32_t members)
{
    const reduce_work *work = context;
    const tm_kernels *kernels = work->frame->kernels;
    const int64_t inner = work->step->size[INNER], length = work->step->size[LENGTH];
    int64_t *y = work->step->size[PIECES] == 1 ? work->result : work->part;
    int64_t begin, end;
    item_share(work, member, members, &begin, &end);
    if (plain_rows(work)) {
        kernels->argmax_f32(work->x + begin * length, y + begin, end - begin, length);
        return;
    }
    for (int64_t i = begin; i < end; i++) {
        const reduce_item item = locate(work, i);
        if (inner > 1) {
            kernels->argmax_columns_f32(item.x, y + item.to, item.length, inner, item.columns);
        } else {
            kernels->argmax_f32(item.x, y + item.to, 1, item.length);
        }
    }
}

/* The first NaN, else the first maximum: pieces come in order, so a later one must be strictly better. */
static void combine_argmax(const reduce_work *work)
{
    const int64_t *size = work->step->size;
    const int64_t inner = size[INNER];
    const int64_t *part = work->part;
    int64_t *y = work->result;
    for (int64_t o = 0; o < size[OUTER]; o++) {
        for (int64_t c = 0; c < inner; c++) {
            const float *x = work->x + o * size[LENGTH] * inner + c;
            int64_t best = part[o * size[PIECES] * inner + c];
            for (int64_t p = 1; p < size[PIECES]; p++) {
                const int64_t at = p * size[PIECE] + part[(o * size[PIECES] + p) * inner + c];
                const float value = x[at * inner], old = x[best * inner];
                if (!isnan(old) && (isnan(value) || value > old)) best = at;
            }
            y[o * inner + c] = best;
        }
    }
}

static void run_argmax(const tm_step *step, const tm_frame *frame)
{
    reduce_work work = {step, frame, tm_step_input(step, frame, 0), tm_step_result(step, frame), frame->scratch};
    tm_pool_run(frame->pool, step->members, argmax_body, &work);
    if (step->size[PIECES] > 1) combine_argmax(&work);
}

/* Rows are cut into pieces that fill some tens of microseconds. Columns are cut along the axis only where there are too
 * few strips to go round: partial results of columns cost memory. */
static void plan_reduction(const tm_planner *planner, tm_step *step, tm_axis_view view)
{
    enum { ROW_PIECE = 65536, COLUMN_PIECE = 4096, COLUMNS = 4096, ENOUGH_STRIPS = 64, LONGEST = 1 << 30 };
    const bool empty = view.outer == 0 || view.inner == 0;
    const int64_t strips = empty || view.inner == 1 ? 1 : (view.inner + COLUMNS - 1) / COLUMNS;
    int64_t piece = ROW_PIECE;
    if (view.inner > 1) piece = view.outer * strips < ENOUGH_STRIPS ? COLUMN_PIECE : LONGEST;
    if (piece > view.length) piece = view.length;
    step->size[OUTER] = empty ? 0 : view.outer;
    step->size[LENGTH] = view.length;
    step->size[INNER] = view.inner;
    step->size[PIECE] = piece;
    step->size[PIECES] = piece == 0 ? 1 : (view.length + piece - 1) / piece;
    step->size[STRIP] = strips == 1 ? view.inner : COLUMNS;
    step->size[STRIPS] = strips;
    const double elements = (double)view.outer * (double)view.length * (double)view.inner;
    tm_step_divide(planner, step, elements, step->size[OUTER] * step->size[PIECES] * strips);
    if (step->size[PIECES] > 1) {
        step->scratch_bytes = (size_t)(step->size[OUTER] * step->size[PIECES] * view.inner) * sizeof(double);
    }
}

static void plan_sum(const tm_planner *planner, tm_step *step, tm_axis_view view)
{
    step->run = run_sum;
    plan_reduction(planner, step, view);
    if (view.inner > 1) {
        TM_USE(planner, step, sum_columns_f32);
    } else {
        TM_USE(planner, step, sum_f32);
    }
}

tm_status tm_plan_sum(const tm_planner *planner, tm_step *step, tm_error *error)
{
    (void)error;
    plan_sum(planner, step, tm_view_axis(&step->shape[step->node.operand[0]], step->node.attributes.axis));
    return TM_OK;
}

tm_status tm_plan_sum_all(const tm_planner *planner, tm_step *step, tm_error *error)
{
    (void)error;
    plan_sum(planner, step, (tm_axis_view){1, tm_shape_elements(&step->shape[step->node.operand[0]]), 1});
    return TM_OK;
}

tm_status tm_plan_argmax(const tm_planner *planner, tm_step *step, tm_error *error)
{
    const tm_shape *shape = &step->shape[step->node.operand[0]];
    const tm_axis_view view = tm_view_axis(shape, step->node.attributes.axis);
    if (view.length == 0 && view.outer * view.inner > 0) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "argmax: the axis has no elements");
    }
    step->run = run_argmax;
    plan_reduction(planner, step, view);
    if (view.inner > 1) {
        TM_USE(planner, step, argmax_columns_f32);
    } else {
        TM_USE(planner, step, argmax_f32);
    }
    return TM_OK;
}
