/* Recipes for kernels that go through rows, columns and ranges of numbers. The level decides how many elements there
 * are; only outputs beyond the caches are streamed, as the engine does it. */
#include "native/bench/trial_recipes.h"

#include "base/dtype.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ROW = 1024, COLUMN = 64, LONGEST_SORT = 1 << 15 };

static bool streams(const tm_trial *trial)
{
    return trial->level == TM_TRIAL_MEMORY;
}

/* How many pieces of `bytes` fill the level. */
static int64_t pieces(const tm_trial *trial, double bytes)
{
    return (int64_t)fmax(1, floor(trial->target / bytes));
}

static void set_work(tm_trial *trial, double elements, double bytes_each)
{
    trial->bytes = elements * bytes_each;
    trial->flop = elements * trial->each;
}

static void say_count(tm_trial *trial)
{
    snprintf(trial->size, sizeof trial->size, "%lld", (long long)trial->length);
}

static void say_rows(tm_trial *trial)
{
    snprintf(trial->size, sizeof trial->size, "%lld x %lld", (long long)trial->rows, (long long)trial->length);
}

/* --- ranges ------------------------------------------------------------------------------------------------- */

static void call_map(const tm_trial *trial, const tm_kernels *table, void *y)
{
    TM_TRIAL_KERNEL(tm_map_kernel, table)(trial->x, y, trial->length, 0.3f, streams(trial));
}

static void make_map(tm_trial *trial, const tm_kernels *table)
{
    (void)table;
    trial->length = pieces(trial, 8);
    trial->x = tm_trial_reals(trial, trial->length);
    tm_trial_results(trial, TM_TRIAL_FLOATS, 1, trial->length, trial->length);
    set_work(trial, (double)trial->length, 8);
    trial->call = call_map;
    say_count(trial);
}
const tm_trial_recipe tm_trial_of_map[] = {{"", TM_TRIAL_EVERYWHERE, false, make_map}, {0}};

static void call_pair(const tm_trial *trial, const tm_kernels *table, void *y)
{
    TM_TRIAL_KERNEL(tm_pair_kernel, table)(trial->x, trial->x2, y, trial->length, streams(trial));
}

static void make_pair(tm_trial *trial, const tm_kernels *table)
{
    (void)table;
    trial->length = pieces(trial, 12);
    trial->x = tm_trial_reals(trial, trial->length);
    trial->x2 = tm_trial_reals(trial, trial->length);
    tm_trial_results(trial, TM_TRIAL_FLOATS, 1, trial->length, trial->length);
    set_work(trial, (double)trial->length, 12);
    trial->call = call_pair;
    say_count(trial);
}
const tm_trial_recipe tm_trial_of_pair[] = {{"", TM_TRIAL_EVERYWHERE, false, make_pair}, {0}};

static void call_bce(const tm_trial *trial, const tm_kernels *table, void *y)
{
    *(double *)y = TM_TRIAL_KERNEL(tm_bce_kernel, table)(trial->x, trial->x2, trial->length);
}

static void make_bce(tm_trial *trial, const tm_kernels *table)
{
    (void)table;
    trial->length = pieces(trial, 8);
    trial->x = tm_trial_reals(trial, trial->length);
    trial->x2 = tm_trial_reals(trial, trial->length);
    tm_trial_results(trial, TM_TRIAL_DOUBLES, 1, 1, 1);
    for (int64_t i = 0; i < trial->length && !trial->space->full; i++) {
        trial->x[i] = 0.001f + (trial->x[i] + 2.0f) * (0.998f / 6.0f);
        trial->x2[i] = trial->x2[i] > 1.0f ? 1.0f : 0.0f;
    }
    set_work(trial, (double)trial->length, 8);
    trial->read_only = true;
    trial->call = call_bce;
    say_count(trial);
}
const tm_trial_recipe tm_trial_of_bce[] = {{"", TM_TRIAL_EVERYWHERE, false, make_bce}, {0}};

/* Operands and work of what reads a range and keeps little. */
static void make_reading(tm_trial *trial, tm_trial_type type, int64_t results)
{
    trial->length = pieces(trial, 4);
    trial->x = tm_trial_reals(trial, trial->length);
    tm_trial_results(trial, type, 1, results, results);
    set_work(trial, (double)trial->length, 4);
    trial->read_only = true;
    say_count(trial);
}

static void call_sum(const tm_trial *trial, const tm_kernels *table, void *y)
{
    *(double *)y = TM_TRIAL_KERNEL(tm_sum_kernel, table)(trial->x, trial->length);
}

static void make_sum(tm_trial *trial, const tm_kernels *table)
{
    (void)table;
    make_reading(trial, TM_TRIAL_DOUBLES, 1);
    trial->call = call_sum;
}
const tm_trial_recipe tm_trial_of_sum[] = {{"", TM_TRIAL_EVERYWHERE, false, make_sum}, {0}};

static void call_argmax(const tm_trial *trial, const tm_kernels *table, void *y)
{
    TM_TRIAL_KERNEL(tm_argmax_kernel, table)(trial->x, y, 1, trial->length);
}

static void make_argmax(tm_trial *trial, const tm_kernels *table)
{
    (void)table;
    make_reading(trial, TM_TRIAL_INDICES, 1);
    trial->exact = true;
    trial->call = call_argmax;
}
const tm_trial_recipe tm_trial_of_argmax[] = {{"", TM_TRIAL_EVERYWHERE, false, make_argmax}, {0}};

static void call_softmax_part(const tm_trial *trial, const tm_kernels *table, void *y)
{
    float max;
    double *into = y;
    TM_TRIAL_KERNEL(tm_softmax_part_kernel, table)(trial->x, trial->length, &max, &into[1]);
    into[0] = (double)max;
}

static void make_softmax_part(tm_trial *trial, const tm_kernels *table)
{
    (void)table;
    make_reading(trial, TM_TRIAL_DOUBLES, 2);
    trial->call = call_softmax_part;
}
const tm_trial_recipe tm_trial_of_softmax_part[] = {{"", TM_TRIAL_EVERYWHERE, false, make_softmax_part}, {0}};

static void call_softmax_apply(const tm_trial *trial, const tm_kernels *table, void *y)
{
    TM_TRIAL_KERNEL(tm_softmax_apply_kernel, table)(trial->x, y, trial->length, 4.0f, 0.125f, streams(trial));
}

static void make_softmax_apply(tm_trial *trial, const tm_kernels *table)
{
    make_map(trial, table);
    trial->call = call_softmax_apply;
}
const tm_trial_recipe tm_trial_of_softmax_apply[] = {{"", TM_TRIAL_EVERYWHERE, false, make_softmax_apply}, {0}};

static void call_accumulate(const tm_trial *trial, const tm_kernels *table, void *y)
{
    TM_TRIAL_KERNEL(tm_accumulate_kernel, table)(y, trial->x, trial->length);
}

static void make_accumulate(tm_trial *trial, const tm_kernels *table)
{
    (void)table;
    trial->length = pieces(trial, 8);
    trial->x = tm_trial_reals(trial, trial->length);
    tm_trial_results(trial, TM_TRIAL_FLOATS, 1, trial->length, trial->length);
    tm_trial_begins(trial, trial->x);
    set_work(trial, (double)trial->length, 12); /* the results are read too */
    trial->call = call_accumulate;
    say_count(trial);
}
const tm_trial_recipe tm_trial_of_accumulate[] = {{"", TM_TRIAL_EVERYWHERE, false, make_accumulate}, {0}};

static void call_widen(const tm_trial *trial, const tm_kernels *table, void *y)
{
    TM_TRIAL_KERNEL(tm_widen_kernel, table)(trial->half, y, trial->length);
}

static void make_widen(tm_trial *trial, const tm_kernels *table)
{
    (void)table;
    const bool bf16 = strcmp(trial->kernel, "f32_from_bf16") == 0;
    trial->length = pieces(trial, 6);
    trial->half = tm_trial_take(trial, trial->length, sizeof *trial->half);
    tm_trial_results(trial, TM_TRIAL_FLOATS, 1, trial->length, trial->length);
    for (int64_t i = 0; i < trial->length && !trial->space->full; i++) {
        const float real = (float)(i * 40503 % 65536) * (6.0f / 65536.0f) - 2.0f;
        trial->half[i] = bf16 ? tm_bf16_from_f32(real) : tm_f16_from_f32(real);
    }
    set_work(trial, (double)trial->length, 6);
    trial->exact = true;
    trial->call = call_widen;
    say_count(trial);
}
const tm_trial_recipe tm_trial_of_widen[] = {{"", TM_TRIAL_EVERYWHERE, false, make_widen}, {0}};

static void call_narrow(const tm_trial *trial, const tm_kernels *table, void *y)
{
    TM_TRIAL_KERNEL(tm_narrow_kernel, table)(trial->x, y, trial->length, streams(trial));
}

static void make_narrow(tm_trial *trial, const tm_kernels *table)
{
    (void)table;
    trial->length = pieces(trial, 6);
    trial->x = tm_trial_reals(trial, trial->length);
    tm_trial_results(trial, TM_TRIAL_HALVES, 1, trial->length, trial->length);
    set_work(trial, (double)trial->length, 6);
    trial->exact = true;
    trial->call = call_narrow;
    say_count(trial);
}
const tm_trial_recipe tm_trial_of_narrow[] = {{"", TM_TRIAL_EVERYWHERE, false, make_narrow}, {0}};

/* --- columns and rows --------------------------------------------------------------------------------------- */

static void call_columns(const tm_trial *trial, const tm_kernels *table, void *y)
{
    TM_TRIAL_KERNEL(tm_columns_kernel, table)(trial->x, y, COLUMN, trial->length, trial->length);
}

static void call_argmax_columns(const tm_trial *trial, const tm_kernels *table, void *y)
{
    TM_TRIAL_KERNEL(tm_argmax_columns_kernel, table)(trial->x, y, COLUMN, trial->length, trial->length);
}

/* Columns of COLUMN numbers, side by side. */
static void make_column_data(tm_trial *trial, double bytes_each)
{
    trial->rows = COLUMN;
    trial->length = pieces(trial, COLUMN * bytes_each);
    trial->x = tm_trial_reals(trial, COLUMN * trial->length);
    set_work(trial, COLUMN * (double)trial->length, bytes_each);
    say_rows(trial);
}

static void make_columns(tm_trial *trial, const tm_kernels *table)
{
    (void)table;
    /* One slot type, two meanings: sums keep a row, softmax everything. */
    const bool whole = strcmp(trial->kernel, "softmax_columns_f32") == 0;
    make_column_data(trial, whole ? 8 : 4);
    tm_trial_results(trial, TM_TRIAL_FLOATS, whole ? COLUMN : 1, trial->length, trial->length);
    trial->read_only = !whole;
    trial->call = call_columns;
}
const tm_trial_recipe tm_trial_of_columns[] = {{"", TM_TRIAL_EVERYWHERE, false, make_columns}, {0}};

static void make_argmax_columns(tm_trial *trial, const tm_kernels *table)
{
    (void)table;
    make_column_data(trial, 4);
    tm_trial_results(trial, TM_TRIAL_INDICES, 1, trial->length, trial->length);
    trial->read_only = trial->exact = true;
    trial->call = call_argmax_columns;
}
const tm_trial_recipe tm_trial_of_argmax_columns[] = {{"", TM_TRIAL_EVERYWHERE, false, make_argmax_columns}, {0}};

static void call_rows(const tm_trial *trial, const tm_kernels *table, void *y)
{
    TM_TRIAL_KERNEL(tm_rows_kernel, table)(trial->x, y, trial->rows, trial->length, streams(trial));
}

static void make_rows(tm_trial *trial, const tm_kernels *table)
{
    (void)table;
    trial->length = ROW;
    trial->rows = pieces(trial, 8 * ROW);
    trial->x = tm_trial_reals(trial, trial->rows * ROW);
    tm_trial_results(trial, TM_TRIAL_FLOATS, trial->rows, ROW, ROW);
    set_work(trial, (double)trial->rows * ROW, 8);
    trial->call = call_rows;
    say_rows(trial);
}
const tm_trial_recipe tm_trial_of_rows[] = {{"", TM_TRIAL_EVERYWHERE, false, make_rows}, {0}};

static void call_layer_norm(const tm_trial *trial, const tm_kernels *table, void *y)
{
    TM_TRIAL_KERNEL(tm_layer_norm_kernel, table)
    (trial->x, trial->x2, trial->scratch, y, trial->rows, trial->length, 1e-5f, streams(trial));
}

static void make_layer_norm(tm_trial *trial, const tm_kernels *table)
{
    make_rows(trial, table);
    trial->x2 = tm_trial_reals(trial, ROW);
    trial->scratch = tm_trial_reals(trial, ROW); /* the shifts */
    trial->call = call_layer_norm;
}
const tm_trial_recipe tm_trial_of_layer_norm[] = {{"", TM_TRIAL_EVERYWHERE, false, make_layer_norm}, {0}};

/* --- sorting ------------------------------------------------------------------------------------------------ */

/* What any way to sort n numbers by comparisons needs: ln n! / ln 2 of them. */
static double least_comparators(int64_t n)
{
    return lgamma((double)n + 1) / log(2);
}

static void call_sort(const tm_trial *trial, const tm_kernels *table, void *y)
{
    TM_TRIAL_KERNEL(tm_sort_kernel, table)(trial->x, y, trial->length, trial->scratch);
}

static void make_sort(tm_trial *trial, const tm_kernels *table)
{
    (void)table;
    trial->length = 2;
    while (2 * trial->length <= pieces(trial, 12) && trial->length < LONGEST_SORT) trial->length *= 2;
    trial->x = tm_trial_reals(trial, trial->length);
    trial->scratch = tm_trial_take(trial, trial->length, sizeof *trial->scratch);
    tm_trial_results(trial, TM_TRIAL_FLOATS, 1, trial->length, trial->length);
    trial->each = 0;
    set_work(trial, (double)trial->length, 8);
    trial->comparators = least_comparators(trial->length);
    trial->exact = true;
    trial->call = call_sort;
    say_count(trial);
}
const tm_trial_recipe tm_trial_of_sort[] = {{"", TM_TRIAL_CACHES, false, make_sort}, {0}};

static void call_sort_columns(const tm_trial *trial, const tm_kernels *table, void *y)
{
    TM_TRIAL_KERNEL(tm_sort_columns_kernel, table)
    (trial->x, y, COLUMN, trial->length, trial->length, trial->scratch);
}

static void make_sort_columns(tm_trial *trial, const tm_kernels *table)
{
    (void)table;
    trial->each = 0;
    make_column_data(trial, 8);
    trial->scratch = tm_trial_take(trial, tm_sort_columns_scratch(COLUMN), sizeof *trial->scratch);
    tm_trial_results(trial, TM_TRIAL_FLOATS, COLUMN, trial->length, trial->length);
    trial->comparators = (double)trial->length * least_comparators(COLUMN);
    trial->exact = true;
    trial->call = call_sort_columns;
}
const tm_trial_recipe tm_trial_of_sort_columns[] = {{"", TM_TRIAL_CACHES, false, make_sort_columns}, {0}};
