/* concat: seen as `outer` rows, each made of one piece per operand. Many rows are divided among the members, which
 * interleave the operands block by block, so that the result is written nearly in order; few rows are divided piece by
 * piece. */
#include "native/ops/step_support.h"

enum { OUTER, TOTAL, PIECE }; /* PIECE + i: floats of operand i in a row */
enum { BLOCK_FLOATS = 32 * 1024 };

typedef struct concat_work {
    const tm_step *step;
    const tm_frame *frame;
} concat_work;

static void concat_rows(const concat_work *work, int64_t begin, int64_t end)
{
    const tm_step *step = work->step;
    const int64_t total = step->size[TOTAL];
    float *y = (float *)tm_step_result(step, work->frame) + begin * total;
    for (int32_t i = 0; i < step->node.operands; i++) {
        const int64_t piece = step->size[PIECE + i];
        const float *x = tm_step_input(step, work->frame, i) + begin * piece;
        work->frame->kernels->copy_rows_f32(x, piece, y, total, end - begin, piece, step->stream);
        y += piece;
    }
}

static void concat_body(void *context, int32_t member, int32_t members)
{
    const concat_work *work = context;
    const int64_t total = work->step->size[TOTAL], block = total < BLOCK_FLOATS ? BLOCK_FLOATS / total : 1;
    int64_t begin, end;
    tm_share(work->step->size[OUTER], 1, member, members, &begin, &end);
    for (int64_t row = begin; row < end; row += block) concat_rows(work, row, row + block < end ? row + block : end);
}

static void concat_pieces_body(void *context, int32_t member, int32_t members)
{
    const concat_work *work = context;
    const tm_step *step = work->step;
    float *y = tm_step_result(step, work->frame);
    for (int64_t row = 0; row < step->size[OUTER]; row++) {
        for (int32_t i = 0; i < step->node.operands; i++) {
            const int64_t piece = step->size[PIECE + i];
            const float *x = tm_step_input(step, work->frame, i) + row * piece;
            int64_t begin, end;
            tm_share(piece, 1024, member, members, &begin, &end);
            work->frame->kernels->copy_rows_f32(x + begin, end - begin, y + begin, end - begin, 1, end - begin,
                                                step->stream);
            y += piece;
        }
    }
}

static void run_concat(const tm_step *step, const tm_frame *frame)
{
    concat_work work = {step, frame};
    if (step->size[OUTER] == 0 || step->size[TOTAL] == 0) return;
    const bool many = step->size[OUTER] >= 8 * (int64_t)step->members;
    tm_pool_run(frame->pool, step->members, many ? concat_body : concat_pieces_body, &work);
}

tm_status tm_plan_concat(const tm_planner *planner, tm_step *step, tm_error *error)
{
    (void)error;
    const tm_shape *result = &step->shape[step->result];
    const int64_t axis = step->node.attributes.axis;
    const tm_axis_view whole = tm_view_axis(result, axis);
    step->size[OUTER] = whole.outer;
    step->size[TOTAL] = whole.length * whole.inner;
    for (int32_t i = 0; i < step->node.operands; i++) {
        const tm_axis_view view = tm_view_axis(&step->shape[step->node.operand[i]], axis);
        step->size[PIECE + i] = view.length * view.inner;
    }
    tm_step_divide(planner, step, 0, whole.outer * step->size[TOTAL] / 1024);
    step->run = run_concat;
    TM_USE(planner, step, copy_rows_f32);
    return TM_OK;
}
