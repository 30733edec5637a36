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

/* Sum over i of -(t ln p + (1-t) ln(1-p)), each logarithm clamped at -100; accurate to float64 rounding of the terms. */
typedef double (*tm_bce_kernel)(const float *p, const float *t, int64_t n);

/* Sum of n elements, with the accuracy of pairwise or compensated summation (error well under 1 u sqrt(n) norm2). */
typedef double (*tm_sum_kernel)(const float *x, int64_t n);

/* Index of the first maximum; a NaN counts as the maximum, the first one wins. n >= 1. */
typedef int64_t (*tm_argmax_kernel)(const float *x, int64_t n);

/* Columns: element (i, c) is x[i * stride + c], 0 <= i < length, 0 <= c < columns. Sums write y[c]; softmax writes the
 * same place in y (same stride). */
typedef void (*tm_columns_kernel)(const float *x, float *y, int64_t length, int64_t stride, int64_t columns);
typedef void (*tm_argmax_columns_kernel)(const float *x, int64_t *y, int64_t length, int64_t stride, int64_t columns);

/* Contiguous rows of `length`, one after the other. */
typedef void (*tm_rows_kernel)(const float *x, float *y, int64_t rows, int64_t length, bool stream);

/* One part of a long row: its maximum, and the sum of exp(x - max). Parts are merged by the planner, then applied:
 * y = exp(x - max) * scale. NaN in x makes both NaN. */
typedef void (*tm_softmax_part_kernel)(const float *x, int64_t n, float *max, double *sum);
typedef void (*tm_softmax_apply_kernel)(const float *x, float *y, int64_t n, float max, float scale, bool stream);

typedef void (*tm_layer_norm_kernel)(const float *x, const float *scale, const float *shift, float *y, int64_t rows,
                                     int64_t length, float eps, bool stream);

/* Ascending, NaN last; -0 and +0 are equal. `scratch` holds n floats. x == y is allowed. */
typedef void (*tm_sort_kernel)(const float *x, float *y, int64_t n, float *scratch);
/* Each of `columns` columns by itself; `scratch` holds tm_sort_columns_scratch(length) floats. */
typedef void (*tm_sort_columns_kernel)(const float *x, float *y, int64_t length, int64_t stride, int64_t columns,
                                       float *scratch);
static inline int64_t tm_sort_columns_scratch(int64_t length) { return (2 * length + 64) * 64; }

/* y[i] += x[i], or y[i] = max(y[i], x[i]) with NaN winning. */
typedef void (*tm_accumulate_kernel)(float *y, const float *x, int64_t n);

typedef void (*tm_widen_kernel)(const uint16_t *x, float *y, int64_t n);
typedef void (*tm_narrow_kernel)(const float *x, uint16_t *y, int64_t n); /* round to nearest even */

/* The pieces of a packed GEMM, C (m x n) = A (m x k) B (k x n) [+ bias]: see gemm.c. A is packed in panels of `mr` rows (k
 * major, zero-padded), B in panels of `nr` columns. `tile` computes one mr x nr tile, of which only `rows` x `columns` are
 * stored: C = (accumulate ? C : bias or 0) + A B. */
typedef struct tm_gemm_kernels {
    int32_t mr, nr;
    void (*pack_a)(const float *a, int64_t row_stride, int64_t column_stride, int64_t rows, int64_t k, float *packed);
    void (*pack_b)(const float *b, int64_t row_stride, int64_t column_stride, int64_t k, int64_t columns,
                   float *packed);
    void (*tile)(const float *packed_a, const float *packed_b, int64_t k, float *c, int64_t c_stride, int32_t rows,
                 int32_t columns, const float *bias, bool accumulate, bool stream);
} tm_gemm_kernels;

typedef enum tm_isa { TM_ISA_portable = 0, TM_ISA_avx2 = 1, TM_ISA_avx512 = 2, TM_ISA_COUNT } tm_isa;

typedef struct tm_kernels {
#define TM_SLOT(name, type) type name;
#include "kernels.def"
    /* Where each slot comes from, in the order of kernels.def: proves which path a program runs. */
    struct {
#define TM_SLOT(name, type) tm_isa name;
#include "kernels.def"
    } isa;
} tm_kernels;

/* The table for `isa`: portable everywhere, overridden by every instruction set up to `isa`. Filled once per process,
 * never freed. NULL if this build or CPU does not have it. */
const tm_kernels *tm_kernels_for(tm_isa isa);

const char *tm_isa_name(tm_isa isa);

#endif
