/* Empirical Bayes for variances. If the true variances of pairs scatter like s0^2 d0 / chi2(d0), the logarithms of the
 * measured ones have a mean and a variance that polygamma functions tell; d0 and s0^2 are those that fit. The fewer
 * degrees of freedom a pair has of its own, the more that is worth. */
#include "measure/verdict.h"

#include <math.h>

static const double most_prior_df = 4;
/* A clock's steps can make all differences of a pair equal: such a variance says "small", not "none". */
static const double least_share_of_mean = 1e-4;

/* Recurrence up to 10, then the asymptotic series. */
static double digamma(double x)
{
    double sum = 0;
    for (; x < 10; x++) sum -= 1 / x;
    const double r = 1 / (x * x);
    return sum + log(x) - 0.5 / x - r * (1.0 / 12 - r * (1.0 / 120 - r * (1.0 / 252 - r / 240)));
}

static double trigamma(double x)
{
    double sum = 0;
    for (; x < 10; x++) sum += 1 / (x * x);
    const double r = 1 / (x * x);
    return sum + 1 / x + 0.5 * r + r / x * (1.0 / 6 - r * (1.0 / 30 - r * (1.0 / 42 - r / 30)));
}

/* trigamma falls from infinity to 0. */
static double trigamma_inverse(double value)
{
    double low = log(1e-6), high = log(1e9);
    for (int i = 0; i < 60; i++) {
        const double middle = 0.5 * (low + high);
        if (trigamma(exp(middle)) > value)
            low = middle;
        else
            high = middle;
    }
    return exp(0.5 * (low + high));
}

static bool has_variance(const tm_pair *pair)
{
    return pair->df > 0 && isfinite(pair->variance);
}

typedef struct prior {
    double variance, df; /* s0^2 and d0 */
} prior;

static double log_variance(const tm_pair *pair, double least)
{
    return log(fmax(pair->variance, least)) - digamma(pair->df / 2) + log(pair->df / 2);
}

static prior fit_prior(tm_pair *const *pairs, size_t count, size_t usable, double least)
{
    double mean = 0, own = 0, squares = 0;
    for (size_t i = 0; i < count; i++) {
        if (!has_variance(pairs[i])) continue;
        mean += log_variance(pairs[i], least) / (double)usable;
        own += trigamma(pairs[i]->df / 2) / (double)usable; /* what chance alone gives */
    }
    for (size_t i = 0; i < count; i++) {
        if (!has_variance(pairs[i])) continue;
        const double e = log_variance(pairs[i], least) - mean;
        squares += e * e;
    }
    const double excess = squares / (double)(usable - 1) - own;
    if (!(excess > 0)) return (prior){exp(mean), INFINITY};
    const double half = trigamma_inverse(excess);
    return (prior){exp(mean + digamma(half) - log(half)), 2 * half};
}

void tm_moderate_variances(tm_pair *const *pairs, size_t count)
{
    size_t usable = 0;
    double average = 0;
    for (size_t i = 0; i < count; i++) {
        if (!has_variance(pairs[i])) continue;
        usable++;
        average += (pairs[i]->variance - average) / (double)usable;
    }
    if (usable < TM_LEAST_MODERATED || !(average > 0)) return;
    const prior common = fit_prior(pairs, count, usable, least_share_of_mean * average);
    const double weight = fmin(common.df, most_prior_df);
    for (size_t i = 0; i < count; i++) {
        tm_pair *pair = pairs[i];
        if (!has_variance(pair)) continue;
        pair->variance = (weight * common.variance + pair->df * pair->variance) / (weight + pair->df);
        pair->df += weight;
    }
}
