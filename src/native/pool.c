/* Fork-join on pinned threads. One release word holds a generation and the number of members; a thread that sees it
 * change and is one of them runs the body and stores the generation into its own done flag (each on its own cache
 * lines). A thread that is not a member never reads the job, so the caller may prepare the next one at once.
 *
 * Waiting threads spin for SPIN_NS, then park under a lock. A parked thread has announced itself (`parked`,
 * sequentially consistent) before it looks at the release word for the last time, and the caller looks at `parked`
 * after it has stored the word: one of the two always sees the other. */
#include "native/pool.h"

#include "base/clock.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

enum { LINE = 128, SPIN_NS = 50000, PAUSES = 32, MEMBER_BITS = 16, STOP = 0xffff };

typedef struct pool_member {
    _Alignas(LINE) _Atomic uint64_t done; /* the last release word that this member has finished */
    tm_pool *pool;
    pthread_t thread;
    int32_t index;
} pool_member;

struct tm_pool {
    _Alignas(LINE) _Atomic uint64_t release; /* generation << MEMBER_BITS | members */
    tm_pool_body body;
    void *context;
    _Alignas(LINE) _Atomic int32_t parked;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    cpu_set_t former; /* the caller's affinity before it was pinned */
    bool pinned, crowded;
    int32_t threads, started;
    pool_member member[];
};

static inline void pause_briefly(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Spins until `word` differs from (or, with `until_equal`, equals) `value`; false once the time is up. */
static bool spin(const _Atomic uint64_t *word, uint64_t value, bool until_equal, uint64_t limit_ns)
{
    const uint64_t start = tm_now_ns();
    do {
        for (int i = 0; i < PAUSES; i++) {
            if ((atomic_load_explicit(word, memory_order_acquire) == value) == until_equal) return true;
            pause_briefly();
        }
    } while (tm_now_ns() - start < limit_ns);
    return false;
}

static uint64_t await_release(tm_pool *pool, uint64_t seen)
{
    if (!spin(&pool->release, seen, false, pool->crowded ? 0 : SPIN_NS)) {
        pthread_mutex_lock(&pool->lock);
        atomic_fetch_add(&pool->parked, 1);
        while (atomic_load(&pool->release) == seen) pthread_cond_wait(&pool->wake, &pool->lock);
        atomic_fetch_sub(&pool->parked, 1);
        pthread_mutex_unlock(&pool->lock);
    }
    return atomic_load_explicit(&pool->release, memory_order_acquire);
}

static void *serve(void *argument)
{
    pool_member *self = argument;
    tm_pool *pool = self->pool;
    uint64_t seen = 0;
    for (;;) {
        seen = await_release(pool, seen);
        const int32_t members = (int32_t)(seen & STOP);
        if (members == STOP) return NULL;
        if (self->index >= members) continue;
        pool->body(pool->context, self->index, members);
        tm_store_fence();
        atomic_store_explicit(&self->done, seen, memory_order_release);
    }
}

static void announce(tm_pool *pool, uint64_t word)
{
    atomic_store(&pool->release, word);
    if (atomic_load(&pool->parked) == 0) return;
    pthread_mutex_lock(&pool->lock);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
}

void tm_pool_run(tm_pool *pool, int32_t members, tm_pool_body body, void *context)
{
    if (members <= 1) {
        body(context, 0, 1);
        if (pool) tm_store_fence();
        return;
    }
    pool->body = body;
    pool->context = context;
    const uint64_t last = atomic_load_explicit(&pool->release, memory_order_relaxed);
    const uint64_t word = (((last >> MEMBER_BITS) + 1) << MEMBER_BITS) | (uint64_t)members;
    announce(pool, word);
    body(context, 0, members);
    tm_store_fence();
    for (int32_t i = 1; i < members; i++) {
        while (!spin(&pool->member[i].done, word, true, pool->crowded ? 0 : SPIN_NS)) sched_yield();
    }
}

/* The CPU number `index` of `set`, in order. */
static size_t nth_cpu(const cpu_set_t *set, int index)
{
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, set) && index-- == 0) return cpu;
    }
    return 0;
}

static void pin(pthread_t thread, const cpu_set_t *set, int index)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(nth_cpu(set, index), &one);
    (void)pthread_setaffinity_np(thread, sizeof one, &one); /* where it is forbidden, threads run unpinned */
}

static tm_status start_threads(tm_pool *pool, tm_error *error)
{
    const bool known = pthread_getaffinity_np(pthread_self(), sizeof pool->former, &pool->former) == 0;
    pool->crowded = !known || CPU_COUNT(&pool->former) < pool->threads;
    for (int32_t i = 1; i < pool->threads; i++) {
        pool_member *member = &pool->member[i];
        member->pool = pool;
        member->index = i;
        if (pthread_create(&member->thread, NULL, serve, member) != 0) {
            return tm_fail(error, TM_FAILED, "native: cannot start thread %d of %d", (int)i + 1, (int)pool->threads);
        }
        pool->started++;
        if (!pool->crowded) pin(member->thread, &pool->former, i);
    }
    if (pool->threads > 1 && !pool->crowded) {
        pin(pthread_self(), &pool->former, 0);
        pool->pinned = true;
    }
    return TM_OK;
}

tm_status tm_pool_new(int32_t threads, tm_pool **into, tm_error *error)
{
    *into = NULL;
    if (threads < 1 || threads > TM_POOL_MOST) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "native: %d threads; 1 to %d are possible", (int)threads,
                       (int)TM_POOL_MOST);
    }
    const size_t bytes = sizeof(tm_pool) + (size_t)threads * sizeof(pool_member);
    tm_pool *pool = aligned_alloc(LINE, (bytes + LINE - 1) / LINE * LINE);
    if (pool == NULL) return tm_fail_memory(error, "a thread pool");
    *pool = (tm_pool){.threads = threads};
    for (int32_t i = 0; i < threads; i++) pool->member[i] = (pool_member){.index = i};
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    const tm_status status = start_threads(pool, error);
    if (status != TM_OK) {
        tm_pool_free(pool);
        return status;
    }
    *into = pool;
    return TM_OK;
}

void tm_pool_free(tm_pool *pool)
{
    if (pool == NULL) return;
    const uint64_t last = atomic_load(&pool->release);
    announce(pool, (((last >> MEMBER_BITS) + 1) << MEMBER_BITS) | STOP);
    for (int32_t i = 1; i <= pool->started; i++) pthread_join(pool->member[i].thread, NULL);
    if (pool->pinned) (void)pthread_setaffinity_np(pthread_self(), sizeof pool->former, &pool->former);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

int32_t tm_pool_threads(const tm_pool *pool)
{
    return pool ? pool->threads : 1;
}

int32_t tm_pool_members_for(const tm_pool *pool, double bytes, double flop)
{
    /* A modest core: a member is worth waking for 10 us of its work, so below 20 us everything stays on the caller. */
    const double bytes_per_s = 20e9, flop_per_s = 100e9, least_s = 10e-6;
    const double by_bytes = bytes / bytes_per_s, by_flop = flop / flop_per_s;
    const double members = (by_bytes > by_flop ? by_bytes : by_flop) / least_s;
    if (!(members >= 2.0)) return 1;
    return members < tm_pool_threads(pool) ? (int32_t)members : tm_pool_threads(pool);
}
