/* Sorting along an axis. Contiguous rows and strips of columns are sorted where they lie, by networks that work on
 * many columns at once; columns too long for a network's scratch are gathered into a row, sorted, and put back. */
#include "native/ops/step_support.h"

enum { OUTER, LENGTH, INNER, STRIPS, SCRATCH_FLOATS };
enum { STRIP = 64, LONGEST_COLUMN = 4096 };

typedef struct sort_work {
    const tm_step *step;
    const tm_frame *frame;
} sort_work;

static float *member_scratch(const sort_work *work, int32_t member)
{
    return (float *)work->frame->scratch + work->step->size[SCRATCH_FLOATS] * member;
}

static void rows_body(void *context, int32_t member, int32_t members)
{
    const sort_work *work = context;
    const int64_t length = work->step->size[LENGTH];
    const float *x = tm_step_input(work->step, work->frame, 0);
    float *y = tm_step_result(work->step, work->frame);
    int64_t begin, end;
    tm_share(work->step->size[OUTER], 1, member, members, &begin, &end);
    for (int64_t r = begin; r < end; r++) {
        work->frame->kernels->sort_row_f32(x + r * length, y + r * length, length, member_scratch(work, member));
    }
}

static void long_columns(const sort_work *work, const float *x, float *y, int64_t columns, float *scratch)
{
    const int64_t length = work->step->size[LENGTH], inner = work->step->size[INNER];
    for (int64_t c = 0; c < columns; c++) {
        for (int64_t i = 0; i < length; i++) scratch[i] = x[i * inner + c];
        work->frame->kernels->sort_row_f32(scratch, scratch, length, scratch + length);
        for (int64_t i = 0; i < length; i++) y[i * inner + c] = scratch[i];
    }
}

static void columns_body(void *context, int32_t member, int32_t members)
{
    const sort_work *work = context;
    const int64_t length = work->step->size[LENGTH], inner = work->step->size[INNER], strips = work->step->size[STRIPS];
    float *scratch = member_scratch(work, member);
    int64_t begin, end;
    tm_share(work->step->size[OUTER] * strips, 1, member, members, &begin, &end);
    for (int64_t item = begin; item < end; item++) {
        const int64_t first = item % strips * STRIP, at = item / strips * length * inner + first;
        const int64_t columns = inner - first < STRIP ? inner - first : STRIP;
        const float *x = tm_step_input(work->step, work->frame, 0) + at;
        float *y = (float *)tm_step_result(work->step, work->frame) + at;
        if (length > LONGEST_COLUMN) {
            long_columns(work, x, y, columns, scratch);
        } else {
            work->frame->kernels->sort_columns_f32(x, y, length, inner, columns, scratch);
        }
    }
}

static void run_sort(const tm_step *step, const tm_frame *frame)
{
    sort_work work = {step, frame};
    tm_pool_run(frame->pool, step->members, step->size[INNER] == 1 ? rows_body : columns_body, &work);
}

tm_status tm_plan_sort(const tm_planner *planner, tm_step *step, tm_error *error)
{
    (void)error;
    const tm_axis_view view = tm_view_axis(&step->shape[step->result], step->node.attributes.axis);
    const int64_t elements = view.outer * view.length * view.inner;
    const bool empty = elements == 0;
    int64_t floats = view.length;
    if (view.inner > 1) floats = view.length > LONGEST_COLUMN ? 2 * view.length : tm_sort_columns_scratch(view.length);
    floats = (int64_t)tm_scratch_round((size_t)(empty ? 0 : floats) * sizeof(float)) / (int64_t)sizeof(float);
    step->run = run_sort;
    if (view.inner > 1 && view.length <= LONGEST_COLUMN) {
        TM_USE(planner, step, sort_columns_f32);
    } else {
        TM_USE(planner, step, sort_row_f32);
    }
    step->size[OUTER] = empty ? 0 : view.outer;
    step->size[LENGTH] = view.length;
    step->size[INNER] = view.inner;
    step->size[STRIPS] = empty ? 1 : (view.inner + STRIP - 1) / STRIP;
    step->size[SCRATCH_FLOATS] = floats;
    /* About 20 comparisons an element, a few FLOP each, decide whether threads pay. */
    tm_step_divide(planner, step, 100.0 * (double)elements, step->size[OUTER] * step->size[STRIPS]);
    step->stream = false;
    step->scratch_bytes = (size_t)floats * sizeof(float) * (size_t)step->members;
    return TM_OK;
}
