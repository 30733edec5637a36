/* `tensormark run kernels`: every kernel of the engine alone on one thread, against what one thread can do here. */
#ifndef TM_RUN_RUN_KERNELS_H
#define TM_RUN_RUN_KERNELS_H

#include "measure/limits.h"
#include "native/bench/kernel_trial.h"

typedef struct tm_kernels_options {
    bool isa[TM_ISA_COUNT]; /* the instruction sets to measure; those that are not available are passed over */
    bool (*wanted)(void *context, const char *kernel); /* by name, "gemm_f32 strip"; NULL: all */
    void (*notice)(void *context, const char *line);   /* NULL allowed */
    void *context;
} tm_kernels_options;

typedef struct tm_kernel_result {
    char kernel[64], size[48];
    const char *isa;
    tm_trial_level level;
    bool right;                      /* the output of the timed calls was; else there are no times */
    char reason[256];                /* what was wrong */
    bool first_choice;               /* the kernel that the engine takes on this CPU */
    double bytes, flop, comparators; /* least work of a call */
    bool read_only, bf16_peak;
    double median_ns, min_ns, p95_ns; /* of a call */
    double limit_ns, efficiency;      /* NaN where the limit could not be measured */
    const char *basis;                /* what binds: "L1", "L2", "memory-read", "memory-copy", "flop", "comparators" */
} tm_kernel_result;

/* Sets limit, basis and efficiency from the work and one thread's limits: max(bytes / bandwidth of its level,
 * operations / peak). Pure. The peak is float32's, or bfloat16's where the CPU has one for that. A comparator counts
 * four FLOP: a minimum and a maximum take the place of two multiply-adds.
 */
void tm_kernel_set_limit(const tm_limits *limits, tm_kernel_result *result);

/* Measures for about 80 ms a kernel; waits for the machine's lock. Limits are the best of before and after. The caller
 * frees `*results`. */
tm_status tm_run_kernels(const tm_kernels_options *options, tm_limits *limits, tm_kernel_result **results,
                         int64_t *count, tm_error *error);

#endif
