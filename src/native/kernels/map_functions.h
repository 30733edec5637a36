/* The elementwise kernels of one instruction set: each is map.h with its function. Include after the vec_f32 header. */
#include "math_f32.h"

#define NAME      KERNEL(relu_f32)
#define MAP(v, p) MAX(SET1(0.0f), v)
#include "map.h"

#define NAME      KERNEL(leaky_relu_f32)
#define MAP(v, p) SELECT(GREATER(v, SET1(0.0f)), v, MUL(v, p))
#include "map.h"

#define NAME      KERNEL(copy_f32)
#define MAP(v, p) (v)
#include "map.h"

/* lambda x, or lambda alpha (e^x - 1): 1 ulp of e^x, which is what the tolerance of selu is made of. */
static inline V selu(V x)
{
    const V curve = MUL(SET1(1.7580993408473766f), SUB(exp_of(MIN(SET1(0.0f), x)), SET1(1.0f)));
    return SELECT(GREATER(x, SET1(0.0f)), MUL(SET1(1.0507009873554805f), x), curve);
}
#define NAME      KERNEL(selu_f32)
#define MAP(v, p) selu(v)
#include "map.h"

/* max(x, 0) - t Q(t) for t = |x|, Q(t) the share of the normal distribution beyond t: e^(-t^2 / 2) times 1/2 + v p(v),
 * v = t / (t + 3.5), p of degree 7: 2^-26 relative, and 2^-26 t^2 / 4 beyond t = 2, on [0, 14]. Behind that Q is 0. */
static inline V gelu(V x)
{
    const V t = MIN(SET1(16.0f), ABS(x)), v = DIV(t, ADD(SET1(3.5f), t));
    V p = SET1(0x1.4ba84cp-5f);
    p = FMA(p, v, SET1(-0x1.da858cp-4f));
    p = FMA(p, v, SET1(0x1.06ea5p-5f));
    p = FMA(p, v, SET1(0x1.6df816p-3f));
    p = FMA(p, v, SET1(0x1.159758p-4f));
    p = FMA(p, v, SET1(-0x1.f234ecp-1f));
    p = FMA(p, v, SET1(0x1.aa8ca4p+0f));
    p = FMA(p, v, SET1(-0x1.6573c8p+0f));
    p = FMA(p, v, SET1(0.5f));
    const V beyond = MUL(exp2_any(MUL(MUL(t, SET1(-0x1.715476p-1f)), t)), p);
    return FNMA(beyond, t, MAX(SET1(0.0f), x));
}
#define NAME      KERNEL(gelu_f32)
#define MAP(v, p) gelu(v)
#include "map.h"

/* x / (1 + e^-2u), 2u = 2 sqrt(2 / pi) (x + 0.044715 x^3); x is cut off where e^-2u overflows and the result is 0. */
static inline V gelu_tanh(V x)
{
    const V inside = MAX(SET1(-16.0f), x);
    const V cubic = FMA(MUL(inside, inside), SET1(-0x1.a5a7dp-4f), SET1(-0x1.26aec2p+1f));
    return DIV(inside, ADD(SET1(1.0f), exp2_any(MUL(inside, cubic))));
}
#define NAME      KERNEL(gelu_tanh_f32)
#define MAP(v, p) gelu_tanh(v)
#include "map.h"

/* 1 / (1 + e^-x); where e^-x overflows the result is below the smallest normal number. */
static inline V sigmoid(V x)
{
    return DIV(SET1(1.0f), ADD(SET1(1.0f), exp_minus(x)));
}
#define NAME      KERNEL(sigmoid_f32)
#define MAP(v, p) sigmoid(v)
#include "map.h"

/* max(x, 0) + ln(1 + e^-|x|): no cancellation. Beyond 256, where e^-|x| is 0, |x| is cut off: it has to be finite. */
static inline __attribute__((always_inline)) void softplus(V *x, int vectors)
{
    V base[4];
    for (int k = 0; k < vectors; k++) base[k] = MAX(SET1(0.0f), x[k]);
    for (int k = 0; k < vectors; k++) x[k] = MUL(MIN(SET1(256.0f), ABS(x[k])), SET1(-0x1.715476p+0f));
    log1p_exp2(x, base, vectors);
}
static inline V softplus_one(V x)
{
    softplus(&x, 1);
    return x;
}
#define NAME        KERNEL(softplus_f32)
#define MAP(v, p)   softplus_one(v)
#define MAP_4(v, p) softplus(v, 4)
#include "map.h"
