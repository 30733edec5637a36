/* Anonymous mapping, large enough that a 2 MiB boundary lies inside; huge pages are asked for from one huge page up. */
#include "native/arena.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HUGE_PAGE ((size_t)2 << 20)
#define PAGE      ((size_t)4096)

typedef struct touch_job {
    unsigned char *from;
    size_t bytes;
} touch_job;

static void touch_share(void *context, int32_t member, int32_t members)
{
    const touch_job *job = context;
    int64_t begin, end;
    tm_share((int64_t)job->bytes, (int64_t)PAGE, member, members, &begin, &end);
    for (int64_t i = begin; i < end; i += (int64_t)PAGE) ((volatile unsigned char *)job->from)[i] = 0;
}

static void touch(tm_arena *arena, tm_pool *pool)
{
    if (arena->touched >= arena->bytes) return;
    touch_job job = {arena->base + arena->touched, arena->bytes - arena->touched};
    tm_pool_run(pool, tm_pool_members_for(pool, (double)job.bytes, 0.0), touch_share, &job);
    arena->touched = arena->bytes;
}

/* The largest arena that is kept for a later program. */
static size_t most_kept(void)
{
    const long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
    return pages > 0 && page_bytes > 0 ? (size_t)pages * (size_t)page_bytes / 5 : 0;
}

tm_status tm_arena_new(size_t bytes, size_t offset, bool to_grow, tm_pool *pool, tm_arena *into, tm_error *error)
{
    *into = (tm_arena){0};
    const size_t most = to_grow ? most_kept() : 0;
    size_t map_bytes;
    if (__builtin_add_overflow(bytes > most ? bytes : most, HUGE_PAGE + offset + PAGE, &map_bytes)) {
        return tm_fail_memory(error, "the arena");
    }
    map_bytes = map_bytes / PAGE * PAGE;
    void *map = mmap(NULL, map_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED && to_grow) return tm_arena_new(bytes, offset, false, pool, into, error);
    if (map == MAP_FAILED) {
        return tm_fail(error, TM_OUT_OF_MEMORY, "native: %zu bytes for the arena: %s", bytes, strerror(errno));
    }
    const uintptr_t boundary = ((uintptr_t)map + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    into->map = map;
    into->map_bytes = map_bytes;
    into->base = (unsigned char *)boundary + offset;
    into->bytes = bytes;
    if (map_bytes >= 2 * HUGE_PAGE)
        (void)madvise((void *)boundary, map_bytes - (boundary - (uintptr_t)map), MADV_HUGEPAGE);
    touch(into, pool);
    return TM_OK;
}

void tm_arena_free(tm_arena *arena)
{
    if (arena->map != NULL) munmap(arena->map, arena->map_bytes);
    *arena = (tm_arena){0};
}

bool tm_arena_reuse(tm_arena *spare, size_t bytes, tm_pool *pool, tm_arena *into)
{
    if (spare->base == NULL) return false;
    const size_t capacity = spare->map_bytes - (size_t)(spare->base - (unsigned char *)spare->map);
    if (bytes > capacity) {
        tm_arena_free(spare);
        return false;
    }
    *into = *spare;
    into->bytes = bytes;
    *spare = (tm_arena){0};
    touch(into, pool);
    return true;
}

void tm_arena_keep(tm_arena *arena, tm_arena *spare)
{
    if (arena->base == NULL) return;
    if (arena->touched <= most_kept()) {
        tm_arena_free(spare);
        *spare = *arena;
        *arena = (tm_arena){0};
    }
    tm_arena_free(arena);
}
