/* scatter, scatter_sum, scatter_max into a table of zeros. The result never depends on the number of threads.
 *
 * scatter: the last row of a repeated index wins. Few sources are copied in order over zeros. Many: every row's winner
 * is found first; then the table is a gather of the winners (a row without one is zeros). scatter_sum and scatter_max,
 * small table: the source is cut into a number of parts that follows from the shape alone, each with a private table;
 * these are merged in order. This also keeps sums short, for accuracy. Large table: members own ranges of the table,
 * and each goes through all indices. Indices outside the table are passed over. */
#include "native/ops/step_support.h"

#include <string.h>

enum { SOURCES, ROWS, LENGTH, PARTS, FEW };
enum { MOST_PARTS = 16, PRIVATE_FLOATS = 64 * 1024 };

typedef struct scatter_work {
    const tm_step *step;
    const tm_kernels *kernels;
    tm_scatter_rows_kernel scatter;
    tm_accumulate_kernel merge;
    const float *source;
    const int64_t *index;
    float *y;
    float *part;
    int64_t *winner;
} scatter_work;

static scatter_work make_work(const tm_step *step, const tm_frame *frame)
{
    return (scatter_work){.step = step,
                          .kernels = frame->kernels,
                          .source = tm_step_input(step, frame, 0),
                          .index = frame->value[step->node.operand[1]],
                          .y = tm_step_result(step, frame),
                          .part = frame->scratch,
                          .winner = frame->scratch};
}

/* In order, which needs no branch, unless rows are so few that most sources are beaten: then from the end, until every
 * row has its winner. */
static void find_winners(const scatter_work *work)
{
    const int64_t rows = work->step->size[ROWS], sources = work->step->size[SOURCES];
    for (int64_t r = 0; r < rows; r++) work->winner[r] = -1;
    if (sources <= 8 * rows) {
        for (int64_t e = 0; e < sources; e++) {
            const int64_t row = work->index[e];
            if ((uint64_t)row < (uint64_t)rows) work->winner[row] = e;
        }
        return;
    }
    int64_t wanted = rows;
    for (int64_t e = sources - 1; e >= 0 && wanted > 0; e--) {
        const int64_t row = work->index[e];
        if ((uint64_t)row >= (uint64_t)rows || work->winner[row] >= 0) continue;
        work->winner[row] = e;
        wanted--;
    }
}

static void winners_body(void *context, int32_t member, int32_t members)
{
    const scatter_work *work = context;
    const int64_t *size = work->step->size, length = size[LENGTH];
    int64_t begin, end;
    tm_share(size[ROWS], 16, member, members, &begin, &end);
    work->kernels->gather_rows_f32(work->source, size[SOURCES], work->winner + begin, work->y + begin * length,
                                   end - begin, length, work->step->stream);
}

static void zeros_body(void *context, int32_t member, int32_t members)
{
    const scatter_work *work = context;
    int64_t begin, end;
    tm_share(work->step->size[ROWS] * work->step->size[LENGTH], 16, member, members, &begin, &end);
    memset(work->y + begin, 0, (size_t)(end - begin) * sizeof(float));
}

/* Far fewer sources than rows: zeros, and then every source in order. */
static void scatter_few(scatter_work *work, tm_pool *pool)
{
    const int64_t *size = work->step->size, length = size[LENGTH];
    tm_pool_run(pool, work->step->members, zeros_body, work);
    for (int64_t e = 0; e < size[SOURCES]; e++) {
        const int64_t row = work->index[e];
        if ((uint64_t)row >= (uint64_t)size[ROWS]) continue;
        work->kernels->copy_rows_f32(work->source + e * length, length, work->y + row * length, length, 1, length,
                                     false);
    }
}

static void run_scatter(const tm_step *step, const tm_frame *frame)
{
    scatter_work work = make_work(step, frame);
    if (step->size[ROWS] == 0 || step->size[LENGTH] == 0) return;
    if (step->size[FEW] != 0) {
        scatter_few(&work, frame->pool);
        return;
    }
    find_winners(&work);
    tm_pool_run(frame->pool, step->members, winners_body, &work);
}

static void parts_body(void *context, int32_t member, int32_t members)
{
    const scatter_work *work = context;
    const int64_t *size = work->step->size, table = size[ROWS] * size[LENGTH];
    int64_t begin, end;
    tm_share(size[PARTS], 1, member, members, &begin, &end);
    for (int64_t part = begin; part < end; part++) {
        const int64_t first = size[SOURCES] * part / size[PARTS], last = size[SOURCES] * (part + 1) / size[PARTS];
        float *to = work->part + part * table;
        memset(to, 0, (size_t)table * sizeof *to);
        work->scatter(work->source + first * size[LENGTH], work->index + first, last - first, size[LENGTH], to, 0,
                      size[ROWS]);
    }
}

static void merge_body(void *context, int32_t member, int32_t members)
{
    const scatter_work *work = context;
    const int64_t *size = work->step->size, table = size[ROWS] * size[LENGTH];
    int64_t begin, end;
    tm_share(table, 16, member, members, &begin, &end);
    memcpy(work->y + begin, work->part + begin, (size_t)(end - begin) * sizeof(float));
    for (int64_t part = 1; part < size[PARTS]; part++)
        work->merge(work->y + begin, work->part + part * table + begin, end - begin);
}

static void ranges_body(void *context, int32_t member, int32_t members)
{
    const scatter_work *work = context;
    const int64_t *size = work->step->size, length = size[LENGTH];
    int64_t begin, end;
    tm_share(size[ROWS], 1, member, members, &begin, &end);
    float *to = work->y + begin * length;
    memset(to, 0, (size_t)((end - begin) * length) * sizeof *to);
    work->scatter(work->source, work->index, size[SOURCES], length, to, begin, end);
}

static void run_combining(const tm_step *step, const tm_frame *frame, tm_scatter_rows_kernel scatter,
                          tm_accumulate_kernel merge)
{
    scatter_work work = make_work(step, frame);
    work.scatter = scatter;
    work.merge = merge;
    if (step->size[ROWS] == 0 || step->size[LENGTH] == 0) return;
    if (step->size[PARTS] <= 1) {
        tm_pool_run(frame->pool, step->members, ranges_body, &work);
        return;
    }
    tm_pool_run(frame->pool, step->members, parts_body, &work);
    tm_pool_run(frame->pool, step->members, merge_body, &work);
}

static void run_scatter_sum(const tm_step *step, const tm_frame *frame)
{
    run_combining(step, frame, frame->kernels->scatter_sum_rows_f32, frame->kernels->add_row_f32);
}

static void run_scatter_max(const tm_step *step, const tm_frame *frame)
{
    run_combining(step, frame, frame->kernels->scatter_max_rows_f32, frame->kernels->max_row_f32);
}

static void measure(const tm_planner *planner, tm_step *step)
{
    const tm_shape *source = &step->shape[step->node.operand[0]];
    int64_t length = 1;
    for (int32_t d = 1; d < source->rank; d++) length *= source->dim[d];
    step->size[SOURCES] = source->dim[0];
    step->size[ROWS] = step->shape[step->result].dim[0];
    step->size[LENGTH] = length;
    step->stream = tm_step_bytes(step, step->result) > planner->llc_bytes / 2;
}

tm_status tm_plan_scatter(const tm_planner *planner, tm_step *step, tm_error *error)
{
    (void)error;
    measure(planner, step);
    step->members = tm_pool_members_for(planner->pool, 2 * tm_step_bytes(step, step->result), 0);
    step->scratch_bytes = (size_t)step->size[ROWS] * sizeof(int64_t);
    step->run = run_scatter;
    step->size[FEW] = step->size[SOURCES] <= step->size[ROWS] / 4;
    if (step->size[FEW] != 0) {
        TM_USE(planner, step, copy_rows_f32);
    } else {
        TM_USE(planner, step, gather_rows_f32);
    }
    return TM_OK;
}

static void plan_combining(const tm_planner *planner, tm_step *step)
{
    measure(planner, step);
    const int64_t *size = step->size, table = size[ROWS] * size[LENGTH];
    const double bytes = tm_step_bytes(step, step->node.operand[0]) + tm_step_bytes(step, step->node.operand[1]);
    step->members = tm_pool_members_for(planner->pool, bytes, 0);
    int64_t parts = 1;
    if (table > 0 && table <= PRIVATE_FLOATS) {
        /* At least as much source as table per part, or merging costs more than it saves. */
        parts = size[SOURCES] / (2 * size[ROWS] + 1024);
        parts = parts < 1 ? 1 : parts > MOST_PARTS ? MOST_PARTS : parts;
    }
    step->size[PARTS] = parts;
    if (parts > 1) step->scratch_bytes = (size_t)(parts * table) * sizeof(float);
}

tm_status tm_plan_scatter_sum(const tm_planner *planner, tm_step *step, tm_error *error)
{
    step->run = run_scatter_sum;
    (void)error;
    plan_combining(planner, step);
    TM_USE(planner, step, scatter_sum_rows_f32);
    if (step->size[PARTS] > 1) TM_USE(planner, step, add_row_f32);
    return TM_OK;
}

tm_status tm_plan_scatter_max(const tm_planner *planner, tm_step *step, tm_error *error)
{
    step->run = run_scatter_max;
    (void)error;
    plan_combining(planner, step);
    TM_USE(planner, step, scatter_max_rows_f32);
    if (step->size[PARTS] > 1) TM_USE(planner, step, max_row_f32);
    return TM_OK;
}
