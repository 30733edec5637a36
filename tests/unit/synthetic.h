/* Made-up times for tests of statistics: seeded random numbers, and bounds on what comes out. After cmocka.h. */
#ifndef TM_TESTS_SYNTHETIC_H
#define TM_TESTS_SYNTHETIC_H

#include <math.h>
#include <stdint.h>

#define CLOSE(got, want, relative)                                                                                     \
    do {                                                                                                               \
        const double got_ = (got), want_ = (want);                                                                     \
        if (!(fabs(got_ - want_) <= (relative)*fabs(want_))) fail_msg("%.15g instead of %.15g", got_, want_);          \
    } while (0)

/* Printed as well, so that documents can quote it. */
#define WITHIN(what, got, low, high)                                                                                   \
    do {                                                                                                               \
        const double got_ = (got);                                                                                     \
        print_message("%s: %.2f\n", what, got_);                                                                       \
        if (!(got_ >= (low) && got_ <= (high)))                                                                        \
            fail_msg("%s: %g is not in %g to %g", what, got_, (double)(low), (double)(high));                          \
    } while (0)

static inline double uniform(uint64_t *random)
{
    *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return ((double)(*random >> 11) + 0.5) / 9007199254740992.0;
}

static inline double normal(uint64_t *random)
{
    const double radius = sqrt(-2 * log(uniform(random)));
    return radius * cos(6.283185307179586 * uniform(random));
}

#endif
