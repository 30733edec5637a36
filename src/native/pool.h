/* One pool of pinned threads per session: fork-join by static split, spin then park. The calling thread is member 0. */
#ifndef TM_NATIVE_POOL_H
#define TM_NATIVE_POOL_H

#include "base/error.h"

typedef struct tm_pool tm_pool;

/* `threads` in 1..TM_POOL_MOST members, the caller counted. With two or more, each is pinned to a CPU of the caller's
 * affinity mask if there are enough (the caller too, until tm_pool_free, which the same thread must call). */
enum { TM_POOL_MOST = 256 };
tm_status tm_pool_new(int32_t threads, tm_pool **into, tm_error *error);
void tm_pool_free(tm_pool *pool);
int32_t tm_pool_threads(const tm_pool *pool);

/* Calls body(context, member, members) once on each of `members` threads (1 .. tm_pool_threads; 1 means a plain call)
 * and returns when all are done and all their stores, non-temporal ones too, are visible. No allocation, no lock on the
 * fast path. Not to be called from a body, but for a NULL pool: the caller alone, without the fence, for work that is
 * part of a member's share already. */
typedef void (*tm_pool_body)(void *context, int32_t member, int32_t members);
void tm_pool_run(tm_pool *pool, int32_t members, tm_pool_body body, void *context);

/* Orders non-temporal stores of this thread before what it stores next. tm_pool_run does it for every body, and the
 * engine after every step, so planners need not. */
static inline void tm_store_fence(void)
{
#if defined(__x86_64__)
    __builtin_ia32_sfence();
#else
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

/* Member `member`'s share [begin, end) of `count` items, in multiples of `grain` (the last may be shorter). */
static inline void tm_share(int64_t count, int64_t grain, int32_t member, int32_t members, int64_t *begin, int64_t *end)
{
    const int64_t blocks = (count + grain - 1) / grain;
    const int64_t first = blocks * member / members, last = blocks * (member + 1) / members;
    *begin = first * grain < count ? first * grain : count;
    *end = last * grain < count ? last * grain : count;
}

/* How many members a piece of work of so many bytes or FLOP deserves: 1 below about 20 us of work. */
int32_t tm_pool_members_for(const tm_pool *pool, double bytes, double flop);

#endif
