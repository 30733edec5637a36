/* Sums of columns. Template: vec_f32 header and NAME come first.
 *
 * A strip of columns at a time, with its sums as float64 in the first-level cache; eight rows are added as a tree in
 * float32 before they meet the sums, so memory is read in row order and the conversions cost an eighth. */
#include <stdint.h>
#include <string.h>

enum { SUM_STRIP = 4096, SUM_CLOSE = 1024 };

static inline void sum_add(double *sum, V v)
{
    D_STORE(sum, D_ADD(D_LOAD(sum), D_LOW(v)));
    D_STORE(sum + W / 2, D_ADD(D_LOAD(sum + W / 2), D_HIGH(v)));
}

#define SUM_ROWS_2(ROW, k) ADD(ROW(k), ROW(k + 1))
#define SUM_ROWS_4(ROW, k) ADD(SUM_ROWS_2(ROW, k), SUM_ROWS_2(ROW, k + 2))
#define SUM_ROWS_8(ROW)    ADD(SUM_ROWS_4(ROW, 0), SUM_ROWS_4(ROW, 4))

/* Adds eight rows to the sums of `columns` <= SUM_STRIP columns. Where rows are short and close, the next eight are
 * fetched: the hardware follows long rows by itself, but loses short ones. */
static inline void sum_eight(const float *x, int64_t stride, int64_t columns, double *sum)
{
    const bool close = stride <= SUM_CLOSE;
    int64_t c = 0;
    for (; c + W <= columns; c += W) {
#define WHOLE_ROW(k) LOAD(x + (k)*stride + c)
        if (close) {
            for (int k = 8; k < 16; k++) PREFETCH(x + k * stride + c);
        }
        sum_add(sum + c, SUM_ROWS_8(WHOLE_ROW));
    }
    if (c < columns) {
        const M left = FIRST(columns - c);
#define PART_ROW(k) LOAD_SOME(x + (k)*stride + c, left, SET1(0.0f))
        sum_add(sum + c, SUM_ROWS_8(PART_ROW));
    }
#undef WHOLE_ROW
#undef PART_ROW
}

static void sum_strip(const float *x, float *y, int64_t length, int64_t stride, int64_t columns)
{
    double sum[SUM_STRIP + W];
    memset(sum, 0, (size_t)(columns + W) * sizeof *sum);
    int64_t i = 0;
    for (; i + 8 <= length; i += 8) sum_eight(x + i * stride, stride, columns, sum);
    for (; i < length; i++) {
        for (int64_t c = 0; c < columns; c += W) {
            const int64_t left = columns - c;
            sum_add(sum + c, LOAD_SOME(x + i * stride + c, FIRST(left < W ? left : W), SET1(0.0f)));
        }
    }
    for (int64_t c = 0; c < columns; c += W) {
        const int64_t left = columns - c;
        STORE_SOME(y + c, FIRST(left < W ? left : W), D_NARROW(D_LOAD(sum + c), D_LOAD(sum + c + W / 2)));
    }
}

void NAME(const float *x, float *y, int64_t length, int64_t stride, int64_t columns)
{
    for (int64_t c = 0; c < columns; c += SUM_STRIP) {
        sum_strip(x + c, y + c, length, stride, columns - c < SUM_STRIP ? columns - c : SUM_STRIP);
    }
}
#undef NAME
