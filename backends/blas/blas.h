/* Any library with the C interface of BLAS, as its users call it. library.c finds and names it, calls.c calls it,
 * plan.c turns a graph into products, blas.c is the backend's table. */
#ifndef TM_BLAS_H
#define TM_BLAS_H

#include "../common/adapter.h"

/* The functions used, for libraries whose integers have 32 bits and for those that have 64. Of `sgemm` on, all but the
 * first two may be missing. bfloat16 values are their bits. */
#define TM_BLAS_FUNCTIONS(X, INTEGER)                                                                                  \
    X(sgemm, (int order, int transpose_a, int transpose_b, INTEGER m, INTEGER n, INTEGER k, float alpha,               \
              const float *a, INTEGER lda, const float *b, INTEGER ldb, float beta, float *c, INTEGER ldc))            \
    X(sgemv, (int order, int transpose, INTEGER m, INTEGER n, float alpha, const float *a, INTEGER lda,                \
              const float *x, INTEGER incx, float beta, float *y, INTEGER incy))                                       \
    X(sgemm_batch,                                                                                                     \
      (int order, const int *transpose_a, const int *transpose_b, const INTEGER *m, const INTEGER *n,                  \
       const INTEGER *k, const float *alpha, const float **a, const INTEGER *lda, const float **b, const INTEGER *ldb, \
       const float *beta, float **c, const INTEGER *ldc, INTEGER groups, const INTEGER *group_sizes))                  \
    X(sbgemm, (int order, int transpose_a, int transpose_b, INTEGER m, INTEGER n, INTEGER k, float alpha,              \
               const uint16_t *a, INTEGER lda, const uint16_t *b, INTEGER ldb, float beta, float *c, INTEGER ldc))     \
    X(sbstobf16, (INTEGER n, const float *in, INTEGER incin, uint16_t *out, INTEGER incout))                           \
    X(sbf16tos, (INTEGER n, const uint16_t *in, INTEGER incin, float *out, INTEGER incout))

#define TM_BLAS_MEMBER(name, parameters) void(*name) parameters;
typedef struct tm_blas_narrow {
    TM_BLAS_FUNCTIONS(TM_BLAS_MEMBER, int)
} tm_blas_narrow;
typedef struct tm_blas_wide {
    TM_BLAS_FUNCTIONS(TM_BLAS_MEMBER, int64_t)
} tm_blas_wide;
#undef TM_BLAS_MEMBER

typedef struct tm_blas {
    void *library;
    char path[PATH_MAX];
    char name[64];       /* "OpenBLAS 0.3.21 (SkylakeX)" */
    const char *threads; /* of the label THREADS=..., where the number asked for could not be set; NULL where it was */
    char prefix[8], suffix[4]; /* around the names of functions: "scipy_", "64_" */
    bool is_wide;              /* its integers have 64 bits */
    tm_blas_narrow narrow;
    tm_blas_wide wide;
} tm_blas;

/* c = a b, `batch` times: a[m,k], b[k,n], c[m,n], dense, the c's behind each other. */
typedef struct tm_blas_product {
    tm_dtype dtype;
    bool has_bias;    /* c = a b + bias, in every row */
    bool in_one_call; /* by sgemm_batch */
    int64_t m, n, k, batch;
    int32_t a, b, bias, c; /* values of the graph */
    size_t *a_at, *b_at;   /* of each product of the batch, in elements */
    float *wide_c;         /* bfloat16: c before it is rounded */
    const void **pointer;  /* slots x 3 x batch, for sgemm_batch: a's, b's, c's */
} tm_blas_product;

/* ---- library.c ---- */

/* TM_UNSUPPORTED where there is no library, or it is not one that can be used. */
tm_status tm_blas_load(const char *location, tm_blas *into, tm_error *error);

/* Binds its threads, and reads the number back. */
tm_status tm_blas_set_threads(tm_blas *blas, int32_t threads, tm_error *error);

bool tm_blas_has_batch(const tm_blas *blas);
bool tm_blas_has_bf16(const tm_blas *blas);

/* ---- calls.c ---- */

/* Executes the product on these operands. `slot` tells which of its pointers are used. */
void tm_blas_multiply(const tm_blas *blas, const tm_blas_product *product, int32_t slot, const void *a, const void *b,
                      const void *bias, void *c);

/* ---- plan.c ---- */

/* The product of a node. TM_UNSUPPORTED with the reason; what `into` holds is freed by tm_blas_product_free, after a
 * failure, too. With slots == 0 nothing is allocated: a question whether it could be. */
tm_status tm_blas_plan(const tm_blas *blas, const tm_host *host, const tm_graph *graph, int32_t node, int32_t slots,
                       tm_blas_product *into, tm_error *error);
void tm_blas_product_free(tm_blas_product *product);

#endif
