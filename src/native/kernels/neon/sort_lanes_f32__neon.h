/* What sort_row.h needs of lanes: reversal, transposition, and the comparator levels within a vector. Lane i of a level
 * meets lane i ^ distance; the lane with that bit set keeps the greater key. */
#ifndef TM_SORT_LANES_F32_NEON_H
#define TM_SORT_LANES_F32_NEON_H

#define SORT_LANES      4
#define SORT_REVERSE(v) vrev64q_s32(vextq_s32(v, v, 2))

static inline I sort_level(I v, I other, M upper)
{
    return I_SELECT(upper, I_MAX(v, other), I_MIN(v, other));
}
#define SORT_LEVEL_2(v) sort_level(v, vextq_s32(v, v, 2), (M){0, 0, UINT32_MAX, UINT32_MAX})
#define SORT_LEVEL_1(v) sort_level(v, vrev64q_s32(v), (M){0, UINT32_MAX, 0, UINT32_MAX})

/* 4 vectors, one after the other, become 4 rows `stride` apart. */
static inline void sort_transpose(const int32_t *from, int32_t *to, int64_t stride)
{
    const int32x4x4_t column = vld4q_s32(from);
    for (int c = 0; c < 4; c++) I_STORE(to + c * stride, column.val[c]);
}

#endif
