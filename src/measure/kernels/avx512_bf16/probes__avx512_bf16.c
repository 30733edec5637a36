/* Peak of the bf16 dot product: 32 multiply-adds into float32 an instruction. */
#include "measure/kernels/probe.h"

#include <immintrin.h>

enum { CHAINS = 24 };

static double dot_bf16(int64_t rounds)
{
    const __m512bh ones = _mm512_cvtne2ps_pbh(_mm512_set1_ps(1.0f), _mm512_set1_ps(1.0f));
    __m512 sum[CHAINS];
#pragma GCC unroll 24
    for (int k = 0; k < CHAINS; k++) sum[k] = _mm512_set1_ps((float)k);
    for (int64_t i = 0; i < rounds; i++) {
#pragma GCC unroll 24
        for (int k = 0; k < CHAINS; k++) sum[k] = _mm512_dpbf16_ps(sum[k], ones, ones);
    }
#pragma GCC unroll 24
    for (int k = 1; k < CHAINS; k++) sum[0] = _mm512_add_ps(sum[0], sum[k]);
    return (double)_mm512_reduce_add_ps(sum[0]);
}

const tm_probe tm_probes_avx512_bf16[] = {{"dot avx512_bf16", TM_PROBE_BF16, 0, 0, dot_bf16, 2.0 * 32 * CHAINS}, {0}};
