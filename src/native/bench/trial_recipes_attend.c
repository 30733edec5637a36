/* Recipes for attention: scores, their blend of the values, and scaling, for one head without a mask. */
#include "native/bench/trial_recipes.h"

#include <math.h>
#include <stdio.h>

enum { QUERIES = 16, KEYS = 256, SIZE = 64 };

static void call_scores(const tm_trial *trial, const tm_kernels *table, void *y)
{
    tm_attend attend = trial->attend;
    attend.weights = y;
    TM_TRIAL_KERNEL(tm_attend_kernels, table).scores(&attend);
}

static void call_blend(const tm_trial *trial, const tm_kernels *table, void *y)
{
    tm_attend attend = trial->attend;
    attend.y = y;
    TM_TRIAL_KERNEL(tm_attend_kernels, table).blend(&attend);
}

static void make_head(tm_trial *trial)
{
    trial->index = tm_trial_indices(trial, QUERIES, KEYS);
    for (int64_t i = 0; trial->index && i < QUERIES; i++) trial->index[i] = KEYS; /* every query sees all */
    trial->attend = (tm_attend){.q = tm_trial_reals(trial, QUERIES * SIZE),
                                .k = tm_trial_reals(trial, KEYS * SIZE),
                                .v = tm_trial_reals(trial, KEYS * SIZE),
                                .weights = tm_trial_reals(trial, QUERIES * KEYS),
                                .size = SIZE,
                                .value_size = SIZE,
                                .queries = QUERIES,
                                .visible = trial->index,
                                .scale = 0.125f,
                                .pitch = KEYS};
    trial->flop = 2.0 * QUERIES * KEYS * SIZE;
    trial->bytes = 4.0 * ((QUERIES + KEYS) * SIZE + QUERIES * KEYS);
    snprintf(trial->size, sizeof trial->size, "%d x %d x %d", (int)QUERIES, (int)SIZE, (int)KEYS);
}

static void make_scores(tm_trial *trial, const tm_kernels *table)
{
    (void)table;
    make_head(trial);
    tm_trial_results(trial, TM_TRIAL_FLOATS, QUERIES, KEYS, KEYS);
    trial->call = call_scores;
}

static void make_blend(tm_trial *trial, const tm_kernels *table)
{
    (void)table;
    make_head(trial);
    tm_trial_results(trial, TM_TRIAL_FLOATS, QUERIES, SIZE, SIZE);
    trial->call = call_blend;
}

static void call_scale(const tm_trial *trial, const tm_kernels *table, void *y)
{
    TM_TRIAL_KERNEL(tm_attend_kernels, table).scale(trial->x, y, trial->length, 0.125f);
}

static void make_scale(tm_trial *trial, const tm_kernels *table)
{
    (void)table;
    trial->length = (int64_t)fmax(1, floor(trial->target / 8));
    trial->x = tm_trial_reals(trial, trial->length);
    tm_trial_results(trial, TM_TRIAL_FLOATS, 1, trial->length, trial->length);
    trial->bytes = 8.0 * (double)trial->length;
    trial->flop = (double)trial->length;
    trial->call = call_scale;
    snprintf(trial->size, sizeof trial->size, "%lld", (long long)trial->length);
}
const tm_trial_recipe tm_trial_of_attend[] = {{"scores", 1u << TM_TRIAL_L2, false, make_scores},
                                              {"blend", 1u << TM_TRIAL_L2, false, make_blend},
                                              {"scale", TM_TRIAL_CACHES, false, make_scale},
                                              {0}};
