/* What a kernel may be, and the table of the ones in use.
 *
 * Kernels run on one thread, on the share the planner gives them. They allocate nothing, keep nothing, and accept any
 * length >= 0 and any alignment of at least 4 bytes unless said otherwise. `stream` asks for non-temporal stores where
 * the address allows; the caller issues the fence (tm_store_fence in engine code) before it reports completion.
 * Results are the same whatever the thread count unless said otherwise. */
#ifndef TM_NATIVE_KERNELS_H
#define TM_NATIVE_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* y[i] = f(x[i], parameter), 0 <= i < n; x == y is allowed. */
typedef void (*tm_map_kernel)(const float *x, float *y, int64_t n, float parameter, bool stream);

/* y[i] = f(a[i], b[i]), 0 <= i < n; y may be a or b. */
typedef void (*tm_pair_kernel)(const float *a, const float *b, float *y, int64_t n, bool stream);

/* Sum over i of -(t ln p + (1-t) ln(1-p)), each logarithm clamped at -100; accurate to float64 rounding of the terms.
 */
typedef double (*tm_bce_kernel)(const float *p, const float *t, int64_t n);

/* Sum of n elements, with the accuracy of pairwise or compensated summation (error well under 1 u sqrt(n) norm2). */
typedef double (*tm_sum_kernel)(const float *x, int64_t n);

/* y[r] is the index of the first maximum of row r, length >= 1; a NaN counts as the maximum, the first one wins. */
typedef void (*tm_argmax_kernel)(const float *x, int64_t *y, int64_t rows, int64_t length);

/* Columns: element (i, c) is x[i * stride + c], 0 <= i < length, 0 <= c < columns. Sums write y[c]; softmax writes the
 * same place in y (same stride). */
typedef void (*tm_columns_kernel)(const float *x, float *y, int64_t length, int64_t stride, int64_t columns);
typedef void (*tm_argmax_columns_kernel)(const float *x, int64_t *y, int64_t length, int64_t stride, int64_t columns);

/* Contiguous rows of `length`, one after the other. */
typedef void (*tm_rows_kernel)(const float *x, float *y, int64_t rows, int64_t length, bool stream);

/* One part of a long row: its maximum, and the sum of exp(x - max). Parts are merged by the planner, then applied:
 * y = exp(x - max) * scale. NaN in x makes both NaN; no elements, or only -inf, give max = -inf and sum = 0. */
typedef void (*tm_softmax_part_kernel)(const float *x, int64_t n, float *max, double *sum);
typedef void (*tm_softmax_apply_kernel)(const float *x, float *y, int64_t n, float max, float scale, bool stream);

typedef void (*tm_layer_norm_kernel)(const float *x, const float *scale, const float *shift, float *y, int64_t rows,
                                     int64_t length, float eps, bool stream);

/* Ascending, NaN last; -0 and +0 are equal. `scratch` holds n floats. x == y is allowed. */
typedef void (*tm_sort_kernel)(const float *x, float *y, int64_t n, float *scratch);
/* Each of `columns` columns by itself; `scratch` holds tm_sort_columns_scratch(length) floats. */
typedef void (*tm_sort_columns_kernel)(const float *x, float *y, int64_t length, int64_t stride, int64_t columns,
                                       float *scratch);
static inline int64_t tm_sort_columns_scratch(int64_t length)
{
    return (2 * length + 64) * 64;
}

/* y[i] += x[i], or y[i] = max(y[i], x[i]) with NaN winning. */
typedef void (*tm_accumulate_kernel)(float *y, const float *x, int64_t n);

typedef void (*tm_widen_kernel)(const uint16_t *x, float *y, int64_t n);
/* Rounded to nearest even. */
typedef void (*tm_narrow_kernel)(const float *x, uint16_t *y, int64_t n, bool stream);

/* C (rows x columns) = A B [+ bias] [+ C], A in place or packed. Strides are in floats. Element (i, p) of segment g of
 * A is a[g * a_segment + i * a_row + p * a_step]; the contraction runs over `segments` times `k`, and B's rows follow
 * each other through all segments (a plain product has one; a convolution has one per row of its window). b_panel = 0:
 * B is in place, row p at b + p * b_row. Otherwise B is packed in panels of nr columns (b_row = nr), zero-padded,
 * b_panel floats apart. Nothing outside rows and columns is read of A, of B in place, or written. */
typedef struct tm_gemm_strip {
    const float *a;
    int64_t a_row, a_step, a_segment, segments, k;
    const float *b;
    int64_t b_row, b_panel;
    float *c;
    int64_t c_row;
    int32_t rows; /* 1..mr */
    int64_t columns;
    const float *bias; /* one per column, or NULL */
    bool accumulate, stream;
    const float *ahead; /* the A (a_row apart) that comes next, to be prefetched meanwhile; or NULL */
    const float *more;  /* prefetched too, more_step floats with each step of k; or NULL */
    int64_t more_step;
} tm_gemm_strip;

/* C (rows x columns) = scale A B^T [+ bias] [+ C] where the contraction is contiguous in both. */
typedef struct tm_gemm_dot {
    const float *a;
    int64_t a_row, a_segment;
    const float *b;
    int64_t b_row, b_segment;
    int64_t segments, k;
    float *c;
    int64_t c_row, rows, columns;
    const float *bias;
    float scale;
    bool accumulate;
    const float *ahead; /* what comes next, to be prefetched meanwhile, ahead_step (at most 32) floats with each vector
                         * of the contraction of each block; or NULL */
    int64_t ahead_step;
} tm_gemm_dot;

/* mr, nr: the largest tile; width: floats per vector; dot_rows, dot_columns: the block of dot products. */
typedef struct tm_gemm_kernels {
    int32_t mr, nr, width, dot_rows, dot_columns;
    void (*strip)(const tm_gemm_strip *);
    void (*dot)(const tm_gemm_dot *);
} tm_gemm_kernels;

/* How many steps of `ahead` a dot product makes, at least. */
static inline int64_t tm_gemm_dot_steps(const tm_gemm_dot *dot, const tm_gemm_kernels *gemm)
{
    const int64_t down = (dot->rows + gemm->dot_rows - 1) / gemm->dot_rows;
    const int64_t across = (dot->columns + gemm->dot_columns / 2 - 1) / gemm->dot_columns;
    return down * across * dot->segments * (dot->k / gemm->width);
}

/* Attention of `queries` rows of q to one head's keys and values, all rows contiguous. Query i sees the first
 * visible[i] keys; visible never falls. scores: weights[i * pitch + j] = scale q_i . k_j for every visible pair, and
 * something for other j below the greatest of `visible`. blend: y's row i = the sum over visible j of
 * weights[i * pitch + j] v_j; a query that sees none gives zeros. Keys and values that no query sees are not read.
 * scale: y = factor x, n floats. */
typedef struct tm_attend {
    const float *q, *k, *v;
    float *y;
    int64_t size, value_size, queries; /* of rows of q and k, of v and y */
    const int64_t *visible;
    float scale;
    float *weights;
    int64_t pitch;
    bool stream;
    const float *ahead[2], *ahead_end[2]; /* two ranges to be prefetched meanwhile, taken from as that goes on */
} tm_attend;
typedef struct tm_attend_kernels {
    void (*scores)(tm_attend *);
    void (*blend)(tm_attend *);
    void (*scale)(const float *x, float *y, int64_t n, float factor);
} tm_attend_kernels;

/* One output row of a convolution with few filters: lanes run along the pixels. `planes[r]` is row r of the window, one
 * plane per channel, `plane` floats apart, readable for tm_conv_planar_slack floats beyond the input's width. `weights`
 * are [kernel_height][kernel_width][channels][filters]. y[pixel * filters + filter] is written. */
typedef struct tm_conv_planar {
    const float *const *planes;
    int64_t plane;
    int64_t kernel_height, kernel_width, channels;
    const float *weights;
    int32_t filters; /* 1..gemm_f32.width / 2 */
    int64_t width;   /* output pixels */
    float *y;
    bool stream;
    const float *ahead; /* what comes next, to be prefetched meanwhile, ahead_step floats with each channel of each
                         * position of the window */
    int64_t ahead_step;
} tm_conv_planar;
enum { tm_conv_planar_slack = 64 };
typedef void (*tm_conv_planar_kernel)(const tm_conv_planar *);
/* planes[c * plane + i] = x[i * channels + c], 0 <= i < width; may write up to 15 floats more of each plane. */
typedef void (*tm_deinterleave_kernel)(const float *x, int64_t channels, int64_t width, float *planes, int64_t plane);

/* y's row r, y_stride apart, = x's row r, x_stride apart. */
typedef void (*tm_copy_rows_kernel)(const float *x, int64_t x_stride, float *y, int64_t y_stride, int64_t rows,
                                    int64_t length, bool stream);
/* Row e of y = row index[e] of the table; an index outside of it gives a row of zeros. */
typedef void (*tm_gather_rows_kernel)(const float *table, int64_t table_rows, const int64_t *index, float *y,
                                      int64_t rows, int64_t length, bool stream);
/* For e in order: row index[e] - first of y += row e of x (or the greater of both, NaN winning). Indices outside
 * first <= i < last are passed over. */
typedef void (*tm_scatter_rows_kernel)(const float *x, const int64_t *index, int64_t rows, int64_t length, float *y,
                                       int64_t first, int64_t last);

/* C (rows x columns) = A B [+ bias] [+ C] of bfloat16 matrices, summed in float32; subnormal numbers may count as zero.
 * Strides are in elements. B is packed in panels of nr columns, b_panel elements apart. */
typedef struct tm_gemm_bf16_strip {
    const uint16_t *a;
    int64_t a_row, k;
    const uint16_t *b;
    int64_t b_panel;
    void *c; /* bfloat16 if `narrow`, else float32 */
    int64_t c_row;
    int32_t rows; /* 1..mr */
    int64_t columns;
    const float *bias; /* one per column, or NULL */
    bool narrow;
    bool accumulate; /* not with `narrow` */
    bool stream;     /* only with `narrow` */
} tm_gemm_bf16_strip;

/* pack: k rows of B, `row` elements apart, of which `columns` count, as panels of (k + 1) / 2 * 2 * nr elements: for
 * every pair of rows nr pairs, padded with zeros. */
typedef struct tm_gemm_bf16_kernels {
    int32_t mr, nr;
    void (*strip)(const tm_gemm_bf16_strip *);
    void (*pack)(const uint16_t *b, int64_t row, int64_t k, int64_t columns, uint16_t *packed);
} tm_gemm_bf16_kernels;

typedef enum tm_isa {
    TM_ISA_portable = 0,
    TM_ISA_avx2 = 1,
    TM_ISA_avx512 = 2,
    TM_ISA_avx512_bf16 = 3,
    TM_ISA_neon = 4,
    TM_ISA_COUNT
} tm_isa;

typedef struct tm_kernels {
#define TM_SLOT(name, type) type name;
#include "kernels.def"
    /* Where each slot comes from, in the order of kernels.def: proves which path a program runs. */
    struct {
#define TM_SLOT(name, type) tm_isa name;
#include "kernels.def"
    } isa;
} tm_kernels;

/* Prototypes of every kernel. Slots are function pointers, or a struct of them (a gemm): then the kernel is a constant.
 */
#define TM_KERNEL_TYPE(type)                                                                                           \
    __typeof__(*_Generic((type *)0, tm_gemm_kernels *                                                                  \
                         : (const tm_gemm_kernels *)0, tm_gemm_bf16_kernels *                                          \
                         : (const tm_gemm_bf16_kernels *)0, tm_attend_kernels *                                        \
                         : (const tm_attend_kernels *)0, default                                                       \
                         : *(type *)0))
#define TM_SLOT(name, type) extern TM_KERNEL_TYPE(type) tm_##name##__portable;
#include "kernels.def"
#define TM_KERNEL(name, isa) extern __typeof__(tm_##name##__portable) tm_##name##__##isa;
#include "kernels.def"

/* The table for `isa`: portable everywhere, overridden by every instruction set up to `isa`. Filled once per process,
 * never freed. NULL if this build or CPU does not have it. */
const tm_kernels *tm_kernels_for(tm_isa isa);

const char *tm_isa_name(tm_isa isa);

#endif
