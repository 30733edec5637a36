/* One kernel alone on made-up data: what it is given to do for each type of slot, the least work that this is, and
 * whether what it left is right. Nothing here reads a clock: `tensormark run kernels` does, and the tests use the same
 * trials. A new kernel is a line of kernels.def; a new type of slot needs a recipe (trial_recipes.h) as well. */
#ifndef TM_NATIVE_BENCH_KERNEL_TRIAL_H
#define TM_NATIVE_BENCH_KERNEL_TRIAL_H

#include "base/error.h"
#include "native/kernels/kernels.h"

/* Where the data of a trial lie: half of the first or second level's cache, or well beyond the last level. */
typedef enum tm_trial_level { TM_TRIAL_L1, TM_TRIAL_L2, TM_TRIAL_MEMORY, TM_TRIAL_LEVELS } tm_trial_level;
const char *tm_trial_level_name(tm_trial_level level); /* "L1", "L2", "memory" */

/* The memory that trials work in, one after the other; in huge pages where the system has them. */
typedef struct tm_trial_space {
    unsigned char *base;
    size_t bytes, used;
    int32_t pieces;                 /* taken so far */
    bool full;                      /* something did not fit */
    double target[TM_TRIAL_LEVELS]; /* bytes that a trial of each level should touch */
} tm_trial_space;
tm_status tm_trial_space_new(double l1_bytes, double l2_bytes, double memory_bytes, tm_trial_space *into,
                             tm_error *error);
void tm_trial_space_free(tm_trial_space *space);

typedef enum tm_trial_type { TM_TRIAL_FLOATS, TM_TRIAL_DOUBLES, TM_TRIAL_HALVES, TM_TRIAL_INDICES } tm_trial_type;

struct tm_trial_recipe;

typedef struct tm_trial {
    const char *kernel; /* the slot's name in kernels.def */
    const char *part;   /* of a slot that is several kernels: "strip"; else "" */
    tm_trial_level level;
    char size[48]; /* "rows 3 x 1024" */
    /* The least that one call must do. A comparator orders two numbers: a minimum and a maximum. */
    double bytes, flop, comparators;
    bool read_only; /* what it writes is little beside what it reads */
    bool bf16_peak; /* its FLOP are products of bfloat16, which have a peak of their own */

    /* From here on for recipes. `call` runs `table`'s kernel once with results to `y`; `expect` makes the right results
     * with the portable kernels, NULL if `call` does. */
    void (*call)(const struct tm_trial *trial, const tm_kernels *table, void *y);
    void (*expect)(const struct tm_trial *trial, const tm_kernels *portable, void *want);
    const struct tm_trial_recipe *recipe;
    size_t slot; /* offset within tm_kernels */
    tm_trial_space *space;
    double target; /* bytes to touch */
    double each;   /* nominal FLOP per element of this slot */
    /* Results: rows `out_stride` apart. Kernels that add to their results begin with `start`. */
    tm_trial_type type;
    int64_t out_rows, out_length, out_stride;
    void *y, *want, *start;
    bool exact; /* bit by bit as portable */
    /* Operands, as each recipe needs them. */
    float *x, *x2, *scratch;
    int64_t *index;
    uint16_t *half, *half_scratch;
    int64_t rows, length, stride, table_rows;
    tm_gemm_strip strip;
    tm_gemm_dot dot;
    tm_gemm_bf16_strip bf16;
    tm_attend attend;
    tm_conv_planar conv;
    const float *planes[4];
} tm_trial;

/* Trials are numbered over slots, their parts and levels, in the order of kernels.def. */
int tm_trial_count(void);

/* Names trial `number` and where it lies; nothing else of `into` is set. */
void tm_trial_describe(int number, tm_trial *into);

/* The instruction set that `isa`'s table takes the trial's kernel from. TM_ISA_COUNT if `isa` is not available. */
tm_isa tm_trial_origin(int number, tm_isa isa);

/* Makes operands for `table`'s kernel and the right results. A trial of the same number that is in `trial` already is
 * kept where its data do not depend on the table. TM_OUT_OF_MEMORY when `space` is too small, TM_UNSUPPORTED when the
 * type of the slot has no recipe. */
tm_status tm_trial_prepare(int number, const tm_kernels *table, tm_trial_space *space, tm_trial *trial,
                           tm_error *error);

/* Makes sure that results of earlier calls cannot be taken for those to come. */
void tm_trial_poison(const tm_trial *trial);

/* `count` calls of the kernel of `table`, which tm_trial_prepare was called with. */
void tm_trial_run(const tm_trial *trial, const tm_kernels *table, int64_t count);

/* Are the results of the last run right? Kernels that add to their results run once more from the start for it.
 * TM_FAILED with the first element that is not. */
tm_status tm_trial_check(const tm_trial *trial, const tm_kernels *table, tm_error *error);

#endif
