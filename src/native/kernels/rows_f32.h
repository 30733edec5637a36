/* Moving whole rows: copies, gather, scatter. Template, see gemm_f32.h. Rows are short as a rule, so the loops are over
 * rows, the last vector of a row is masked, and a row costs no call. */
#include "native/kernels/kernels.h"

#include <string.h>

#define INLINE static inline __attribute__((always_inline))

enum { AHEAD = 16 }; /* rows that are prefetched before their turn */

INLINE void copy_row(const float *x, float *y, int64_t length, int64_t whole, tm_mask_lanes mask, bool stream)
{
    int64_t i = 0;
    if (stream && (uintptr_t)y % (W * sizeof(float)) == 0) {
        for (; i < whole; i += W) lanes_stream(y + i, lanes_load(x + i));
    } else {
        for (; i < whole; i += W) lanes_store(y + i, lanes_load(x + i));
    }
    if (whole < length) lanes_store_part(y + whole, lanes_load_part(x + whole, mask), mask);
}

/* A long row that starts anywhere: up to the first boundary by itself, so that the rest can be streamed. */
static void copy_long(const float *x, float *y, int64_t length, bool stream)
{
    int64_t head = (int64_t)(-((uintptr_t)y / sizeof(float)) % W);
    if (head > length) head = length;
    if (head > 0) lanes_store_part(y, lanes_load_part(x, lanes_mask(head)), lanes_mask(head));
    const int64_t rest = length - head;
    copy_row(x + head, y + head, rest, rest - rest % W, lanes_mask(rest % W), stream);
}

void NAME(tm_copy_rows_f32)(const float *x, int64_t x_stride, float *y, int64_t y_stride, int64_t rows, int64_t length,
                            bool stream)
{
    if (x_stride == length && y_stride == length) {
        copy_long(x, y, rows * length, stream);
        return;
    }
    if (length >= 16 * W) {
        for (int64_t r = 0; r < rows; r++) copy_long(x + r * x_stride, y + r * y_stride, length, stream);
        return;
    }
    const int64_t whole = length - length % W;
    const tm_mask_lanes mask = lanes_mask(length - whole);
    for (int64_t r = 0; r < rows; r++) copy_row(x + r * x_stride, y + r * y_stride, length, whole, mask, stream);
}

void NAME(tm_gather_rows_f32)(const float *table, int64_t table_rows, const int64_t *index, float *y, int64_t rows,
                              int64_t length, bool stream)
{
    const bool prefetch = table_rows * length * (int64_t)sizeof(float) > 256 * 1024;
    const int64_t whole = length - length % W;
    const tm_mask_lanes mask = lanes_mask(length - whole);
    for (int64_t e = 0; e < rows; e++, y += length) {
        if (prefetch && e + AHEAD < rows && (uint64_t)index[e + AHEAD] < (uint64_t)table_rows) {
            const float *next = table + index[e + AHEAD] * length;
            for (int64_t i = 0; i < length && i < 256; i += 16) __builtin_prefetch(next + i);
        }
        if ((uint64_t)index[e] < (uint64_t)table_rows) {
            copy_row(table + index[e] * length, y, length, whole, mask, stream);
        } else {
            memset(y, 0, (size_t)length * sizeof(float));
        }
    }
}

#define SCATTER(name, combine)                                                                                         \
    void NAME(name)(const float *x, const int64_t *index, int64_t rows, int64_t length, float *y, int64_t first,       \
                    int64_t last)                                                                                      \
    {                                                                                                                  \
        const int64_t whole = length - length % W;                                                                     \
        const tm_mask_lanes mask = lanes_mask(length - whole);                                                         \
        for (int64_t e = 0; e < rows; e++, x += length) {                                                              \
            if (e + AHEAD < rows) {                                                                                    \
                const int64_t next = index[e + AHEAD];                                                                 \
                const float *row = y + (next >= first && next < last ? next - first : 0) * length;                     \
                for (int64_t i = 0; i < length && i < 64; i += 16) __builtin_prefetch(row + i, 1, 3);                  \
            }                                                                                                          \
            if (index[e] < first || index[e] >= last) continue;                                                        \
            float *to = y + (index[e] - first) * length;                                                               \
            for (int64_t i = 0; i < whole; i += W)                                                                     \
                lanes_store(to + i, combine(lanes_load(to + i), lanes_load(x + i)));                                   \
            if (whole < length)                                                                                        \
                lanes_store_part(to + whole,                                                                           \
                                 combine(lanes_load_part(to + whole, mask), lanes_load_part(x + whole, mask)), mask);  \
        }                                                                                                              \
    }
SCATTER(tm_scatter_sum_rows_f32, lanes_add)
SCATTER(tm_scatter_max_rows_f32, lanes_max)
