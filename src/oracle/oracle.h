/* What the right output is: every op in float64, whole outputs or a seeded sample of them, and the size S of honest
 * rounding noise of each element (docs/verification.md). */
#ifndef TM_ORACLE_ORACLE_H
#define TM_ORACLE_ORACLE_H

#include "graph/graph.h"

#define TM_ORACLE_VERSION 1 /* raise when any expected value may change: it is part of the cache key */

typedef struct tm_expect_options {
    uint64_t sample_seed;   /* which units are drawn when not everything is checked */
    double whole_seconds;   /* everything is computed when the estimate is below; 1.0 by the rule; INFINITY for all */
    int64_t least_elements; /* size of a sample: 65536 by the rule */
    int threads;
    const char *cache_folder; /* NULL: no cache on disk */
    const char *cache_key;    /* identifies case, seed, pass and slot */
} tm_expect_options;

/* Expected elements of output 0, in units (rows) chosen by the op. Owned by the caller. */
typedef struct tm_expected tm_expected;

/* `inputs[i]` is the dense data of input i. */
tm_status tm_expect(const tm_graph *graph, const void *const *inputs, const tm_expect_options *options,
                    tm_expected **into, tm_error *error);
void tm_expected_free(tm_expected *expected);
bool tm_expected_is_whole(const tm_expected *expected);
int64_t tm_expected_count(const tm_expected *expected); /* elements */

/* The whole output in float64 (for dumps and tests); `into` holds every element of output 0. */
tm_status tm_oracle_evaluate(const tm_graph *graph, const void *const *inputs, int threads, double *into,
                             tm_error *error);

#endif
