/* Streaming patterns, written once. An instruction set's file defines VECTOR, LOAD, STORE, STREAM (non-temporal),
 * FENCE, MIX (any cheap integer operation of two vectors), ADD (of floats) and FOLD (to 64 bits), and includes this.
 * Eight independent accumulators hide the latency of MIX; four streams keep more hardware prefetchers busy than one. */
#include "measure/kernels/probe.h"

enum { WIDE = 8, AHEAD = 2048 };
static const size_t step = WIDE * sizeof(VECTOR);

static uint64_t fold_all(const VECTOR *sum)
{
    VECTOR total = sum[0];
    for (int k = 1; k < WIDE; k++) total = MIX(total, sum[k]);
    return FOLD(total);
}

#define READ_BODY(PREFETCH)                                                                                            \
    const char *from = data;                                                                                           \
    VECTOR sum[WIDE];                                                                                                  \
    for (int k = 0; k < WIDE; k++) sum[k] = LOAD(from);                                                                \
    for (size_t at = 0; at < bytes; at += step) {                                                                      \
        PREFETCH;                                                                                                      \
        _Pragma("GCC unroll 8") for (size_t k = 0; k < WIDE; k++) sum[k] =                                             \
            MIX(sum[k], LOAD(from + at + k * sizeof(VECTOR)));                                                         \
    }                                                                                                                  \
    return fold_all(sum)

#define PREFETCH_STEP                                                                                                  \
    for (size_t line = 0; line < step; line += 64) __builtin_prefetch(from + at + AHEAD + line, 0, 3)

static uint64_t read_plain(void *data, size_t bytes)
{
    READ_BODY((void)0);
}

static uint64_t read_prefetched(void *data, size_t bytes)
{
    READ_BODY(PREFETCH_STEP);
}

static uint64_t read_4_streams(void *data, size_t bytes)
{
    const char *from = data;
    const size_t quarter = bytes / 4;
    VECTOR sum[WIDE];
    for (int k = 0; k < WIDE; k++) sum[k] = LOAD(from);
    for (size_t at = 0; at < quarter; at += 2 * sizeof(VECTOR)) {
#pragma GCC unroll 8
        for (size_t k = 0; k < WIDE; k++) {
            sum[k] = MIX(sum[k], LOAD(from + (k / 2) * quarter + at + (k % 2) * sizeof(VECTOR)));
        }
    }
    return fold_all(sum);
}

#define COPY_BODY(PUT, PREFETCH)                                                                                       \
    const char *from = data;                                                                                           \
    char *to = (char *)data + bytes / 2;                                                                               \
    for (size_t at = 0; at < bytes / 2; at += step) {                                                                  \
        PREFETCH;                                                                                                      \
        VECTOR held[WIDE];                                                                                             \
        _Pragma("GCC unroll 8") for (size_t k = 0; k < WIDE; k++) held[k] = LOAD(from + at + k * sizeof(VECTOR));      \
        _Pragma("GCC unroll 8") for (size_t k = 0; k < WIDE; k++) PUT(to + at + k * sizeof(VECTOR), held[k]);          \
    }                                                                                                                  \
    FENCE();                                                                                                           \
    return 0

static uint64_t copy_plain(void *data, size_t bytes)
{
    COPY_BODY(STORE, (void)0);
}

static uint64_t copy_streamed(void *data, size_t bytes)
{
    COPY_BODY(STREAM, (void)0);
}

static uint64_t copy_streamed_prefetched(void *data, size_t bytes)
{
    COPY_BODY(STREAM, PREFETCH_STEP);
}

/* Two or four places at once, far apart: memory's channels and banks are kept busier than by one. */
#define COPY_APART(PLACES)                                                                                             \
    const size_t part = bytes / 2 / PLACES, each = WIDE / PLACES;                                                      \
    const char *from = data;                                                                                           \
    char *to = (char *)data + bytes / 2;                                                                               \
    for (size_t at = 0; at < part; at += each * sizeof(VECTOR)) {                                                      \
        VECTOR held[WIDE];                                                                                             \
        _Pragma("GCC unroll 8") for (size_t k = 0; k < WIDE; k++) held[k] =                                            \
            LOAD(from + k / each * part + at + k % each * sizeof(VECTOR));                                             \
        _Pragma("GCC unroll 8") for (size_t k = 0; k < WIDE; k++)                                                      \
            STREAM(to + k / each * part + at + k % each * sizeof(VECTOR), held[k]);                                    \
    }                                                                                                                  \
    FENCE();                                                                                                           \
    return 0

static uint64_t copy_streamed_2(void *data, size_t bytes)
{
    COPY_APART(2);
}

static uint64_t copy_streamed_4(void *data, size_t bytes)
{
    COPY_APART(4);
}

/* The same bytes everywhere, which no store can know. */
static uint64_t write_streamed(void *data, size_t bytes)
{
    const VECTOR value = LOAD(data);
    for (size_t at = 0; at < bytes; at += step) {
#pragma GCC unroll 8
        for (size_t k = 0; k < WIDE; k++) STREAM((char *)data + at + k * sizeof(VECTOR), value);
    }
    FENCE();
    return 0;
}

static uint64_t write_streamed_4(void *data, size_t bytes)
{
    const VECTOR value = LOAD(data);
    const size_t quarter = bytes / 4;
    for (size_t at = 0; at < quarter; at += 2 * sizeof(VECTOR)) {
#pragma GCC unroll 8
        for (size_t k = 0; k < WIDE; k++) {
            STREAM((char *)data + (k / 2) * quarter + at + (k % 2) * sizeof(VECTOR), value);
        }
    }
    FENCE();
    return 0;
}

static uint64_t add_plain(void *data, size_t bytes)
{
    const size_t third = bytes / 3;
    const char *a = data, *b = a + third;
    char *to = (char *)data + 2 * third;
    for (size_t at = 0; at < third; at += step) {
#pragma GCC unroll 8
        for (size_t k = 0; k < WIDE; k++) {
            const size_t offset = at + k * sizeof(VECTOR);
            STORE(to + offset, ADD(LOAD(a + offset), LOAD(b + offset)));
        }
    }
    return 0;
}

#define STREAM_PROBES(isa)                                                                                             \
    {"read " isa, TM_PROBE_READ, 0, read_plain, 0, 0},                                                                 \
        {"read prefetched " isa, TM_PROBE_READ, 0, read_prefetched, 0, 0},                                             \
        {"read 4 streams " isa, TM_PROBE_READ, 0, read_4_streams, 0, 0},                                               \
        {"copy " isa, TM_PROBE_COPY, 0, copy_plain, 0, 0},                                                             \
        {"copy non-temporal " isa, TM_PROBE_COPY, 1, copy_streamed, 0, 0},                                             \
        {"copy non-temporal prefetched " isa, TM_PROBE_COPY, 1, copy_streamed_prefetched, 0, 0},                       \
        {"copy non-temporal 2 streams " isa, TM_PROBE_COPY, 1, copy_streamed_2, 0, 0},                                 \
        {"copy non-temporal 4 streams " isa, TM_PROBE_COPY, 1, copy_streamed_4, 0, 0},                                 \
        {"write non-temporal " isa, TM_PROBE_WRITE, 1, write_streamed, 0, 0},                                          \
        {"write non-temporal 4 streams " isa, TM_PROBE_WRITE, 1, write_streamed_4, 0, 0},                              \
    {                                                                                                                  \
        "add " isa, TM_PROBE_ADD, 0, add_plain, 0, 0                                                                   \
    }
