/* What this machine can do: measured bandwidths and peaks, and the limit they put on a piece of work. */
#ifndef TM_MEASURE_LIMITS_H
#define TM_MEASURE_LIMITS_H

#include "measure/placement.h"

/* What memory and the last level give in one placement of the processors, as in tm_limits. */
typedef struct tm_placed_limits {
    double core_to_core_ns; /* what the placement is known by */
    int64_t turns;          /* how often memory was looked at in it, each pattern for itself */
    double read_gbs, copy_gbs, write_gbs, llc_gbs, llc_copy_gbs;
} tm_placed_limits;

/* GB = 1e9 bytes, GFLOP/s = 1e9 operations per second, all threads together. 0: not measured or not available.
 * Copy bandwidth counts bytes read plus bytes written. */
typedef struct tm_limits {
    int32_t threads;
    double read_gbs, copy_gbs, write_gbs; /* memory; the best of plain and non-temporal patterns */
    double l1_gbs, l2_gbs;                /* the best of read, copy and add: what the floor needs */
    double llc_gbs;                       /* read */
    double llc_copy_gbs;
    double f32_gflops, bf16_gflops, i8_gops;
    double l1_bytes, l2_bytes, llc_bytes; /* reachable by `threads` together */
    double spread;                        /* relative difference of the two best passes: how far to trust this */
    double waited; /* share of the time in which the first thread wanted its CPU and had it not: others ran there */
    tm_placed_limits placed[TM_MOST_PLACEMENTS];
    int32_t placed_count; /* 0 with one thread */
} tm_limits;

/* Measures for about `seconds`. Pins its threads to the first `threads` usable CPUs. */
tm_status tm_limits_measure(int32_t threads, double seconds, tm_limits *into, tm_error *error);

/* The better of two measurements, field by field, placement by placement. */
tm_limits tm_limits_best(const tm_limits *a, const tm_limits *b);

/* Pure: what was measured in the placement that a time from core to core is of; NULL if too little was. */
const tm_placed_limits *tm_limits_placed(const tm_limits *limits, double core_to_core_ns);

/* Pure: the limits as they are in that placement; `limits` as they are where it is not known. */
tm_limits tm_limits_in(const tm_limits *limits, double core_to_core_ns);

/* What one execution must do at least. */
typedef struct tm_load {
    double flop, bytes;             /* for the limit; bytes read and written together */
    double written;                 /* of `bytes` */
    double floor_flop, floor_bytes; /* for the floor */
    bool read_only;                 /* next to nothing is written: bound by read bandwidth */
} tm_load;

typedef struct tm_bound {
    double limit_ns;   /* efficiency = limit / time */
    const char *basis; /* "flop", "memory-read", "-copy", "-write", "llc-read", "llc-copy": what binds; static */
    double floor_ns;   /* a correct program cannot be faster */
} tm_bound;

/* Pure. The peak is `f32_gflops`: for work in another type, pass a copy of the limits with that type's peak there. NaN
 * where a figure that the work needs was not measured; without `write_gbs` writing alone binds nothing. */
tm_bound tm_bound_of(const tm_limits *limits, const tm_load *load);

#endif
