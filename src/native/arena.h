/* One block of memory for everything a program needs: 2 MiB-aligned, on huge pages where the system allows. */
#ifndef TM_NATIVE_ARENA_H
#define TM_NATIVE_ARENA_H

#include "native/pool.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct tm_arena {
    unsigned char *base; /* `offset` bytes behind a 2 MiB boundary; NULL when there is none */
    size_t bytes;
    size_t touched; /* bytes that have pages already */
    void *map;
    size_t map_bytes;
} tm_arena;

/* Maps `bytes` (0 allowed) of zeros. Each member of the pool touches its share, so that pages lie near the threads that
 * will use them and no page fault is left for the timed runs. With `to_grow`, addresses (not pages) are set aside so
 * that tm_arena_reuse can make it larger where it lies. */
tm_status tm_arena_new(size_t bytes, size_t offset, bool to_grow, tm_pool *pool, tm_arena *into, tm_error *error);
void tm_arena_free(tm_arena *arena);

/* Hands a finished arena on: its pages are there already, which a fresh mapping has to get from the system first.
 * tm_arena_reuse moves `spare` into `into` if it can be made large enough (contents are stale) and frees it otherwise;
 * false when there was nothing to reuse. tm_arena_keep frees `spare` and moves `arena` there, unless `arena` is above a
 * fifth of the machine's memory: then it is freed instead. */
bool tm_arena_reuse(tm_arena *spare, size_t bytes, tm_pool *pool, tm_arena *into);
void tm_arena_keep(tm_arena *arena, tm_arena *spare);

#endif
