/* y[i] = PAIR(a[i], b[i]) over flat arrays. Template: the ISA folder's vec_f32 header, NAME and PAIR(u, v) come first.
 * Aligned non-temporal stores begin after at most one partial vector. */
#include <stdbool.h>
#include <stdint.h>

enum { PAIR_AHEAD = 4096 }; /* floats from what is computed to what is fetched */

#define PAIR_SOME(i, some)                                                                                             \
    STORE_SOME(y + (i), some, PAIR(LOAD_SOME(a + (i), some, SET1(0.0f)), LOAD_SOME(b + (i), some, SET1(0.0f))))
/* Four vectors at a time; PREFETCH never faults, so it may reach beyond the end. */
#define PAIR_LOOP(put)                                                                                                 \
    for (; i + 4 * W <= n; i += 4 * W) {                                                                               \
        for (int k = 0; k < 4; k++) PREFETCH(a + i + PAIR_AHEAD + k * W);                                              \
        for (int k = 0; k < 4; k++) PREFETCH(b + i + PAIR_AHEAD + k * W);                                              \
        for (int k = 0; k < 4; k++) put(y + i + k * W, PAIR(LOAD(a + i + k * W), LOAD(b + i + k * W)));                \
    }

void NAME(const float *a, const float *b, float *y, int64_t n, bool stream)
{
    int64_t i = 0;
    if (stream) {
        const int64_t head = (int64_t)((0 - (uintptr_t)y) % (W * sizeof(float)) / sizeof(float));
        if (head > 0 && head <= n) {
            const M first = FIRST(head);
            PAIR_SOME(0, first);
            i = head;
        }
        PAIR_LOOP(STREAM)
    }
    PAIR_LOOP(STORE)
    for (; i < n; i += W) {
        const M left = FIRST(n - i < W ? n - i : W);
        PAIR_SOME(i, left);
    }
}
#undef NAME
#undef PAIR
