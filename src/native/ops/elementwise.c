/* Elementwise ops: the tensor is one flat array, cut into one contiguous piece per thread. */
#include "native/ops/step_support.h"

enum { ELEMENTS };
enum { PARAMETER };

typedef struct map_work {
    tm_map_kernel kernel;
    const float *x;
    float *y;
    int64_t elements;
    float parameter;
    bool stream;
} map_work;

static void map_body(void *context, int32_t member, int32_t members)
{
    const map_work *work = context;
    int64_t begin, end;
    tm_share(work->elements, 1024, member, members, &begin, &end);
    work->kernel(work->x + begin, work->y + begin, end - begin, work->parameter, work->stream);
}

static void run_map(const tm_step *step, const tm_frame *frame, tm_map_kernel kernel, float parameter)
{
    map_work work = {
        kernel,      tm_step_input(step, frame, 0), tm_step_result(step, frame), step->size[ELEMENTS], parameter,
        step->stream};
    tm_pool_run(frame->pool, step->members, map_body, &work);
}

static void plan_map(const tm_planner *planner, tm_step *step, double flop_per_element)
{
    const int64_t elements = tm_shape_elements(&step->shape[step->result]);
    step->size[ELEMENTS] = elements;
    tm_step_divide(planner, step, flop_per_element * (double)elements, elements);
}

/* The planners differ only in the kernel slot and in what a call of it costs, roughly, in FLOP per element. */
#define PLAN_MAP(op, slot, flop)                                                                                       \
    static void run_##op(const tm_step *step, const tm_frame *frame)                                                   \
    {                                                                                                                  \
        run_map(step, frame, frame->kernels->slot, (float)step->real[PARAMETER]);                                      \
    }                                                                                                                  \
    tm_status tm_plan_##op(const tm_planner *planner, tm_step *step, tm_error *error)                                  \
    {                                                                                                                  \
        (void)error;                                                                                                   \
        step->run = run_##op;                                                                                          \
        step->real[PARAMETER] = step->node.attributes.slope;                                                           \
        TM_USE(planner, step, slot);                                                                                   \
        plan_map(planner, step, flop);                                                                                 \
        return TM_OK;                                                                                                  \
    }

PLAN_MAP(relu, relu_f32, 1.0)
PLAN_MAP(leaky_relu, leaky_relu_f32, 2.0)
PLAN_MAP(selu, selu_f32, 16.0)
PLAN_MAP(sigmoid, sigmoid_f32, 20.0)
PLAN_MAP(softplus, softplus_f32, 24.0)

static void run_gelu(const tm_step *step, const tm_frame *frame)
{
    run_map(step, frame, frame->kernels->gelu_f32, 0.0f);
}

static void run_gelu_tanh(const tm_step *step, const tm_frame *frame)
{
    run_map(step, frame, frame->kernels->gelu_tanh_f32, 0.0f);
}

tm_status tm_plan_gelu(const tm_planner *planner, tm_step *step, tm_error *error)
{
    (void)error;
    if (step->node.attributes.approximate == TM_APPROXIMATE_TANH) {
        step->run = run_gelu_tanh;
        TM_USE(planner, step, gelu_tanh_f32);
    } else {
        step->run = run_gelu;
        TM_USE(planner, step, gelu_f32);
    }
    plan_map(planner, step, 32.0);
    return TM_OK;
}

typedef struct pair_work {
    tm_pair_kernel kernel;
    const float *a, *b;
    float *y;
    int64_t elements;
    bool stream;
} pair_work;

static void pair_body(void *context, int32_t member, int32_t members)
{
    const pair_work *work = context;
    int64_t begin, end;
    tm_share(work->elements, 1024, member, members, &begin, &end);
    work->kernel(work->a + begin, work->b + begin, work->y + begin, end - begin, work->stream);
}

static void run_add(const tm_step *step, const tm_frame *frame)
{
    pair_work work = {frame->kernels->add_f32,     tm_step_input(step, frame, 0), tm_step_input(step, frame, 1),
                      tm_step_result(step, frame), step->size[ELEMENTS],          step->stream};
    tm_pool_run(frame->pool, step->members, pair_body, &work);
}

tm_status tm_plan_add(const tm_planner *planner, tm_step *step, tm_error *error)
{
    (void)error;
    step->run = run_add;
    TM_USE(planner, step, add_f32);
    plan_map(planner, step, 1.0);
    return TM_OK;
}

/* The slope is data, known only when the step runs. */
static void run_prelu(const tm_step *step, const tm_frame *frame)
{
    if (step->size[ELEMENTS] == 0) return;
    run_map(step, frame, frame->kernels->leaky_relu_f32, tm_step_input(step, frame, 1)[0]);
}

tm_status tm_plan_prelu(const tm_planner *planner, tm_step *step, tm_error *error)
{
    (void)error;
    step->run = run_prelu;
    TM_USE(planner, step, leaky_relu_f32);
    plan_map(planner, step, 2.0);
    return TM_OK;
}
