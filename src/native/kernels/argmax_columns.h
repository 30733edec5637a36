/* Index of the first maximum of each column, a NaN counting as the maximum. Template: vec_f32 header and NAME come
 * first.
 *
 * A strip of columns at a time, its best values and their rows (32 bits) in the first-level cache, so memory is read in
 * row order; eight rows are compared before the best are written back. length < 2^31. */
#include <math.h>
#include <stdint.h>

enum { ARGMAX_STRIP = 1024, ARGMAX_ROWS = 8 };

/* A row wins where it is greater, or NaN, unless the best so far is NaN already. */
static inline void argmax_row(V v, int32_t row, V *best, I *where)
{
    const M wins = M_AND_NOT(NOT_AT_MOST(v, *best), UNORDERED(*best, *best));
    *best = SELECT(wins, v, *best);
    *where = I_SELECT(wins, I_SET1(row), *where);
}

/* `rows` (a constant) rows of one vector of columns, `columns` of its lanes. Without a NaN among them, plain maxima do:
 * a NaN that is the best already stays, because nothing is greater and MAX keeps its second operand. The same columns
 * of the rows that come next are fetched meanwhile. */
static inline __attribute__((always_inline)) void argmax_rows(const float *x, int rows, int64_t stride, int64_t columns,
                                                              int32_t first, float *best, int32_t *where)
{
    const M some = FIRST(columns < W ? columns : W);
    V v[ARGMAX_ROWS], value = LOAD(best);
    I row = I_LOAD((const void *)where);
    M nan = M_NONE;
    for (int k = 0; k < rows; k++) {
        PREFETCH(x + (rows + k) * stride);
        v[k] = columns < W ? LOAD_SOME(x + k * stride, some, SET1(-INFINITY)) : LOAD(x + k * stride);
        if (k % 2 == 1) nan = M_OR(nan, UNORDERED(v[k - 1], v[k]));
    }
    if (rows % 2 == 1) nan = M_OR(nan, UNORDERED(v[rows - 1], v[rows - 1]));
    if (M_BITS(nan) != 0) {
        for (int k = 0; k < rows; k++) argmax_row(v[k], first + k, &value, &row);
    } else {
        for (int k = 0; k < rows; k++) {
            row = I_SELECT(GREATER(v[k], value), I_SET1(first + k), row);
            value = MAX(v[k], value);
        }
    }
    STORE(best, value);
    I_STORE((void *)where, row);
}

/* `rows` rows of a strip. */
static inline __attribute__((always_inline)) void
argmax_strip(const float *x, int rows, int64_t stride, int64_t columns, int32_t first, float *best, int32_t *where)
{
    int64_t c = 0;
    for (; c + W <= columns; c += W) argmax_rows(x + c, rows, stride, W, first, best + c, where + c);
    if (c < columns) argmax_rows(x + c, rows, stride, columns - c, first, best + c, where + c);
}

void NAME(const float *x, int64_t *y, int64_t length, int64_t stride, int64_t columns)
{
    float best[ARGMAX_STRIP];
    int32_t where[ARGMAX_STRIP];
    for (int64_t from = 0; from < columns; from += ARGMAX_STRIP) {
        const int64_t width = columns - from < ARGMAX_STRIP ? columns - from : ARGMAX_STRIP;
        for (int64_t c = 0; c < width; c += W) {
            STORE(best + c, SET1(-INFINITY));
            I_STORE((void *)(where + c), I_SET1(0));
        }
        int64_t i = 0;
        for (; i + ARGMAX_ROWS <= length; i += ARGMAX_ROWS) {
            argmax_strip(x + from + i * stride, ARGMAX_ROWS, stride, width, (int32_t)i, best, where);
        }
        for (; i < length; i++) argmax_strip(x + from + i * stride, 1, stride, width, (int32_t)i, best, where);
        for (int64_t c = 0; c < width; c++) y[from + c] = where[c];
    }
}
#undef NAME
