/* Every usable pattern runs on every level of memory it makes sense on, in turns, until the time is up; the best speed
 * of each counts, over all and in each placement of the processors. Taking turns spreads each pattern over the whole
 * time, so that a short disturbance spoils none of them.
 *
 * All levels use one buffer, a part per thread, touched first by the thread that owns it. What is worked on is half of
 * L1 and of L2, half of the last level's share (but beyond L2), and all of a part for memory. */
#include "measure/limits.h"

#include "base/clock.h"
#include "measure/caches.h"
#include "measure/disturbance.h"
#include "measure/kernels/probe.h"
#include "measure/machine.h"
#include "measure/team.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { MAX_THREADS = 1024, MAX_PROBES = 32, MAX_JOBS = 4 * MAX_PROBES };
typedef enum level { L1, L2, LLC, MEMORY, LEVELS } level;

typedef struct job {
    const tm_probe *probe;
    level level;
    double even_best, odd_best; /* rate in 1e9 a second, of the even and of the odd turns */
    double placed_best[TM_MOST_PLACEMENTS];
    int64_t placed_turns[TM_MOST_PLACEMENTS];
} job;

typedef struct bench {
    tm_limits *limits;
    char *buffer;
    size_t part;          /* bytes a thread owns */
    size_t bytes[LEVELS]; /* a thread's working set */
    double seconds;
    job jobs[MAX_JOBS];
    int32_t job_count;
    job *current;
    tm_placements placements;
    int32_t placement;                 /* at the last look; -1: not known */
    volatile double sink[MAX_THREADS]; /* keeps the compiler from dropping the work */
} bench;

static char *part_of(const bench *self, int32_t member)
{
    return self->buffer + (size_t)member * self->part;
}

static void touch(void *context, int32_t member, int64_t repeats)
{
    const bench *self = context;
    (void)repeats;
    memset(part_of(self, member), 0, self->part);
}

static void run_probe(void *context, int32_t member, int64_t repeats)
{
    bench *self = context;
    const tm_probe *probe = self->current->probe;
    if (probe->arithmetic) {
        self->sink[member] = probe->arithmetic(repeats);
        return;
    }
    char *data = part_of(self, member);
    uint64_t mixed = 0;
    for (int64_t i = 0; i < repeats; i++) mixed ^= probe->stream(data, self->bytes[self->current->level]);
    self->sink[member] = (double)mixed;
}

/* What one repeat counts for over all threads: bytes or operations. */
static double amount_of(const bench *self, const job *which)
{
    const double threads = self->limits->threads;
    return threads * (which->probe->arithmetic ? which->probe->operations : (double)self->bytes[which->level]);
}

/* A turn counts for a placement when the processors lay so before it and after. */
static void note_placement(tm_team *team, bench *self, job *which, double rate)
{
    if (which->level != LLC && which->level != MEMORY) return;
    const int32_t before = self->placement;
    self->placement = tm_placement_find(&self->placements, tm_core_to_core(team));
    if (before < 0 || before != self->placement) return;
    which->placed_best[before] = fmax(which->placed_best[before], rate);
    which->placed_turns[before]++;
}

/* One turn of about `target_ns` by the best rate so far; the first guess is a slow core's, so that the turn is short.
 */
static void take_turn(tm_team *team, bench *self, job *which, double target_ns, int turn)
{
    const double slow = 4.0 * self->limits->threads, amount = amount_of(self, which);
    const double known = fmax(slow, fmax(which->even_best, which->odd_best));
    const int64_t repeats = (int64_t)fmax(1, round(target_ns * known / amount));
    self->current = which;
    const double elapsed = fmax(tm_team_time(team, run_probe, self, repeats), 1);
    const double rate = amount * (double)repeats / elapsed;
    double *best = turn % 2 ? &which->odd_best : &which->even_best;
    *best = fmax(*best, rate);
    note_placement(team, self, which, rate);
}

static double seconds_since(uint64_t begin)
{
    return (double)(tm_now_ns() - begin) / 1e9;
}

static void measure(tm_team *team, void *context)
{
    bench *self = context;
    const uint64_t begin = tm_now_ns(), delay = tm_run_delay_of_thread();
    /* Short turns: among many, some fall between the interruptions, which come every few milliseconds. */
    const double target_ns = fmin(fmax(self->seconds * 1e9 / (self->job_count * 40.0), 0.5e6), 5e6);
    tm_team_time(team, touch, self, 1);
    self->placement = tm_placement_find(&self->placements, tm_core_to_core(team));
    int turn = 0;
    do {
        for (int32_t i = 0; i < self->job_count; i++) take_turn(team, self, &self->jobs[i], target_ns, turn);
        turn++;
    } while (turn < 2 || seconds_since(begin) < self->seconds);
    self->limits->waited = fmin(1, (double)(tm_run_delay_of_thread() - delay) / (double)(tm_now_ns() - begin));
}

static bool worth_trying(const bench *self, const tm_probe *probe, level where)
{
    if (probe->arithmetic) return where == L1;
    if (self->bytes[where] == 0) return false;
    if (where == MEMORY) return probe->kind != TM_PROBE_ADD;
    return !probe->memory_only && (where != LLC || probe->kind != TM_PROBE_ADD);
}

static void plan_jobs(bench *self)
{
    const tm_probe *probes[MAX_PROBES];
    const size_t count = tm_probes_usable(probes, MAX_PROBES);
    for (size_t i = 0; i < count; i++) {
        for (level where = L1; where < LEVELS; where++) {
            if (worth_trying(self, probes[i], where))
                self->jobs[self->job_count++] = (job){.probe = probes[i], .level = where};
        }
    }
}

static size_t whole_grains(double bytes)
{
    return bytes < TM_PROBE_GRAIN ? 0 : (size_t)(bytes / TM_PROBE_GRAIN) * TM_PROBE_GRAIN;
}

/* Working sets per thread; 0 leaves a level out. The memory's is bounded by what the machine can spare. */
static tm_status plan_sizes(bench *self, tm_error *error)
{
    const tm_limits *limits = self->limits;
    const double mib = 1048576.0, threads = limits->threads;
    const double l2_share = limits->l2_bytes / threads, llc_share = limits->llc_bytes / threads;
    self->bytes[L1] = whole_grains(limits->l1_bytes / threads / 2);
    self->bytes[L2] = whole_grains(l2_share / 2);
    const double llc_set = fmin(fmax(llc_share / 2, 2 * l2_share), 0.75 * llc_share);
    self->bytes[LLC] = llc_set > l2_share ? whole_grains(llc_set) : 0;
    const double wanted = fmin(fmax(8 * limits->llc_bytes, 256 * mib), 4096 * mib);
    const double total = fmin(wanted, (double)tm_memory_available() / 4);
    self->bytes[MEMORY] = whole_grains(fmax(total, 2 * limits->llc_bytes) / threads);
    if (self->bytes[MEMORY] == 0 || total < 16 * mib) {
        return tm_fail(error, TM_OUT_OF_MEMORY,
                       "measuring limits: too little free memory for a buffer beyond the caches");
    }
    const size_t huge_page = 2097152;
    self->part = (self->bytes[MEMORY] + huge_page - 1) / huge_page * huge_page;
    return TM_OK;
}

static void keep_best(double *field, double rate)
{
    *field = fmax(*field, rate);
}

/* Where a job's rate belongs among what depends on the placement; NULL for what does not. */
static double *placed_field(const job *done, tm_placed_limits *into)
{
    const bool read = done->probe->kind == TM_PROBE_READ;
    if (done->level == LLC) return read ? &into->llc_gbs : &into->llc_copy_gbs;
    if (done->level != MEMORY || done->probe->arithmetic) return NULL;
    if (done->probe->kind == TM_PROBE_WRITE) return &into->write_gbs;
    return read ? &into->read_gbs : &into->copy_gbs;
}

static void collect_placed(const bench *self, tm_limits *limits)
{
    limits->placed_count = self->placements.count;
    for (int32_t p = 0; p < self->placements.count; p++) {
        tm_placed_limits *into = &limits->placed[p];
        *into = (tm_placed_limits){.core_to_core_ns = self->placements.core_to_core_ns[p]};
        int64_t least = INT64_MAX;
        for (int32_t i = 0; i < self->job_count; i++) {
            const job *done = &self->jobs[i];
            double *field = placed_field(done, into);
            if (!field) continue;
            keep_best(field, done->placed_best[p]);
            if (done->placed_turns[p] < least) least = done->placed_turns[p];
        }
        into->turns = least == INT64_MAX ? 0 : least;
    }
}

static void collect(const bench *self, tm_limits *limits)
{
    collect_placed(self, limits);
    double odd = 0, even = 0;
    for (int32_t i = 0; i < self->job_count; i++) {
        const job *done = &self->jobs[i];
        const double rate = fmax(done->even_best, done->odd_best);
        switch (done->probe->kind) {
        case TM_PROBE_F32: keep_best(&limits->f32_gflops, rate); continue;
        case TM_PROBE_BF16: keep_best(&limits->bf16_gflops, rate); continue;
        case TM_PROBE_I8: keep_best(&limits->i8_gops, rate); continue;
        default: break;
        }
        const bool read = done->probe->kind == TM_PROBE_READ;
        if (done->probe->kind == TM_PROBE_WRITE) {
            keep_best(&limits->write_gbs, rate);
            continue;
        }
        if (done->level == L1) keep_best(&limits->l1_gbs, rate);
        if (done->level == L2) keep_best(&limits->l2_gbs, rate);
        if (done->level == LLC) keep_best(read ? &limits->llc_gbs : &limits->llc_copy_gbs, rate);
        if (done->level == MEMORY) keep_best(read ? &limits->read_gbs : &limits->copy_gbs, rate);
        if (done->level == MEMORY && read) {
            keep_best(&even, done->even_best);
            keep_best(&odd, done->odd_best);
        }
    }
    limits->spread = fabs(odd - even) / fmax(fmax(odd, even), 1e-9);
}

tm_status tm_limits_measure(int32_t threads, double seconds, tm_limits *into, tm_error *error)
{
    *into = (tm_limits){.threads = threads};
    if (threads < 1 || threads > MAX_THREADS) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "threads: %d is not between 1 and %d", threads, MAX_THREADS);
    }
    int32_t cpus[MAX_THREADS];
    tm_first_cpus(threads, cpus);
    const tm_caches caches = tm_caches_of(cpus, threads);
    into->l1_bytes = caches.l1_bytes;
    into->l2_bytes = caches.l2_bytes;
    into->llc_bytes = caches.llc_bytes;
    bench *self = calloc(1, sizeof *self);
    if (!self) return tm_fail_memory(error, "measuring limits");
    self->limits = into;
    self->seconds = seconds;
    size_t mapped = 0;
    tm_status status = plan_sizes(self, error);
    if (status != TM_OK) goto done;
    plan_jobs(self);
    mapped = self->part * (size_t)threads;
    self->buffer = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (self->buffer == MAP_FAILED) {
        mapped = 0;
        status = tm_fail_memory(error, "the buffer for measuring limits");
        goto done;
    }
    (void)madvise(self->buffer, mapped, MADV_HUGEPAGE);
    status = tm_team_run(cpus, threads, measure, self, error);
    if (status == TM_OK) collect(self, into);
done:
    if (mapped) munmap(self->buffer, mapped);
    free(self);
    return status;
}
