/* Members wait for the next generation number, run, and count themselves done; the leader is member 0 and takes part.
 * The stretch timed is from the first start to the last end by the members' own clocks, so the hand-over is not in it.
 */
#include "measure/team.h"

#include "base/clock.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef struct member {
    _Alignas(128) tm_team *team; /* one member a pair of cache lines: their stamps must not collide */
    pthread_t thread;
    int32_t number, cpu;
    uint64_t start, stop;
} member;

struct tm_team {
    _Alignas(128) _Atomic uint64_t generation;
    _Alignas(128) _Atomic int32_t done;
    _Alignas(128) _Atomic bool over;
    int32_t count;
    tm_team_work work;
    void *context;
    int64_t repeats;
    member *members;
};

/* Spins, and gives way now and then in case there are more members than CPUs. */
static void relax(uint32_t *spins)
{
    if (++*spins % 4096 == 0) sched_yield();
}

static void take_part(member *self)
{
    self->start = tm_now_ns();
    self->team->work(self->team->context, self->number, self->team->repeats);
    self->stop = tm_now_ns();
}

static void pin(int32_t cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    /* Where pinning is forbidden the figures are only less steady. */
    (void)pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

static void *follow(void *argument)
{
    member *self = argument;
    tm_team *team = self->team;
    pin(self->cpu);
    for (uint64_t seen = 0;;) {
        uint32_t spins = 0;
        while (atomic_load_explicit(&team->generation, memory_order_acquire) == seen) relax(&spins);
        seen++;
        if (atomic_load(&team->over)) return NULL;
        take_part(self);
        atomic_fetch_add_explicit(&team->done, 1, memory_order_release);
    }
}

double tm_team_time(tm_team *team, tm_team_work work, void *context, int64_t repeats)
{
    team->work = work;
    team->context = context;
    team->repeats = repeats;
    atomic_store(&team->done, 0);
    atomic_fetch_add_explicit(&team->generation, 1, memory_order_release);
    take_part(&team->members[0]);
    uint32_t spins = 0;
    while (atomic_load_explicit(&team->done, memory_order_acquire) < team->count - 1) relax(&spins);
    uint64_t first = team->members[0].start, last = team->members[0].stop;
    for (int32_t i = 1; i < team->count; i++) {
        if (team->members[i].start < first) first = team->members[i].start;
        if (team->members[i].stop > last) last = team->members[i].stop;
    }
    return (double)(last - first);
}

int32_t tm_team_members(const tm_team *team)
{
    return team->count;
}

typedef struct leading {
    tm_team *team;
    void (*leader)(tm_team *team, void *context);
    void *context;
} leading;

static void *lead(void *argument)
{
    const leading *self = argument;
    pin(self->team->members[0].cpu);
    self->leader(self->team, self->context);
    return NULL;
}

tm_status tm_team_run(const int32_t *cpus, int32_t count, void (*leader)(tm_team *team, void *context), void *context,
                      tm_error *error)
{
    tm_team team = {.count = count};
    team.members = aligned_alloc(_Alignof(member), (size_t)count * sizeof *team.members);
    if (!team.members) return tm_fail_memory(error, "threads for measuring limits");
    memset(team.members, 0, (size_t)count * sizeof *team.members);
    leading first = {&team, leader, context};
    int32_t started = 1;
    int failure = 0;
    for (int32_t i = 0; i < count; i++) {
        team.members[i].team = &team;
        team.members[i].number = i;
        team.members[i].cpu = cpus[i];
    }
    while (started < count && !failure) {
        member *next = &team.members[started];
        failure = pthread_create(&next->thread, NULL, follow, next);
        if (!failure) started++;
    }
    if (!failure) failure = pthread_create(&team.members[0].thread, NULL, lead, &first);
    if (!failure) pthread_join(team.members[0].thread, NULL);
    atomic_store(&team.over, true);
    atomic_fetch_add_explicit(&team.generation, 1, memory_order_release);
    for (int32_t i = 1; i < started; i++) pthread_join(team.members[i].thread, NULL);
    free(team.members);
    return failure ? tm_fail(error, TM_FAILED, "%d threads: %s", count, strerror(failure)) : TM_OK;
}
