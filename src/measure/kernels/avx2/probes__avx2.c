/* 256-bit streams; 12 chains of fused multiply-adds: two units of five cycles' latency need ten, and sixteen registers
 * leave room for no more than fourteen. */
#include <immintrin.h>

#define VECTOR       __m256i
#define LOAD(p)      _mm256_load_si256((const __m256i *)(const void *)(p))
#define STORE(p, v)  _mm256_store_si256((__m256i *)(void *)(p), (v))
#define STREAM(p, v) _mm256_stream_si256((__m256i *)(void *)(p), (v))
#define FENCE()      _mm_sfence()
#define MIX(a, b)    _mm256_xor_si256((a), (b))
#define ADD(a, b)    _mm256_castps_si256(_mm256_add_ps(_mm256_castsi256_ps(a), _mm256_castsi256_ps(b)))
#define FOLD(v)      ((uint64_t)(_mm256_extract_epi64(v, 0) | _mm256_extract_epi64(v, 3)))
#include "measure/kernels/stream.h"

enum { CHAINS = 12 };

static double multiply_add(int64_t rounds)
{
    const __m256 factor = _mm256_set1_ps(0.999f), term = _mm256_set1_ps(0.001f);
    __m256 sum[CHAINS];
#pragma GCC unroll 12
    for (int k = 0; k < CHAINS; k++) sum[k] = _mm256_set1_ps((float)k);
    for (int64_t i = 0; i < rounds; i++) {
#pragma GCC unroll 12
        for (int k = 0; k < CHAINS; k++) sum[k] = _mm256_fmadd_ps(sum[k], factor, term);
    }
#pragma GCC unroll 12
    for (int k = 1; k < CHAINS; k++) sum[0] = _mm256_add_ps(sum[0], sum[k]);
    float all[8];
    _mm256_storeu_ps(all, sum[0]);
    return (double)(all[0] + all[7]);
}

const tm_probe tm_probes_avx2[] = {
    STREAM_PROBES("avx2"), {"multiply-add avx2", TM_PROBE_F32, 0, 0, multiply_add, 2.0 * 8 * CHAINS}, {0}};
