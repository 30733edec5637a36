/* From samples to figures: samples -> visit medians -> incarnation medians -> mean and t-interval of their logarithms.
 * Samples of one process are alike for reasons that have nothing to do with the code measured (its address layout, its
 * pages), so only incarnations count as independent. */
#include "measure/stats.h"

#include "measure/placement.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* A sorted copy, or NULL: nothing there, a NaN among the values, or no memory. */
static double *sorted_copy(const double *values, size_t count)
{
    if (count == 0) return NULL;
    for (size_t i = 0; i < count; i++) {
        if (isnan(values[i])) return NULL;
    }
    double *copy = malloc(count * sizeof *copy);
    if (!copy) return NULL;
    memcpy(copy, values, count * sizeof *copy);
    qsort(copy, count, sizeof *copy, ascending);
    return copy;
}

static double quantile_of_sorted(const double *sorted, size_t count, double probability)
{
    const double position = probability * (double)(count - 1), below = floor(position);
    const size_t index = (size_t)below;
    if (index + 1 >= count || position == below) return sorted[index < count ? index : count - 1];
    return sorted[index] + (position - below) * (sorted[index + 1] - sorted[index]);
}

double tm_quantile(const double *values, size_t count, double probability)
{
    if (!(probability >= 0 && probability <= 1)) return NAN;
    double *sorted = sorted_copy(values, count);
    if (!sorted) return NAN;
    const double result = quantile_of_sorted(sorted, count, probability);
    free(sorted);
    return result;
}

double tm_median(const double *values, size_t count)
{
    return tm_quantile(values, count, 0.5);
}

double tm_mad(const double *values, size_t count)
{
    double *sorted = sorted_copy(values, count);
    if (!sorted) return NAN;
    const double median = quantile_of_sorted(sorted, count, 0.5);
    for (size_t i = 0; i < count; i++) sorted[i] = fabs(sorted[i] - median);
    const double result = tm_median(sorted, count);
    free(sorted);
    return result;
}

tm_interval tm_mean_interval(const double *values, size_t count)
{
    if (count == 0) return (tm_interval){NAN, NAN};
    double mean = 0.0;
    for (size_t i = 0; i < count; i++) mean += (values[i] - mean) / (double)(i + 1);
    if (count < 2) return (tm_interval){mean, NAN};

    double squares = 0.0;
    for (size_t i = 0; i < count; i++) squares += (values[i] - mean) * (values[i] - mean);
    const double standard_error = sqrt(squares / (double)(count - 1) / (double)count);
    return (tm_interval){mean, tm_student_quantile(0.975, (double)(count - 1)) * standard_error};
}

double tm_geometric_mean(const double *values, size_t count)
{
    double mean = 0.0;
    for (size_t i = 0; i < count; i++) {
        if (!(values[i] > 0)) return NAN;
        mean += (log(values[i]) - mean) / (double)(i + 1);
    }
    return count ? exp(mean) : NAN;
}

/* The logarithm of the median over common rounds of t_base / t within one incarnation; NaN when no round is common.
 * Rounds in which both were measured in one placement of the processors suffice when there are any. */
static double difference_within(const tm_visit *base, size_t base_count, const tm_visit *other, size_t other_count,
                                int32_t incarnation, double *scratch)
{
    size_t found = 0;
    bool alike = false;
    for (size_t i = 0; i < base_count; i++) {
        if (base[i].incarnation != incarnation || base[i].samples == 0) continue;
        for (size_t j = 0; j < other_count; j++) {
            if (other[j].incarnation != incarnation || other[j].round != base[i].round || !other[j].samples) continue;
            const bool same = tm_same_placement(base[i].core_to_core_ns, other[j].core_to_core_ns);
            if (alike && !same) break;
            if (same && !alike) found = 0;
            alike |= same;
            scratch[found++] = log(tm_median(base[i].sample_ns, base[i].samples)) -
                               log(tm_median(other[j].sample_ns, other[j].samples));
            break;
        }
    }
    return tm_median(scratch, found);
}

size_t tm_pair_differences(const tm_visit *base, size_t base_count, const tm_visit *other, size_t other_count,
                           double *into, size_t capacity)
{
    double *scratch = base_count ? malloc(base_count * sizeof *scratch) : NULL;
    size_t written = 0;
    for (size_t i = 0; scratch && i < base_count && written < capacity; i++) {
        bool seen = false;
        for (size_t k = 0; k < i && !seen; k++) seen = base[k].incarnation == base[i].incarnation;
        if (seen) continue;
        const double d = difference_within(base, base_count, other, other_count, base[i].incarnation, scratch);
        if (isfinite(d)) into[written++] = d;
    }
    free(scratch);
    return written;
}

size_t tm_incarnation_levels(const tm_visit *visits, size_t count, double *into, size_t capacity)
{
    double *medians = count ? malloc(count * sizeof *medians) : NULL;
    size_t written = 0;
    for (size_t i = 0; medians && i < count && written < capacity; i++) {
        size_t found = 0;
        bool seen = false;
        for (size_t k = 0; k < i && !seen; k++) seen = visits[k].incarnation == visits[i].incarnation;
        for (size_t k = i; k < count && !seen; k++) {
            if (visits[k].incarnation != visits[i].incarnation || visits[k].samples == 0) continue;
            medians[found++] = tm_median(visits[k].sample_ns, visits[k].samples);
        }
        const double level = log(tm_median(medians, found));
        if (found && isfinite(level)) into[written++] = level;
    }
    free(medians);
    return written;
}
