/* Ten rounds of two multiplications each; the key grows by the golden ratio and by sqrt(3) - 1 from round to round. The
 * loop over lanes has no branches and no carries between lanes, so that the compiler turns it into vector code. */
#include "base/philox.h"

#include "base/multiversion.h"

#define MULTIPLIER_0 0xD2511F53u
#define MULTIPLIER_1 0xCD9E8D57u
#define WEYL_0       0x9E3779B9u
#define WEYL_1       0xBB67AE85u

static inline uint32_t high(uint32_t a, uint32_t b)
{
    return (uint32_t)((uint64_t)a * b >> 32);
}

typedef struct state {
    uint32_t c0, c1, c2, c3;
} state;

static inline state next(state c, uint32_t k0, uint32_t k1)
{
    return (state){high(MULTIPLIER_1, c.c2) ^ c.c1 ^ k0, MULTIPLIER_1 * c.c2, high(MULTIPLIER_0, c.c0) ^ c.c3 ^ k1,
                   MULTIPLIER_0 * c.c0};
}

/* Round after round written out: vectorisers take a loop over lanes only if no loop is inside it. */
static inline state ten_rounds(state c, uint32_t k0, uint32_t k1)
{
    c = next(c, k0, k1);
    c = next(c, k0 + 1 * WEYL_0, k1 + 1 * WEYL_1);
    c = next(c, k0 + 2 * WEYL_0, k1 + 2 * WEYL_1);
    c = next(c, k0 + 3 * WEYL_0, k1 + 3 * WEYL_1);
    c = next(c, k0 + 4 * WEYL_0, k1 + 4 * WEYL_1);
    c = next(c, k0 + 5 * WEYL_0, k1 + 5 * WEYL_1);
    c = next(c, k0 + 6 * WEYL_0, k1 + 6 * WEYL_1);
    c = next(c, k0 + 7 * WEYL_0, k1 + 7 * WEYL_1);
    c = next(c, k0 + 8 * WEYL_0, k1 + 8 * WEYL_1);
    return next(c, k0 + 9 * WEYL_0, k1 + 9 * WEYL_1);
}

void tm_philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t into[4])
{
    const state c = ten_rounds((state){counter[0], counter[1], counter[2], counter[3]}, key[0], key[1]);
    into[0] = c.c0;
    into[1] = c.c1;
    into[2] = c.c2;
    into[3] = c.c3;
}

TM_MULTIVERSION(tm_philox_groups, (uint64_t key, uint64_t stream, uint64_t first, size_t count, uint32_t *into),
                (key, stream, first, count, into))
{
    const uint32_t k0 = (uint32_t)key;
    const uint32_t k1 = (uint32_t)(key >> 32);
    for (size_t g = 0; g < count; g++) {
        const uint64_t block = (first + g) * TM_PHILOX_LANES;
        uint32_t *const group = into + g * TM_PHILOX_GROUP;
        const state start = {(uint32_t)block, (uint32_t)(block >> 32), (uint32_t)stream, (uint32_t)(stream >> 32)};
        for (size_t lane = 0; lane < TM_PHILOX_LANES; lane++) {
            /* The block number of lane 0 is a multiple of the lanes, so adding a lane never carries. */
            const state c = ten_rounds((state){start.c0 + (uint32_t)lane, start.c1, start.c2, start.c3}, k0, k1);
            group[lane] = c.c0;
            group[lane + TM_PHILOX_LANES] = c.c1;
            group[lane + 2 * TM_PHILOX_LANES] = c.c2;
            group[lane + 3 * TM_PHILOX_LANES] = c.c3;
        }
    }
}
