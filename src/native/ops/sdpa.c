/* sdpa: one head and one block of queries at a time, so that scores and weights stay in a member's cache.
 *
 * Scores q k^T, then softmax over the visible keys of each query, then the weights times v. Invisible keys and values
 * are never read, so what they hold (infinities, NaN) cannot matter. Few queries to a head: scores are dot products of
 * rows as they lie, and what comes next is fetched from memory meanwhile. Many: the head's keys are packed once for
 * tiles of a matrix product. */
#include "native/ops/step_support.h"

#include <math.h>
#include <string.h>

enum { HEADS, QUERIES, KEYS, SIZE, VALUE_SIZE, BLOCK, PITCH, PACK, SHARING };
enum { SCALE };
/* MANY: packing a head's keys costs about what the dot products of so many queries lose. GROUP_FLOATS: packed keys that
 * stay in the second-level cache while the tiles of a block meet them. */
enum { SCORE_FLOATS = 48 * 1024, AHEAD_FLOATS = 48 * 1024, GROUP_FLOATS = 64 * 1024, MANY = 24, SHORT = 64 };

typedef struct sdpa_work {
    const tm_step *step;
    const tm_kernels *kernels;
    const float *q, *k, *v;
    const int64_t *length; /* keys of each batch entry, whose SHARING heads see them; NULL: what the mask says */
    float *y;
    float *scratch;
} sdpa_work;

/* A member's pieces of the scratch. */
typedef struct sdpa_space {
    float *scores, *weights, *tile, *packed;
    int64_t *visible;
    int64_t packed_head;
} sdpa_space;

/* Queries [origin, stop) of one head. */
typedef struct sdpa_item {
    const sdpa_work *work;
    sdpa_space *space;
    int64_t head, origin, stop;
    bool last; /* no head of this member follows */
} sdpa_item;

static int64_t round_up(int64_t n, int64_t to)
{
    return (n + to - 1) / to * to;
}

static int64_t tile_rows(const tm_kernels *kernels)
{
    return kernels->gemm_f32.mr;
}

static int64_t space_floats(const tm_kernels *kernels, const int64_t *size)
{
    const int64_t numbers = round_up(size[BLOCK] * (int64_t)(sizeof(int64_t) / sizeof(float)), 16);
    return 2 * size[BLOCK] * size[PITCH] + numbers +
           (size[PACK] > 0 ? size[PACK] + round_up(tile_rows(kernels) * size[SIZE], 16) : 0);
}

static sdpa_space space_of(const sdpa_work *work, int32_t member)
{
    const int64_t *size = work->step->size, table = size[BLOCK] * size[PITCH];
    float *at = work->scratch + member * space_floats(work->kernels, size);
    sdpa_space space = {.scores = at, .weights = at + table, .packed_head = -1};
    space.visible = (int64_t *)(void *)(at + 2 * table);
    space.packed = at + 2 * table + round_up(size[BLOCK] * (int64_t)(sizeof(int64_t) / sizeof(float)), 16);
    space.tile = space.packed + size[PACK];
    return space;
}

/* How many keys of a head there are to be seen. */
static int64_t keys_of(const sdpa_work *work, int64_t head)
{
    const int64_t *size = work->step->size;
    return work->length ? tm_key_length(work->length[head / size[SHARING]], size[KEYS]) : size[KEYS];
}

/* All keys of a head in panels of nr, zero-padded by nothing: columns beyond the keys are not used. */
static void pack_keys(const sdpa_item *item)
{
    const int64_t *size = item->work->step->size, nr = item->work->kernels->gemm_f32.nr;
    const float *k = item->work->k + item->head * size[KEYS] * size[SIZE];
    if (item->space->packed_head == item->head) return;
    item->space->packed_head = item->head;
    const int64_t all = keys_of(item->work, item->head);
    for (int64_t key = 0; key < all; key += nr) {
        const int64_t keys = all - key < nr ? all - key : nr;
        item->work->kernels->deinterleave_f32(k + key * size[SIZE], size[SIZE], keys,
                                              item->space->packed + key * size[SIZE], nr);
    }
}

/* Scores by tiles of a matrix product: a group of keys at a time for all queries of the block. */
static void score_packed(const sdpa_item *item)
{
    const sdpa_work *work = item->work;
    const int64_t *size = work->step->size, *visible = item->space->visible;
    const int64_t mr = tile_rows(work->kernels), nr = work->kernels->gemm_f32.nr, queries = item->stop - item->origin;
    const float *q = work->q + (item->head * size[QUERIES] + item->origin) * size[SIZE];
    const int64_t fit = GROUP_FLOATS / (size[SIZE] * nr) * nr, group = fit < nr ? nr : fit;
    const int64_t tiles = (queries + mr - 1) / mr, most = visible[queries - 1];
    tm_gemm_strip strip = {.a = item->space->tile,
                           .a_row = size[SIZE],
                           .a_step = 1,
                           .segments = 1,
                           .k = size[SIZE],
                           .b_row = nr,
                           .b_panel = size[SIZE] * nr,
                           .c_row = size[PITCH]};
    pack_keys(item);
    for (int64_t key = 0; key < most; key += group) {
        for (int64_t t = 0; t < tiles; t++) {
            const int64_t from = queries * t / tiles, to = queries * (t + 1) / tiles, seen = visible[to - 1] - key;
            if (seen <= 0) continue;
            work->kernels->attend_f32.scale(q + from * size[SIZE], item->space->tile, (to - from) * size[SIZE],
                                            (float)work->step->real[SCALE]);
            strip.rows = (int32_t)(to - from);
            strip.columns = seen < group ? seen : group;
            strip.b = item->space->packed + key * size[SIZE];
            strip.c = item->space->scores + from * size[PITCH] + key;
            work->kernels->gemm_f32.strip(&strip);
        }
    }
}

/* Weights of all queries of the item. Short rows go together: what a query does not see gets the weight of -inf. */
static void weigh(const sdpa_item *item, int64_t pitch)
{
    const tm_kernels *kernels = item->work->kernels;
    const int64_t queries = item->stop - item->origin, *visible = item->space->visible;
    float *scores = item->space->scores, *weights = item->space->weights;
    if (pitch == visible[queries - 1]) {
        for (int64_t i = 0; i < queries; i++) {
            for (int64_t j = visible[i]; j < pitch; j++) scores[i * pitch + j] = -INFINITY;
        }
        kernels->softmax_rows_f32(scores, weights, queries, pitch, false);
        return;
    }
    for (int64_t i = 0; i < queries; i++) {
        if (visible[i] > 0) kernels->softmax_rows_f32(scores + i * pitch, weights + i * pitch, 1, visible[i], false);
    }
}

static void attend_item(const sdpa_item *item)
{
    const sdpa_work *work = item->work;
    const tm_step *step = work->step;
    const int64_t *size = step->size, queries = item->stop - item->origin;
    int64_t *visible = item->space->visible;
    const int64_t keys = keys_of(work, item->head);
    for (int64_t i = 0; i < queries; i++)
        visible[i] = tm_visible_keys((tm_mask)step->node.attributes.mask, item->origin + i, size[QUERIES], keys);
    const int64_t most = visible[queries - 1];
    tm_attend attend = {.q = work->q + (item->head * size[QUERIES] + item->origin) * size[SIZE],
                        .k = work->k + item->head * size[KEYS] * size[SIZE],
                        .v = work->v + item->head * size[KEYS] * size[VALUE_SIZE],
                        .y = work->y + (item->head * size[QUERIES] + item->origin) * size[VALUE_SIZE],
                        .size = size[SIZE],
                        .value_size = size[VALUE_SIZE],
                        .queries = queries,
                        .visible = visible,
                        .scale = (float)step->real[SCALE],
                        .weights = item->space->scores,
                        .pitch = most > 0 && most <= SHORT ? most : size[PITCH],
                        .stream = step->stream};
    if (most == 0) {
        memset(attend.y, 0, (size_t)(queries * size[VALUE_SIZE]) * sizeof *attend.y);
        return;
    }
    if (size[PACK] > 0) {
        attend.pitch = size[PITCH];
        score_packed(item);
    } else {
        /* Meanwhile the values come, then the next head's keys and queries. */
        if (most * size[VALUE_SIZE] <= AHEAD_FLOATS)
            attend.ahead[0] = attend.v, attend.ahead_end[0] = attend.v + most * size[VALUE_SIZE];
        work->kernels->attend_f32.scores(&attend);
    }
    weigh(item, attend.pitch);
    attend.weights = item->space->weights;
    attend.ahead[0] = attend.ahead_end[0] = NULL;
    const float *k = attend.k + size[KEYS] * size[SIZE], *q = attend.q + queries * size[SIZE];
    if (!item->last && queries == size[QUERIES] && (most + queries) * size[SIZE] <= AHEAD_FLOATS) {
        attend.ahead[0] = k, attend.ahead_end[0] = k + most * size[SIZE];
        attend.ahead[1] = q, attend.ahead_end[1] = q + queries * size[SIZE];
    }
    work->kernels->attend_f32.blend(&attend);
}

/* Many heads: each member has some of its own, one after the other. Few: blocks in turn, since late ones see more. */
static void sdpa_body(void *context, int32_t member, int32_t members)
{
    const sdpa_work *work = context;
    const int64_t *size = work->step->size, queries = size[QUERIES];
    const int64_t blocks = (queries + size[BLOCK] - 1) / size[BLOCK];
    const bool turns = size[HEADS] < 8 * members;
    sdpa_space space = space_of(work, member);
    int64_t first, last;
    tm_share(size[HEADS], 1, member, members, &first, &last);
    if (turns) first = 0, last = size[HEADS];
    for (int64_t number = first * blocks; number < last * blocks; number++) {
        if (turns && number % members != member) continue;
        sdpa_item item = {.work = work, .space = &space, .head = number / blocks};
        item.origin = number % blocks * size[BLOCK];
        item.stop = item.origin + size[BLOCK] < queries ? item.origin + size[BLOCK] : queries;
        item.last = turns || item.head + 1 == last;
        attend_item(&item);
    }
}

static void run_sdpa(const tm_step *step, const tm_frame *frame)
{
    sdpa_work work = {step,
                      frame->kernels,
                      tm_step_input(step, frame, 0),
                      tm_step_input(step, frame, 1),
                      tm_step_input(step, frame, 2),
                      step->node.operands > 3 ? (const int64_t *)(const void *)tm_step_input(step, frame, 3) : NULL,
                      tm_step_result(step, frame),
                      frame->scratch};
    const int64_t *size = step->size;
    if (size[HEADS] == 0 || size[QUERIES] == 0 || size[VALUE_SIZE] == 0) return;
    tm_pool_run(frame->pool, step->members, sdpa_body, &work);
}

static void plan_blocks(const tm_kernels *kernels, int64_t *size)
{
    const int64_t tile = tile_rows(kernels), nr = kernels->gemm_f32.nr;
    size[PITCH] = round_up(size[KEYS], 16) + 16;
    if (size[QUERIES] >= MANY && size[KEYS] >= nr && size[SIZE] > 0) size[PACK] = round_up(size[KEYS], nr) * size[SIZE];
    const int64_t block = SCORE_FLOATS / size[PITCH] / tile * tile, large = 8 * tile;
    size[BLOCK] = block < tile ? tile : block < large ? block : large;
    if (size[BLOCK] > size[QUERIES]) size[BLOCK] = size[QUERIES] > 0 ? size[QUERIES] : 1;
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
    size[SHARING] = q->rank > 2 && q->dim[0] > 0 ? size[HEADS] / q->dim[0] : 1;
    plan_blocks(planner->kernels, size);
    const double scale = step->node.attributes.scale;
    step->real[SCALE] = isnan(scale) ? 1.0 / sqrt((double)size[SIZE]) : scale;
    const double pairs = (double)size[HEADS] * (double)size[QUERIES] * (double)size[KEYS];
    const int64_t blocks = (size[QUERIES] + size[BLOCK] - 1) / size[BLOCK];
    tm_step_divide(planner, step, 2.0 * pairs * (double)(size[SIZE] + size[VALUE_SIZE]), size[HEADS] * blocks);
    step->run = run_sdpa;
    step->scratch_bytes = (size_t)(step->members * space_floats(planner->kernels, size)) * sizeof(float);
    TM_USE(planner, step, attend_f32);
    TM_USE(planner, step, softmax_rows_f32);
    if (size[PACK] > 0) {
        TM_USE(planner, step, gemm_f32);
        TM_USE(planner, step, deinterleave_f32);
    }
    return TM_OK;
}
