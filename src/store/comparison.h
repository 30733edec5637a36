/* Two runs side by side, or backends of one run: what is computed from records and what reports show. Points into the
 * records, which must outlive it. Ratios are time(base) / time(other): above 1 the other is faster. */
#ifndef TM_STORE_COMPARISON_H
#define TM_STORE_COMPARISON_H

#include "store/record.h"

/* A case on one pair of backends. */
typedef struct tm_compared {
    const tm_record_cell *base, *other;
    double ratio, ci_low, ci_high; /* 95 %; NaN where one side has no time, or too few incarnations */
    double smallest_effect;        /* a share: 0.04 is 4 % */
    const char *verdict;           /* "FASTER", "SLOWER", "EQUAL", "UNDECIDED"; "" where none may be given */
    int64_t pair;                  /* index of its pair of backends */
    double margin; /* that its verdict is about: the comparison's, and what the ratio may have changed by if it did not
                    * hold still */
} tm_compared;

/* A pair of backends, and what its rows add up to. */
typedef struct tm_compared_pair {
    const tm_record_backend *base, *other;
    int64_t faster, slower, equal, undecided, unjudged; /* unjudged: without a verdict */
    int64_t averaged;                                   /* cases that both completed */
    double ratio, ci_low, ci_high; /* geometric mean over those; the interval is that of measuring these cases again */
} tm_compared_pair;

typedef struct tm_comparison {
    const tm_record *base, *other; /* one and the same where backends of one run are compared */
    bool unpaired;                 /* separate runs: incarnations cannot be matched */
    bool machines_differ;
    bool incomplete; /* a run is not complete: no verdicts */
    double margin;   /* that verdicts are about: 0.05 is 5 % */
    tm_compared *rows;
    tm_compared_pair *pairs;
    int64_t row_count, pair_count;
    int64_t only_base, only_other; /* cells of these backends whose case the other run lacks */
} tm_comparison;

void tm_comparison_free(tm_comparison *comparison); /* NULL allowed */

#endif
