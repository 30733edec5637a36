/* A BLAS of plain loops, in the variants that CMakeLists.txt builds: INTEGER is the type of its sizes, PREFIX and
 * SUFFIX are around the names of its functions. It knows only what the backend asks for: row-major matrices as they
 * are, and vectors with steps of one. A thing it is not made for ends the process. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define GLUE(prefix, name, suffix)  prefix##name##suffix
#define SPELL(prefix, name, suffix) GLUE(prefix, name, suffix)
#define EXPORTED(name)              SPELL(PREFIX, name, SUFFIX)

enum { row_major = 101, as_it_is = 111, transposed = 112 };

const char *EXPORTED(openblas_get_config)(void);
void EXPORTED(openblas_set_num_threads)(int threads);
int EXPORTED(openblas_get_num_threads)(void);
float EXPORTED(cblas_sasum)(INTEGER n, const float *x, INTEGER step);
void EXPORTED(cblas_sgemm)(int order, int ta, int tb, INTEGER m, INTEGER n, INTEGER k, float alpha, const float *a,
                           INTEGER lda, const float *b, INTEGER ldb, float beta, float *c, INTEGER ldc);
void EXPORTED(cblas_sgemv)(int order, int transpose, INTEGER m, INTEGER n, float alpha, const float *a, INTEGER lda,
                           const float *x, INTEGER incx, float beta, float *y, INTEGER incy);

static int own_threads = 1;

const char *EXPORTED(openblas_get_config)(void)
{
    return "OpenBLAS 0.0.1 a test double";
}

void EXPORTED(openblas_set_num_threads)(int threads)
{
    own_threads = threads;
}

int EXPORTED(openblas_get_num_threads)(void)
{
    return own_threads;
}

float EXPORTED(cblas_sasum)(INTEGER n, const float *x, INTEGER step)
{
    float sum = 0;
    for (INTEGER i = 0; i < n; i++) sum += x[i * step] < 0 ? -x[i * step] : x[i * step];
    return sum;
}

static void check(int all_well)
{
    if (!all_well) abort();
}

static float sum_of_products(const float *a, INTEGER a_step, const float *b, INTEGER b_step, INTEGER count)
{
    double sum = 0;
    for (INTEGER i = 0; i < count; i++) sum += (double)a[i * a_step] * (double)b[i * b_step];
    return (float)sum;
}

void EXPORTED(cblas_sgemm)(int order, int ta, int tb, INTEGER m, INTEGER n, INTEGER k, float alpha, const float *a,
                           INTEGER lda, const float *b, INTEGER ldb, float beta, float *c, INTEGER ldc)
{
    check(order == row_major && ta == as_it_is && tb == as_it_is && alpha == 1 && lda >= (k > 1 ? k : 1) && ldb >= n);
    for (INTEGER i = 0; i < m; i++) {
        for (INTEGER j = 0; j < n; j++) {
            const float before = beta == 0 ? 0 : c[i * ldc + j];
            c[i * ldc + j] = before + sum_of_products(a + i * lda, 1, b + j, ldb, k);
        }
    }
}

void EXPORTED(cblas_sgemv)(int order, int transpose, INTEGER m, INTEGER n, float alpha, const float *a, INTEGER lda,
                           const float *x, INTEGER incx, float beta, float *y, INTEGER incy)
{
    check(order == row_major && alpha == 1 && incx == 1 && incy == 1 && lda >= n && m > 0 && n > 0);
    const INTEGER results = transpose == transposed ? n : m, terms = transpose == transposed ? m : n;
    for (INTEGER i = 0; i < results; i++) {
        const float *from = transpose == transposed ? a + i : a + i * lda;
        y[i] = (beta == 0 ? 0 : y[i]) + sum_of_products(from, transpose == transposed ? lda : 1, x, 1, terms);
    }
}

#ifdef HAS_BATCH
void EXPORTED(cblas_sgemm_batch)(int order, const int *ta, const int *tb, const INTEGER *m, const INTEGER *n,
                                 const INTEGER *k, const float *alpha, const float **a, const INTEGER *lda,
                                 const float **b, const INTEGER *ldb, const float *beta, float **c, const INTEGER *ldc,
                                 INTEGER groups, const INTEGER *group_sizes);

void EXPORTED(cblas_sgemm_batch)(int order, const int *ta, const int *tb, const INTEGER *m, const INTEGER *n,
                                 const INTEGER *k, const float *alpha, const float **a, const INTEGER *lda,
                                 const float **b, const INTEGER *ldb, const float *beta, float **c, const INTEGER *ldc,
                                 INTEGER groups, const INTEGER *group_sizes)
{
    check(groups == 1);
    for (INTEGER i = 0; i < group_sizes[0]; i++) {
        EXPORTED(cblas_sgemm)(order, *ta, *tb, *m, *n, *k, *alpha, a[i], *lda, b[i], *ldb, *beta, c[i], *ldc);
    }
}
#else
void EXPORTED(cblas_sbf16tos)(INTEGER n, const uint16_t *in, INTEGER incin, float *out, INTEGER incout);
void EXPORTED(cblas_sbstobf16)(INTEGER n, const float *in, INTEGER incin, uint16_t *out, INTEGER incout);
void EXPORTED(cblas_sbgemm)(int order, int ta, int tb, INTEGER m, INTEGER n, INTEGER k, float alpha, const uint16_t *a,
                            INTEGER lda, const uint16_t *b, INTEGER ldb, float beta, float *c, INTEGER ldc);

void EXPORTED(cblas_sbf16tos)(INTEGER n, const uint16_t *in, INTEGER incin, float *out, INTEGER incout)
{
    for (INTEGER i = 0; i < n; i++) {
        const uint32_t bits = (uint32_t)in[i * incin] << 16;
        memcpy(out + i * incout, &bits, sizeof bits);
    }
}

void EXPORTED(cblas_sbstobf16)(INTEGER n, const float *in, INTEGER incin, uint16_t *out, INTEGER incout)
{
    for (INTEGER i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, in + i * incin, sizeof bits);
        out[i * incout] = (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
    }
}

void EXPORTED(cblas_sbgemm)(int order, int ta, int tb, INTEGER m, INTEGER n, INTEGER k, float alpha, const uint16_t *a,
                            INTEGER lda, const uint16_t *b, INTEGER ldb, float beta, float *c, INTEGER ldc)
{
    check(order == row_major && ta == as_it_is && tb == as_it_is && alpha == 1 && lda >= (k > 1 ? k : 1) && ldb >= n);
    for (INTEGER i = 0; i < m; i++) {
        for (INTEGER j = 0; j < n; j++) {
            double sum = 0;
            for (INTEGER l = 0; l < k; l++) {
                float left, right;
                EXPORTED(cblas_sbf16tos)(1, a + i * lda + l, 1, &left, 1);
                EXPORTED(cblas_sbf16tos)(1, b + l * ldb + j, 1, &right, 1);
                sum += (double)left * (double)right;
            }
            c[i * ldc + j] = (beta == 0 ? 0 : c[i * ldc + j]) + (float)sum;
        }
    }
}
#endif
