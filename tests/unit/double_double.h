/* Numbers of about 106 bits as unevaluated sums of two doubles (T. J. Dekker, 1971): enough to judge a float64
 * evaluation. exp halves its argument until a short series serves; log inverts it by Newton's method. */
#ifndef TEST_DOUBLE_DOUBLE_H
#define TEST_DOUBLE_DOUBLE_H

#include <math.h>

typedef struct dd {
    double high, low;
} dd;

static inline dd dd_of(double x)
{
    return (dd){x, 0};
}
static inline double dd_round(dd a)
{
    return a.high + a.low;
}

static inline dd dd_add(dd a, dd b)
{
    const double sum = a.high + b.high, part = sum - a.high;
    const double lost = (a.high - (sum - part)) + (b.high - part) + a.low + b.low;
    const double high = sum + lost;
    return (dd){high, lost - (high - sum)};
}

static inline dd dd_mul(dd a, dd b)
{
    const double product = a.high * b.high;
    const double lost = fma(a.high, b.high, -product) + (a.high * b.low + a.low * b.high);
    const double high = product + lost;
    return (dd){high, lost - (high - product)};
}

static inline dd dd_neg(dd a)
{
    return (dd){-a.high, -a.low};
}
static inline dd dd_sub(dd a, dd b)
{
    return dd_add(a, dd_neg(b));
}

static inline dd dd_div(dd a, dd b)
{
    const dd first = dd_of(a.high / b.high);
    const dd second = dd_of(dd_sub(a, dd_mul(first, b)).high / b.high);
    const dd sum = dd_add(first, second);
    return dd_add(sum, dd_of(dd_sub(a, dd_mul(sum, b)).high / b.high));
}

static inline dd dd_sqrt(dd a)
{
    if (a.high <= 0) return dd_of(0);
    const dd guess = dd_of(sqrt(a.high));
    return dd_mul(dd_of(0.5), dd_add(guess, dd_div(a, guess)));
}

static inline dd dd_exp(dd a)
{
    enum { HALVINGS = 12, TERMS = 10 };
    if (a.high < -700) return dd_of(0);
    const dd x = {ldexp(a.high, -HALVINGS), ldexp(a.low, -HALVINGS)};
    dd sum = dd_of(0), term = dd_of(1); /* sum is exp(x) - 1: squaring that keeps the small digits */
    for (int i = 1; i <= TERMS; i++) {
        term = dd_div(dd_mul(term, x), dd_of(i));
        sum = dd_add(sum, term);
    }
    for (int i = 0; i < HALVINGS; i++) sum = dd_add(dd_mul(dd_of(2), sum), dd_mul(sum, sum));
    return dd_add(sum, dd_of(1));
}

static inline dd dd_log(dd a)
{
    dd y = dd_of(log(a.high));
    for (int i = 0; i < 2; i++) y = dd_add(y, dd_sub(dd_mul(a, dd_exp(dd_neg(y))), dd_of(1)));
    return y;
}

#endif
