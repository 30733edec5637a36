/* conv1d and conv2d, stride 1, no padding, channels last. conv1d is an image of height 1. No window is ever copied: row
 * r of a window is kernel_width x channels contiguous floats, and the next pixel's starts `channels` further, so an
 * output row is a product whose A is the image itself, in one segment per row of the window. Three ways to compute it:
 *   tiles   lanes run along the filters; the weights are packed as B
 *   dots    few filters, long window rows: lanes run along the window
 *   planes  few filters and channels: lanes run along the pixels; image rows are split into channel planes as they come
 */
#include "native/gemm.h"
#include "native/ops/step_support.h"

enum { HEIGHT, WIDTH, CHANNELS, FILTERS, WINDOW_HEIGHT, WINDOW_WIDTH, IMAGES, WAY, PLANE, PACK };
enum { TILES, DOTS, PLANES };

typedef struct conv_work {
    const tm_step *step;
    const tm_kernels *kernels;
    const float *x, *weight;
    float *y;
    float *pack, *planes;
} conv_work;

/* Panels of nr filters, or for planes one panel of all filters: [panel][window][filter]. */
static void pack_filters(const conv_work *work, int64_t first, int64_t last, int64_t nr)
{
    const int64_t *size = work->step->size;
    const int64_t window = size[WINDOW_HEIGHT] * size[WINDOW_WIDTH] * size[CHANNELS];
    for (int64_t j = first; j < last; j += nr) {
        float *panel = work->pack + j * window;
        for (int64_t f = 0; f < nr; f++) {
            for (int64_t p = 0; p < window; p++)
                panel[p * nr + f] = j + f < last ? work->weight[(j + f) * window + p] : 0.0f;
        }
    }
}

static void pack_body(void *context, int32_t member, int32_t members)
{
    const conv_work *work = context;
    const int64_t nr = work->kernels->gemm_f32.nr;
    int64_t first, last;
    tm_share(work->step->size[FILTERS], nr, member, members, &first, &last);
    pack_filters(work, first, last, nr);
}

/* Where output row `row` (counted through all images) starts to look. */
static const float *window_of(const conv_work *work, int64_t row)
{
    const int64_t *size = work->step->size, tall = size[HEIGHT] - size[WINDOW_HEIGHT] + 1;
    return work->x + (row / tall * size[HEIGHT] + row % tall) * size[WIDTH] * size[CHANNELS];
}

static void tiles_row(const conv_work *work, int64_t row)
{
    const tm_gemm_kernels *gemm = &work->kernels->gemm_f32;
    const int64_t *size = work->step->size, wide = size[WIDTH] - size[WINDOW_WIDTH] + 1;
    const int64_t window = size[WINDOW_HEIGHT] * size[WINDOW_WIDTH] * size[CHANNELS];
    const int64_t tiles = (wide + gemm->mr - 1) / gemm->mr;
    tm_gemm_strip strip = {.a_row = size[CHANNELS],
                           .a_step = 1,
                           .a_segment = size[WIDTH] * size[CHANNELS],
                           .segments = size[WINDOW_HEIGHT],
                           .k = size[WINDOW_WIDTH] * size[CHANNELS],
                           .b = work->pack,
                           .b_row = gemm->nr,
                           .b_panel = window * gemm->nr,
                           .c_row = size[FILTERS],
                           .columns = size[FILTERS],
                           .stream = work->step->stream};
    for (int64_t t = 0; t < tiles; t++) {
        const int64_t from = wide * t / tiles;
        strip.rows = (int32_t)(wide * (t + 1) / tiles - from);
        strip.a = window_of(work, row) + from * size[CHANNELS];
        strip.c = work->y + (row * wide + from) * size[FILTERS];
        gemm->strip(&strip);
    }
}

static void dots_row(const conv_work *work, int64_t row)
{
    const int64_t *size = work->step->size, wide = size[WIDTH] - size[WINDOW_WIDTH] + 1;
    const int64_t across = size[WINDOW_WIDTH] * size[CHANNELS];
    tm_gemm_dot dot = {.a = window_of(work, row),
                       .a_row = size[CHANNELS],
                       .a_segment = size[WIDTH] * size[CHANNELS],
                       .b = work->weight,
                       .b_row = size[WINDOW_HEIGHT] * across,
                       .b_segment = across,
                       .segments = size[WINDOW_HEIGHT],
                       .k = across,
                       .c = work->y + row * wide * size[FILTERS],
                       .c_row = size[FILTERS],
                       .rows = wide,
                       .columns = size[FILTERS],
                       .scale = 1.0f};
    /* The row of the image below this window, which the next output row starts to need. */
    const int64_t steps = tm_gemm_dot_steps(&dot, &work->kernels->gemm_f32),
                  step = size[WIDTH] * size[CHANNELS] / (steps + 1) + 1;
    dot.ahead = dot.a + size[WINDOW_HEIGHT] * dot.a_segment;
    dot.ahead_step = step < 32 ? step : 32;
    work->kernels->gemm_f32.dot(&dot);
}

static int64_t planes_floats(const int64_t *size)
{
    return size[WINDOW_HEIGHT] * (size[CHANNELS] * size[PLANE] + 16); /* and a pointer to each row's planes */
}

/* Output rows [begin, end). Row r of an image has its planes in slot r modulo the window's height. */
static void planes_rows(const conv_work *work, int64_t begin, int64_t end, float *scratch)
{
    const int64_t *size = work->step->size, high = size[WINDOW_HEIGHT], tall = size[HEIGHT] - high + 1;
    const int64_t wide = size[WIDTH] - size[WINDOW_WIDTH] + 1, slot_floats = size[CHANNELS] * size[PLANE];
    /* A row of the image is fetched while a row of results is computed, by blocks of three vectors or so. */
    const int64_t step = 48 / (high * size[WINDOW_WIDTH]) + 1;
    const float **slots = (const float **)(void *)(scratch + high * slot_floats);
    const tm_conv_planar whole = {.planes = slots,
                                  .plane = size[PLANE],
                                  .kernel_height = high,
                                  .kernel_width = size[WINDOW_WIDTH],
                                  .channels = size[CHANNELS],
                                  .weights = work->pack,
                                  .filters = (int32_t)size[FILTERS],
                                  .width = wide,
                                  .stream = work->step->stream,
                                  .ahead_step = step < 16 ? step : 16};
    for (int64_t row = begin; row < end; row++) {
        const int64_t top = row % tall;
        const bool fresh = row == begin || top == 0;
        for (int64_t r = 0; r < high; r++) {
            float *slot = scratch + (top + r) % high * slot_floats;
            slots[r] = slot;
            if (!fresh && r < high - 1) continue;
            work->kernels->deinterleave_f32(window_of(work, row) + r * size[WIDTH] * size[CHANNELS], size[CHANNELS],
                                            size[WIDTH], slot, size[PLANE]);
        }
        tm_conv_planar one = whole;
        one.y = work->y + row * wide * size[FILTERS];
        one.ahead = window_of(work, row) + high * size[WIDTH] * size[CHANNELS];
        work->kernels->conv_planar_f32(&one);
    }
}

static void conv_body(void *context, int32_t member, int32_t members)
{
    const conv_work *work = context;
    const int64_t *size = work->step->size;
    int64_t begin, end;
    tm_share(size[IMAGES] * (size[HEIGHT] - size[WINDOW_HEIGHT] + 1), 1, member, members, &begin, &end);
    if (size[WAY] == PLANES) {
        planes_rows(work, begin, end, work->planes + member * planes_floats(size));
        return;
    }
    for (int64_t row = begin; row < end; row++) (size[WAY] == DOTS ? dots_row : tiles_row)(work, row);
}

static void run_conv(const tm_step *step, const tm_frame *frame)
{
    conv_work work = {step,
                      frame->kernels,
                      tm_step_input(step, frame, 0),
                      tm_step_input(step, frame, 1),
                      tm_step_result(step, frame),
                      frame->scratch,
                      NULL};
    work.planes = work.pack + step->size[PACK];
    if (step->size[IMAGES] == 0 || step->size[FILTERS] == 0) return;
    if (step->size[WAY] == TILES) tm_pool_run(frame->pool, step->members, pack_body, &work);
    if (step->size[WAY] == PLANES) pack_filters(&work, 0, step->size[FILTERS], step->size[FILTERS]);
    tm_pool_run(frame->pool, step->members, conv_body, &work);
}

static tm_status plan_conv(const tm_planner *planner, tm_step *step)
{
    int64_t *size = step->size;
    const int64_t nr = planner->kernels->gemm_f32.nr, width = planner->kernels->gemm_f32.width;
    const int64_t across = size[WINDOW_WIDTH] * size[CHANNELS], window = across * size[WINDOW_HEIGHT];
    const double pixels = (double)(size[IMAGES] * (size[HEIGHT] - size[WINDOW_HEIGHT] + 1)) *
                          (double)(size[WIDTH] - size[WINDOW_WIDTH] + 1);
    tm_step_divide(planner, step, 2.0 * pixels * (double)window * (double)size[FILTERS], INT64_MAX);
    step->run = run_conv;
    size[WAY] = size[FILTERS] > width / 2 || window == 0 ? TILES : across >= 6 * width ? DOTS : PLANES;
    if (size[WAY] == TILES) size[PACK] = (size[FILTERS] + nr - 1) / nr * nr * window;
    if (size[WAY] == PLANES) {
        size[PACK] = (size[FILTERS] * window + 15) / 16 * 16;
        size[PLANE] = (size[WIDTH] + 15) / 16 * 16 + tm_conv_planar_slack;
        step->scratch_bytes = (size_t)(step->members * planes_floats(size)) * sizeof(float);
        TM_USE(planner, step, deinterleave_f32);
        TM_USE(planner, step, conv_planar_f32);
    } else {
        TM_USE(planner, step, gemm_f32);
    }
    step->scratch_bytes += (size_t)size[PACK] * sizeof(float);
    return TM_OK;
}

tm_status tm_plan_conv1d(const tm_planner *planner, tm_step *step, tm_error *error)
{
    (void)error;
    const tm_shape *x = &step->shape[step->node.operand[0]], *weight = &step->shape[step->node.operand[1]];
    int64_t *size = step->size;
    size[IMAGES] = x->dim[0], size[HEIGHT] = 1, size[WIDTH] = x->dim[1], size[CHANNELS] = x->dim[2];
    size[FILTERS] = weight->dim[0], size[WINDOW_HEIGHT] = 1, size[WINDOW_WIDTH] = weight->dim[1];
    return plan_conv(planner, step);
}

tm_status tm_plan_conv2d(const tm_planner *planner, tm_step *step, tm_error *error)
{
    (void)error;
    const tm_shape *x = &step->shape[step->node.operand[0]], *weight = &step->shape[step->node.operand[1]];
    int64_t *size = step->size;
    size[IMAGES] = x->dim[0], size[HEIGHT] = x->dim[1], size[WIDTH] = x->dim[2], size[CHANNELS] = x->dim[3];
    size[FILTERS] = weight->dim[0], size[WINDOW_HEIGHT] = weight->dim[1], size[WINDOW_WIDTH] = weight->dim[2];
    return plan_conv(planner, step);
}
