/* What tm_expect hands to tm_verify. */
#ifndef TM_ORACLE_EXPECTED_H
#define TM_ORACLE_EXPECTED_H

#include "oracle/oracle.h"
#include "oracle/problem.h"

struct tm_expected {
    bool whole;
    bool stored;  /* want and size are kept; otherwise tm_verify computes them again, which is cheaper */
    bool layered; /* several nodes: judged by the rule for layers */
    tm_layout layout;
    tm_problem problem; /* of direct ops, prepared */
    int64_t chosen;     /* units */
    int64_t *unit;      /* their numbers, ascending; NULL: all */
    int64_t *offset;    /* where each begins in want and size; chosen + 1; NULL unless stored */
    int64_t count;      /* elements */
    bool sized;
    char *blob; /* the image of the cache file: header, key, want, size */
    size_t blob_bytes;
    double *want;
    float *size; /* NULL unless sized */
};

static inline int64_t tm_expected_unit(const tm_expected *expected, int64_t i)
{
    return expected->unit ? expected->unit[i] : i;
}

/* oracle.c: where each unit begins in want and size. */
tm_status tm_expected_place(tm_expected *expected, tm_error *error);
/* Places, then takes want and size from the cache of `options` or has them filled and keeps them there. */
typedef tm_status (*tm_fill_function)(void *context, tm_expected *expected, tm_error *error);
tm_status tm_expected_fill(const tm_graph *graph, const tm_expect_options *options, tm_expected *expected,
                           tm_fill_function fill, void *context, tm_error *error);
/* The unit that `seed` draws from run `stratum` of `strata` equal ones. */
int64_t tm_stratum_draw(int64_t stratum, int64_t strata, int64_t units, uint64_t seed);
/* Enough units per hand-out that counting them costs nothing, few enough that all threads finish together. */
int64_t tm_grain_of(int64_t units, int threads);

/* layer.c: the expected values of a graph of several nodes, into an `expected` that is all zero. */
tm_status tm_expect_layer(const tm_graph *graph, const void *const *inputs, const tm_expect_options *options,
                          tm_expected *expected, tm_error *error);
/* Output 0 in float64. */
tm_status tm_graph_evaluate(const tm_graph *graph, const void *const *inputs, int threads, double *into,
                            tm_error *error);

/* slice.c: the graph for `count` of the items that the first dimension of output 0 numbers; sliced[i] tells whether
 * input i has one part per item. *into is NULL where items depend on each other. */
tm_status tm_graph_slice(const tm_graph *graph, int64_t count, bool *sliced, tm_graph **into, tm_error *error);

/* cache.c: makes the blob with room for want and size behind header and key. */
tm_status tm_blob_new(tm_expected *expected, const char *key, tm_error *error);
/* Fills `expected` from the folder; false if there is no file of that key or it is damaged. */
bool tm_blob_load(tm_expected *expected, const char *folder, const char *key);
/* Writes the blob and deletes the oldest files beyond the folder's share of the disk. Failing is no error. */
void tm_blob_save(tm_expected *expected, const char *folder, const char *key);

#endif
