/* What the kernel tests share: memory whose end is the end of the address space as far as a kernel can tell, numbers of
 * several kinds, and comparisons that a NaN cannot pass. */
#ifndef TM_TESTS_KERNEL_TEST_H
#define TM_TESTS_KERNEL_TEST_H

#include "native/kernels/kernels.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define U            0x1p-24 /* unit round-off of float32 */

typedef struct kernel_case {
    const char *name;
    const tm_kernels *portable, *tried;
    size_t slot;     /* offset within tm_kernels */
    size_t isa_slot; /* offset of where the slot comes from */
    tm_isa isa;
    void (*test)(const struct kernel_case *);
} kernel_case;

#define KERNEL(type, table) (*(const type *)(const void *)((const char *)(table) + c->slot))

static const int64_t edge_sizes[] = {0,  1,  2,  3,  4,  5,  7,   8,   9,   15,   16,   17,   31,
                                     32, 33, 47, 63, 64, 65, 127, 128, 129, 1000, 1023, 1024, 1025};

/* Memory with an unreadable page right behind its last byte and one before its first page. */
typedef struct guarded {
    void *data;
    void *map;
    size_t map_bytes;
} guarded;

static guarded guarded_new(size_t bytes)
{
    const size_t page = 4096, body = (bytes + page - 1) / page * page;
    guarded g = {.map_bytes = body + 2 * page};
    g.map = mmap(NULL, g.map_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(g.map != MAP_FAILED);
    char *first = (char *)g.map + page;
    if (body > 0) assert_int_equal(mprotect(first, body, PROT_READ | PROT_WRITE), 0);
    g.data = first + (body - bytes);
    return g;
}

static void guarded_free(guarded *g)
{
    munmap(g->map, g->map_bytes);
}

typedef enum value_kind { NORMAL, WIDE, SPECIAL, VALUE_KINDS } value_kind;

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static double uniform(uint64_t *state)
{
    return (double)(next_random(state) >> 11) * 0x1p-53;
}

static float some_value(value_kind kind, uint64_t *state)
{
    static const float special[] = {0.0f,      -0.0f,      INFINITY,  -INFINITY, NAN,   -NAN,   FLT_MAX, -FLT_MAX,
                                    0x1p-149f, -0x1p-149f, 0x1p-126f, -1e-40f,   88.8f, -87.4f, -103.9f, 1e-8f};
    const double u = uniform(state);
    if (kind == SPECIAL && u < 0.25) return special[next_random(state) % COUNT(special)];
    const double sign = next_random(state) & 1 ? 1.0 : -1.0;
    if (kind == WIDE) return (float)(sign * exp2(60.0 * u - 50.0));
    return (float)(sign * 4.0 * u * u);
}

static void fill_values(float *x, int64_t n, value_kind kind, uint64_t seed)
{
    uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
    for (int64_t i = 0; i < n; i++) x[i] = some_value(kind, &state);
}

static guarded guarded_values(int64_t n, value_kind kind, uint64_t seed)
{
    guarded g = guarded_new((size_t)n * sizeof(float));
    fill_values(g.data, n, kind, seed);
    return g;
}

static bool same_number(float a, float b)
{
    return a == b || (isnan(a) && isnan(b));
}

/* Largest |got - want| / (u size), leaving out what is below the normal numbers; INFINITY if one is NaN or infinite and
 * the other is not the same. */
static double error_of(float got, float want, double size)
{
    if (same_number(got, want)) return 0.0;
    if (!isfinite(got) || !isfinite(want)) return INFINITY;
    const double difference = fabs((double)got - (double)want) - 0x1p-125;
    if (difference <= 0.0) return 0.0;
    return size > 0.0 ? difference / (U * size) : INFINITY;
}

/* Fails unless `error` is at most `most` (a NaN fails). */
static void check_error(const kernel_case *c, double error, double most, int64_t n, int64_t i)
{
    if (error <= most) return;
    fail_msg("%s: size %lld, element %lld: error %g, allowed %g", c->name, (long long)n, (long long)i, error, most);
}

#endif
