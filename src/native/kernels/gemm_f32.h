/* Matrix products in registers. Template: an instruction set defines V, W, TILE_ROWS, DOT_COLUMNS, TILES (rows and the
 * most vectors of each tile), NAME and lanes_*, then includes this file.
 *
 * strip: a tile of R rows x N vectors of C stays in registers while k runs; A is broadcast element by element straight
 * from where it lies, B comes in whole vectors. Few rows take more vectors, so that there are always enough independent
 * sums. Every (R, N) is a function of its own, made from tile() by constant propagation. The last columns are masked.
 * dot: lanes run along the contraction, R x N sums stay in registers and are added across lanes at the end. */
#include "native/kernels/kernels.h"

#define INLINE   static inline __attribute__((always_inline))
#define UNROLL   _Pragma("GCC unroll 16")
#define DOT_ROWS 3
#define LINE     16 /* floats */
#ifndef PANEL_VECTORS
#define PANEL_VECTORS 2 /* of a panel of packed B; no tile may have fewer */
#endif

/* Each step of k fetches a line of the sixteen rows that come next: 2^run lines of one row, then of the following one.
 * Memory likes runs of four better than single lines. */
INLINE const float *line_ahead(const float *ahead, int64_t row, int64_t p, const int run)
{
    return ahead + (p >> run & 15) * row + (p & -((int64_t)16 << run)) + (p & ((1 << run) - 1)) * LINE;
}

/* Rows of A are reached from three pointers five rows apart, so that the addresses fit in registers. */
INLINE void tile(const tm_gemm_strip *s, const float *b, float *c, const float *bias, const float *ahead, const int R,
                 const int N, const bool partial, tm_mask_lanes mask)
{
    V sum[TILE_ROWS][8];
    UNROLL for (int v = 0; v < N; v++)
    {
        const V first = !bias                   ? lanes_set1(0.0f)
                        : partial && v == N - 1 ? lanes_load_part(bias + v * W, mask)
                                                : lanes_load(bias + v * W);
        UNROLL for (int i = 0; i < R; i++) sum[i][v] = first;
    }
    if (s->accumulate)
        UNROLL for (int i = 0; i < R; i++) UNROLL for (int v = 0; v < N; v++)
            __builtin_prefetch(c + i * s->c_row + v * W, 1, 3);

    const int64_t row = s->a_row, step = s->a_step, b_row = s->b_row, k = s->k;
    const float *more = s->more;
    const int run = k < 64 ? 0 : 2;
    for (int64_t g = 0; g < s->segments; g++) {
        const float *a[3];
        for (int j = 0; j < 3; j++) a[j] = s->a + g * s->a_segment + (j * 5 < R ? j * 5 * row : 0);
        for (int64_t p = 0; p < k; p++) {
            V element[3], x[4];
            if (R <= 3) {
                UNROLL for (int i = 0; i < R; i++) element[i] = lanes_set1(a[0][i * row]);
                UNROLL for (int v = 0; v < N; v++)
                {
                    V y = partial && v == N - 1 ? lanes_load_part(b + v * W, mask) : lanes_load(b + v * W);
                    if (R > 1) y = lanes_loaded(y);
                    UNROLL for (int i = 0; i < R; i++) sum[i][v] = lanes_fma(element[i], y, sum[i][v]);
                }
            } else {
                UNROLL for (int v = 0; v < N; v++) x[v] =
                    partial && v == N - 1 ? lanes_load_part(b + v * W, mask) : lanes_load(b + v * W);
                UNROLL for (int i = 0; i < R; i++)
                {
                    const V y = lanes_set1(a[i / 5][(i % 5) * row]);
                    UNROLL for (int v = 0; v < N; v++) sum[i][v] = lanes_fma(y, x[v], sum[i][v]);
                }
            }
            for (int j = 0; j < 3; j++) a[j] += step;
            b += b_row;
            if (ahead) __builtin_prefetch(line_ahead(ahead, row, p, run), 0, 2);
            if (more) __builtin_prefetch(more + p * s->more_step, 0, 2);
        }
    }

    if (s->accumulate) {
        UNROLL for (int i = 0; i < R; i++) UNROLL for (int v = 0; v < N; v++)
        {
            const float *from = c + i * s->c_row + v * W;
            sum[i][v] = lanes_add(partial && v == N - 1 ? lanes_load_part(from, mask) : lanes_load(from), sum[i][v]);
        }
    }
    if (s->stream && !partial && ((uintptr_t)c | (uintptr_t)s->c_row * 4) % (W * sizeof(float)) == 0) {
        UNROLL for (int i = 0; i < R; i++) UNROLL for (int v = 0; v < N; v++)
            lanes_stream(c + i * s->c_row + v * W, sum[i][v]);
        return;
    }
    UNROLL for (int i = 0; i < R; i++) UNROLL for (int v = 0; v < N; v++)
    {
        if (partial && v == N - 1) {
            lanes_store_part(c + i * s->c_row + v * W, sum[i][v], mask);
        } else {
            lanes_store(c + i * s->c_row + v * W, sum[i][v]);
        }
    }
}

INLINE void strip_rows(const tm_gemm_strip *s, const int R, const int N)
{
    enum { PANEL = PANEL_VECTORS * W };
    for (int64_t j = 0; j < s->columns;) {
        const int64_t left = s->columns - j;
        /* Tiles of two vectors begin within wider panels too. */
        const int64_t within = PANEL_VECTORS > 2 ? j % PANEL : 0;
        const float *b = s->b_panel ? s->b + j / PANEL * s->b_panel + within : s->b + j;
        const float *bias = s->bias ? s->bias + j : NULL, *ahead = j == 0 ? s->ahead : NULL;
        float *c = s->c + j;
        if (N > PANEL_VECTORS && !s->b_panel && left >= N * W) {
            tile(s, b, c, bias, ahead, R, N, false, lanes_mask(0));
            j += N * W;
        } else if (PANEL_VECTORS > 2 && left >= PANEL) {
            tile(s, b, c, bias, ahead, R, PANEL_VECTORS, false, lanes_mask(0));
            j += PANEL;
        } else if (left >= 2 * W) {
            tile(s, b, c, bias, ahead, R, 2, false, lanes_mask(0));
            j += 2 * W;
        } else if (left > W) {
            tile(s, b, c, bias, ahead, R, 2, true, lanes_mask(left - W));
            j += left;
        } else {
            tile(s, b, c, bias, ahead, R, 1, true, lanes_mask(left));
            j += left;
        }
    }
}

#define TILE(R, N)                                                                                                     \
    static void strip_##R(const tm_gemm_strip *s)                                                                      \
    {                                                                                                                  \
        strip_rows(s, R, N);                                                                                           \
    }
TILES(TILE)
#undef TILE

static void strip(const tm_gemm_strip *s)
{
    switch (s->rows) {
#define TILE(R, N)                                                                                                     \
    case R: strip_##R(s); return;
        TILES(TILE)
#undef TILE
    default: return;
    }
}

/* Columns beyond the last are the last again, and are not stored. */
INLINE void dot_block(const tm_gemm_dot *d, int64_t row, int64_t column, const float *ahead, const int R, const int N)
{
    V sum[8][8];
    const int columns = d->columns - column < N ? (int)(d->columns - column) : N;
    UNROLL for (int i = 0; i < R; i++) UNROLL for (int j = 0; j < N; j++) sum[i][j] = lanes_set1(0.0f);
    const int64_t whole = d->k - d->k % W;
    const tm_mask_lanes mask = lanes_mask(d->k - whole);
    for (int64_t g = 0; g < d->segments; g++) {
        const float *a = d->a + row * d->a_row + g * d->a_segment, *b[8];
        UNROLL for (int j = 0; j < N; j++) b[j] =
            d->b + (column + (j < columns ? j : columns - 1)) * d->b_row + g * d->b_segment;
        for (int64_t p = 0; p < whole; p += W) {
            V x[8];
            if (ahead) {
                __builtin_prefetch(ahead, 0, 2);
                __builtin_prefetch(ahead + 16, 0, 2);
                ahead += d->ahead_step;
            }
            UNROLL for (int i = 0; i < R; i++) x[i] = lanes_load(a + i * d->a_row + p);
            UNROLL for (int j = 0; j < N; j++)
            {
                V y = lanes_load(b[j] + p);
                if (R > 1) y = lanes_loaded(y);
                UNROLL for (int i = 0; i < R; i++) sum[i][j] = lanes_fma(x[i], y, sum[i][j]);
            }
        }
        if (whole == d->k) continue;
        UNROLL for (int j = 0; j < N; j++)
        {
            const V y = lanes_load_part(b[j] + whole, mask);
            UNROLL for (int i = 0; i < R; i++) sum[i][j] =
                lanes_fma(lanes_load_part(a + i * d->a_row + whole, mask), y, sum[i][j]);
        }
    }
    UNROLL for (int i = 0; i < R; i++)
    {
        float *c = d->c + (row + i) * d->c_row + column, total[8];
        if (N == DOT_COLUMNS) {
            lanes_sums(total, sum[i]);
        } else {
            for (int j = 0; j < N; j++) total[j] = lanes_sum(sum[i][j]);
        }
        for (int j = 0; j < N && j < columns; j++) {
            float y = total[j] * d->scale;
            if (d->bias) y += d->bias[column + j];
            c[j] = d->accumulate ? c[j] + y : y;
        }
    }
}

/* One function per block, so that each has the registers to itself. */
#define DOT_BLOCKS(X)   X(3, DOT_COLUMNS) X(2, DOT_COLUMNS) X(1, DOT_COLUMNS) X(3, 1) X(2, 1) X(1, 1) X(8, 1)
#define DOT_NAME_(R, N) dot_##R##_##N
#define DOT_NAME(R, N)  DOT_NAME_(R, N)
#define DOT(R, N)                                                                                                      \
    static __attribute__((noinline)) void DOT_NAME(R, N)(const tm_gemm_dot *d, int64_t row, int64_t column,            \
                                                         const float *ahead)                                           \
    {                                                                                                                  \
        dot_block(d, row, column, ahead, R, N);                                                                        \
    }
DOT_BLOCKS(DOT)

static void dot(const tm_gemm_dot *d)
{
    typedef void (*block)(const tm_gemm_dot *, int64_t, int64_t, const float *);
    static const block wide[4] = {NULL, DOT_NAME(1, DOT_COLUMNS), DOT_NAME(2, DOT_COLUMNS), DOT_NAME(3, DOT_COLUMNS)};
    static const block one[4] = {NULL, DOT_NAME(1, 1), DOT_NAME(2, 1), DOT_NAME(3, 1)};
    const int64_t steps = d->segments * (d->k / W) * d->ahead_step;
    const float *ahead = d->ahead;
    int64_t column = 0;
    for (; d->columns - column > DOT_COLUMNS / 2; column += DOT_COLUMNS) {
        for (int64_t row = 0; row < d->rows; row += DOT_ROWS) {
            wide[d->rows - row < DOT_ROWS ? d->rows - row : DOT_ROWS](d, row, column, ahead);
            if (ahead) ahead += steps;
        }
    }
    for (; column < d->columns; column++) {
        int64_t row = 0;
        for (; d->rows - row >= 8; row += 8) DOT_NAME(8, 1)(d, row, column, NULL);
        for (; row < d->rows; row += DOT_ROWS)
            one[d->rows - row < DOT_ROWS ? d->rows - row : DOT_ROWS](d, row, column, NULL);
    }
}

const tm_gemm_kernels NAME(tm_gemm_f32) = {.mr = TILE_ROWS,
                                           .nr = PANEL_VECTORS * W,
                                           .width = W,
                                           .dot_rows = DOT_ROWS,
                                           .dot_columns = DOT_COLUMNS,
                                           .strip = strip,
                                           .dot = dot};
