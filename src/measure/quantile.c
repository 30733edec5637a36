/* Student's t and chi squared. Probabilities come from the incomplete beta and gamma functions (continued fractions in
 * Lentz's form, a power series for small gamma arguments), always as the tail that does not cancel; quantiles from
 * bisection on the logarithm of the argument, which needs no starting guess and cannot diverge. */
#include "measure/stats.h"

#include <math.h>

enum { MAX_TERMS = 100000, HALVINGS = 80 };
static const double tiny = 1e-300, converged = 1e-16;
static const double many_df = 1e5; /* from here on 1 - x of the beta function loses digits, and t is nearly normal */

static double nonzero(double x)
{
    return fabs(x) < tiny ? tiny : x;
}

/* The continued fraction of I_x(a, b), without its factor x^a (1-x)^b / (a B(a, b)); fast for x < (a+1) / (a+b+2). */
static double beta_fraction(double a, double b, double x)
{
    double c = 1.0, d = 1.0 / nonzero(1.0 - (a + b) * x / (a + 1.0)), value = d;
    for (int m = 1; m < MAX_TERMS; m++) {
        const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        d = 1.0 / nonzero(1.0 + even * d);
        c = nonzero(1.0 + even / c);
        value *= d * c;
        const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1.0 / nonzero(1.0 + odd * d);
        c = nonzero(1.0 + odd / c);
        value *= d * c;
        if (fabs(d * c - 1.0) < 4 * converged) break;
    }
    return value;
}

/* ln B(a, 1/2) = ln Gamma(a) + ln Gamma(1/2) - ln Gamma(a + 1/2); by its asymptotic series where the difference of two
 * large logarithms would lose digits. */
static double ln_beta_half(double a)
{
    const double ln_gamma_half = 0.57236494292470008707;
    if (a < 40.0) return lgamma(a) + ln_gamma_half - lgamma(a + 0.5);
    const double r = 1.0 / a, r2 = r * r;
    return ln_gamma_half - 0.5 * log(a) + r * (1.0 / 8 - r2 * (1.0 / 192 - r2 * (1.0 / 640 - r2 * 17.0 / 14336)));
}

/* Of |T| for t > 0: P(|T| <= t) and P(|T| > t), each without cancellation where it is the smaller one. */
static void student_both(double t, double df, double *inside, double *outside)
{
    const double square = t * t;
    if (df > many_df) {
        /* G. W. Hill's transformation to a normal deviate; its next term is of order df^-4. */
        const double n = fmin(df, 1e15), w2 = (n - 0.5) * log1p(square / n), u = n - 0.5;
        const double z = sqrt(w2) * (1 + (w2 + 3) / (48 * u * u));
        *inside = erf(z / sqrt(2));
        *outside = erfc(z / sqrt(2));
        return;
    }
    if (!(square > 0)) { /* 0, or too small to square */
        *inside = 2 * t * exp(-ln_beta_half(df / 2)) / sqrt(df);
        *outside = 1 - *inside;
        return;
    }
    const double a = df / 2, far = square > df ? 1 / (1 + df / square) : square / (df + square);
    const double near = isinf(square) ? 0 : df / (df + square);
    const double logarithm = isinf(square) ? 2 * log(t) - log(df) : log1p(square / df);
    const double front = exp(-a * logarithm + 0.5 * log(far) - ln_beta_half(a));
    if (near < (a + 1) / (a + 2.5)) {
        *outside = front * beta_fraction(a, 0.5, near) / a;
        *inside = 1 - *outside;
    } else {
        *inside = front * beta_fraction(0.5, a, far) / 0.5;
        *outside = 1 - *inside;
    }
}

double tm_student_cdf(double t, double df)
{
    if (isnan(t) || !(df > 0)) return NAN;
    double inside = 0, outside = 0;
    if (isinf(t)) return t > 0 ? 1 : 0;
    student_both(fabs(t), df, &inside, &outside);
    return t < 0 ? outside / 2 : inside > 0.5 ? 1 - outside / 2 : 0.5 + inside / 2;
}

double tm_student_quantile(double probability, double df)
{
    if (!(probability >= 0 && probability <= 1) || !(df > 0)) return NAN;
    if (probability == 0 || probability == 1) return probability == 0 ? -INFINITY : INFINITY;
    if (probability == 0.5) return 0;
    const double tail = fmin(probability, 1 - probability);
    const double want_inside = 2 * fabs(probability - 0.5), want_outside = 2 * tail;
    double low = -745, high = 709; /* logarithms of the smallest and largest double */
    for (int i = 0; i < HALVINGS; i++) {
        const double middle = 0.5 * (low + high);
        double inside = 0, outside = 0;
        student_both(exp(middle), df, &inside, &outside);
        const bool too_low = want_inside < 0.5 ? inside < want_inside : outside > want_outside;
        if (too_low)
            low = middle;
        else
            high = middle;
    }
    return copysign(exp(0.5 * (low + high)), probability - 0.5);
}

/* P(a, x), the lower regularised incomplete gamma function, by its power series; for x < a + 1. */
static double gamma_series(double a, double x)
{
    double term = 1 / a, sum = term;
    for (int n = 1; n < MAX_TERMS && term > sum * converged; n++) {
        term *= x / (a + n);
        sum += term;
    }
    return sum * exp(a * log(x) - x - lgamma(a));
}

/* Q(a, x) = 1 - P(a, x) by its continued fraction; for x >= a + 1. */
static double gamma_fraction(double a, double x)
{
    double b = x + 1 - a, c = 1 / tiny, d = 1 / b, value = d;
    for (int n = 1; n < MAX_TERMS; n++) {
        const double numerator = -n * (n - a);
        b += 2;
        d = 1 / nonzero(numerator * d + b);
        c = nonzero(b + numerator / c);
        value *= d * c;
        if (fabs(d * c - 1) < 4 * converged) break;
    }
    return value * exp(a * log(x) - x - lgamma(a));
}

double tm_chi2_quantile(double probability, double df)
{
    if (!(probability >= 0 && probability <= 1) || !(df > 0)) return NAN;
    if (probability == 0 || probability == 1) return probability == 0 ? 0 : INFINITY;
    const double a = df / 2;
    double low = -745, high = 709;
    for (int i = 0; i < HALVINGS; i++) {
        const double middle = 0.5 * (low + high), x = exp(middle) / 2;
        const bool too_low = x < a + 1 ? gamma_series(a, x) < probability : gamma_fraction(a, x) > 1 - probability;
        if (too_low)
            low = middle;
        else
            high = middle;
    }
    return exp(0.5 * (low + high));
}
