/* A record seen by rows (a case with its cell on each backend), and the averages over them. Pure. */
#ifndef TM_REPORT_ROWS_H
#define TM_REPORT_ROWS_H

#include "store/record.h"

/* Moves `*cursor` (0 at first) to the next case and fills `cells` (one per backend of the record; NULL where there is
 * none). False at the end. */
bool tm_row_next(const tm_record *record, int64_t *cursor, const tm_record_cell **cells);

/* Index of the backend that ratios refer to: `base`, or 0 when it is NULL or unknown. */
int64_t tm_row_base(const tm_record *record, const char *base);

/* time(base) / time(cell). */
typedef struct tm_ratio {
    double value;        /* NaN when one of them was not completed */
    double half_width;   /* of the 95 % interval, in logarithms; NaN where none is known */
    const char *verdict; /* its word, or "" */
    double smallest;     /* difference that would have been found; NaN where none is known */
} tm_ratio;

/* The run's own paired estimate where it has one, else the quotient of the medians. */
tm_ratio tm_cell_ratio(const tm_record *record, const tm_record_cell *cell, const tm_record_cell *base);

/* Geometric means; NaN for none. Efficiencies are clipped at 1. The ratio's half width, in logarithms, is that of
 * measuring these cases again, not of taking other cases. */
typedef struct tm_average {
    double median_ns, efficiency, ratio, ratio_half_width;
    int64_t completed; /* of the cases that the filter lets through */
    bool takes_part;
} tm_average;

typedef struct tm_average_filter {
    const char *group;     /* NULL: all */
    double above_limit_ns; /* only cases whose limit is longer; 0: all */
} tm_average_filter;

/* Averages of every backend (into `averages`, one each) over the cases that all backends completed which take part.
 * Those are the base and who completed at least half of what the filter lets through: a backend that has two ops does
 * not take the others their average. `*cases` gets the number of cases averaged, `*of` that of all the filter lets
 * through. False when memory is short. */
bool tm_average_rows(const tm_record *record, int64_t base, tm_average_filter filter, tm_average *averages,
                     int64_t *cases, int64_t *of);

#endif
