/* What sort_row.h needs of lanes: reversal, transposition, and the comparator levels within a vector. Lane i of a level
 * meets lane i ^ distance; the lane with that bit set keeps the greater key. */
#ifndef TM_SORT_LANES_F32_AVX512_H
#define TM_SORT_LANES_F32_AVX512_H

#define SORT_LANES 16
#define SORT_REVERSE(v)                                                                                                \
    _mm512_permutexvar_epi32(_mm512_set_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), v)

static inline I sort_level(I v, I other, M upper)
{
    return _mm512_mask_max_epi32(_mm512_min_epi32(v, other), upper, v, other);
}
#define SORT_LEVEL_8(v) sort_level(v, _mm512_shuffle_i64x2(v, v, 0x4e), 0xff00)
#define SORT_LEVEL_4(v) sort_level(v, _mm512_shuffle_i64x2(v, v, 0xb1), 0xf0f0)
#define SORT_LEVEL_2(v) sort_level(v, _mm512_shuffle_epi32(v, _MM_PERM_BADC), 0xcccc)
#define SORT_LEVEL_1(v) sort_level(v, _mm512_shuffle_epi32(v, _MM_PERM_CDAB), 0xaaaa)

/* 16 vectors, one after the other, become 16 rows `stride` apart. */
static inline void sort_transpose(const int32_t *from, int32_t *to, int64_t stride)
{
    I a[16], b[16];
    for (int i = 0; i < 16; i++) a[i] = I_LOAD((const void *)(from + i * W));
    for (int i = 0; i < 16; i += 2) {
        b[i] = _mm512_unpacklo_epi32(a[i], a[i + 1]);
        b[i + 1] = _mm512_unpackhi_epi32(a[i], a[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        a[i] = _mm512_unpacklo_epi64(b[i], b[i + 2]);
        a[i + 1] = _mm512_unpackhi_epi64(b[i], b[i + 2]);
        a[i + 2] = _mm512_unpacklo_epi64(b[i + 1], b[i + 3]);
        a[i + 3] = _mm512_unpackhi_epi64(b[i + 1], b[i + 3]);
    }
    /* a[4 g + c] holds, in its quarter q, column 4 q + c of rows 4 g to 4 g + 3. */
    for (int c = 0; c < 4; c++) {
        b[c] = _mm512_shuffle_i32x4(a[c], a[4 + c], 0x88);
        b[4 + c] = _mm512_shuffle_i32x4(a[c], a[4 + c], 0xdd);
        b[8 + c] = _mm512_shuffle_i32x4(a[8 + c], a[12 + c], 0x88);
        b[12 + c] = _mm512_shuffle_i32x4(a[8 + c], a[12 + c], 0xdd);
    }
    for (int c = 0; c < 4; c++) {
        I_STORE((void *)(to + c * stride), _mm512_shuffle_i32x4(b[c], b[8 + c], 0x88));
        I_STORE((void *)(to + (4 + c) * stride), _mm512_shuffle_i32x4(b[4 + c], b[12 + c], 0x88));
        I_STORE((void *)(to + (8 + c) * stride), _mm512_shuffle_i32x4(b[c], b[8 + c], 0xdd));
        I_STORE((void *)(to + (12 + c) * stride), _mm512_shuffle_i32x4(b[4 + c], b[12 + c], 0xdd));
    }
}

#endif
