/* 128-bit streams; 24 chains of fused multiply-adds: up to six units of four cycles' latency, and 32 registers. STREAM
 * is a plain store. */
#include <arm_neon.h>

#define VECTOR       uint64x2_t
#define LOAD(p)      vld1q_u64((const uint64_t *)(const void *)(p))
#define STORE(p, v)  vst1q_u64((uint64_t *)(void *)(p), (v))
#define STREAM(p, v) STORE(p, v)
#define FENCE()      ((void)0)
#define MIX(a, b)    veorq_u64((a), (b))
#define ADD(a, b)    vreinterpretq_u64_f32(vaddq_f32(vreinterpretq_f32_u64(a), vreinterpretq_f32_u64(b)))
#define FOLD(v)      (vgetq_lane_u64((v), 0) | vgetq_lane_u64((v), 1))
#include "measure/kernels/stream.h"

enum { CHAINS = 24 };

static double multiply_add(int64_t rounds)
{
    const float32x4_t factor = vdupq_n_f32(0.999f), term = vdupq_n_f32(0.001f);
    float32x4_t sum[CHAINS];
#pragma GCC unroll 24
    for (int k = 0; k < CHAINS; k++) sum[k] = vdupq_n_f32((float)k);
    for (int64_t i = 0; i < rounds; i++) {
#pragma GCC unroll 24
        for (int k = 0; k < CHAINS; k++) sum[k] = vfmaq_f32(sum[k], factor, term);
    }
#pragma GCC unroll 24
    for (int k = 1; k < CHAINS; k++) sum[0] = vaddq_f32(sum[0], sum[k]);
    return (double)vaddvq_f32(sum[0]);
}

const tm_probe tm_probes_neon[] = {
    STREAM_PROBES("neon"), {"multiply-add neon", TM_PROBE_F32, 0, 0, multiply_add, 2.0 * 4 * CHAINS}, {0}};
