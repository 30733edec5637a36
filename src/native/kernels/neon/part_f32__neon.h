/* The first lanes of a vector from and to memory. NEON has no masked loads and stores, so nothing beyond these lanes is
 * touched by going through the cases. */
#ifndef TM_PART_F32_NEON_H
#define TM_PART_F32_NEON_H

#include <arm_neon.h>
#include <stdint.h>

/* Lanes from `count` on, 0 <= count <= 4, are those of `fill`. */
static inline float32x4_t part_load(const float *p, int32_t count, float32x4_t fill)
{
    switch (count) {
    case 0: return fill;
    case 1: return vld1q_lane_f32(p, fill, 0);
    case 2: return vcombine_f32(vld1_f32(p), vget_high_f32(fill));
    case 3: return vcombine_f32(vld1_f32(p), vld1_lane_f32(p + 2, vget_high_f32(fill), 0));
    default: return vld1q_f32(p);
    }
}

static inline void part_store(float *p, int32_t count, float32x4_t v)
{
    if (count == 4) {
        vst1q_f32(p, v);
        return;
    }
    if (count >= 2) vst1_f32(p, vget_low_f32(v));
    if (count == 1) vst1q_lane_f32(p, v, 0);
    if (count == 3) vst1q_lane_f32(p + 2, v, 2);
}

#endif
