/* For rows of a few vectors: four of them go in step, so that their reductions are shared and none waits for its own.
 * Rows left over go one by one, with the same roundings. Include after the vec_f32 header.
 *
 * Results are stored by whole vectors in order, each over the excess of the row before: partial stores are slow. Where
 * that would leave the range, at its end, they pass through a buffer. Only rows of whole vectors are streamed: what odd
 * ones would need before that costs more than it saves. */
#ifndef TM_KERNELS_SHORT_ROWS_H
#define TM_KERNELS_SHORT_ROWS_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

enum { SHORT_ROWS = 4, SHORT_VECTORS = 4, SHORT_FLOATS = SHORT_ROWS * SHORT_VECTORS * W };

#define EACH(i, count) _Pragma("GCC unroll 16") for (int i = 0; i < (count); i++)

typedef struct short_rows {
    float *y, *y_end; /* what is left to be written directly, or from the buffer's first element on */
    int64_t length, count;
    bool whole, streams;
    float buffer[SHORT_FLOATS + W];
} short_rows;

static inline void short_begin(short_rows *s, float *y, int64_t rows, int64_t length, bool stream)
{
    s->y = y;
    s->y_end = y + rows * length;
    s->length = length;
    s->count = 0;
    s->whole = length % W == 0;
    s->streams = stream && s->whole && (uintptr_t)y % (W * sizeof(float)) == 0;
}

/* What is in the buffer goes where it belongs. */
static inline void short_flush(short_rows *s)
{
    for (int64_t i = 0; i < s->count; i += W) {
        const M some = FIRST(s->count - i < W ? s->count - i : W);
        STORE_SOME(s->y + i, some, LOAD_SOME(s->buffer + i, some, SET1(0.0f)));
    }
    s->y += s->count;
    s->count = 0;
}

/* Where the next `rows` rows of `vectors` vectors go. */
static inline float *short_next(short_rows *s, int64_t rows, int64_t vectors)
{
    const int64_t count = rows * s->length, touched = count - s->length + vectors * W;
    if (s->whole || (s->count == 0 && touched <= s->y_end - s->y)) {
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

/* From a vector for each row to a number for each; `rows` is SHORT_ROWS, or 1. */
static inline V short_sums(const V *v, int rows)
{
    return rows == 1 ? sums_of_four(v[0], v[0], v[0], v[0]) : sums_of_four(v[0], v[1], v[2], v[3]);
}
static inline V short_maxima(const V *v, int rows)
{
    return rows == 1 ? maxima_of_four(v[0], v[0], v[0], v[0]) : maxima_of_four(v[0], v[1], v[2], v[3]);
}

static inline void short_store(float *to, V v, bool streams)
{
    if (streams) {
        STREAM(to, v);
    } else {
        STORE(to, v);
    }
}

#endif
