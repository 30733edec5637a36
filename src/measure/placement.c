/* A token goes round the team: each member waits until it is its turn and passes it on. */
#include "measure/placement.h"

#include <math.h>
#include <sched.h>
#include <stdatomic.h>

enum { HAND_OVERS = 400, BURSTS = 3 };

/* Of two cores below one last-level cache 35 to 65 ns were seen, of two below different ones 190 to 230. */
static const double same_within = 2;

/* No two cores of a machine are as far apart: a member waited for its CPU. */
static const double most_ns = 3000;

typedef struct round_trip {
    _Alignas(128) _Atomic int64_t token;
    _Alignas(128) int32_t members;
} round_trip;

static void pass_on(void *context, int32_t member, int64_t repeats)
{
    round_trip *self = context;
    if (member >= self->members) return;
    for (int64_t i = 0; i < repeats; i++) {
        const int64_t mine = i * self->members + member;
        uint32_t spins = 0;
        while (atomic_load_explicit(&self->token, memory_order_acquire) != mine) {
            if (++spins % 4096 == 0) sched_yield();
        }
        atomic_store_explicit(&self->token, mine + 1, memory_order_release);
    }
}

double tm_core_to_core(tm_team *team)
{
    const int32_t all = tm_team_members(team);
    round_trip trip = {.members = all < TM_MOST_TEAM ? all : TM_MOST_TEAM};
    if (trip.members < 2) return NAN;
    const int64_t rounds = HAND_OVERS / trip.members + 2;
    double least = INFINITY;
    for (int burst = 0; burst < BURSTS; burst++) {
        atomic_store(&trip.token, 0);
        least = fmin(least, tm_team_time(team, pass_on, &trip, rounds) / (double)(rounds * trip.members));
    }
    return least < most_ns ? least : NAN;
}

static void measure(tm_team *team, void *context)
{
    *(double *)context = tm_core_to_core(team);
}

double tm_core_to_core_of(const int32_t *cpus, int32_t count)
{
    double found = NAN;
    tm_error ignored = {""};
    const int32_t members = count < TM_MOST_TEAM ? count : TM_MOST_TEAM;
    if (members > 1 && tm_team_run(cpus, members, measure, &found, &ignored) != TM_OK) return NAN;
    return found;
}

static bool is_known(double ns)
{
    return isfinite(ns) && ns > 0;
}

bool tm_same_placement(double a_ns, double b_ns)
{
    return !is_known(a_ns) || !is_known(b_ns) || fmax(a_ns, b_ns) <= same_within * fmin(a_ns, b_ns);
}

int32_t tm_placement_find(tm_placements *placements, double core_to_core_ns)
{
    if (!is_known(core_to_core_ns)) return -1;
    int32_t nearest = -1;
    double least = INFINITY;
    for (int32_t i = 0; i < placements->count; i++) {
        const double apart = fabs(log(placements->core_to_core_ns[i] / core_to_core_ns));
        if (!tm_same_placement(placements->core_to_core_ns[i], core_to_core_ns) || apart >= least) continue;
        nearest = i;
        least = apart;
    }
    if (nearest >= 0 || placements->count == TM_MOST_PLACEMENTS) return nearest;
    placements->core_to_core_ns[placements->count] = core_to_core_ns;
    return placements->count++;
}
