/* 16-bit reals to float32 and back. Template: vec_f32 header, H (a vector of W 16-bit numbers), HALF_LOAD and
 * HALF_STORE with a lane mask, and the four conversions of one vector come first. An instruction set may define
 * HALF_PAIRS and, then, put_bf16 and put_f16: two vectors of results at once, `streams` with one non-temporal store to
 * an address that is a multiple of their size. Whole vectors have loops of their own, which need no masks; what they
 * read is asked for in time. */
#include <stdbool.h>
#include <stdint.h>

enum { CONVERT_AHEAD = 2048 }; /* elements from what is converted to what is fetched */

static inline M convert_lanes(int64_t left)
{
    return FIRST(left < W ? left : W);
}

#ifndef HALF_PAIRS
static inline void put_bf16(uint16_t *y, V a, V b, bool streams)
{
    (void)streams;
    HALF_STORE(y, FIRST(W), to_bf16(a));
    HALF_STORE(y + W, FIRST(W), to_bf16(b));
}
static inline void put_f16(uint16_t *y, V a, V b, bool streams)
{
    (void)streams;
    HALF_STORE(y, FIRST(W), to_f16(a));
    HALF_STORE(y + W, FIRST(W), to_f16(b));
}
#endif

#define WIDEN(name, from)                                                                                              \
    void KERNEL(name)(const uint16_t *x, float *y, int64_t n)                                                          \
    {                                                                                                                  \
        int64_t i = 0;                                                                                                 \
        for (; i + 2 * W <= n; i += 2 * W) {                                                                           \
            PREFETCH(x + i + CONVERT_AHEAD);                                                                           \
            const V a = from(HALF_LOAD(x + i, FIRST(W))), b = from(HALF_LOAD(x + i + W, FIRST(W)));                    \
            STORE(y + i, a);                                                                                           \
            STORE(y + i + W, b);                                                                                       \
        }                                                                                                              \
        for (; i < n; i += W) {                                                                                        \
            const M some = convert_lanes(n - i);                                                                       \
            STORE_SOME(y + i, some, from(HALF_LOAD(x + i, some)));                                                     \
        }                                                                                                              \
    }
WIDEN(f32_from_bf16, from_bf16)
WIDEN(f32_from_f16, from_f16)

#define NARROW(name, to, put)                                                                                          \
    static inline void name##_part(const float *x, uint16_t *y, int64_t n)                                             \
    {                                                                                                                  \
        for (int64_t i = 0; i < n; i += W) {                                                                           \
            const M some = convert_lanes(n - i);                                                                       \
            HALF_STORE(y + i, some, to(LOAD_SOME(x + i, some, SET1(0.0f))));                                           \
        }                                                                                                              \
    }                                                                                                                  \
    void KERNEL(name)(const float *x, uint16_t *y, int64_t n, bool stream)                                             \
    {                                                                                                                  \
        int64_t i = 0;                                                                                                 \
        if (stream) {                                                                                                  \
            const int64_t head = (int64_t)((0 - (uintptr_t)y) % (2 * W * sizeof *y) / sizeof *y);                      \
            i = head < n ? head : n;                                                                                   \
            name##_part(x, y, i);                                                                                      \
            for (; i + 2 * W <= n; i += 2 * W) put(y + i, LOAD(x + i), LOAD(x + i + W), true);                         \
        }                                                                                                              \
        for (; i + 2 * W <= n; i += 2 * W) put(y + i, LOAD(x + i), LOAD(x + i + W), false);                            \
        name##_part(x + i, y + i, n - i);                                                                              \
    }
NARROW(bf16_from_f32, to_bf16, put_bf16)
NARROW(f16_from_f32, to_f16, put_f16)
