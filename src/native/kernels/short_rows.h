/* For rows of a few vectors: W rows go in step, so that their reductions are shared and none waits for its own. Rows
 * left over go one by one, with the same roundings. Include after the vec_f32 header.
 *
 * Results are stored by whole vectors in order, each over the excess of the row before: partial stores are slow. Where
 * that would leave the range, or the results are to be streamed and do not begin on vectors, they pass through a
 * buffer. */
#ifndef TM_KERNELS_SHORT_ROWS_H
#define TM_KERNELS_SHORT_ROWS_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

enum { SHORT_VECTORS = 4, SHORT_FLOATS = 2048, SHORT_AHEAD = 1024 };

/* The rows of a group, W of them or one (a constant), in the order in which their reductions need them: quarter by
 * quarter. */
#define EACH(i, count)       _Pragma("GCC unroll 16") for (int i = 0; i < (count); i++)
#define SHORT_QUARTERS(rows) ((rows) == 1 ? 1 : 4)
#define SHORT_QUARTER(rows)  ((rows) == 1 ? 1 : W / 4)

typedef struct short_rows {
    float *y, *y_end; /* what is left to be written directly, or from the buffer's first element on */
    int64_t length, count;
    bool whole, stream, streams;
    float buffer[SHORT_FLOATS + W];
} short_rows;

static inline void short_begin(short_rows *s, float *y, int64_t rows, int64_t length, bool stream)
{
    s->y = y;
    s->y_end = y + rows * length;
    s->length = length;
    s->count = 0;
    s->whole = length % W == 0;
    s->stream = stream;
    s->streams = stream && s->whole && (uintptr_t)y % (W * sizeof(float)) == 0;
}

/* What is in the buffer goes where it belongs. */
static inline void short_flush(short_rows *s)
{
    int64_t i = 0, n = s->count;
    if (s->stream) {
        const int64_t gap = (int64_t)((0 - (uintptr_t)s->y) % (W * sizeof(float)) / sizeof(float));
        i = gap < n ? gap : n;
        STORE_SOME(s->y, FIRST(i), LOAD(s->buffer));
        for (; i + W <= n; i += W) STREAM(s->y + i, LOAD(s->buffer + i));
    }
    for (; i + W <= n; i += W) STORE(s->y + i, LOAD(s->buffer + i));
    if (i < n) STORE_SOME(s->y + i, FIRST(n - i), LOAD(s->buffer + i));
    s->y += n;
    s->count = 0;
}

/* Where the next `rows` rows of `vectors` vectors go. */
static inline float *short_next(short_rows *s, int64_t rows, int64_t vectors)
{
    const int64_t count = rows * s->length, touched = count - s->length + vectors * W;
    if (s->whole || (!s->stream && s->count == 0 && touched <= s->y_end - s->y)) {
        s->y += count;
        return s->y - count;
    }
    if (s->count + count > SHORT_FLOATS) short_flush(s);
    s->count += count;
    return s->buffer + s->count - count;
}

/* Vector k of a row of `vectors`, of which the last has only the lanes `some`. */
static inline V short_load(const float *x, int k, int vectors, M some, V fill)
{
    return k + 1 < vectors ? LOAD(x + k * W) : LOAD_SOME(x + k * W, some, fill);
}

/* From the quarters of a group, or its one row, to a number for each row. */
static inline V short_sums(const V *quarter, int rows)
{
    return rows == 1 ? SET1(REDUCE_SUM(quarter[0])) : sums_of_all(quarter);
}
static inline V short_maxima(const V *quarter, int rows)
{
    return rows == 1 ? SET1(REDUCE_MAX(quarter[0])) : maxima_of_all(quarter);
}
#endif
