/* The loops over groups: lanes are independent and contiguous, so the compiler vectorises them for each instruction set
 * of TM_MULTIVERSION. Vector and scalar code give the same bits, since every operation used is correctly rounded. */
#include "suite/transforms.h"

#include "base/multiversion.h"
#include "base/philox.h"

TM_MULTIVERSION(tm_normal_groups, (const uint32_t *restrict words, size_t groups, float *restrict into),
                (words, groups, into))
{
    for (size_t half = 0; half < 2 * groups; half++) {
        const uint32_t *const from = words + half * (TM_PHILOX_GROUP / 2);
        float *const to = into + half * (TM_PHILOX_GROUP / 2);
        for (size_t lane = 0; lane < TM_PHILOX_LANES; lane++) {
            tm_normal_pair(from[lane], from[lane + TM_PHILOX_LANES], &to[lane], &to[lane + TM_PHILOX_LANES]);
        }
    }
}

TM_MULTIVERSION(tm_probability_groups, (const uint32_t *restrict words, size_t groups, float *restrict into),
                (words, groups, into))
{
    for (size_t i = 0; i < groups * TM_PHILOX_GROUP; i++) into[i] = tm_probability(words[i]);
}

TM_MULTIVERSION(tm_target_groups, (const uint32_t *restrict words, size_t groups, float *restrict into),
                (words, groups, into))
{
    for (size_t i = 0; i < groups * TM_PHILOX_GROUP; i++) into[i] = tm_target(words[i]);
}

TM_MULTIVERSION(tm_round_bf16, (const float *restrict values, size_t count, uint16_t *restrict into),
                (values, count, into))
{
    for (size_t i = 0; i < count; i++) {
        const uint32_t bits = tm_bits_of(values[i]);
        into[i] = (uint16_t)((bits + 0x7FFFu + (bits >> 16 & 1)) >> 16);
    }
}

/* Below 2^-14 the last bit of an f16 is worth 2^-24, as that of a float32 in [1/2, 1): adding 1/2 rounds there. */
TM_MULTIVERSION(tm_round_f16, (const float *restrict values, size_t count, uint16_t *restrict into),
                (values, count, into))
{
    for (size_t i = 0; i < count; i++) {
        const uint32_t bits = tm_bits_of(values[i]);
        const uint32_t size = bits & 0x7FFFFFFFu;
        const uint32_t subnormal = tm_bits_of(tm_float_of(size) + 0.5f) - 0x3F000000u;
        const uint32_t normal = (size - 0x38000000u + 0x0FFFu + (size >> 13 & 1)) >> 13;
        const uint32_t small = 0u - (uint32_t)(size < 0x38800000u); /* all bits or none: a branch stops vectorisers */
        into[i] = (uint16_t)((bits >> 16 & 0x8000u) | (small & subnormal) | (~small & normal));
    }
}
