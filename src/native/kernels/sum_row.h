/* Sum of n floats. Template: vec_f32 header and NAME come first. Eight vectors are added as a tree in float32, the
 * trees in float64. */
#include <stdint.h>

enum { SUM_AHEAD = 1024 };

double NAME(const float *x, int64_t n)
{
    D low = D_ZERO, high = D_ZERO;
    int64_t i = 0;
    for (; i + 8 * W <= n; i += 8 * W) {
        for (int k = 0; k < 8; k++) PREFETCH(x + i + SUM_AHEAD + k * W);
        const V a = ADD(ADD(LOAD(x + i), LOAD(x + i + W)), ADD(LOAD(x + i + 2 * W), LOAD(x + i + 3 * W)));
        const V b = ADD(ADD(LOAD(x + i + 4 * W), LOAD(x + i + 5 * W)), ADD(LOAD(x + i + 6 * W), LOAD(x + i + 7 * W)));
        const V sum = ADD(a, b);
        low = D_ADD(low, D_LOW(sum));
        high = D_ADD(high, D_HIGH(sum));
    }
    for (; i < n; i += W) {
        const V v = LOAD_SOME(x + i, FIRST(n - i < W ? n - i : W), SET1(0.0f));
        low = D_ADD(low, D_LOW(v));
        high = D_ADD(high, D_HIGH(v));
    }
    return D_REDUCE(D_ADD(low, high));
}
#undef NAME
