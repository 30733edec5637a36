/* Products of bfloat16 matrices on the dot products of pairs: a tile of R rows x 2 vectors of C stays in registers
 * while k runs, two steps at a time; a pair of A is broadcast straight from where it lies. Every R is a function of its
 * own, made from tile() by constant propagation. Subnormal numbers count as zero, in operands and results. */
#include "native/kernels/kernels.h"

#include <immintrin.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

enum { W = 16, NR = 2 * W, MR = 14 };

typedef struct edge {
    __mmask16 part[2]; /* lanes of the two vectors that exist */
} edge;

INLINE __m512 pair(const uint16_t *a)
{
    int32_t both;
    memcpy(&both, a, sizeof both);
    return _mm512_castsi512_ps(_mm512_set1_epi32(both));
}

INLINE __m512 dot(__m512 sum, __m512 a, __m512 b)
{
    return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
}

INLINE void put(const tm_gemm_bf16_strip *s, int64_t row, int64_t column, __m512 low, __m512 high, edge e, bool whole)
{
    if (!s->narrow) {
        float *to = (float *)s->c + row * s->c_row + column;
        if (s->accumulate) {
            low = _mm512_add_ps(low, _mm512_maskz_loadu_ps(e.part[0], to));
            high = _mm512_add_ps(high, _mm512_maskz_loadu_ps(e.part[1], to + W));
        }
        _mm512_mask_storeu_ps(to, e.part[0], low);
        _mm512_mask_storeu_ps(to + W, e.part[1], high);
        return;
    }
    uint16_t *to = (uint16_t *)s->c + row * s->c_row + column;
    const __m512i both = (__m512i)_mm512_cvtne2ps_pbh(high, low);
    if (!whole) {
        _mm512_mask_storeu_epi16(to, (__mmask32)e.part[0] | (__mmask32)e.part[1] << 16, both);
    } else if (s->stream && (uintptr_t)to % 64 == 0) {
        _mm512_stream_si512((void *)to, both);
    } else {
        _mm512_storeu_si512(to, both);
    }
}

INLINE void tile(const tm_gemm_bf16_strip *s, const uint16_t *b, int64_t column, edge e, bool whole, const int R)
{
    __m512 sum[MR][2];
    UNROLL for (int i = 0; i < R; i++) sum[i][0] = sum[i][1] = _mm512_setzero_ps();
    /* Rows of A are reached from three pointers five rows apart, so that the addresses fit in registers. */
    const uint16_t *a[3];
    for (int j = 0; j < 3; j++) a[j] = s->a + (j * 5 < R ? j * 5 * s->a_row : 0);
    const int64_t row = s->a_row;
    for (int64_t p = 0; p + 2 <= s->k; p += 2, b += 2 * NR) {
        const __m512 low = _mm512_loadu_ps(b), high = _mm512_loadu_ps(b + NR);
        UNROLL for (int i = 0; i < R; i++)
        {
            const __m512 x = pair(a[i / 5] + (i % 5) * row);
            sum[i][0] = dot(sum[i][0], x, low);
            sum[i][1] = dot(sum[i][1], x, high);
        }
        for (int j = 0; j < 3; j++) a[j] += 2;
    }
    if (s->k % 2 != 0) {
        const __m512 low = _mm512_loadu_ps(b), high = _mm512_loadu_ps(b + NR);
        UNROLL for (int i = 0; i < R; i++)
        {
            const __m512 x = _mm512_castsi512_ps(_mm512_set1_epi32(a[i / 5][(i % 5) * row]));
            sum[i][0] = dot(sum[i][0], x, low);
            sum[i][1] = dot(sum[i][1], x, high);
        }
    }
    __m512 bias[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()};
    if (s->bias) {
        bias[0] = _mm512_maskz_loadu_ps(e.part[0], s->bias + column);
        bias[1] = _mm512_maskz_loadu_ps(e.part[1], s->bias + column + W);
    }
    UNROLL for (int i = 0; i < R; i++)
        put(s, i, column, _mm512_add_ps(sum[i][0], bias[0]), _mm512_add_ps(sum[i][1], bias[1]), e, whole);
}

INLINE void strip_rows(const tm_gemm_bf16_strip *s, const int R)
{
    const uint16_t *b = s->b;
    int64_t j = 0;
    for (; j + NR <= s->columns; j += NR, b += s->b_panel) tile(s, b, j, (edge){{0xffff, 0xffff}}, true, R);
    const int64_t left = s->columns - j;
    if (left <= 0) return;
    const uint32_t lanes = (1u << left) - 1;
    tile(s, b, j, (edge){{(__mmask16)lanes, (__mmask16)(lanes >> W)}}, false, R);
}

#define TILES(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)
#define TILE(R)                                                                                                        \
    static void strip_##R(const tm_gemm_bf16_strip *s)                                                                 \
    {                                                                                                                  \
        strip_rows(s, R);                                                                                              \
    }
TILES(TILE)
#undef TILE

static void strip(const tm_gemm_bf16_strip *s)
{
    switch (s->rows) {
#define TILE(R)                                                                                                        \
    case R: strip_##R(s); return;
        TILES(TILE)
#undef TILE
    default: return;
    }
}

static void pack(const uint16_t *b, int64_t row, int64_t k, int64_t columns, uint16_t *packed)
{
    for (int64_t j = 0; j < columns; j += NR) {
        const int64_t width = columns - j < NR ? columns - j : NR;
        for (int64_t p = 0; p < k; p += 2, packed += 2 * NR) {
            for (int v = 0; v < 2; v++) {
                const int64_t left = width - v * W;
                const __mmask16 lanes = (__mmask16)(left >= W ? 0xffff : left > 0 ? (1 << left) - 1 : 0);
                const uint16_t *from = b + p * row + j + v * W;
                const __m512i even = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(lanes, from));
                const __mmask16 next = p + 1 < k ? lanes : 0;
                const __m512i odd = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(next, from + row));
                _mm512_storeu_si512(packed + v * NR, _mm512_or_si512(even, _mm512_slli_epi32(odd, 16)));
            }
        }
    }
}

const tm_gemm_bf16_kernels tm_gemm_bf16__avx512_bf16 = {.mr = MR, .nr = NR, .strip = strip, .pack = pack};
