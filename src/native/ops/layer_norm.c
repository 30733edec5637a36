/* Layer normalisation over the last axis: whole rows, divided over the threads. */
#include "native/ops/step_support.h"

enum { ROWS, LENGTH };

typedef struct norm_work {
    tm_layer_norm_kernel kernel;
    const float *x, *scale, *shift;
    float *y;
    int64_t rows, length;
    float eps;
    bool stream;
} norm_work;

static void norm_body(void *context, int32_t member, int32_t members)
{
    const norm_work *work = context;
    int64_t begin, end;
    tm_share(work->rows, 1, member, members, &begin, &end);
    const int64_t at = begin * work->length;
    work->kernel(work->x + at, work->scale, work->shift, work->y + at, end - begin, work->length, work->eps,
                 work->stream);
}

static void run_layer_norm(const tm_step *step, const tm_frame *frame)
{
    norm_work work = {.kernel = frame->kernels->layer_norm_rows_f32,
                      .x = tm_step_input(step, frame, 0),
                      .scale = tm_step_input(step, frame, 1),
                      .shift = tm_step_input(step, frame, 2),
                      .y = tm_step_result(step, frame),
                      .rows = step->size[ROWS],
                      .length = step->size[LENGTH],
                      .eps = (float)step->node.attributes.eps,
                      .stream = step->stream};
    tm_pool_run(frame->pool, step->members, norm_body, &work);
}

tm_status tm_plan_layer_norm(const tm_planner *planner, tm_step *step, tm_error *error)
{
    (void)error;
    const tm_axis_view view = tm_view_axis(&step->shape[step->result], -1);
    const bool empty = tm_shape_elements(&step->shape[step->result]) == 0;
    step->run = run_layer_norm;
    TM_USE(planner, step, layer_norm_rows_f32);
    step->size[ROWS] = empty ? 0 : view.outer;
    step->size[LENGTH] = view.length;
    tm_step_divide(planner, step, 8.0 * (double)view.outer * (double)view.length, step->size[ROWS]);
    return TM_OK;
}
