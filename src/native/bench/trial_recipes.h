/* What each type of slot is given to do. A recipe sets operands, results and work of a trial from the bytes that it
 * should touch. */
#ifndef TM_NATIVE_BENCH_TRIAL_RECIPES_H
#define TM_NATIVE_BENCH_TRIAL_RECIPES_H

#include "native/bench/kernel_trial.h"

typedef struct tm_trial_recipe {
    const char *part;
    unsigned levels; /* bits of tm_trial_level */
    bool by_table;   /* the data depend on the table: tile sizes */
    void (*make)(tm_trial *trial, const tm_kernels *table);
} tm_trial_recipe;

/* Ended by an entry without `make`. */
extern const tm_trial_recipe tm_trial_of_map[], tm_trial_of_pair[], tm_trial_of_bce[], tm_trial_of_sum[],
    tm_trial_of_argmax[], tm_trial_of_columns[], tm_trial_of_argmax_columns[], tm_trial_of_rows[],
    tm_trial_of_softmax_part[], tm_trial_of_softmax_apply[], tm_trial_of_layer_norm[], tm_trial_of_sort[],
    tm_trial_of_sort_columns[], tm_trial_of_accumulate[], tm_trial_of_widen[], tm_trial_of_narrow[], tm_trial_of_gemm[],
    tm_trial_of_gemm_bf16[], tm_trial_of_attend[], tm_trial_of_conv_planar[], tm_trial_of_deinterleave[],
    tm_trial_of_copy_rows[], tm_trial_of_gather_rows[], tm_trial_of_scatter_rows[];

enum {
    TM_TRIAL_CACHES = 1u << TM_TRIAL_L1 | 1u << TM_TRIAL_L2,
    TM_TRIAL_EVERYWHERE = TM_TRIAL_CACHES | 1u << TM_TRIAL_MEMORY
};

#define TM_TRIAL_KERNEL(type, table) (*(const type *)(const void *)((const char *)(table) + trial->slot))

/* Zeros; NULL when the space is full. At different distances from a page boundary, as the engine does it. */
void *tm_trial_take(tm_trial *trial, int64_t count, size_t size);

/* `count` reals between -2 and 4: sums are far from 0, so that relative errors mean something. */
float *tm_trial_reals(tm_trial *trial, int64_t count);

/* `count` indices below `below`. */
int64_t *tm_trial_indices(tm_trial *trial, int64_t count, int64_t below);

/* Room for results of `rows` x `length`, `stride` apart, and for the right ones. */
void tm_trial_results(tm_trial *trial, tm_trial_type type, int64_t rows, int64_t length, int64_t stride);

/* Results that are added to: they begin as copies of `start`. */
void tm_trial_begins(tm_trial *trial, const float *start);

#endif
