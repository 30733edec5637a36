/* Where the processors in use lie to each other. A host moves a guest's processors between its cores: at one moment two
 * of them share a last-level cache, a second later they do not, and then memory gives them twice as much, while a
 * hand-over between threads takes four times as long. The guest is told nothing of it, but it can time a cache line on
 * its way from core to core. Times that were taken in different placements are not of one machine. */
#ifndef TM_MEASURE_PLACEMENT_H
#define TM_MEASURE_PLACEMENT_H

#include "measure/team.h"

#include <stdbool.h>

enum { TM_MOST_PLACEMENTS = 4, TM_MOST_TEAM = 16 };

/* Mean time in ns that a cache line takes from one member to the next, round the first TM_MOST_TEAM of them: the least
 * of a few bursts of some 20 us. NaN for a team of one, or when the members never ran at the same time. Only inside the
 * leader. */
double tm_core_to_core(tm_team *team);

/* The same between CPUs, by threads of its own; NaN also when they cannot be started. */
double tm_core_to_core_of(const int32_t *cpus, int32_t count);

/* Pure: are these times of one placement? True when either is not known (0 or NaN). */
bool tm_same_placement(double a_ns, double b_ns);

/* The placements met so far, each known by the first time that was taken in it. */
typedef struct tm_placements {
    double core_to_core_ns[TM_MOST_PLACEMENTS];
    int32_t count;
} tm_placements;

/* Pure: the nearest of them that is the same placement; a new one when there is none. -1 when the time is not known or
 * there is no room. */
int32_t tm_placement_find(tm_placements *placements, double core_to_core_ns);

#endif
