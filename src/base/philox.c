/* Ten rounds of two multiplications each; the key grows by the golden ratio and by sqrt(3) - 1 from round to round. The
 * loop over lanes has no branches and no carries between lanes, so that the compiler turns it into vector code. */
#include "base/philox.h"

#include "base/multiversion.h"

#define ROUNDS       10
#define MULTIPLIER_0 0xD2511F53u
#define MULTIPLIER_1 0xCD9E8D57u
#define WEYL_0       0x9E3779B9u
#define WEYL_1       0xBB67AE85u

static inline uint32_t high(uint32_t a, uint32_t b)
{
    return (uint32_t)((uint64_t)a * b >> 32);
}

static inline void rounds(uint32_t c[4], uint32_t k0, uint32_t k1)
{
    for (int i = 0; i < ROUNDS; i++) {
        const uint32_t high_0 = high(MULTIPLIER_0, c[0]);
        const uint32_t low_0 = MULTIPLIER_0 * c[0];
        const uint32_t high_1 = high(MULTIPLIER_1, c[2]);
        const uint32_t low_1 = MULTIPLIER_1 * c[2];
        c[0] = high_1 ^ c[1] ^ k0;
        c[1] = low_1;
        c[2] = high_0 ^ c[3] ^ k1;
        c[3] = low_0;
        k0 += WEYL_0;
        k1 += WEYL_1;
    }
}

void tm_philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t into[4])
{
    for (int i = 0; i < 4; i++) into[i] = counter[i];
    rounds(into, key[0], key[1]);
}

TM_MULTIVERSION(tm_philox_groups, (uint64_t key, uint64_t stream, uint64_t first, size_t count, uint32_t *into),
                (key, stream, first, count, into))
{
    for (size_t g = 0; g < count; g++) {
        const uint64_t block = (first + g) * TM_PHILOX_LANES;
        uint32_t *const group = into + g * TM_PHILOX_GROUP;
        for (uint32_t lane = 0; lane < TM_PHILOX_LANES; lane++) {
            /* The block number of lane 0 is a multiple of the lanes, so adding a lane never carries. */
            uint32_t c[4] = {(uint32_t)block + lane, (uint32_t)(block >> 32), (uint32_t)stream,
                             (uint32_t)(stream >> 32)};
            rounds(c, (uint32_t)key, (uint32_t)(key >> 32));
            for (int j = 0; j < 4; j++) group[(uint32_t)j * TM_PHILOX_LANES + lane] = c[j];
        }
    }
}
