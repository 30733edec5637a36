/* sdpa: one head and one block of queries at a time, so that scores and weights stay in a member's cache.
 *
 * Scores q k^T are dot products of rows; softmax runs over the visible keys of each query; then the weights times v.
 * Invisible keys and values are never read, so what they hold (infinities, NaN) cannot matter. Queries go in tiles:
 * keys that all queries of a tile see are multiplied for the whole tile, the rest of a causal triangle query by query.
 */
#include "native/ops/step_support.h"

#include <math.h>

enum { HEADS, QUERIES, KEYS, SIZE, VALUE_SIZE, BLOCK, PITCH };
enum { SCALE };
enum { SCORE_FLOATS = 48 * 1024, PREFETCH_FLOATS = 48 * 1024, SHORT = 64 };

typedef struct sdpa_work {
    const tm_step *step;
    const tm_kernels *kernels;
    const float *q, *k, *v;
    float *y;
    float *scratch;
} sdpa_work;

/* One head, for one member. */
typedef struct head {
    const sdpa_work *work;
    const float *q, *k, *v;
    float *y;
    float *scores, *weights;
    bool finite;        /* the visible values: then weights of 0 may stand for invisible keys */
    const float *later; /* the next keys and queries, which are prefetched piece by piece */
    int64_t later_floats;
} head;

static int64_t visible(const tm_step *step, int64_t query)
{
    return tm_visible_keys((tm_mask)step->node.attributes.mask, query, step->size[QUERIES], step->size[KEYS]);
}

/* Scores and weights of queries [begin, end); row 0 of both is query `origin`. Meanwhile a share of the values comes.
 */
static void weigh(const head *h, int64_t origin, int64_t begin, int64_t end, int64_t widest)
{
    const tm_step *step = h->work->step;
    const tm_gemm_kernels *gemm = &h->work->kernels->gemm_f32;
    const int64_t *size = step->size, pitch = size[PITCH], most = visible(step, end - 1);
    tm_gemm_dot dot = {.a = h->q + begin * size[SIZE],
                       .a_row = size[SIZE],
                       .b = h->k,
                       .b_row = size[SIZE],
                       .segments = 1,
                       .k = size[SIZE],
                       .c = h->scores + (begin - origin) * pitch,
                       .c_row = pitch,
                       .rows = end - begin,
                       .columns = most,
                       .scale = (float)step->real[SCALE]};
    if (begin == 0 && most * size[VALUE_SIZE] <= PREFETCH_FLOATS) {
        dot.ahead = h->v;
        dot.ahead_step = 32;
    }
    gemm->dot(&dot);
    for (int64_t i = begin; i < end; i++) {
        float *weights = h->weights + (i - origin) * pitch;
        const int64_t keys = visible(step, i);
        if (keys > 0) h->work->kernels->softmax_rows_f32(h->scores + (i - origin) * pitch, weights, 1, keys, false);
        for (int64_t j = keys; j < widest; j++) weights[j] = 0.0f;
    }
}

/* Columns [column, stop) of y of queries [begin, end) (+)= their weights for keys [first, last) times v. */
static void blend(const head *h, int64_t origin, int64_t begin, int64_t end, int64_t first, int64_t last, bool final)
{
    const int64_t *size = h->work->step->size;
    tm_gemm_strip strip = {.a = h->weights + (begin - origin) * size[PITCH] + first,
                           .a_row = size[PITCH],
                           .a_step = 1,
                           .segments = 1,
                           .k = last - first,
                           .b_row = size[VALUE_SIZE],
                           .c_row = size[VALUE_SIZE],
                           .rows = (int32_t)(end - begin),
                           .accumulate = first > 0,
                           .stream = h->work->step->stream && first == 0 && final};
    const int64_t chunk = 2 * h->work->kernels->gemm_f32.nr;
    const int64_t chunks = (size[VALUE_SIZE] + chunk - 1) / chunk;
    /* This tile's share of what is wanted later, in equal pieces between the chunks. */
    const float *later = h->later + h->later_floats * (begin - origin) / (size[BLOCK] * chunks) / 16 * 16 * chunks;
    const int64_t piece = h->later_floats * (end - begin) / (size[BLOCK] * chunks) / 16 * 16 + 16;
    for (int64_t j = 0; j < size[VALUE_SIZE]; j += chunk, later += piece) {
        strip.b = h->v + first * size[VALUE_SIZE] + j;
        strip.c = h->y + begin * size[VALUE_SIZE] + j;
        strip.columns = size[VALUE_SIZE] - j < chunk ? size[VALUE_SIZE] - j : chunk;
        h->work->kernels->gemm_f32.strip(&strip);
        for (int64_t i = 0; first == 0 && h->later && i < piece; i += 16) __builtin_prefetch(later + i, 0, 2);
    }
}

/* A tile of queries. */
static void attend(const head *h, int64_t origin, int64_t begin, int64_t end)
{
    const tm_step *step = h->work->step;
    const int64_t shared = visible(step, begin), most = visible(step, end - 1);
    if (shared == most || h->finite) {
        blend(h, origin, begin, end, 0, most, true);
        return;
    }
    blend(h, origin, begin, end, 0, shared, false);
    for (int64_t i = begin; i < end; i++) {
        const int64_t keys = visible(step, i);
        if (keys > shared) blend(h, origin, i, i + 1, shared, keys, true);
    }
}

/* Queries [origin, stop) of one head. */
static void attend_block(head *h, int64_t origin, int64_t stop)
{
    const tm_step *step = h->work->step;
    const int64_t *size = step->size, queries = stop - origin, most = visible(step, stop - 1);
    const int64_t mr = h->work->kernels->gemm_f32.mr;
    const int64_t weigh_tiles = (queries + mr - 1) / mr;
    for (int64_t t = 0; t < weigh_tiles; t++)
        weigh(h, origin, origin + queries * t / weigh_tiles, origin + queries * (t + 1) / weigh_tiles, most);
    h->finite = isfinite(h->work->kernels->sum_f32(h->v, most * size[VALUE_SIZE]));
    /* Few keys: low tiles, since a triangle costs its rectangle. */
    const int64_t tile = most <= SHORT && mr > 4 ? 4 : mr, tiles = (queries + tile - 1) / tile;
    for (int64_t t = 0; t < tiles; t++)
        attend(h, origin, origin + queries * t / tiles, origin + queries * (t + 1) / tiles);
}

static void sdpa_body(void *context, int32_t member, int32_t members)
{
    const sdpa_work *work = context;
    const int64_t *size = work->step->size, queries = size[QUERIES];
    const int64_t blocks = (queries + size[BLOCK] - 1) / size[BLOCK];
    float *scores = work->scratch + member * 2 * size[BLOCK] * size[PITCH];
    int64_t first, last;
    tm_share(size[HEADS] * blocks, 1, member, members, &first, &last);
    for (int64_t item = first; item < last; item++) {
        const int64_t number = item / blocks, origin = item % blocks * size[BLOCK];
        const int64_t stop = origin + size[BLOCK] < queries ? origin + size[BLOCK] : queries;
        head h = {.work = work,
                  .q = work->q + number * queries * size[SIZE],
                  .k = work->k + number * size[KEYS] * size[SIZE],
                  .v = work->v + number * size[KEYS] * size[VALUE_SIZE],
                  .y = work->y + number * queries * size[VALUE_SIZE],
                  .scores = scores,
                  .weights = scores + size[BLOCK] * size[PITCH]};
        const int64_t wanted = visible(work->step, stop - 1) * size[SIZE];
        if (blocks == 1 && item + 1 < last && wanted <= PREFETCH_FLOATS) {
            h.later = h.k + size[KEYS] * size[SIZE];
            h.later_floats = wanted;
        }
        attend_block(&h, origin, stop);
    }
}

static void run_sdpa(const tm_step *step, const tm_frame *frame)
{
    sdpa_work work = {step,
                      frame->kernels,
                      tm_step_input(step, frame, 0),
                      tm_step_input(step, frame, 1),
                      tm_step_input(step, frame, 2),
                      tm_step_result(step, frame),
                      frame->scratch};
    const int64_t *size = step->size;
    if (size[HEADS] == 0 || size[QUERIES] == 0 || size[VALUE_SIZE] == 0) return;
    tm_pool_run(frame->pool, step->members, sdpa_body, &work);
}

tm_status tm_plan_sdpa(const tm_planner *planner, tm_step *step, tm_error *error)
{
    (void)error;
    const tm_shape *q = &step->shape[step->node.operand[0]], *k = &step->shape[step->node.operand[1]];
    const tm_shape *v = &step->shape[step->node.operand[2]];
    int64_t *size = step->size;
    size[HEADS] = 1;
    for (int32_t d = 0; d + 2 < q->rank; d++) size[HEADS] *= q->dim[d];
    size[QUERIES] = q->dim[q->rank - 2];
    size[KEYS] = k->dim[k->rank - 2];
    size[SIZE] = q->dim[q->rank - 1];
    size[VALUE_SIZE] = v->dim[v->rank - 1];
    size[PITCH] = (size[KEYS] + 15) / 16 * 16 + 16;
    const int64_t tile = planner->kernels->gemm_f32.mr;
    const int64_t block = SCORE_FLOATS / size[PITCH] / tile * tile, large = 8 * tile;
    size[BLOCK] = block < tile ? tile : block < large ? block : large;
    if (size[BLOCK] > size[QUERIES]) size[BLOCK] = size[QUERIES] > 0 ? size[QUERIES] : 1;
    const double scale = step->node.attributes.scale;
    step->real[SCALE] = isnan(scale) ? 1.0 / sqrt((double)size[SIZE]) : scale;
    const double pairs = (double)size[HEADS] * (double)size[QUERIES] * (double)size[KEYS];
    const int64_t blocks = (size[QUERIES] + size[BLOCK] - 1) / size[BLOCK];
    tm_step_divide(planner, step, 2.0 * pairs * (double)(size[SIZE] + size[VALUE_SIZE]), size[HEADS] * blocks);
    step->run = run_sdpa;
    step->scratch_bytes = (size_t)(step->members * 2 * size[BLOCK] * size[PITCH]) * sizeof(float);
    TM_USE(planner, step, gemm_f32);
    TM_USE(planner, step, softmax_rows_f32);
    TM_USE(planner, step, sum_f32);
    return TM_OK;
}
