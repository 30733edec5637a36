/* Streams of 16-byte vectors in the compiler's own vector type, so that any CPU has a figure; the C library's copy,
 * which on some machines knows better than any loop. There is no portable non-temporal store: STREAM is a plain one. */
#include <stdint.h>
#include <string.h>

typedef uint64_t words __attribute__((vector_size(16), may_alias));
typedef float floats __attribute__((vector_size(16), may_alias));

#define VECTOR       words
#define LOAD(p)      (*(const words *)(const void *)(p))
#define STORE(p, v)  (*(words *)(void *)(p) = (v))
#define STREAM(p, v) STORE(p, v)
#define FENCE()      ((void)0)
#define MIX(a, b)    ((a) ^ (b))
#define ADD(a, b)    ((words)((floats)(a) + (floats)(b)))
#define FOLD(v)      ((v)[0] | (v)[1])
#include "measure/kernels/stream.h"

static uint64_t copy_library(void *data, size_t bytes)
{
    memcpy((char *)data + bytes / 2, data, bytes / 2);
    return 0;
}

/* Like copy_library, the processor's own way for what is large. */
static uint64_t write_library(void *data, size_t bytes)
{
    memset(data, 1, bytes);
    return 0;
}

enum { CHAINS = 10 };

/* Multiply and add as two operations, as the baseline of x86-64 has them; two flop all the same. */
static double multiply_add(int64_t rounds)
{
    const floats factor = {0.999f, 0.999f, 0.999f, 0.999f}, term = {0.001f, 0.001f, 0.001f, 0.001f};
    floats sum[CHAINS];
#pragma GCC unroll 10
    for (int k = 0; k < CHAINS; k++) sum[k] = (floats){(float)k, 1.0f, 2.0f, 3.0f};
    for (int64_t i = 0; i < rounds; i++) {
#pragma GCC unroll 10
        for (int k = 0; k < CHAINS; k++) sum[k] = sum[k] * factor + term;
    }
#pragma GCC unroll 10
    for (int k = 1; k < CHAINS; k++) sum[0] += sum[k];
    return (double)(sum[0][0] + sum[0][3]);
}

const tm_probe tm_probes_portable[] = {{"copy by the C library", TM_PROBE_COPY, 0, copy_library, 0, 0},
                                       {"write by the C library", TM_PROBE_WRITE, 1, write_library, 0, 0},
                                       STREAM_PROBES("portable"),
                                       {"multiply-add portable", TM_PROBE_F32, 0, 0, multiply_add, 2.0 * 4 * CHAINS},
                                       {0}};
