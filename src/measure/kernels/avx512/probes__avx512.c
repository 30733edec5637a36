/* 512-bit streams; 24 chains of fused multiply-adds, enough for two units of four or five cycles' latency. */
#include <immintrin.h>

#define VECTOR       __m512i
#define LOAD(p)      _mm512_load_si512((const void *)(p))
#define STORE(p, v)  _mm512_store_si512((void *)(p), (v))
#define STREAM(p, v) _mm512_stream_si512((__m512i *)(void *)(p), (v))
#define FENCE()      _mm_sfence()
#define MIX(a, b)    _mm512_xor_si512((a), (b))
#define ADD(a, b)    _mm512_castps_si512(_mm512_add_ps(_mm512_castsi512_ps(a), _mm512_castsi512_ps(b)))
#define FOLD(v)      ((uint64_t)_mm512_reduce_or_epi64(v))
#include "measure/kernels/stream.h"

enum { CHAINS = 24 };

static double multiply_add(int64_t rounds)
{
    const __m512 factor = _mm512_set1_ps(0.999f), term = _mm512_set1_ps(0.001f);
    __m512 sum[CHAINS];
#pragma GCC unroll 24
    for (int k = 0; k < CHAINS; k++) sum[k] = _mm512_set1_ps((float)k);
    for (int64_t i = 0; i < rounds; i++) {
#pragma GCC unroll 24
        for (int k = 0; k < CHAINS; k++) sum[k] = _mm512_fmadd_ps(sum[k], factor, term);
    }
#pragma GCC unroll 24
    for (int k = 1; k < CHAINS; k++) sum[0] = _mm512_add_ps(sum[0], sum[k]);
    return (double)_mm512_reduce_add_ps(sum[0]);
}

const tm_probe tm_probes_avx512[] = {
    STREAM_PROBES("avx512"), {"multiply-add avx512", TM_PROBE_F32, 0, 0, multiply_add, 2.0 * 16 * CHAINS}, {0}};
