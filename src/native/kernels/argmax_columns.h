/* Index of the first maximum of each column, a NaN counting as the maximum. Template: vec_f32 header and NAME come
 * first.
 *
 * A strip of columns at a time, its best values and their rows (32 bits) in the first-level cache, so memory is read in
 * row order; four rows are compared before the best are written back. length < 2^31. */
#include <math.h>
#include <stdint.h>

enum { ARGMAX_STRIP = 1024 };

/* A row wins where it is greater, or NaN, unless the best so far is NaN already. */
static inline void argmax_row(V v, int32_t row, V *best, I *where)
{
    const M wins = M_AND_NOT(NOT_AT_MOST(v, *best), UNORDERED(*best, *best));
    *best = SELECT(wins, v, *best);
    *where = I_SELECT(wins, I_SET1(row), *where);
}

static inline void argmax_rows(const float *x, int64_t rows, int64_t stride, int64_t columns, int32_t first,
                               float *best, int32_t *where)
{
    for (int64_t c = 0; c < columns; c += W) {
        const int64_t left = columns - c;
        const M some = FIRST(left < W ? left : W);
        V value = LOAD(best + c);
        I row = I_LOAD((const void *)(where + c));
        for (int32_t k = 0; k < rows; k++) {
            argmax_row(LOAD_SOME(x + k * stride + c, some, SET1(-INFINITY)), first + k, &value, &row);
        }
        STORE(best + c, value);
        I_STORE((void *)(where + c), row);
    }
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
        for (; i + 4 <= length; i += 4) {
            argmax_rows(x + from + i * stride, 4, stride, width, (int32_t)i, best, where);
        }
        for (; i < length; i++) argmax_rows(x + from + i * stride, 1, stride, width, (int32_t)i, best, where);
        for (int64_t c = 0; c < width; c++) y[from + c] = where[c];
    }
}
#undef NAME
