/* Peak of the 8-bit dot product: 64 multiply-adds into int32 an instruction. */
#include "measure/kernels/probe.h"

#include <immintrin.h>

enum { CHAINS = 24 };

static double dot_i8(int64_t rounds)
{
    const __m512i bytes = _mm512_set1_epi8(1);
    __m512i sum[CHAINS];
    for (int k = 0; k < CHAINS; k++) sum[k] = _mm512_set1_epi32(k);
    for (int64_t i = 0; i < rounds; i++) {
#pragma GCC unroll 24
        for (int k = 0; k < CHAINS; k++) sum[k] = _mm512_dpbusd_epi32(sum[k], bytes, bytes);
    }
    for (int k = 1; k < CHAINS; k++) sum[0] = _mm512_add_epi32(sum[0], sum[k]);
    return (double)_mm512_reduce_add_epi32(sum[0]);
}

const tm_probe tm_probes_avx512_vnni[] = {{"dot avx512_vnni", TM_PROBE_I8, 0, 0, dot_i8, 2.0 * 64 * CHAINS}, {0}};
