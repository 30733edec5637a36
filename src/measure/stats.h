/* Statistics as pure functions: no clock, no global, no randomness. Times are in nanoseconds. */
#ifndef TM_MEASURE_STATS_H
#define TM_MEASURE_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Median and quantile (linear interpolation, type 7) of unsorted values; NaN for none. Both sort a copy, and fall back
 * to NaN when memory is short. A NaN among the values gives NaN. */
double tm_median(const double *values, size_t count);
double tm_quantile(const double *values, size_t count, double probability);
double tm_mad(const double *values, size_t count); /* median absolute deviation from the median, unscaled */

/* Quantile of Student's t (any real df > 0) and of chi squared (df >= 1), to 1e-9 relative. */
double tm_student_quantile(double probability, double df);
double tm_student_cdf(double t, double df);
double tm_chi2_quantile(double probability, double df);

typedef struct tm_interval {
    double mean;
    double half_width; /* two-sided 95 %; NaN for fewer than two values */
} tm_interval;
tm_interval tm_mean_interval(const double *values, size_t count);

/* One visit: the time per execution of each kept sample, in order. */
typedef struct tm_visit {
    int32_t incarnation; /* 0.. over all passes */
    int32_t round;
    double start_ns; /* since the run's start */
    const double *sample_ns;
    size_t samples;
    double core_to_core_ns; /* the placement of the processors, see placement.h; 0: not known */
} tm_visit;

/* A cell's figures from its visits. The interval is over the logarithms of incarnation medians (of visit medians),
 * never over pooled samples. */
typedef struct tm_summary {
    double median_ns, ci_low_ns, ci_high_ns; /* interval NaN with fewer than two incarnations */
    double p5_ns, p95_ns, min_ns;            /* of the pooled samples */
    int64_t samples;
    int32_t incarnations, visits;
    /* 95 % interval of the relative change over the run, from visit medians, what the placement of the processors
     * explains taken out; NaN below 3 visits */
    double drift_low, drift_high;
} tm_summary;
tm_summary tm_summarise(const tm_visit *visits, size_t count);

/* True when the drift interval lies outside +-3 %: label NO STEADY STATE. */
bool tm_has_drift(const tm_summary *summary);

/* d_i of point 7: for each incarnation present in both, the median over common rounds of ln(t_base / t); where there
 * are rounds in which the processors lay alike for both, over these alone. Returns how many were written (at most
 * `capacity`). Incarnations are matched by number. */
size_t tm_pair_differences(const tm_visit *base, size_t base_count, const tm_visit *other, size_t other_count,
                           double *into, size_t capacity);

/* By how much the ratio of two cells may have changed over the run: the end farther from 0 of the 95 % interval that
 * tm_summarise finds for one cell's time, here of ln(t_base / t) in the rounds that both have; without sign. 0 when all
 * of it is within 3 %, INFINITY when it cannot be told (fewer than 3 such rounds). */
double tm_pair_drift(const tm_visit *base, size_t base_count, const tm_visit *other, size_t other_count);

/* ln of each incarnation's median of visit medians, in order of appearance. Returns how many were written (at most
 * `capacity`). */
size_t tm_incarnation_levels(const tm_visit *visits, size_t count, double *into, size_t capacity);

/* Geometric mean; NaN for none or for a value that is not positive. */
double tm_geometric_mean(const double *values, size_t count);

#endif
