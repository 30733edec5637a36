/* XXH3 behind names of our own, so that the choice stands in one place. */
#include "base/hash.h"

#include "base/parallel.h"

#include <stdlib.h>
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

typedef struct chunk_job {
    const char *bytes;
    size_t count;
    tm_hash128 *of_piece;
} chunk_job;

static tm_hash128 hash_of_piece(const char *bytes, size_t count, size_t index)
{
    const size_t done = index * TM_HASH_CHUNK, left = count - done;
    return tm_hash128_bytes(bytes + done, left < TM_HASH_CHUNK ? left : TM_HASH_CHUNK);
}

static void hash_pieces(void *context, int64_t begin, int64_t end)
{
    const chunk_job *job = context;
    for (int64_t i = begin; i < end; i++) job->of_piece[i] = hash_of_piece(job->bytes, job->count, (size_t)i);
}

tm_hash128 tm_chunk_hash(const void *bytes, size_t count, int threads)
{
    enum { grain = 8 };
    const size_t pieces = (count + TM_HASH_CHUNK - 1) / TM_HASH_CHUNK;
    tm_hash128 digest = {0, 0};
    chunk_job job = {.bytes = bytes, .count = count};
    if (pieces > grain && threads > 1) job.of_piece = malloc(pieces * sizeof *job.of_piece);
    if (job.of_piece) tm_parallel_for((int64_t)pieces, grain, threads, hash_pieces, &job);
    for (size_t i = 0; i < pieces; i++) {
        const tm_hash128 piece = job.of_piece ? job.of_piece[i] : hash_of_piece(bytes, count, i);
        digest = tm_chunk_hash_join(digest, piece);
    }
    free(job.of_piece);
    return digest;
}

bool tm_hash128_equal(tm_hash128 a, tm_hash128 b)
{
    return a.low == b.low && a.high == b.high;
}
