/* 16-bit reals and float32 on 4 lanes. bfloat16 is rounded on its bits, so that subnormal numbers stay; a NaN is made
 * quiet. A partial vector goes by way of the stack. */
#include "vec_f32__neon.h"

#include <string.h>

typedef uint16x4_t H; /* 4 numbers of 16 bits */

static inline H half_load(const uint16_t *p, int32_t count)
{
    uint16_t part[W] = {0};
    if (count == W) return vld1_u16(p);
    memcpy(part, p, (size_t)count * sizeof *p);
    return vld1_u16(part);
}
static inline void half_store(uint16_t *p, int32_t count, H h)
{
    uint16_t part[W];
    if (count == W) {
        vst1_u16(p, h);
    } else {
        vst1_u16(part, h);
        memcpy(p, part, (size_t)count * sizeof *p);
    }
}
#define HALF_LOAD(p, m)     half_load(p, count_lanes(m))
#define HALF_STORE(p, m, h) half_store(p, count_lanes(m), h)

static inline V from_bf16(H h)
{
    return vreinterpretq_f32_u32(vshll_n_u16(h, 16));
}
static inline V from_f16(H h)
{
    return vcvt_f32_f16(vreinterpret_f16_u16(h));
}

static inline H to_bf16(V v)
{
    const uint32x4_t bits = vreinterpretq_u32_f32(v);
    const uint32x4_t odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
    const uint32x4_t rounded = vaddq_u32(vaddq_u32(bits, vdupq_n_u32(0x7fff)), odd);
    const uint32x4_t quiet = vorrq_u32(bits, vdupq_n_u32(0x400000));
    return vshrn_n_u32(vbslq_u32(UNORDERED(v, v), quiet, rounded), 16);
}
static inline H to_f16(V v)
{
    return vreinterpret_u16_f16(vcvt_f16_f32(v));
}

#include "convert.h"
