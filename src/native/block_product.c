/* The contraction goes in blocks that leave a panel of the weights in the nearest cache; within one, groups of panels
 * that stay in the core's cache meet every tile of rows before the next group. Packed: [block of k][panel][k][nr]. */
#include "native/block_product.h"

#include "native/gemm.h"

#include <string.h>

enum { ROWS, COLUMNS, DEPTH };
enum { DEEPEST = 640, DEEPEST_DOT = 1280, GROUP_FLOATS = 64 * 1024, ROW_PAD = 16 };

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Length of the blocks of k: equal, and at most `deepest`. */
static int64_t blocks_of(int64_t k, int64_t deepest)
{
    const int64_t blocks = k > 0 ? (k - 1) / deepest + 1 : 1;
    return k > 0 ? (k + blocks - 1) / blocks : 1;
}

static int64_t depth_of(int64_t k)
{
    return blocks_of(k, DEEPEST);
}

/* The same for pairs. */
static int64_t dot_depth_of(int64_t k)
{
    return (blocks_of(k, DEEPEST_DOT) + 1) / 2 * 2;
}

bool tm_panels_dot(const tm_kernels *kernels, const tm_panels *panels)
{
    return panels->dtype == TM_BF16 && kernels->isa.gemm_bf16 != TM_ISA_portable;
}

bool tm_panels_whole(const tm_panels *panels)
{
    return dot_depth_of(panels->k) >= panels->k;
}

static int64_t padded(int64_t n, int32_t nr)
{
    return (n + nr - 1) / nr * nr;
}

size_t tm_panels_bytes(const tm_kernels *kernels, const tm_panels *panels)
{
    if (tm_panels_dot(kernels, panels))
        return (size_t)((panels->k + 1) / 2 * 2 * padded(panels->n, kernels->gemm_bf16.nr)) * sizeof(uint16_t);
    return (size_t)(panels->k * padded(panels->n, kernels->gemm_f32.nr)) * sizeof(float);
}

/* tm_gemm_pack from 16-bit numbers. */
static void pack_narrow(tm_widen_kernel widen, const uint16_t *b, int64_t row, int64_t k, int64_t columns, int32_t nr,
                        float *packed)
{
    for (int64_t j = 0; j < columns; j += nr, packed += k * nr) {
        const int64_t width = least(nr, columns - j);
        for (int64_t p = 0; p < k; p++) {
            widen(b + p * row + j, packed + p * nr, width);
            for (int64_t i = width; i < nr; i++) packed[p * nr + i] = 0.0f;
        }
    }
}

static void pack_dot(const tm_gemm_bf16_kernels *gemm, const tm_panels *panels, const uint16_t *weights,
                     uint16_t *packed, int32_t member, int32_t members)
{
    const int64_t n = panels->n, depth = dot_depth_of(panels->k), wide = padded(n, gemm->nr);
    int64_t first, last;
    tm_share(n, gemm->nr, member, members, &first, &last);
    for (int64_t from = 0; from < panels->k && first < last; from += depth) {
        const int64_t count = least(depth, panels->k - from);
        gemm->pack(weights + from * n + first, n, count, last - first,
                   packed + from * wide + first * ((count + 1) / 2 * 2));
    }
}

void tm_panels_pack(const tm_kernels *kernels, const tm_panels *panels, const void *weights, void *packed,
                    int32_t member, int32_t members)
{
    if (tm_panels_dot(kernels, panels)) {
        pack_dot(&kernels->gemm_bf16, panels, weights, packed, member, members);
        return;
    }
    const int32_t nr = kernels->gemm_f32.nr;
    const int64_t n = panels->n, depth = depth_of(panels->k), wide = padded(n, nr);
    int64_t first, last;
    tm_share(n, nr, member, members, &first, &last);
    for (int64_t from = 0; from < panels->k && first < last; from += depth) {
        const int64_t count = least(depth, panels->k - from), at = from * n + first;
        float *to = (float *)packed + from * wide + first * count;
        if (panels->dtype == TM_F32) {
            tm_gemm_pack((const float *)weights + at, n, count, last - first, nr, to);
        } else {
            pack_narrow(panels->dtype == TM_BF16 ? kernels->f32_from_bf16 : kernels->f32_from_f16,
                        (const uint16_t *)weights + at, n, count, last - first, nr, to);
        }
    }
}

/* All tiles of rows against the columns of `strip`, whose A and C are those of the first row. Rows that would fall on
 * the same cache sets are copied apart. */
static void multiply_tiles(const tm_gemm_kernels *gemm, tm_gemm_strip strip, int64_t rows, float *copy)
{
    const int64_t tiles = (rows + gemm->mr - 1) / gemm->mr, apart = strip.k + ROW_PAD;
    const tm_gemm_strip whole = strip;
    for (int64_t t = 0; t < tiles; t++) {
        const int64_t from = rows * t / tiles, to = rows * (t + 1) / tiles;
        strip.rows = (int32_t)(to - from);
        strip.a = whole.a + from * whole.a_row;
        strip.c = whole.c + from * whole.c_row;
        if (copy) {
            for (int64_t i = 0; i < to - from; i++)
                memcpy(copy + i * apart, strip.a + i * whole.a_row, (size_t)strip.k * sizeof *copy);
            strip.a = copy;
            strip.a_row = apart;
        }
        gemm->strip(&strip);
    }
}

static void run_product(const tm_step *step, const tm_frame *frame)
{
    const tm_gemm_kernels *gemm = &frame->kernels->gemm_f32;
    const int64_t rows = step->size[ROWS], n = step->size[COLUMNS], k = step->size[DEPTH];
    const int64_t depth = depth_of(k), wide = padded(n, gemm->nr);
    const float *a = tm_step_input(step, frame, 0), *packed = tm_step_input(step, frame, 1);
    const float *bias = step->node.operands > 2 ? tm_step_input(step, frame, 2) : NULL;
    float *c = tm_step_result(step, frame);
    for (int64_t from = 0; from < k; from += depth) {
        const int64_t count = least(depth, k - from), panels = GROUP_FLOATS / (count * gemm->nr);
        const int64_t group = (panels > 1 ? panels : 1) * gemm->nr;
        for (int64_t j = 0; j < n; j += group) {
            const tm_gemm_strip strip = {.a = a + from,
                                         .a_row = k,
                                         .a_step = 1,
                                         .segments = 1,
                                         .k = count,
                                         .b = packed + from * wide + j * count,
                                         .b_row = gemm->nr,
                                         .b_panel = count * gemm->nr,
                                         .c = c + j,
                                         .c_row = n,
                                         .columns = least(group, n - j),
                                         .bias = bias && from == 0 ? bias + j : NULL,
                                         .accumulate = from > 0,
                                         .stream = step->stream && count == k};
            multiply_tiles(gemm, strip, rows, step->scratch_bytes > 0 ? frame->scratch : NULL);
        }
    }
}

/* All tiles of rows of one group of panels. */
static void dot_tiles(const tm_gemm_bf16_kernels *gemm, tm_gemm_bf16_strip strip, int64_t rows)
{
    const int64_t tiles = (rows + gemm->mr - 1) / gemm->mr;
    const tm_gemm_bf16_strip whole = strip;
    for (int64_t t = 0; t < tiles; t++) {
        const int64_t from = rows * t / tiles, at = from * whole.c_row;
        strip.rows = (int32_t)(rows * (t + 1) / tiles - from);
        strip.a = whole.a + from * whole.a_row;
        strip.c = whole.narrow ? (void *)((uint16_t *)whole.c + at) : (void *)((float *)whole.c + at);
        gemm->strip(&strip);
    }
}

static void run_dot_product(const tm_step *step, const tm_frame *frame)
{
    const tm_gemm_bf16_kernels *gemm = &frame->kernels->gemm_bf16;
    const int64_t rows = step->size[ROWS], n = step->size[COLUMNS], k = step->size[DEPTH];
    const int64_t depth = dot_depth_of(k), wide = padded(n, gemm->nr);
    const bool narrow = step->shape[step->result].dtype == TM_BF16;
    const uint16_t *a = frame->value[step->node.operand[0]], *packed = frame->value[step->node.operand[1]];
    const float *bias = step->node.operands > 2 ? tm_step_input(step, frame, 2) : NULL;
    unsigned char *c = tm_step_result(step, frame);
    if (step->shape[step->node.operand[0]].dtype != TM_BF16) {
        frame->kernels->bf16_from_f32(tm_step_input(step, frame, 0), frame->scratch, rows * k, false);
        a = frame->scratch;
    }
    for (int64_t from = 0; from < k; from += depth) {
        const int64_t count = least(depth, k - from), panel = (count + 1) / 2 * 2 * gemm->nr;
        const int64_t group = (2 * GROUP_FLOATS > 2 * panel ? 2 * GROUP_FLOATS / panel : 1) * gemm->nr;
        for (int64_t j = 0; j < n; j += group) {
            const tm_gemm_bf16_strip strip = {.a = a + from,
                                              .a_row = k,
                                              .k = count,
                                              .b = packed + from * wide + j / gemm->nr * panel,
                                              .b_panel = panel,
                                              .c = c + (size_t)j * (narrow ? sizeof(uint16_t) : sizeof(float)),
                                              .c_row = n,
                                              .columns = least(group, n - j),
                                              .bias = bias && from == 0 ? bias + j : NULL,
                                              .narrow = narrow,
                                              .accumulate = from > 0,
                                              .stream = step->stream};
            dot_tiles(gemm, strip, rows);
        }
    }
}

void tm_panels_plan(const tm_planner *planner, tm_step *step, int64_t rows, const tm_panels *panels)
{
    const tm_gemm_kernels *gemm = &planner->kernels->gemm_f32;
    step->run = run_product;
    step->members = 1;
    step->size[ROWS] = rows;
    step->size[COLUMNS] = panels->n;
    step->size[DEPTH] = panels->k;
    if (tm_panels_dot(planner->kernels, panels)) {
        step->run = run_dot_product;
        TM_USE(planner, step, gemm_bf16);
        if (step->shape[step->node.operand[0]].dtype == TM_BF16) return;
        TM_USE(planner, step, bf16_from_f32);
        step->scratch_bytes = (size_t)(rows * panels->k) * sizeof(uint16_t);
        return;
    }
    if (panels->k * 4 % 4096 == 0 && panels->n >= 4 * (int64_t)gemm->nr)
        step->scratch_bytes = (size_t)gemm->mr * (size_t)(depth_of(panels->k) + ROW_PAD) * sizeof(float);
    TM_USE(planner, step, gemm_f32);
}
