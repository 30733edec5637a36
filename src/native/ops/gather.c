/* gather: rows of the result are divided among the members; the kernel copies them one by one. */
#include "native/ops/step_support.h"

enum { ROWS, TABLE_ROWS, LENGTH };

typedef struct gather_work {
    const tm_step *step;
    const tm_kernels *kernels;
    const float *table;
    const int64_t *index;
    float *y;
} gather_work;

static void gather_body(void *context, int32_t member, int32_t members)
{
    const gather_work *work = context;
    const int64_t *size = work->step->size;
    int64_t begin, end;
    tm_share(size[ROWS], 16, member, members, &begin, &end);
    work->kernels->gather_rows_f32(work->table, size[TABLE_ROWS], work->index + begin, work->y + begin * size[LENGTH],
                                   end - begin, size[LENGTH], work->step->stream);
}

static void run_gather(const tm_step *step, const tm_frame *frame)
{
    gather_work work = {step, frame->kernels, tm_step_input(step, frame, 0), frame->value[step->node.operand[1]],
                        tm_step_result(step, frame)};
    if (step->size[ROWS] > 0 && step->size[LENGTH] > 0) tm_pool_run(frame->pool, step->members, gather_body, &work);
}

tm_status tm_plan_gather(const tm_planner *planner, tm_step *step, tm_error *error)
{
    (void)error;
    const tm_shape *table = &step->shape[step->node.operand[0]], *index = &step->shape[step->node.operand[1]];
    int64_t length = 1;
    for (int32_t d = 1; d < table->rank; d++) length *= table->dim[d];
    step->size[ROWS] = tm_shape_elements(index);
    step->size[TABLE_ROWS] = table->dim[0];
    step->size[LENGTH] = length;
    /* What matters is what is written; of the table at most as much is read. */
    const double written = tm_step_bytes(step, step->result);
    step->members = tm_pool_members_for(planner->pool, 2 * written, 0);
    step->stream = written > planner->llc_bytes / 2;
    step->run = run_gather;
    TM_USE(planner, step, gather_rows_f32);
    return TM_OK;
}
