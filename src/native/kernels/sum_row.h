/* Sum of n floats. Template: vec_f32 header and NAME come first. Eight vectors are added as a tree in float32, and
 * what is left of them one by one; such sums are added in float64. Rows follow one another, as a rule, so what lies
 * behind a short one is fetched too. */
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
    if (i < n) {
        V rest = SET1(0.0f);
        for (; i + W <= n; i += W) {
            PREFETCH(x + i + SUM_AHEAD);
            rest = ADD(rest, LOAD(x + i));
        }
        PREFETCH(x + i + SUM_AHEAD);
        rest = ADD(rest, LOAD_SOME(x + i, FIRST(n - i), SET1(0.0f)));
        low = D_ADD(low, D_LOW(rest));
        high = D_ADD(high, D_HIGH(rest));
    }
    return D_REDUCE(D_ADD(low, high));
}
#undef NAME
