/* XXH3 behind names of our own, so that the choice stands in one place. */
#include "base/hash.h"

#include <string.h>
#include <xxhash.h>

uint64_t tm_hash_text(const char *text) { return XXH3_64bits(text, strlen(text)); }

uint64_t tm_hash_bytes(const void *bytes, size_t count) { return XXH3_64bits(bytes, count); }

tm_hash128 tm_hash128_bytes(const void *bytes, size_t count)
{
    const XXH128_hash_t hash = XXH3_128bits(bytes, count);
    return (tm_hash128){hash.low64, hash.high64};
}

bool tm_hash128_equal(tm_hash128 a, tm_hash128 b) { return a.low == b.low && a.high == b.high; }
