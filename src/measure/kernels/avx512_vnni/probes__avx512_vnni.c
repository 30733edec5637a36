/* Peak of the 8-bit dot product: 64 multiply-adds into int32 an instruction. The chains are variables with names,
 * because gcc keeps an array of integer vectors in memory here, and then its stores are what is measured. */
#include "measure/kernels/probe.h"

#include <immintrin.h>

#define EACH_CHAIN(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11) DO(12) DO(13)
enum { CHAINS = 14 };

#define BEGIN(k) __m512i sum##k = _mm512_set1_epi32(k);
#define DOT(k)   sum##k = _mm512_dpbusd_epi32(sum##k, bytes, bytes);
#define JOIN(k)  total = _mm512_add_epi32(total, sum##k);

static double dot_i8(int64_t rounds)
{
    const __m512i bytes = _mm512_set1_epi8(1);
    __m512i total = _mm512_setzero_si512();
    EACH_CHAIN(BEGIN)
    for (int64_t i = 0; i < rounds; i++) {
        EACH_CHAIN(DOT)
    }
    EACH_CHAIN(JOIN)
    return (double)_mm512_reduce_add_epi32(total);
}

const tm_probe tm_probes_avx512_vnni[] = {{"dot avx512_vnni", TM_PROBE_I8, 0, 0, dot_i8, 2.0 * 64 * CHAINS}, {0}};
