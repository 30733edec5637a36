/* A cell's figures. The drift is estimated twice: within incarnations (each one's own level taken out, so that a slow
 * process is not mistaken for a slope) and between them (which alone sees what happens from pass to pass). A slope
 * within is not believed far beyond the time that an incarnation was watched: passes may lie far apart. With two rounds
 * it is not believed beyond them at all, since a first round that is a little slower, as it is in every pass, looks
 * like a slope. */
#include "measure/stats.h"

#include "measure/placement.h"

#include <math.h>
#include <stdlib.h>

typedef struct point {
    int32_t incarnation;
    double time;  /* of the visit's start */
    double level; /* ln of the visit's median */
    double core_to_core_ns;
} point;

typedef struct slope {
    double per_time, half_width; /* NaN when it cannot be told */
} slope;

/* Takes out of the levels by how much each placement's own mean lies off that of all: what differs because the host
 * moved the processors is no drift. Returns how many degrees of freedom that costs. */
static size_t level_placements(point *points, size_t count)
{
    double mean[TM_MOST_PLACEMENTS] = {0}, of_all = 0;
    size_t members[TM_MOST_PLACEMENTS] = {0}, known = 0;
    tm_placements placements = {.count = 0};
    for (size_t i = 0; i < count; i++) {
        const int32_t p = tm_placement_find(&placements, points[i].core_to_core_ns);
        if (p < 0) continue;
        mean[p] += (points[i].level - mean[p]) / (double)++members[p];
        of_all += (points[i].level - of_all) / (double)++known;
    }
    for (size_t i = 0; i < count; i++) {
        const int32_t p = tm_placement_find(&placements, points[i].core_to_core_ns);
        if (p >= 0) points[i].level -= mean[p] - of_all;
    }
    return placements.count > 1 ? (size_t)placements.count - 1 : 0;
}

/* Least squares through `count` points; `lost` degrees of freedom went into levels, 1 being the common one. */
static slope fit_slope(const point *points, size_t count, size_t lost, double quantile)
{
    const slope unknown = {NAN, NAN};
    if (count < lost + 2) return unknown; /* the slope takes one, the scatter needs one */
    double time = 0, level = 0;
    for (size_t i = 0; i < count; i++) {
        time += (points[i].time - time) / (double)(i + 1);
        level += (points[i].level - level) / (double)(i + 1);
    }
    double xx = 0, xy = 0;
    for (size_t i = 0; i < count; i++) {
        const double x = points[i].time - time;
        xx += x * x;
        xy += x * (points[i].level - level);
    }
    if (!(xx > 0)) return unknown;
    const double b = xy / xx, df = (double)(count - lost - 1);
    double residual = 0;
    for (size_t i = 0; i < count; i++) {
        const double e = points[i].level - level - b * (points[i].time - time);
        residual += e * e;
    }
    return (slope){b, tm_student_quantile(quantile, df) * sqrt(residual / df / xx)};
}

/* Mean time and level of one incarnation's visits. */
static point centre_of(const point *points, size_t count, int32_t incarnation)
{
    point centre = {incarnation, 0, 0, 0};
    double n = 0;
    for (size_t i = 0; i < count; i++) {
        if (points[i].incarnation != incarnation) continue;
        n++;
        centre.time += (points[i].time - centre.time) / n;
        centre.level += (points[i].level - centre.level) / n;
    }
    return centre;
}

/* When an incarnation was watched, and how often. */
typedef struct stretch {
    double begin, end;
    size_t visits;
} stretch;

/* How far a slope within incarnations may be stretched: the longest of them, times the gaps between its visits, times 3
 * at most. */
static double believed_time(const stretch *stretches, size_t count)
{
    double longest = 0;
    for (size_t i = 0; i < count; i++) {
        const double gaps = fmin(3, (double)stretches[i].visits - 1);
        longest = fmax(longest, gaps * (stretches[i].end - stretches[i].begin));
    }
    return longest;
}

typedef struct drift {
    double low, high; /* relative change */
} drift;

static drift drift_over(slope fitted, double time)
{
    return (drift){expm1((fitted.per_time - fitted.half_width) * time),
                   expm1((fitted.per_time + fitted.half_width) * time)};
}

static bool outside(drift d)
{
    return d.low > 0.03 || d.high < -0.03;
}

/* The distinct incarnations in order of appearance. */
static size_t find_incarnations(const point *points, size_t count, int32_t *incarnations)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        bool seen = false;
        for (size_t k = 0; k < found && !seen; k++) seen = incarnations[k] == points[i].incarnation;
        if (!seen) incarnations[found++] = points[i].incarnation;
    }
    return found;
}

/* Changes the points' levels. */
static drift find_drift(point *points, size_t count)
{
    const drift unknown = {NAN, NAN};
    point *within = count >= 3 ? malloc(2 * count * sizeof *within) : NULL;
    stretch *stretches = count >= 3 ? malloc(count * sizeof *stretches) : NULL;
    int32_t *incarnations = count >= 3 ? malloc(count * sizeof *incarnations) : NULL;
    drift inner = unknown, outer = unknown, sure = unknown;
    if (!within || !stretches || !incarnations) goto done;
    const size_t lost = level_placements(points, count);
    const size_t incarnation_count = find_incarnations(points, count, incarnations);
    point *between = within + count;
    for (size_t i = 0; i < incarnation_count; i++) {
        between[i] = centre_of(points, count, incarnations[i]);
        stretches[i] = (stretch){INFINITY, -INFINITY, 0};
        for (size_t k = 0; k < count; k++) {
            if (points[k].incarnation != incarnations[i]) continue;
            within[k] = (point){0, points[k].time - between[i].time, points[k].level - between[i].level, 0};
            stretches[i].begin = fmin(stretches[i].begin, points[k].time);
            stretches[i].end = fmax(stretches[i].end, points[k].time);
            stretches[i].visits++;
        }
    }
    double begin = INFINITY, end = -INFINITY;
    for (size_t i = 0; i < incarnation_count; i++) {
        begin = fmin(begin, stretches[i].begin);
        end = fmax(end, stretches[i].end);
    }
    const double span = end - begin, believed = fmin(span, believed_time(stretches, incarnation_count));
    inner = drift_over(fit_slope(within, count, incarnation_count + lost, 0.975), believed);
    outer = drift_over(fit_slope(between, incarnation_count, 1 + lost, 0.975), span);
    /* Processes that differ by chance look like a slope 5 times in 100: against a known inner slope that is too often.
     */
    sure = drift_over(fit_slope(between, incarnation_count, 1 + lost, 0.995), span);
done:
    free(within);
    free(stretches);
    free(incarnations);
    if (isnan(inner.low) || outside(sure)) return outer;
    return isnan(outer.low) || outside(inner) || inner.high - inner.low < outer.high - outer.low ? inner : outer;
}

/* Percentiles and least of all samples together. */
static void pool_samples(const tm_visit *visits, size_t count, tm_summary *summary)
{
    size_t total = 0, at = 0;
    for (size_t i = 0; i < count; i++) total += visits[i].samples;
    summary->samples = (int64_t)total;
    summary->p5_ns = summary->p95_ns = summary->min_ns = NAN;
    double *pooled = total ? malloc(total * sizeof *pooled) : NULL;
    if (!pooled) return;
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < visits[i].samples; k++) pooled[at++] = visits[i].sample_ns[k];
    }
    summary->p5_ns = tm_quantile(pooled, total, 0.05);
    summary->p95_ns = tm_quantile(pooled, total, 0.95);
    summary->min_ns = tm_quantile(pooled, total, 0);
    free(pooled);
}

/* Writes ln of the median of visit medians of each incarnation. */
static size_t incarnation_levels(const point *points, size_t count, int32_t *incarnations, double *levels,
                                 double *scratch)
{
    const size_t found = find_incarnations(points, count, incarnations);
    for (size_t i = 0; i < found; i++) {
        size_t visits = 0;
        for (size_t k = 0; k < count; k++) {
            if (points[k].incarnation == incarnations[i]) scratch[visits++] = exp(points[k].level);
        }
        levels[i] = log(tm_median(scratch, visits));
    }
    return found;
}

tm_summary tm_summarise(const tm_visit *visits, size_t count)
{
    tm_summary summary = {NAN, NAN, NAN, NAN, NAN, NAN, 0, 0, 0, NAN, NAN};
    pool_samples(visits, count, &summary);
    point *points = count ? malloc(count * sizeof *points) : NULL;
    int32_t *incarnations = count ? malloc(count * sizeof *incarnations) : NULL;
    double *levels = count ? malloc(2 * count * sizeof *levels) : NULL;
    if (!points || !incarnations || !levels) goto done;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (visits[i].samples == 0) continue;
        const double median = tm_median(visits[i].sample_ns, visits[i].samples);
        points[kept++] = (point){visits[i].incarnation, visits[i].start_ns, log(median), visits[i].core_to_core_ns};
    }
    const size_t found = incarnation_levels(points, kept, incarnations, levels, levels + count);
    const tm_interval interval = tm_mean_interval(levels, found);
    summary.visits = (int32_t)kept;
    summary.incarnations = (int32_t)found;
    summary.median_ns = exp(interval.mean);
    summary.ci_low_ns = exp(interval.mean - interval.half_width);
    summary.ci_high_ns = exp(interval.mean + interval.half_width);
    const drift change = find_drift(points, kept);
    summary.drift_low = change.low;
    summary.drift_high = change.high;
done:
    free(points);
    free(incarnations);
    free(levels);
    return summary;
}

bool tm_has_drift(const tm_summary *summary)
{
    return outside((drift){summary->drift_low, summary->drift_high});
}

double tm_pair_drift(const tm_visit *base, size_t base_count, const tm_visit *other, size_t other_count)
{
    point *points = base_count ? malloc(base_count * sizeof *points) : NULL;
    size_t found = 0;
    for (size_t i = 0; points && i < base_count; i++) {
        for (size_t k = 0; k < other_count; k++) {
            if (other[k].incarnation != base[i].incarnation || other[k].round != base[i].round) continue;
            if (!tm_same_placement(base[i].core_to_core_ns, other[k].core_to_core_ns)) break;
            const double level = log(tm_median(base[i].sample_ns, base[i].samples)) -
                                 log(tm_median(other[k].sample_ns, other[k].samples));
            if (isfinite(level))
                points[found++] = (point){base[i].incarnation, base[i].start_ns, level, base[i].core_to_core_ns};
            break;
        }
    }
    const drift change = points ? find_drift(points, found) : (drift){NAN, NAN};
    free(points);
    if (isnan(change.low) || isnan(change.high)) return INFINITY;
    if (change.low >= -0.03 && change.high <= 0.03) return 0;
    return fmax(fabs(log1p(change.low)), fabs(log1p(change.high)));
}
