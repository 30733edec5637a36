/* Recipe for products of bfloat16 matrices: a tile's rows of A times packed panels of B, float32 results. */
#include "native/bench/trial_recipes.h"

#include "base/dtype.h"

#include <stdio.h>

enum { DEPTH = 256, PANELS = 4 };

static void call_strip(const tm_trial *trial, const tm_kernels *table, void *y)
{
    tm_gemm_bf16_strip strip = trial->bf16;
    strip.c = y;
    TM_TRIAL_KERNEL(tm_gemm_bf16_kernels, table).strip(&strip);
}

/* In steps of the portable tile, from B as the portable kernel packs it. */
static void expect_strip(const tm_trial *trial, const tm_kernels *portable, void *want)
{
    const tm_gemm_bf16_kernels *gemm = &TM_TRIAL_KERNEL(tm_gemm_bf16_kernels, portable);
    const int64_t columns = trial->bf16.columns;
    gemm->pack(trial->half, columns, DEPTH, columns, trial->half_scratch);
    for (int32_t row = 0; row < trial->bf16.rows; row++) {
        tm_gemm_bf16_strip strip = trial->bf16;
        strip.a += row * strip.a_row;
        strip.rows = 1;
        strip.b = trial->half_scratch;
        strip.b_panel = (int64_t)DEPTH * gemm->nr;
        strip.c = (float *)want + row * strip.c_row;
        gemm->strip(&strip);
    }
}

static uint16_t *halves(tm_trial *trial, int64_t count)
{
    const float *reals = tm_trial_reals(trial, count);
    uint16_t *into = tm_trial_take(trial, count, sizeof *into);
    for (int64_t i = 0; reals && into && i < count; i++) into[i] = tm_bf16_from_f32(reals[i]);
    return into;
}

static void make_strip(tm_trial *trial, const tm_kernels *table)
{
    const tm_gemm_bf16_kernels *gemm = &TM_TRIAL_KERNEL(tm_gemm_bf16_kernels, table);
    const int64_t columns = (int64_t)PANELS * gemm->nr;
    const uint16_t *a = halves(trial, (int64_t)gemm->mr * DEPTH);
    uint16_t *packed = tm_trial_take(trial, DEPTH * columns, sizeof *packed);
    trial->half = halves(trial, DEPTH * columns);
    trial->half_scratch = tm_trial_take(trial, DEPTH * columns, sizeof *trial->half_scratch);
    tm_trial_results(trial, TM_TRIAL_FLOATS, gemm->mr, columns, columns);
    if (trial->space->full) return;
    gemm->pack(trial->half, columns, DEPTH, columns, packed);
    trial->bf16 = (tm_gemm_bf16_strip){.a = a,
                                       .a_row = DEPTH,
                                       .k = DEPTH,
                                       .b = packed,
                                       .b_panel = (int64_t)DEPTH * gemm->nr,
                                       .c_row = columns,
                                       .rows = gemm->mr,
                                       .columns = columns};
    trial->flop = 2.0 * gemm->mr * (double)columns * DEPTH;
    trial->bytes = 2.0 * ((double)gemm->mr * DEPTH + (double)columns * DEPTH) + 4.0 * gemm->mr * (double)columns;
    trial->bf16_peak = true;
    trial->call = call_strip;
    trial->expect = expect_strip;
    snprintf(trial->size, sizeof trial->size, "%d x %d x %lld", (int)gemm->mr, (int)DEPTH, (long long)columns);
}
const tm_trial_recipe tm_trial_of_gemm_bf16[] = {{"strip", 1u << TM_TRIAL_L2, true, make_strip}, {0}};
