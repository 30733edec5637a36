/* The four softmax kernels of one instruction set. Include after the vec_f32 header.
 *
 * Rows: one read, one write of memory. Rows of 8 lie several to a vector, where vectors are that long. Rows of up to
 * four vectors stay in registers; longer ones keep their exponentials in a buffer in the first-level cache, so that the
 * result can be streamed; beyond that buffer the exponentials are computed twice. Masked lanes hold -inf, whose
 * exponential is 0. */
#include "math_f32.h"
#include "short_rows.h"

enum { SOFTMAX_BUFFER = 4096, SOFTMAX_BLOCK = 1024, SOFTMAX_AHEAD = 4096, SOFTMAX_BEYOND = 1024, SOFTMAX_STRIP = 4 };

static inline bool softmax_may_stream(const float *y, int64_t length, bool stream)
{
    return stream && length % W == 0 && (uintptr_t)y % (W * sizeof(float)) == 0;
}

#ifdef GROUPS /* of 8 lanes in a vector */
/* 1 / a for a >= 1, by one step of Newton's iteration; NaN stays. */
static inline V softmax_inverse(V a)
{
    const V r = ABOUT_INVERSE(a);
    return FMA(FNMA(a, r, SET1(1.0f)), r, r);
}

/* `vectors` (a constant) of rows of 8 in step with each other: alone, one would wait for its reductions. */
static inline __attribute__((always_inline)) void softmax_of_eights(V *v, int vectors)
{
    V max[SOFTMAX_STRIP], sum[SOFTMAX_STRIP];
    for (int k = 0; k < vectors; k++) max[k] = group_max(v[k]);
    for (int k = 0; k < vectors; k++) v[k] = exp_of(SUB(v[k], max[k]));
    for (int k = 0; k < vectors; k++) sum[k] = group_sum(v[k]);
    for (int k = 0; k < vectors; k++) v[k] = MUL(v[k], softmax_inverse(sum[k]));
}

/* Rows of 8, GROUPS to a vector. */
static void softmax_eights(const float *x, float *y, int64_t rows, bool stream)
{
    const int64_t n = 8 * rows;
    int64_t i = 0;
    const bool streams = softmax_may_stream(y, W, stream);
    for (; i + SOFTMAX_STRIP * W <= n; i += SOFTMAX_STRIP * W) {
        V v[SOFTMAX_STRIP];
        for (int k = 0; k < SOFTMAX_STRIP; k++) PREFETCH(x + i + k * W + SOFTMAX_AHEAD);
        for (int k = 0; k < SOFTMAX_STRIP; k++) v[k] = LOAD(x + i + k * W);
        softmax_of_eights(v, SOFTMAX_STRIP);
        for (int k = 0; k < SOFTMAX_STRIP; k++) {
            if (streams) {
                STREAM(y + i + k * W, v[k]);
            } else {
                STORE(y + i + k * W, v[k]);
            }
        }
    }
    for (; i < n; i += W) {
        const M some = FIRST(n - i < W ? n - i : W);
        V v = LOAD_SOME(x + i, some, SET1(0.0f));
        softmax_of_eights(&v, 1);
        STORE_SOME(y + i, some, v);
    }
}
#endif

/* `rows` rows, SHORT_ROWS or 1, of `vectors` vectors: both constants. */
static inline __attribute__((always_inline)) void softmax_group(short_rows *s, const float *x, int rows, int vectors)
{
    const int64_t length = s->length;
    const M some = FIRST(length - (int64_t)(vectors - 1) * W);
    float number[W];
    V v[SHORT_ROWS], e[SHORT_ROWS][SHORT_VECTORS];
    EACH(r, rows)
    {
        EACH(k, vectors)
        {
            PREFETCH(x + r * length + SOFTMAX_AHEAD + k * W);
            e[r][k] = short_load(x + r * length, k, vectors, some, SET1(-INFINITY));
            v[r] = k == 0 ? e[r][k] : MAX(v[r], e[r][k]);
        }
    }
    STORE(number, short_maxima(v, rows));
    EACH(r, rows)
    {
        const V shift = SET1(number[r]);
        EACH(k, vectors)
        {
            const bool last = k + 1 == vectors;
            e[r][k] = exp_of(SUB(last ? SELECT(some, e[r][k], shift) : e[r][k], shift));
            if (last) e[r][k] = SELECT(some, e[r][k], SET1(0.0f));
            v[r] = k == 0 ? e[r][k] : ADD(v[r], e[r][k]);
        }
    }
    STORE(number, DIV(SET1(1.0f), short_sums(v, rows)));
    float *to = short_next(s, rows, vectors);
    EACH(r, rows)
    {
        EACH(k, vectors) short_store(to + r * length + k * W, MUL(e[r][k], SET1(number[r])), s->streams);
    }
}

/* Rows of `vectors` (a constant, 1 to 4) vectors, of which the last may be partial. */
static inline __attribute__((always_inline)) void softmax_short(const float *x, float *y, int64_t rows, int64_t length,
                                                                int vectors, bool stream)
{
    short_rows s;
    int64_t r = 0;
    short_begin(&s, y, rows, length, stream);
    for (; r + SHORT_ROWS <= rows; r += SHORT_ROWS) softmax_group(&s, x + r * length, SHORT_ROWS, vectors);
    for (; r < rows; r++) softmax_group(&s, x + r * length, 1, vectors);
    short_flush(&s);
}

/* A function for each, so that each has registers of its own. */
#define SOFTMAX_SHORT(vectors)                                                                                         \
    static __attribute__((noinline)) void softmax_short_##vectors(const float *x, float *y, int64_t rows,              \
                                                                  int64_t length, bool stream)                         \
    {                                                                                                                  \
        softmax_short(x, y, rows, length, vectors, stream);                                                            \
    }
SOFTMAX_SHORT(1)
SOFTMAX_SHORT(2)
SOFTMAX_SHORT(3)
SOFTMAX_SHORT(4)

static inline float softmax_max(const float *x, int64_t n)
{
    V a = SET1(-INFINITY), b = a, c = a, d = a;
    int64_t i = 0;
    for (; i + 4 * W <= n; i += 4 * W) {
        a = MAX(a, LOAD(x + i));
        b = MAX(b, LOAD(x + i + W));
        c = MAX(c, LOAD(x + i + 2 * W));
        d = MAX(d, LOAD(x + i + 3 * W));
    }
    for (; i < n; i += W) a = MAX(a, LOAD_SOME(x + i, FIRST(n - i < W ? n - i : W), SET1(-INFINITY)));
    return REDUCE_MAX(MAX(MAX(a, b), MAX(c, d)));
}

/* Sum of exp(x - shift), the exponentials also to `e` where that is not NULL: room for whole vectors. Meanwhile what
 * lies behind the next row or block begins to be fetched: memory stays busy while this core computes. */
static inline float softmax_exp(const float *x, float *e, int64_t n, V shift)
{
    V sum[4] = {SET1(0.0f), SET1(0.0f), SET1(0.0f), SET1(0.0f)};
    int64_t i = 0;
    for (; i + 4 * W <= n; i += 4 * W) {
        for (int k = 0; k < 4; k++) {
            PREFETCH(x + n + SOFTMAX_BEYOND + i + k * W);
            const V v = exp_of(SUB(LOAD(x + i + k * W), shift));
            sum[k] = ADD(sum[k], v);
            if (e) STORE(e + i + k * W, v);
        }
    }
    for (; i < n; i += W) {
        PREFETCH(x + n + SOFTMAX_BEYOND + i);
        const M some = FIRST(n - i < W ? n - i : W);
        const V v = SELECT(some, exp_of(SUB(LOAD_SOME(x + i, some, shift), shift)), SET1(0.0f));
        sum[0] = ADD(sum[0], v);
        if (e) STORE(e + i, v);
    }
    return REDUCE_SUM(ADD(ADD(sum[0], sum[1]), ADD(sum[2], sum[3])));
}

static __attribute__((noinline)) void softmax_buffered(const float *x, float *y, int64_t rows, int64_t length,
                                                       bool stream)
{
    float e[SOFTMAX_BUFFER + W];
    const bool streams = softmax_may_stream(y, length, stream);
    for (int64_t r = 0; r < rows; r++, x += length, y += length) {
        const V scale = SET1(1.0f / softmax_exp(x, e, length, SET1(softmax_max(x, length))));
        int64_t i = 0;
        if (streams) {
            for (; i < length; i += W) STREAM(y + i, MUL(LOAD(e + i), scale));
        }
        for (; i + W <= length; i += W) STORE(y + i, MUL(LOAD(e + i), scale));
        if (i < length) STORE_SOME(y + i, FIRST(length - i), MUL(LOAD(e + i), scale));
    }
}

void KERNEL(softmax_rows_f32)(const float *x, float *y, int64_t rows, int64_t length, bool stream)
{
    const int vectors = (int)((length < 5 * W ? length : 5 * W) + W - 1) / W;
#ifdef GROUPS
    if (length == 8) {
        softmax_eights(x, y, rows, stream);
        return;
    }
#endif
    if (vectors == 0) return;
    if (vectors == 1) {
        softmax_short_1(x, y, rows, length, stream);
    } else if (vectors == 2) {
        softmax_short_2(x, y, rows, length, stream);
    } else if (vectors == 3) {
        softmax_short_3(x, y, rows, length, stream);
    } else if (vectors == 4) {
        softmax_short_4(x, y, rows, length, stream);
    } else if (length <= SOFTMAX_BUFFER) {
        softmax_buffered(x, y, rows, length, stream);
    } else {
        for (int64_t r = 0; r < rows; r++, x += length, y += length) {
            float max;
            double sum;
            KERNEL(softmax_part_f32)(x, length, &max, &sum);
            /* Nothing but -inf: -inf - -inf is NaN in every element anyway. */
            KERNEL(softmax_apply_f32)(x, y, length, max, (float)(1.0 / sum), stream);
        }
    }
}

/* Blocks that stay in the first-level cache, so memory is read once: the sum so far is scaled when a block raises the
 * maximum. The order of MAX lets no NaN be lost: it reaches the sum. */
void KERNEL(softmax_part_f32)(const float *x, int64_t n, float *max, double *sum)
{
    float best = -INFINITY;
    double total = 0.0;
    for (int64_t i = 0; i < n; i += SOFTMAX_BLOCK) {
        const int64_t left = n - i < SOFTMAX_BLOCK ? n - i : SOFTMAX_BLOCK;
        const float top = softmax_max(x + i, left);
        if (top > best) {
            if (total != 0.0) total *= exp((double)best - (double)top);
            best = top;
        }
        /* Against a shift of 0, -inf and NaN keep their meaning. */
        total += (double)softmax_exp(x + i, NULL, left, SET1(best > -INFINITY ? best : 0.0f));
    }
    *max = isnan(total) && best < INFINITY ? NAN : best;
    *sum = total;
}

static inline V softmax_applied(V x, V shift, V scale)
{
    return MUL(exp_of(SUB(x, shift)), scale);
}

void KERNEL(softmax_apply_f32)(const float *x, float *y, int64_t n, float max, float scale, bool stream)
{
    const V shift = SET1(max), factor = SET1(scale);
    int64_t i = 0;
    if (stream) {
        const int64_t head = (int64_t)((0 - (uintptr_t)y) % (W * sizeof(float)) / sizeof(float));
        if (head > 0 && head <= n) {
            const M first = FIRST(head);
            STORE_SOME(y, first, softmax_applied(LOAD_SOME(x, first, shift), shift, factor));
            i = head;
        }
        for (; i + 2 * W <= n; i += 2 * W) {
            const V a = softmax_applied(LOAD(x + i), shift, factor);
            const V b = softmax_applied(LOAD(x + i + W), shift, factor);
            STREAM(y + i, a);
            STREAM(y + i + W, b);
        }
    }
    for (; i < n; i += W) {
        const M some = FIRST(n - i < W ? n - i : W);
        STORE_SOME(y + i, some, softmax_applied(LOAD_SOME(x + i, some, shift), shift, factor));
    }
}

/* `vectors` (a constant) of columns at a time, so that each row gives whole cache lines; the last has only the lanes
 * `some`. Their rows fit the second-level cache for all but very long axes. Sums of 64 rows are added up apart, which
 * keeps their rounding small. */
static inline __attribute__((always_inline)) void softmax_strip(const float *x, float *y, int64_t length,
                                                                int64_t stride, int vectors, M some)
{
    enum { SUM_ROWS = 64 };
    const V least = SET1(-INFINITY), zero = SET1(0.0f);
    V max[SOFTMAX_STRIP], total[SOFTMAX_STRIP];
    for (int k = 0; k < vectors; k++) {
        max[k] = least;
        total[k] = zero;
    }
    for (int64_t i = 0; i < length; i++) {
        for (int k = 0; k < vectors; k++) {
            const float *from = x + i * stride + k * W;
            max[k] = MAX(max[k], k + 1 < vectors ? LOAD(from) : LOAD_SOME(from, some, least));
        }
    }
    for (int64_t from = 0; from < length; from += SUM_ROWS) {
        const int64_t to = length - from < SUM_ROWS ? length : from + SUM_ROWS;
        V sum[SOFTMAX_STRIP];
        for (int k = 0; k < vectors; k++) sum[k] = zero;
        for (int64_t i = from; i < to; i++) {
            for (int k = 0; k < vectors; k++) {
                const int64_t at = i * stride + k * W;
                const V e = exp_of(SUB(k + 1 < vectors ? LOAD(x + at) : LOAD_SOME(x + at, some, max[k]), max[k]));
                sum[k] = ADD(sum[k], e);
                if (k + 1 < vectors) {
                    STORE(y + at, e);
                } else {
                    STORE_SOME(y + at, some, e);
                }
            }
        }
        for (int k = 0; k < vectors; k++) total[k] = ADD(total[k], sum[k]);
    }
    for (int k = 0; k < vectors; k++) total[k] = DIV(SET1(1.0f), total[k]);
    for (int64_t i = 0; i < length; i++) {
        for (int k = 0; k < vectors; k++) {
            const int64_t at = i * stride + k * W;
            if (k + 1 < vectors) {
                STORE(y + at, MUL(LOAD(y + at), total[k]));
            } else {
                STORE_SOME(y + at, some, MUL(LOAD_SOME(y + at, some, zero), total[k]));
            }
        }
    }
}

void KERNEL(softmax_columns_f32)(const float *x, float *y, int64_t length, int64_t stride, int64_t columns)
{
    int64_t c = 0;
    for (; c + SOFTMAX_STRIP * W <= columns; c += SOFTMAX_STRIP * W) {
        softmax_strip(x + c, y + c, length, stride, SOFTMAX_STRIP, FIRST(W));
    }
    for (; c < columns; c += W) {
        softmax_strip(x + c, y + c, length, stride, 1, FIRST(columns - c < W ? columns - c : W));
    }
}
