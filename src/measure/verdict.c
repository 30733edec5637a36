/* A pair is judged by a t test over incarnations. A verdict says more than "not zero": it says "more than the margin",
 * so that a difference too small to matter, or to be told from chance, is never called one. */
#include "measure/verdict.h"

#include "measure/stats.h"

#include <math.h>

static const double false_discovery_rate = 0.05;
const double tm_least_margin = 0.01;
static const double least_unpaired_margin = 0.05;

tm_pair tm_pair_of(const double *differences, size_t count)
{
    tm_pair pair = {NAN, NAN, 0, (int32_t)count, 0};
    for (size_t i = 0; i < count; i++) {
        pair.mean = i ? pair.mean + (differences[i] - pair.mean) / (double)(i + 1) : differences[0];
    }
    if (count < 2) return pair;
    double squares = 0;
    for (size_t i = 0; i < count; i++) squares += (differences[i] - pair.mean) * (differences[i] - pair.mean);
    pair.df = (double)(count - 1);
    pair.variance = squares / pair.df;
    return pair;
}

tm_pair tm_unpaired_of(const double *base, size_t base_count, const double *other, size_t other_count)
{
    const tm_pair a = tm_pair_of(base, base_count), b = tm_pair_of(other, other_count);
    const int32_t incarnations = a.incarnations < b.incarnations ? a.incarnations : b.incarnations;
    tm_pair pair = {a.mean - b.mean, NAN, 0, incarnations, 0};
    if (incarnations < 2) return pair;
    const double of_a = a.variance / a.incarnations, of_b = b.variance / b.incarnations, sum = of_a + of_b;
    pair.variance = sum * incarnations;
    pair.df = sum > 0 ? sum * sum / (of_a * of_a / a.df + of_b * of_b / b.df) : a.df + b.df;
    return pair;
}

double tm_pair_standard_error(const tm_pair *pair)
{
    return pair->incarnations > 0 ? sqrt(pair->variance / pair->incarnations) : (double)NAN;
}

double tm_pair_half_width(const tm_pair *pair)
{
    return tm_student_quantile(0.975, pair->df) * tm_pair_standard_error(pair);
}

int32_t tm_time_class(double call_ns)
{
    return call_ns < 100e3 ? 0 : call_ns < 10e6 ? 1 : 2;
}

const char *tm_verdict_name(tm_verdict verdict)
{
    static const char *const names[] = {"UNDECIDED", "FASTER", "SLOWER", "EQUAL", ""};
    return names[verdict];
}

/* P(T > distance / error); a pair without any scatter is certain. */
static double tail(double distance, double error, double df)
{
    if (error > 0) return tm_student_cdf(-distance / error, df);
    return distance > 0 ? 0 : 1;
}

/* The largest p that Benjamini and Hochberg's procedure rejects; negative for none. */
static double rejection_limit(const tm_judgement *judged, size_t count)
{
    double limit = -1;
    for (size_t i = 0; i < count; i++) {
        size_t rank = 0;
        for (size_t k = 0; k < count; k++) rank += judged[k].p <= judged[i].p;
        const double allowed = false_discovery_rate * (double)rank / (double)count;
        if (judged[i].p <= allowed) limit = fmax(limit, judged[i].p);
    }
    return limit;
}

void tm_judge_pairs(const tm_pair *pairs, size_t count, double margin, tm_judgement *into)
{
    for (size_t i = 0; i < count; i++) {
        const tm_pair *pair = &pairs[i];
        const double error = tm_pair_standard_error(pair), bound = log1p(margin) + pair->drift;
        const bool held = pair->drift == 0;
        into[i] = (tm_judgement){1, held ? TM_UNDECIDED : TM_UNRANKED};
        if (!isfinite(pair->mean) || !isfinite(error)) continue;
        /* On the side where the mean lies; the test against the other margin cannot be the smaller one. */
        into[i].p = tail(fabs(pair->mean) - bound, error, pair->df);
        if (held && tail(bound - fabs(pair->mean), error, pair->df) <= 0.025) into[i].verdict = TM_EQUAL;
    }
    const double limit = rejection_limit(into, count);
    for (size_t i = 0; i < count; i++) {
        if (into[i].p <= limit) into[i].verdict = pairs[i].mean > 0 ? TM_FASTER : TM_SLOWER;
    }
}

double tm_pair_margin(const tm_pair *pair, double margin)
{
    return expm1(log1p(margin) + pair->drift);
}

double tm_smallest_effect(const tm_pair *pair, double margin)
{
    const double quantiles = tm_student_quantile(0.975, pair->df) + tm_student_quantile(0.80, pair->df);
    return expm1(log1p(margin) + pair->drift + quantiles * tm_pair_standard_error(pair));
}

double tm_aa_floor(const double *differences, size_t count)
{
    if (count < TM_LEAST_TWINS) return NAN;
    double squares = 0;
    for (size_t i = 0; i < count; i++) squares += differences[i] * differences[i];
    const double n = (double)count;
    return 1.96 * sqrt(squares / n) * sqrt(n / tm_chi2_quantile(0.05, n));
}

double tm_margin(double floor)
{
    return fmax(tm_least_margin, floor);
}

double tm_unpaired_margin(double base_floor, double other_floor)
{
    return fmax(least_unpaired_margin, fmax(base_floor, other_floor));
}

bool tm_is_noisy(size_t false_verdicts, size_t twins)
{
    const size_t allowed = twins <= TM_MOST_TWINS ? 1 : twins / (TM_MOST_TWINS / 2);
    return twins >= TM_LEAST_TWINS && false_verdicts > allowed;
}
