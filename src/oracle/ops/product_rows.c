/* matmul and linear for many rows at once: a tile of B is read once for up to TM_ROWS rows of A. In float64, or as the
 * plain loop in float32: one sum per result, term after term. Each sum takes its terms in order either way. */
#include "oracle/problem.h"

#include "base/multiversion.h"

#include <string.h>

enum { TILE = 64 };

/* sum[i][j] += a[i][k] b[k][j]; rows of all three are TILE apart. */
#define MULTIPLY                                                                                                       \
    for (int64_t i = 0; i < rows; i++) {                                                                               \
        for (int64_t k = 0; k < depth; k++) {                                                                          \
            for (int64_t j = 0; j < TILE; j++) sum[i * TILE + j] += a[i * TILE + k] * b[k * TILE + j];                 \
        }                                                                                                              \
    }

TM_MULTIVERSION(tm_multiply_tiles_f64,
                (const double *restrict a, const double *restrict b, int64_t rows, int64_t depth, double *restrict sum),
                (a, b, rows, depth, sum)){MULTIPLY}

TM_MULTIVERSION(tm_multiply_tiles_f32,
                (const float *restrict a, const float *restrict b, int64_t rows, int64_t depth, float *restrict sum),
                (a, b, rows, depth, sum))
{
    MULTIPLY
}

/* `rows` rows of a batch from its row `row` on, and columns [column, column + columns). */
typedef struct tile {
    int64_t batch, row, rows, column, columns;
} tile;

static void narrow(const double *from, int64_t count, float *into)
{
    for (int64_t i = 0; i < count; i++) into[i] = (float)from[i];
}

/* Results of one tile into `into`, whose rows are `stride` apart. */
static void fill_tile(const tm_problem *problem, const tm_contraction *c, const tile *at, double *into, int64_t stride,
                      double *scratch)
{
    const int64_t a = tm_contraction_a(c, at->batch) + at->row * c->view.k;
    const int64_t b = tm_contraction_b(c, at->batch) + at->column;
    double *left = scratch, *right = left + TILE * TILE, *sum = right + TILE * TILE;
    float left32[TILE * TILE], right32[TILE * TILE], sum32[TILE * TILE];
    memset(right, 0, TILE * TILE * sizeof *right);
    memset(sum, 0, TILE * TILE * sizeof *sum);
    memset(sum32, 0, sizeof sum32);
    for (int64_t from = 0; from < c->view.k; from += TILE) {
        const int64_t depth = tm_least(TILE, c->view.k - from);
        for (int64_t k = 0; k < depth; k++)
            tm_source_read(c->b, b + (from + k) * c->view.n, at->columns, 1, right + k * TILE);
        for (int64_t i = 0; i < at->rows; i++)
            tm_source_read(c->a, a + i * c->view.k + from, depth, 1, left + i * TILE);
        if (problem->plain) {
            narrow(left, TILE * at->rows, left32);
            narrow(right, TILE * TILE, right32);
            tm_multiply_tiles_f32(left32, right32, at->rows, depth, sum32);
        } else {
            tm_multiply_tiles_f64(left, right, at->rows, depth, sum);
        }
    }
    for (int64_t j = 0; j < at->columns; j++) {
        const double bias = c->bias ? tm_source_at(c->bias, at->column + j) : 0;
        for (int64_t i = 0; i < at->rows; i++) {
            const int64_t from = i * TILE + j;
            into[i * stride + j] = problem->plain ? (double)(sum32[from] + (float)bias) : sum[from] + bias;
        }
    }
}

void tm_product_rows(const tm_problem *problem, int64_t first, int64_t count, double *into, double *scratch)
{
    const tm_contraction c = tm_view_contraction(problem);
    const int64_t m = c.view.m, n = c.view.n;
    for (int64_t row = first; row < first + count;) {
        tile at = {.batch = row / m, .row = row % m};
        at.rows = tm_least(tm_least(TILE, first + count - row), m - at.row);
        for (at.column = 0; at.column < n; at.column += TILE) {
            at.columns = tm_least(TILE, n - at.column);
            fill_tile(problem, &c, &at, into + (row - first) * n + at.column, n, scratch);
        }
        row += at.rows;
    }
}
