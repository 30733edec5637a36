/* XXH3 behind names of our own, so that the choice stands in one place. */
#include "base/hash.h"

#include <string.h>
#include <xxhash.h>

uint64_t tm_hash_text(const char *text)
{
    return XXH3_64bits(text, strlen(text));
}

uint64_t tm_hash_bytes(const void *bytes, size_t count)
{
    return XXH3_64bits(bytes, count);
}

tm_hash128 tm_hash128_bytes(const void *bytes, size_t count)
{
    const XXH128_hash_t hash = XXH3_128bits(bytes, count);
    return (tm_hash128){hash.low64, hash.high64};
}

tm_hash128 tm_chunk_hash_join(tm_hash128 digest, tm_hash128 piece)
{
    const uint64_t chain[4] = {digest.low, digest.high, piece.low, piece.high};
    return tm_hash128_bytes(chain, sizeof chain);
}

tm_hash128 tm_chunk_hash_add(tm_hash128 digest, const void *piece, size_t count)
{
    return tm_chunk_hash_join(digest, tm_hash128_bytes(piece, count));
}

tm_hash128 tm_chunk_hash(const void *bytes, size_t count)
{
    tm_hash128 digest = {0, 0};
    for (size_t done = 0; done < count; done += TM_HASH_CHUNK) {
        const size_t piece = count - done < TM_HASH_CHUNK ? count - done : TM_HASH_CHUNK;
        digest = tm_chunk_hash_add(digest, (const char *)bytes + done, piece);
    }
    return digest;
}

bool tm_hash128_equal(tm_hash128 a, tm_hash128 b)
{
    return a.low == b.low && a.high == b.high;
}
