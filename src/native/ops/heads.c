/* split_heads and merge_heads: both copy rows of one head, `width` floats each, between [batch][token][head] and
 * [batch][head][token]. Heads are taken one by one within a block of tokens, so that the lines of the merged side,
 * which hold several heads, are still in a cache when the next head comes. */
#include "native/ops/step_support.h"

enum { BATCH, TOKENS, HEADS, WIDTH };
enum { BLOCK_FLOATS = 8 * 1024 };

typedef struct heads_work {
    tm_copy_rows_kernel copy;
    const int64_t *size;
    const float *x;
    float *y;
    bool split, stream;
} heads_work;

/* Tokens [first, last) of one batch item, all heads. */
static void move_tokens(const heads_work *work, int64_t batch, int64_t first, int64_t last)
{
    const int64_t tokens = work->size[TOKENS], heads = work->size[HEADS], width = work->size[WIDTH];
    for (int64_t head = 0; head < heads; head++) {
        const int64_t merged = ((batch * tokens + first) * heads + head) * width;
        const int64_t apart = ((batch * heads + head) * tokens + first) * width;
        if (work->split) {
            work->copy(work->x + merged, heads * width, work->y + apart, width, last - first, width, work->stream);
        } else {
            work->copy(work->x + apart, width, work->y + merged, heads * width, last - first, width, work->stream);
        }
    }
}

static void heads_body(void *context, int32_t member, int32_t members)
{
    const heads_work *work = context;
    const int64_t tokens = work->size[TOKENS], row = work->size[HEADS] * work->size[WIDTH];
    const int64_t block = row < BLOCK_FLOATS ? BLOCK_FLOATS / row : 1;
    int64_t at, end;
    tm_share(work->size[BATCH] * tokens, 1, member, members, &at, &end);
    while (at < end) {
        const int64_t batch = at / tokens, first = at % tokens;
        int64_t last = first + block < tokens ? first + block : tokens;
        if (batch * tokens + last > end) last = end - batch * tokens;
        move_tokens(work, batch, first, last);
        at = batch * tokens + last;
    }
}

static void run_heads(const tm_step *step, const tm_frame *frame)
{
    heads_work work = {.copy = frame->kernels->copy_rows_f32,
                       .size = step->size,
                       .x = tm_step_input(step, frame, 0),
                       .y = tm_step_result(step, frame),
                       .split = step->node.op == TM_OP_split_heads,
                       .stream = step->stream};
    if (step->size[BATCH] == 0 || step->size[TOKENS] == 0 || step->size[WIDTH] == 0) return;
    tm_pool_run(frame->pool, step->members, heads_body, &work);
}

/* `apart` is the shape [..., heads, tokens, width]. */
static tm_status plan_heads(const tm_planner *planner, tm_step *step, const tm_shape *apart)
{
    int64_t *size = step->size;
    const int64_t *dim = apart->dim + apart->rank - 3;
    size[BATCH] = 1;
    for (int32_t d = 0; d < apart->rank - 3; d++) size[BATCH] *= apart->dim[d];
    size[HEADS] = dim[0], size[TOKENS] = dim[1], size[WIDTH] = dim[0] > 0 ? dim[2] : 0;
    tm_step_divide(planner, step, 0, size[BATCH] * size[TOKENS]);
    step->run = run_heads;
    TM_USE(planner, step, copy_rows_f32);
    return TM_OK;
}

tm_status tm_plan_split_heads(const tm_planner *planner, tm_step *step, tm_error *error)
{
    (void)error;
    return plan_heads(planner, step, &step->shape[step->result]);
}

tm_status tm_plan_merge_heads(const tm_planner *planner, tm_step *step, tm_error *error)
{
    (void)error;
    return plan_heads(planner, step, &step->shape[step->node.operand[0]]);
}
