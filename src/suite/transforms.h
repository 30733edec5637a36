/* Random words into reals and indices, to the bit the same on every machine: only IEEE float32 + - * / sqrt and integer
 * operations, no libm, no contraction. The element functions are here so that a test can evaluate them one by one and
 * compare with the vector loops of transforms.c. */
#ifndef TM_SUITE_TRANSFORMS_H
#define TM_SUITE_TRANSFORMS_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t tm_bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float tm_float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Natural logarithm of 0 < u <= 1, u not subnormal: u = 2^e m with m in [sqrt(1/2), sqrt(2)), and with s = (m - 1) /
 * (m + 1) ln m = 2 (s + s^3/3 + s^5/5 + s^7/7 + s^9/9), |s| < 0.172. */
static inline float tm_unit_log(float u)
{
    const uint32_t shifted = tm_bits_of(u) - 0x3F3504F3u; /* bits of sqrt(1/2) */
    const int32_t exponent = (int32_t)shifted >> 23;
    const float m = tm_float_of((shifted & 0x007FFFFFu) + 0x3F3504F3u);
    const float s = (m - 1.0f) / (m + 1.0f);
    const float t = s * s;
    const float tail = t * (1.0f / 3 + t * (1.0f / 5 + t * (1.0f / 7 + t * (1.0f / 9))));
    return (float)exponent * 0.693147181f + 2.0f * (s + s * tail);
}

/* Two standard normals from two words (Box and Muller, 1958): radius sqrt(-2 ln u), u in [2^-32, 1] from the first; the
 * second's two top bits choose a quarter of the circle, the others an angle within -pi/4 .. pi/4. */
static inline void tm_normal_pair(uint32_t first, uint32_t second, float *into_0, float *into_1)
{
    const float u = (float)(int32_t)(first >> 1) * 0x1p-31f + 0x1p-32f;
    const float radius = sqrtf(-2.0f * tm_unit_log(u));
    const float angle = (float)(int32_t)(second << 2) * (0x1p-32f * 1.57079633f);
    const float q = angle * angle;
    const float sine = angle * (1.0f - q * (1.0f / 6 - q * (1.0f / 120 - q * (1.0f / 5040 - q * (1.0f / 362880)))));
    const float cosine = 1.0f - q * (0.5f - q * (1.0f / 24 - q * (1.0f / 720 - q * (1.0f / 40320))));
    const uint32_t quarter = second >> 30;
    const float x = quarter & 1 ? sine : cosine;
    const float y = quarter & 1 ? cosine : sine;
    *into_0 = tm_float_of(tm_bits_of(radius * x) ^ ((quarter + 1) & 2) << 30);
    *into_1 = tm_float_of(tm_bits_of(radius * y) ^ (quarter & 2) << 30);
}

/* Uniform in (0.001, 0.999). */
static inline float tm_probability(uint32_t word)
{
    return 0.001f + 0.998f * ((float)(int32_t)(word >> 9) * 0x1p-23f + 0x1p-24f);
}

/* 0 or 1. */
static inline float tm_target(uint32_t word)
{
    return (float)(int32_t)(word >> 31);
}

/* Uniform over 0 .. rows - 1: the high half of a 64 x 64 bit product, so that every row is reached. */
static inline int64_t tm_row_index(uint32_t low, uint32_t high, int64_t rows)
{
    __extension__ typedef unsigned __int128 wide;
    const uint64_t word = (uint64_t)high << 32 | low;
    return (int64_t)((wide)word * (uint64_t)rows >> 64);
}

/* Whole groups of words (base/philox.h) into floats, in the same order. In a group, words 0..15 pair with 16..31 and
 * 32..47 with 48..63 to make normals. */
void tm_normal_groups(const uint32_t *words, size_t groups, float *into);
void tm_probability_groups(const uint32_t *words, size_t groups, float *into);
void tm_target_groups(const uint32_t *words, size_t groups, float *into);

/* Nearest-even rounding of finite values below 65504 in size; equal to base/dtype.h's, made for vectors. */
void tm_round_bf16(const float *values, size_t count, uint16_t *into);
void tm_round_f16(const float *values, size_t count, uint16_t *into);

#endif
