/* y[i] = MAP(x[i]) over a flat array. Template: the ISA folder's vec_f32 header, NAME, and MAP(v, p), where p is the
 * parameter in every lane, come first, and MAP_4(v, p) where four vectors in step are
 * to be made otherwise than one after the other. Aligned non-temporal stores begin after at most one partial vector. */
#include <stdbool.h>
#include <stdint.h>

#ifndef MAP_AHEAD
#define MAP_AHEAD 4096 /* floats from what is computed to what is fetched */
#endif
#ifndef MAP_4
#define MAP_4(v, p)                                                                                                    \
    for (int j = 0; j < 4; j++) (v)[j] = MAP((v)[j], p)
#endif

#ifndef MAP_VECTORS
#define MAP_VECTORS
/* Four vectors of x at a time, up to `end`; what lies `ahead` is fetched meanwhile. */
#define MAP_LOOP(end, ahead, put)                                                                                      \
    for (; i + 4 * W <= (end); i += 4 * W) {                                                                           \
        V v[4];                                                                                                        \
        for (int k = 0; k < 4 && (ahead) > 0; k++) PREFETCH(x + i + (ahead) + k * W);                                  \
        for (int k = 0; k < 4; k++) v[k] = LOAD(x + i + k * W);                                                        \
        MAP_4(v, p);                                                                                                   \
        for (int k = 0; k < 4; k++) put(y + i + k * W, v[k]);                                                          \
    }
#endif

void NAME(const float *x, float *y, int64_t n, float parameter, bool stream)
{
    const V p = SET1(parameter);
    int64_t i = 0;
    (void)p;
    if (stream) {
        const int64_t head = (int64_t)((0 - (uintptr_t)y) % (W * sizeof(float)) / sizeof(float));
        if (head > 0 && head <= n) {
            const M first = FIRST(head);
            STORE_SOME(y, first, MAP(LOAD_SOME(x, first, SET1(0.0f)), p));
            i = head;
        }
        MAP_LOOP(n, MAP_AHEAD, STREAM)
    }
    MAP_LOOP(n - MAP_AHEAD, MAP_AHEAD, STORE)
    MAP_LOOP(n, 0, STORE)
    for (; i < n; i += W) {
        const M left = FIRST(n - i < W ? n - i : W);
        STORE_SOME(y + i, left, MAP(LOAD_SOME(x + i, left, SET1(0.0f)), p));
    }
}
#undef NAME
#undef MAP
#undef MAP_4
