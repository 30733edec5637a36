/* The rules of one visit (measurement.md points 4 and 5), as pure functions. Times in nanoseconds. */
#ifndef TM_MEASURE_SAMPLING_H
#define TM_MEASURE_SAMPLING_H

#include <stdbool.h>
#include <stdint.h>

typedef struct tm_timer {
    double resolution_ns; /* r: smallest step seen */
    double overhead_ns;   /* o: of a start/stop pair */
} tm_timer;

/* Measures this process's timer (about 2 ms). */
tm_timer tm_timer_measure(void);

/* Executions per sample, so that a sample lasts at least max(1000 r, 1000 o, 200 us; 500 us on GPUs). >= 1. */
int64_t tm_batch_size(double call_ns, tm_timer timer, bool gpu);

typedef struct tm_warmup {
    int32_t calls;  /* at least so many more calls after the first, */
    double time_ns; /* and at least this long */
} tm_warmup;
tm_warmup tm_warmup_after(double first_call_ns, bool gpu);

typedef struct tm_visit_rule {
    int32_t samples;    /* at least, after the discarded one */
    double time_ns;     /* at least */
    bool discard_first; /* not in visits of one sample */
} tm_visit_rule;
tm_visit_rule tm_visit_rule_for(double call_ns);

typedef enum tm_linearity { TM_LINEAR, TM_NONLINEAR, TM_TOO_CHEAP, TM_LINEARITY_SKIPPED } tm_linearity;

/* Judges the ratios time(2n)/time(n) of interleaved pairs: TOO_CHEAP below 1.8, NONLINEAR outside 1.94..2.06; SKIPPED
 * for calls above 10 ms or without ratios. `*median` gets the ratio (NaN when skipped). */
tm_linearity tm_judge_linearity(const double *ratios, int32_t count, double call_ns, double *median);

#endif
