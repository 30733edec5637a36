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

/* cache.c: makes the blob with room for want and size behind header and key. */
tm_status tm_blob_new(tm_expected *expected, const char *key, tm_error *error);
/* Fills `expected` from the folder; false if there is no file of that key or it is damaged. */
bool tm_blob_load(tm_expected *expected, const char *folder, const char *key);
/* Writes the blob and deletes the oldest files beyond the folder's share of the disk. Failing is no error. */
void tm_blob_save(tm_expected *expected, const char *folder, const char *key);

#endif
