/* The record of a run in memory: what the store keeps, and all that reports may show. Times in nanoseconds; NaN means
 * "not known" and is null in JSON. Strings are owned by the record. */
#ifndef TM_STORE_RECORD_H
#define TM_STORE_RECORD_H

#include "base/cell_status.h"
#include "base/error.h"

#include <stdbool.h>

typedef struct tm_record_machine {
    char *key, *cpu, *os, *governor, *smt, *gpus; /* gpus: comma-separated */
    char *facts;                                  /* JSON object: everything else that was found */
    int64_t cores, memory_bytes;
    double read_gbs, copy_gbs, l1_gbs, l2_gbs, llc_gbs, f32_gflops, bf16_gflops, i8_gops, write_gbs;
} tm_record_machine;

typedef struct tm_record_backend {
    char *id; /* canonical name, or the name that --backend gave it */
    char *framework_version, *device, *options, *library;
    char *definition; /* the NAME=SPEC of the --backend option that named it, "" for none */
    int64_t threads;
} tm_record_backend;

typedef struct tm_record_cell {
    char *case_id, *suite, *group, *backend;
    tm_cell_status status;
    char *reason; /* "" if there is none */
    double median_ns, ci_low_ns, ci_high_ns, p5_ns, p95_ns, min_ns;
    int64_t samples;
    double first_call_ns;
    char *verify; /* "pass", "lowacc", "fail", "none" */
    double error, rms_error;
    int64_t checked;
    char *probe;      /* "pass", "fail", "none" */
    double freivalds; /* residual over bound */
    double flop, bytes, limit_ns, floor_ns, efficiency;
    char *limit_basis;
    int64_t peak_host_bytes, peak_device_bytes;
    char *labels;      /* comma-separated, "" for none */
    char *metrics;     /* JSON object */
    int64_t discarded; /* visits repeated because of disturbance */
} tm_record_cell;

typedef struct tm_record_comparison {
    char *case_id, *backend, *base;
    char *verdict; /* "FASTER", "SLOWER", "EQUAL", "UNDECIDED"; "" for a pair that is not ranked */
    double ratio, ci_low, ci_high, smallest_effect;
    double margin; /* that the verdict is about: 0.01 is 1 % */
} tm_record_comparison;

typedef struct tm_record_sample {
    int64_t cell; /* index into cells */
    int32_t incarnation, round;
    double *ns;
    int64_t count;
    double start_ns;        /* of the visit, since the run's start */
    double core_to_core_ns; /* where the processors lay; NaN: not known */
} tm_record_sample;

typedef struct tm_record {
    char *id, *started, *finished, *mode, *command, *version, *status; /* COMPLETE, INTERRUPTED, NOISY */
    uint64_t seed;
    tm_record_machine machine;
    tm_record_backend *backends;
    tm_record_cell *cells; /* cases in run order, backends innermost */
    tm_record_comparison *comparisons;
    tm_record_comparison *aa;  /* of equal programs: each twin against the backend it is a copy of */
    tm_record_sample *samples; /* only when asked for */
    int64_t backend_count, cell_count, comparison_count, aa_count, sample_count;
    double aa_floor; /* differences below it may be chance; NaN when not known */
} tm_record;

void tm_record_free(tm_record *record); /* NULL allowed */

/* True if the comma-separated list holds `label`. */
bool tm_has_label(const char *labels, const char *label);

/* Completed, with a time: may stand in averages. NULL is allowed. */
bool tm_cell_completed(const tm_record_cell *cell);

/* Completed and accurate: may be ranked against another. NULL is allowed. */
bool tm_cell_ranked(const tm_record_cell *cell);

/* Its time did not change over the run, as far as is known. NULL is allowed. */
bool tm_cell_steady(const tm_record_cell *cell);

#endif
