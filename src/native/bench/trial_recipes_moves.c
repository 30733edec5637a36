/* Recipes for contractions, convolution rows and kernels that move rows. */
#include "native/bench/trial_recipes.h"

#include "native/gemm.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { DEPTH = 256, PANELS = 4, DOT_SIDE = 24, DOT_DEPTH = 512 };
enum { WINDOW = 3, CHANNELS = 3, PIXELS = 254, ROW_LENGTH = 64, ROW_GAP = 32 };

static bool streams(const tm_trial *trial)
{
    return trial->level == TM_TRIAL_MEMORY;
}

/* --- contractions ------------------------------------------------------------------------------------------- */

static void call_strip(const tm_trial *trial, const tm_kernels *table, void *y)
{
    tm_gemm_strip strip = trial->strip;
    strip.c = y;
    table->gemm_f32.strip(&strip);
}

/* The portable tile may be smaller, and its panels narrower: B in place, a row at a time. */
static void expect_strip(const tm_trial *trial, const tm_kernels *portable, void *want)
{
    for (int32_t row = 0; row < trial->strip.rows; row++) {
        tm_gemm_strip strip = trial->strip;
        strip.a += row * strip.a_row;
        strip.rows = 1;
        strip.b = trial->x2;
        strip.b_row = strip.columns;
        strip.b_panel = 0;
        strip.c = (float *)want + row * strip.c_row;
        portable->gemm_f32.strip(&strip);
    }
}

/* A tile's rows of A times four packed panels of B: what the engine does in a large product. */
static void make_strip(tm_trial *trial, const tm_kernels *table)
{
    const int32_t nr = table->gemm_f32.nr, rows = table->gemm_f32.mr;
    const int64_t columns = (int64_t)PANELS * nr;
    trial->x = tm_trial_reals(trial, (int64_t)rows * DEPTH);
    trial->x2 = tm_trial_reals(trial, DEPTH * columns);
    trial->scratch = tm_trial_take(trial, DEPTH * columns, sizeof *trial->scratch);
    tm_trial_results(trial, TM_TRIAL_FLOATS, rows, columns, columns);
    if (trial->space->full) return;
    tm_gemm_pack(trial->x2, columns, DEPTH, columns, nr, trial->scratch);
    trial->strip = (tm_gemm_strip){.a = trial->x,
                                   .a_row = DEPTH,
                                   .a_step = 1,
                                   .segments = 1,
                                   .k = DEPTH,
                                   .b = trial->scratch,
                                   .b_row = nr,
                                   .b_panel = (int64_t)DEPTH * nr,
                                   .c_row = columns,
                                   .rows = rows,
                                   .columns = columns};
    trial->flop = 2.0 * rows * (double)columns * DEPTH;
    trial->bytes = 4.0 * ((double)rows * DEPTH + (double)columns * DEPTH + (double)rows * (double)columns);
    trial->call = call_strip;
    trial->expect = expect_strip;
    snprintf(trial->size, sizeof trial->size, "%d x %d x %lld", (int)rows, (int)DEPTH, (long long)columns);
}

static void call_dot(const tm_trial *trial, const tm_kernels *table, void *y)
{
    tm_gemm_dot dot = trial->dot;
    dot.c = y;
    table->gemm_f32.dot(&dot);
}

static void make_dot(tm_trial *trial, const tm_kernels *table)
{
    (void)table;
    trial->x = tm_trial_reals(trial, DOT_SIDE * DOT_DEPTH);
    trial->x2 = tm_trial_reals(trial, DOT_SIDE * DOT_DEPTH);
    tm_trial_results(trial, TM_TRIAL_FLOATS, DOT_SIDE, DOT_SIDE, DOT_SIDE);
    trial->dot = (tm_gemm_dot){.a = trial->x,
                               .a_row = DOT_DEPTH,
                               .b = trial->x2,
                               .b_row = DOT_DEPTH,
                               .segments = 1,
                               .k = DOT_DEPTH,
                               .c_row = DOT_SIDE,
                               .rows = DOT_SIDE,
                               .columns = DOT_SIDE,
                               .scale = 1.0f};
    trial->flop = 2.0 * DOT_SIDE * DOT_SIDE * DOT_DEPTH;
    trial->bytes = 4.0 * (2.0 * DOT_SIDE * DOT_DEPTH + DOT_SIDE * DOT_SIDE);
    trial->call = call_dot;
    snprintf(trial->size, sizeof trial->size, "%d x %d x %d", (int)DOT_SIDE, (int)DOT_DEPTH, (int)DOT_SIDE);
}
const tm_trial_recipe tm_trial_of_gemm[] = {
    {"strip", 1u << TM_TRIAL_L2, true, make_strip}, {"dot", 1u << TM_TRIAL_L2, false, make_dot}, {0}};

/* --- convolution rows --------------------------------------------------------------------------------------- */

static void call_conv(const tm_trial *trial, const tm_kernels *table, void *y)
{
    tm_conv_planar conv = trial->conv;
    conv.y = y;
    TM_TRIAL_KERNEL(tm_conv_planar_kernel, table)(&conv);
}

/* The portable kernel has fewer filters at a time: one by one. */
static void expect_conv(const tm_trial *trial, const tm_kernels *portable, void *want)
{
    const int32_t filters = trial->conv.filters;
    for (int32_t f = 0; f < filters; f++) {
        float weights[WINDOW * WINDOW * CHANNELS], y[PIXELS];
        for (int64_t i = 0; i < WINDOW * WINDOW * CHANNELS; i++) weights[i] = trial->conv.weights[i * filters + f];
        tm_conv_planar conv = trial->conv;
        conv.weights = weights;
        conv.filters = 1;
        conv.y = y;
        TM_TRIAL_KERNEL(tm_conv_planar_kernel, portable)(&conv);
        for (int64_t i = 0; i < PIXELS; i++) ((float *)want)[i * filters + f] = y[i];
    }
}

/* As many filters as the table's kernels take at once. */
static void make_conv_planar(tm_trial *trial, const tm_kernels *table)
{
    const int32_t filters = table->gemm_f32.width / 2 > 0 ? table->gemm_f32.width / 2 : 1;
    const int64_t plane = PIXELS + WINDOW - 1 + tm_conv_planar_slack;
    for (int r = 0; r < WINDOW; r++) trial->planes[r] = tm_trial_reals(trial, CHANNELS * plane);
    trial->x = tm_trial_reals(trial, (int64_t)WINDOW * WINDOW * CHANNELS * filters);
    tm_trial_results(trial, TM_TRIAL_FLOATS, PIXELS, filters, filters);
    trial->conv = (tm_conv_planar){.planes = trial->planes,
                                   .plane = plane,
                                   .kernel_height = WINDOW,
                                   .kernel_width = WINDOW,
                                   .channels = CHANNELS,
                                   .weights = trial->x,
                                   .filters = filters,
                                   .width = PIXELS,
                                   .ahead = trial->planes[0]};
    trial->flop = 2.0 * WINDOW * WINDOW * CHANNELS * filters * PIXELS;
    trial->bytes = 4.0 * (WINDOW * CHANNELS * (PIXELS + WINDOW - 1.0) + (double)filters * PIXELS);
    trial->call = call_conv;
    trial->expect = expect_conv;
    snprintf(trial->size, sizeof trial->size, "%d of %dx%dx%d x %d", (int)PIXELS, (int)WINDOW, (int)WINDOW,
             (int)CHANNELS, (int)filters);
}
const tm_trial_recipe tm_trial_of_conv_planar[] = {{"", 1u << TM_TRIAL_L1, true, make_conv_planar}, {0}};

static void call_deinterleave(const tm_trial *trial, const tm_kernels *table, void *y)
{
    TM_TRIAL_KERNEL(tm_deinterleave_kernel, table)(trial->x, CHANNELS, trial->length, y, trial->stride);
}

static void make_deinterleave(tm_trial *trial, const tm_kernels *table)
{
    (void)table;
    trial->length = (int64_t)fmax(1, floor(trial->target / (8 * CHANNELS)));
    trial->stride = trial->length + 16; /* up to 15 floats behind each plane may be written */
    trial->x = tm_trial_reals(trial, CHANNELS * trial->length);
    tm_trial_results(trial, TM_TRIAL_FLOATS, CHANNELS, trial->length, trial->stride);
    trial->bytes = 8.0 * CHANNELS * (double)trial->length;
    trial->exact = true;
    trial->call = call_deinterleave;
    snprintf(trial->size, sizeof trial->size, "%lld x %d", (long long)trial->length, (int)CHANNELS);
}
const tm_trial_recipe tm_trial_of_deinterleave[] = {{"", TM_TRIAL_CACHES, false, make_deinterleave}, {0}};

/* --- rows by number ----------------------------------------------------------------------------------------- */

static void call_copy_rows(const tm_trial *trial, const tm_kernels *table, void *y)
{
    TM_TRIAL_KERNEL(tm_copy_rows_kernel, table)
    (trial->x, ROW_LENGTH, y, trial->stride, trial->rows, ROW_LENGTH, streams(trial));
}

/* Into a part of wider rows, as concat does. */
static void make_copy_rows(tm_trial *trial, const tm_kernels *table)
{
    (void)table;
    trial->stride = ROW_LENGTH + ROW_GAP;
    trial->rows = (int64_t)fmax(1, floor(trial->target / (4.0 * (ROW_LENGTH + (double)trial->stride))));
    trial->x = tm_trial_reals(trial, trial->rows * ROW_LENGTH);
    tm_trial_results(trial, TM_TRIAL_FLOATS, trial->rows, ROW_LENGTH, trial->stride);
    trial->bytes = 8.0 * (double)trial->rows * ROW_LENGTH;
    trial->exact = true;
    trial->call = call_copy_rows;
    snprintf(trial->size, sizeof trial->size, "%lld x %d", (long long)trial->rows, (int)ROW_LENGTH);
}
const tm_trial_recipe tm_trial_of_copy_rows[] = {{"", TM_TRIAL_EVERYWHERE, false, make_copy_rows}, {0}};

/* A table that stays in the second level at most, and as many rows by number as the level takes besides. */
static void plan_rows_by_number(tm_trial *trial)
{
    const double row = 4.0 * ROW_LENGTH, most = trial->space->target[TM_TRIAL_L2] / 2;
    trial->table_rows = (int64_t)fmax(1, floor(fmin(trial->target / 3, most) / row));
    trial->rows = (int64_t)fmax(1, floor((trial->target - (double)trial->table_rows * row) / (row + 8)));
    trial->index = tm_trial_indices(trial, trial->rows, trial->table_rows);
    snprintf(trial->size, sizeof trial->size, "%lld x %d of %lld", (long long)trial->rows, (int)ROW_LENGTH,
             (long long)trial->table_rows);
}

static void call_gather(const tm_trial *trial, const tm_kernels *table, void *y)
{
    TM_TRIAL_KERNEL(tm_gather_rows_kernel, table)
    (trial->x, trial->table_rows, trial->index, y, trial->rows, ROW_LENGTH, streams(trial));
}

static void make_gather(tm_trial *trial, const tm_kernels *table)
{
    (void)table;
    plan_rows_by_number(trial);
    trial->x = tm_trial_reals(trial, trial->table_rows * ROW_LENGTH);
    tm_trial_results(trial, TM_TRIAL_FLOATS, trial->rows, ROW_LENGTH, ROW_LENGTH);
    trial->bytes = (double)trial->rows * (4.0 * ROW_LENGTH + 8) + (double)trial->table_rows * 4.0 * ROW_LENGTH;
    trial->exact = true;
    trial->call = call_gather;
}
const tm_trial_recipe tm_trial_of_gather_rows[] = {{"", TM_TRIAL_EVERYWHERE, false, make_gather}, {0}};

static void call_scatter(const tm_trial *trial, const tm_kernels *table, void *y)
{
    TM_TRIAL_KERNEL(tm_scatter_rows_kernel, table)
    (trial->x, trial->index, trial->rows, ROW_LENGTH, y, 0, trial->table_rows);
}

static void make_scatter(tm_trial *trial, const tm_kernels *table)
{
    (void)table;
    plan_rows_by_number(trial);
    trial->x = tm_trial_reals(trial, trial->rows * ROW_LENGTH);
    tm_trial_results(trial, TM_TRIAL_FLOATS, trial->table_rows, ROW_LENGTH, ROW_LENGTH);
    tm_trial_begins(trial, trial->x);
    trial->bytes = (double)trial->rows * (4.0 * ROW_LENGTH + 8) + (double)trial->table_rows * 8.0 * ROW_LENGTH;
    trial->flop = trial->each * (double)trial->rows * ROW_LENGTH;
    trial->read_only = trial->level == TM_TRIAL_MEMORY;
    trial->call = call_scatter;
}
const tm_trial_recipe tm_trial_of_scatter_rows[] = {{"", TM_TRIAL_EVERYWHERE, false, make_scatter}, {0}};
