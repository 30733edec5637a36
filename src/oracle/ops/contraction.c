/* matmul, linear, conv1d, conv2d: each result is a sum of k products, S = sqrt(k) times the norm of the products.
 *
 * The innermost loop runs over the results of one row, so that no sum is reordered and the compiler can use vectors. */
#include "oracle/problem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 64, ROWS = 8, NARROW_BLOCK = 256, DEPTH = 64, PIXEL_BLOCK = 2048 };
static const double ns_per_product = 0.4;

tm_contraction tm_view_contraction(const tm_problem *problem)
{
    const tm_source *in = problem->in;
    tm_contraction c = {.a = &in[0], .b = &in[1]};
    if (problem->op == TM_OP_matmul) {
        c.view = tm_view_matmul(&in[0].shape, &in[1].shape);
        return c;
    }
    const int32_t rank = in[0].shape.rank;
    c.bias = &in[2];
    c.view = (tm_matmul_view){.batch = 1, .m = 1, .k = in[1].shape.dim[0], .n = in[1].shape.dim[1]};
    for (int32_t i = 0; i < rank - 1; i++) c.view.m *= in[0].shape.dim[i];
    return c;
}

int64_t tm_contraction_a(const tm_contraction *c, int64_t batch)
{
    return c->bias ? 0 : tm_matmul_batch_a(&c->a->shape, &c->b->shape, batch) * c->view.m * c->view.k;
}

int64_t tm_contraction_b(const tm_contraction *c, int64_t batch)
{
    return c->bias ? 0 : tm_matmul_batch_b(&c->a->shape, &c->b->shape, batch) * c->view.k * c->view.n;
}

/* Narrow results take several rows at a time, so that the right-hand side is read less often. */
static int64_t rows_per_unit(int64_t n)
{
    return n < COLUMNS ? tm_most(1, tm_least(ROWS, NARROW_BLOCK / tm_most(n, 1))) : 1;
}

static void product_layout(const tm_problem *problem, tm_layout *into)
{
    const tm_matmul_view v = tm_view_contraction(problem).view;
    const int64_t rows = rows_per_unit(v.n);
    const size_t scratch = DEPTH * (size_t)(tm_least(v.n, COLUMNS) + 1);
    if (v.n < COLUMNS)
        tm_layout_blocks(into, v.batch, v.m * v.n, rows * tm_most(v.n, 1), scratch);
    else
        tm_layout_blocks(into, v.batch * v.m, v.n, COLUMNS, scratch);
    const double narrow = 8 / (double)tm_most(1, tm_least(v.n, 8)); /* vectors are not filled */
    into->cost_ns = (double)(v.batch * v.m * v.n) * (10 + (double)v.k * ns_per_product * narrow);
}

/* want = A B (+ bias), size = sqrt(k) norm of the products; the unit is `rows` rows by `columns` columns of a batch. */
static void oracle_product(const tm_problem *problem, const tm_unit *unit, double *want, double *size, double *scratch)
{
    const tm_contraction c = tm_view_contraction(problem);
    const tm_matmul_view v = c.view;
    const int64_t row = unit->base / v.n, column = unit->base % v.n; /* rows counted over all batches */
    const int64_t batch = row / v.m,
                  columns = tm_least(v.n, COLUMNS) < unit->count ? tm_least(v.n, COLUMNS) : unit->count;
    const int64_t rows = unit->count / columns;
    const int64_t a = tm_contraction_a(&c, batch) + row % v.m * v.k, b = tm_contraction_b(&c, batch) + column;
    double *right = scratch, *left = scratch + DEPTH * columns;

    memset(want, 0, (size_t)unit->count * sizeof *want);
    memset(size, 0, (size_t)unit->count * sizeof *size);
    for (int64_t at = 0; at < v.k; at += DEPTH) {
        const int64_t depth = tm_least(DEPTH, v.k - at);
        for (int64_t k = 0; k < depth; k++) tm_source_read(c.b, b + (at + k) * v.n, columns, 1, right + k * columns);
        for (int64_t i = 0; i < rows; i++) {
            tm_source_read(c.a, a + i * v.k + at, depth, 1, left);
            for (int64_t k = 0; k < depth; k++) {
                tm_accumulate(left[k], right + k * columns, columns, want + i * columns, size + i * columns);
            }
        }
    }
    if (c.bias) tm_source_read(c.bias, column, columns, 1, right);
    for (int64_t i = 0; i < unit->count; i++) {
        const double bias = c.bias ? right[i % columns] : 0;
        want[i] += bias;
        size[i] = sqrt((double)(v.k + (c.bias != NULL)) * (size[i] + bias * bias));
    }
}

tm_convolution tm_view_convolution(const tm_problem *problem)
{
    const int64_t *x = problem->in[0].shape.dim, *w = problem->in[1].shape.dim;
    tm_convolution v = {.n = x[0], .o = w[0], .h = 1, .kh = 1};
    if (problem->in[0].shape.rank == 4) {
        v.h = x[1], v.w = x[2], v.c = x[3], v.kh = w[1], v.kw = w[2];
    } else {
        v.w = x[1], v.c = x[2], v.kw = w[1];
    }
    v.oh = v.h - v.kh + 1;
    v.ow = v.w - v.kw + 1;
    return v;
}

static int64_t pixels_per_unit(const tm_convolution *v)
{
    return tm_most(1, tm_least(v->ow, PIXEL_BLOCK / tm_most(v->o, 1)));
}

static void convolution_layout(const tm_problem *problem, tm_layout *into)
{
    const tm_convolution v = tm_view_convolution(problem);
    const int64_t pixels = pixels_per_unit(&v);
    tm_layout_blocks(into, v.n * v.oh, v.ow * v.o, pixels * v.o, (size_t)(v.kh * (pixels + v.kw - 1) * v.c));
    into->cost_ns = (double)tm_shape_elements(&problem->result) * (10 + (double)(v.kh * v.kw * v.c) * ns_per_product);
}

/* The weights in float64 with the output channel innermost. */
static tm_status convolution_prepare(tm_problem *problem, tm_error *error)
{
    const tm_convolution v = tm_view_convolution(problem);
    const int64_t taps = v.kh * v.kw * v.c;
    double *weights = malloc((size_t)(taps * v.o + 1) * sizeof *weights);
    if (!weights) return tm_fail_memory(error, "the oracle's convolution weights");
    for (int64_t tap = 0; tap < taps; tap++) {
        tm_source_read(&problem->in[1], tap, v.o, taps, weights + tap * v.o);
    }
    problem->prepared = weights;
    return TM_OK;
}

static void oracle_convolution(const tm_problem *problem, const tm_unit *unit, double *want, double *size,
                               double *scratch)
{
    const tm_convolution v = tm_view_convolution(problem);
    const int64_t image = unit->row / v.oh, top = unit->row % v.oh, left = unit->first / v.o;
    const int64_t pixels = unit->count / v.o, span = v.kw * v.c, width = (pixels + v.kw - 1) * v.c;
    const double *weights = problem->prepared;
    for (int64_t i = 0; i < v.kh; i++) {
        const int64_t first = ((image * v.h + top + i) * v.w + left) * v.c;
        tm_source_read(&problem->in[0], first, width, 1, scratch + i * width);
    }
    memset(want, 0, (size_t)unit->count * sizeof *want);
    memset(size, 0, (size_t)unit->count * sizeof *size);
    for (int64_t pixel = 0; pixel < pixels; pixel++) {
        for (int64_t i = 0; i < v.kh; i++) {
            const double *x = scratch + i * width + pixel * v.c;
            for (int64_t t = 0; t < span; t++) {
                tm_accumulate(x[t], weights + (i * span + t) * v.o, v.o, want + pixel * v.o, size + pixel * v.o);
            }
        }
    }
    for (int64_t i = 0; i < unit->count; i++) size[i] = sqrt((double)(v.kh * span) * size[i]);
}

const tm_oracle_op tm_oracle_matmul = {
    .layout = product_layout, .unit = oracle_product, .rows = tm_product_rows, .sized = true};
const tm_oracle_op tm_oracle_linear = {
    .layout = product_layout, .unit = oracle_product, .rows = tm_product_rows, .sized = true};
const tm_oracle_op tm_oracle_conv1d = {
    .layout = convolution_layout, .unit = oracle_convolution, .prepare = convolution_prepare, .sized = true};
const tm_oracle_op tm_oracle_conv2d = {
    .layout = convolution_layout, .unit = oracle_convolution, .prepare = convolution_prepare, .sized = true};
