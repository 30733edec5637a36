/* What sort_row.h needs of lanes: reversal, transposition, and the comparator levels within a vector. Lane i of a level
 * meets lane i ^ distance; the lane with that bit set keeps the greater key. */
#ifndef TM_SORT_LANES_F32_AVX2_H
#define TM_SORT_LANES_F32_AVX2_H

#define SORT_LANES      8
#define SORT_REVERSE(v) _mm256_permutevar8x32_epi32(v, _mm256_set_epi32(0, 1, 2, 3, 4, 5, 6, 7))

#define SORT_LEVEL(v, other, upper) _mm256_blend_epi32(I_MIN(v, other), I_MAX(v, other), upper)
#define SORT_LEVEL_4(v)             SORT_LEVEL(v, _mm256_permute2x128_si256(v, v, 1), 0xf0)
#define SORT_LEVEL_2(v)             SORT_LEVEL(v, _mm256_shuffle_epi32(v, 0x4e), 0xcc)
#define SORT_LEVEL_1(v)             SORT_LEVEL(v, _mm256_shuffle_epi32(v, 0xb1), 0xaa)

/* 8 vectors, one after the other, become 8 rows `stride` apart. */
static inline void sort_transpose(const int32_t *from, int32_t *to, int64_t stride)
{
    I a[8], b[8];
    for (int i = 0; i < 8; i++) a[i] = I_LOAD((const void *)(from + i * W));
    for (int i = 0; i < 8; i += 2) {
        b[i] = _mm256_unpacklo_epi32(a[i], a[i + 1]);
        b[i + 1] = _mm256_unpackhi_epi32(a[i], a[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
        a[i] = _mm256_unpacklo_epi64(b[i], b[i + 2]);
        a[i + 1] = _mm256_unpackhi_epi64(b[i], b[i + 2]);
        a[i + 2] = _mm256_unpacklo_epi64(b[i + 1], b[i + 3]);
        a[i + 3] = _mm256_unpackhi_epi64(b[i + 1], b[i + 3]);
    }
    /* a[4 g + c] holds, in its half h, column 4 h + c of rows 4 g to 4 g + 3. */
    for (int c = 0; c < 4; c++) {
        I_STORE((void *)(to + c * stride), _mm256_permute2x128_si256(a[c], a[4 + c], 0x20));
        I_STORE((void *)(to + (4 + c) * stride), _mm256_permute2x128_si256(a[c], a[4 + c], 0x31));
    }
}

#endif
