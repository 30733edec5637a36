/* Moving whole rows: copies, gather, scatter. Template, see gemm_f32.h. Rows are short as a rule, so the loops are over
 * rows, the last vector of a row is masked, and a row costs no call. */
#include "native/kernels/kernels.h"

#include <string.h>

#define INLINE static inline __attribute__((always_inline))

/* Rows that are prefetched before their turn; floats between a source row and what is prefetched of the source; tables
 * up to this size are left to the first-level cache. */
enum { AHEAD = 16, SOURCE_AHEAD = 1024, NEAR_FLOATS = 4096 };

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

/* A missing row is copied from zeros where rows are short: whether a row is there may well be unpredictable. */
enum { ZEROS = 256 };
static const float zeros[ZEROS];

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
        const bool inside = (uint64_t)index[e] < (uint64_t)table_rows;
        if (inside || length <= ZEROS) {
            const float *from = inside ? table : zeros; /* chosen without a branch, as is the row */
            const int64_t row = inside ? index[e] : 0;
            copy_row(from + row * length, y, length, whole, mask, stream);
        } else {
            memset(y, 0, (size_t)length * sizeof(float));
        }
    }
}

/* `vectors` is a constant for the commonest short rows, or -1; `far`: the table is not in the first-level cache. */
#define SCATTER(name, combine)                                                                                         \
    INLINE void name##_body(const float *x, const int64_t *index, int64_t rows, int64_t length, float *y,              \
                            int64_t first, int64_t last, int vectors, bool far)                                        \
    {                                                                                                                  \
        const int64_t whole = vectors > 0 ? vectors * W : length - length % W;                                         \
        const tm_mask_lanes mask = lanes_mask(vectors > 0 ? 0 : length - whole);                                       \
        const uint64_t count = (uint64_t)(last - first);                                                               \
        if (vectors > 0) length = whole;                                                                               \
        for (int64_t e = 0; e < rows; e++, x += length) {                                                              \
            if (far && e + AHEAD < rows) {                                                                             \
                const uint64_t next = (uint64_t)index[e + AHEAD] - (uint64_t)first;                                    \
                const float *row = y + (int64_t)(next < count ? next : 0) * length;                                    \
                for (int64_t i = 0; i < length && i < 64; i += 16) __builtin_prefetch(row + i, 1, 3);                  \
            }                                                                                                          \
            for (int64_t i = 0; i < length && i < 64; i += 16) __builtin_prefetch(x + SOURCE_AHEAD + i);               \
            const uint64_t at = (uint64_t)index[e] - (uint64_t)first;                                                  \
            if (at >= count) continue;                                                                                 \
            float *to = y + (int64_t)at * length;                                                                      \
            for (int64_t i = 0; i < whole; i += W)                                                                     \
                lanes_store(to + i, combine(lanes_load(to + i), lanes_load(x + i)));                                   \
            if (vectors < 0 && whole < length)                                                                         \
                lanes_store_part(to + whole,                                                                           \
                                 combine(lanes_load_part(to + whole, mask), lanes_load_part(x + whole, mask)), mask);  \
        }                                                                                                              \
    }                                                                                                                  \
    void NAME(name)(const float *x, const int64_t *index, int64_t rows, int64_t length, float *y, int64_t first,       \
                    int64_t last)                                                                                      \
    {                                                                                                                  \
        const bool far = (last - first) * length > NEAR_FLOATS;                                                        \
        if (length == W && !far) {                                                                                     \
            name##_body(x, index, rows, length, y, first, last, 1, false);                                             \
        } else if (length == 2 * W && far) {                                                                           \
            name##_body(x, index, rows, length, y, first, last, 2, true);                                              \
        } else {                                                                                                       \
            name##_body(x, index, rows, length, y, first, last, -1, far);                                              \
        }                                                                                                              \
    }
SCATTER(tm_scatter_sum_rows_f32, lanes_add)
SCATTER(tm_scatter_max_rows_f32, lanes_max)
