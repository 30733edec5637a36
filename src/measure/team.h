/* Pinned threads that run one piece of work after another at the same moment, for the measuring of limits. */
#ifndef TM_MEASURE_TEAM_H
#define TM_MEASURE_TEAM_H

#include "base/error.h"

/* One member's share of a piece of work, done `repeats` times. */
typedef void (*tm_team_work)(void *context, int32_t member, int64_t repeats);

typedef struct tm_team tm_team;

/* Runs `work` on every member, all starting together; only inside the leader. Returns ns from the first start to the
 * last end. */
double tm_team_time(tm_team *team, tm_team_work work, void *context, int64_t repeats);

int32_t tm_team_members(const tm_team *team);

/* Starts `count` threads pinned to `cpus`, calls leader(team, context) on the first, and returns when it has returned.
 * TM_FAILED when threads cannot be started. The caller's own affinity is left alone. */
tm_status tm_team_run(const int32_t *cpus, int32_t count, void (*leader)(tm_team *team, void *context), void *context,
                      tm_error *error);

#endif
