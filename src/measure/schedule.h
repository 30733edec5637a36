/* Who is measured when: passes, incarnations, rounds, order. Pure functions of mode and seed. */
#ifndef TM_MEASURE_SCHEDULE_H
#define TM_MEASURE_SCHEDULE_H

#include <stdint.h>

typedef enum tm_mode { TM_MODE_DEFAULT = 0, TM_MODE_QUICK = 1, TM_MODE_FULL = 2 } tm_mode;

typedef struct tm_schedule {
    int32_t passes;
    int32_t incarnations[4]; /* of each pass: {3, 2}; full: {3, 3, 2} */
    int32_t rounds;          /* 2, 6 (default and full) */
} tm_schedule;

tm_schedule tm_schedule_of(tm_mode mode);
const char *tm_mode_name(tm_mode mode); /* "quick", "default", "full" */

/* Rounds for a call of this length: 1 above 1 s. */
int32_t tm_rounds_for(const tm_schedule *schedule, double call_ns);

/* Writes a permutation of 0..count-1: the order in which round `round` of `incarnation` visits the backends. */
void tm_visit_order(uint64_t seed, uint64_t case_hash, int32_t incarnation, int32_t round, int32_t count,
                    int32_t *order);

#endif
