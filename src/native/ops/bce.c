/* Binary cross entropy: pieces of fixed size, each summed in float64 into its own cell of scratch, added up in order.
 * So the result does not depend on the number of threads. */
#include "native/ops/step_support.h"

enum { ELEMENTS, PIECES };
enum { PIECE = 32768 };

typedef struct bce_work {
    tm_bce_kernel kernel;
    const float *p, *t;
    double *sum;
    int64_t elements, pieces;
} bce_work;

static void bce_body(void *context, int32_t member, int32_t members)
{
    const bce_work *work = context;
    int64_t begin, end;
    tm_share(work->pieces, 1, member, members, &begin, &end);
    for (int64_t i = begin; i < end; i++) {
        const int64_t first = i * PIECE, left = work->elements - first;
        work->sum[i] = work->kernel(work->p + first, work->t + first, left < PIECE ? left : PIECE);
    }
}

static void run_bce(const tm_step *step, const tm_frame *frame)
{
    bce_work work = {frame->kernels->bce_f32, tm_step_input(step, frame, 0), tm_step_input(step, frame, 1),
                     frame->scratch,          step->size[ELEMENTS],          step->size[PIECES]};
    tm_pool_run(frame->pool, step->members, bce_body, &work);
    double sum = 0.0;
    for (int64_t i = 0; i < work.pieces; i++) sum += work.sum[i];
    float *result = tm_step_result(step, frame);
    result[0] = (float)(sum / (double)work.elements);
}

tm_status tm_plan_bce(const tm_planner *planner, tm_step *step, tm_error *error)
{
    (void)error;
    const int64_t elements = tm_shape_elements(&step->shape[step->node.operand[0]]);
    const int64_t pieces = (elements + PIECE - 1) / PIECE;
    step->run = run_bce;
    TM_USE(planner, step, bce_f32);
    step->size[ELEMENTS] = elements;
    step->size[PIECES] = pieces;
    step->scratch_bytes = (size_t)pieces * sizeof(double);
    tm_step_divide(planner, step, 40.0 * (double)elements, pieces);
    return TM_OK;
}
