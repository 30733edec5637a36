/* y[i] = COMBINE(y[i], x[i]). Template: vec_f32 header, NAME and COMBINE(old, new) come first. */
#include <stdint.h>

void NAME(float *y, const float *x, int64_t n)
{
    int64_t i = 0;
    for (; i + W <= n; i += W) STORE(y + i, COMBINE(LOAD(y + i), LOAD(x + i)));
    if (i < n) {
        const M left = FIRST(n - i);
        STORE_SOME(y + i, left, COMBINE(LOAD_SOME(y + i, left, SET1(0.0f)), LOAD_SOME(x + i, left, SET1(0.0f))));
    }
}
#undef NAME
#undef COMBINE
