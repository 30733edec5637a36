/* 64- and 128-bit hashes (XXH3) of bytes and text: identities, not security. Equal on every machine. */
#ifndef TM_BASE_HASH_H
#define TM_BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct tm_hash128 {
    uint64_t low, high;
} tm_hash128;

uint64_t tm_hash_text(const char *text);
uint64_t tm_hash_bytes(const void *bytes, size_t count);
tm_hash128 tm_hash128_bytes(const void *bytes, size_t count);

/* Digest of a tensor of any size, taken in pieces of TM_HASH_CHUNK bytes (the last may be shorter): start with {0, 0},
 * add the pieces in order. tm_chunk_hash does it over memory at hand, on up to `threads` threads. A piece fits in a
 * second-level cache: it is copied out of a backend and hashed without touching memory twice. */
#define TM_HASH_CHUNK ((size_t)512 << 10)
tm_hash128 tm_chunk_hash_add(tm_hash128 digest, const void *piece, size_t count);
tm_hash128 tm_chunk_hash_join(tm_hash128 digest, tm_hash128 piece); /* adds a piece by its tm_hash128_bytes */
tm_hash128 tm_chunk_hash(const void *bytes, size_t count, int threads);

bool tm_hash128_equal(tm_hash128 a, tm_hash128 b);

#endif
