/* The thresholds of a visit in one place: how long a sample lasts, how much warm-up, how many samples, and whether time
 * grows with the number of executions. */
#include "measure/sampling.h"

#include "base/clock.h"
#include "measure/stats.h"

#include <math.h>

static const double microsecond = 1e3, millisecond = 1e6, second = 1e9;

tm_timer tm_timer_measure(void)
{
    enum { PAIRS = 512 };
    double pairs[PAIRS];
    double step = INFINITY;
    const uint64_t begin = tm_now_ns();
    do {
        for (int i = 0; i < PAIRS; i++) {
            const uint64_t start = tm_now_ns(), stop = tm_now_ns();
            pairs[i] = (double)(stop - start);
            if (stop > start) step = fmin(step, pairs[i]);
        }
    } while (tm_now_ns() - begin < 2000000 || isinf(step));
    /* A coarse clock shows most pairs as 0: then the mean tells what the median cannot. */
    double mean = 0;
    for (int i = 0; i < PAIRS; i++) mean += pairs[i] / PAIRS;
    return (tm_timer){step, fmax(tm_median(pairs, PAIRS), fmin(mean, step))};
}

int64_t tm_batch_size(double call_ns, tm_timer timer, bool gpu)
{
    const double least = gpu ? 500 * microsecond : 200 * microsecond;
    const double target = fmax(least, 1000 * fmax(timer.resolution_ns, timer.overhead_ns));
    if (!(call_ns > 1)) return (int64_t)ceil(target);
    return call_ns >= target ? 1 : (int64_t)ceil(target / call_ns);
}

tm_warmup tm_warmup_after(double first_call_ns, bool gpu)
{
    if (first_call_ns > second) return (tm_warmup){0, 0};
    if (first_call_ns >= 50 * millisecond) return (tm_warmup){1, 0};
    return (tm_warmup){2, gpu ? 250 * millisecond : 20 * millisecond};
}

tm_visit_rule tm_visit_rule_for(double call_ns)
{
    if (call_ns > 50 * millisecond) return (tm_visit_rule){1, 0, false};
    return (tm_visit_rule){5, 60 * millisecond, true};
}

tm_linearity tm_judge_linearity(const double *ratios, int32_t count, double call_ns, double *median)
{
    *median = NAN;
    if (count <= 0 || call_ns > 10 * millisecond) return TM_LINEARITY_SKIPPED;
    *median = tm_median(ratios, (size_t)count);
    if (!(*median >= 1.8)) return TM_TOO_CHEAP; /* so written that a NaN does not pass */
    return *median >= 1.94 && *median <= 2.06 ? TM_LINEAR : TM_NONLINEAR;
}
