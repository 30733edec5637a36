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
bool tm_hash128_equal(tm_hash128 a, tm_hash128 b);

#endif
