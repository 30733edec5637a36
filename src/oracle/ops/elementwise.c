/* relu, leaky_relu, prelu, selu, gelu, sigmoid, softplus, add: one element at a time. A NaN stays a NaN in each. */
#include "oracle/problem.h"

#include <math.h>

enum { BLOCK = 4096 };

static const double selu_lambda = 1.0507009873554804934193349852946;
static const double selu_alpha = 1.6732632423543772848170429916717;

static void flat(const tm_problem *problem, tm_layout *into, double ns)
{
    const int64_t elements = tm_shape_elements(&problem->result);
    tm_layout_blocks(into, 1, elements, BLOCK, BLOCK);
    into->cost_ns = ns * (double)elements;
}
static void flat_cheap(const tm_problem *problem, tm_layout *into)
{
    flat(problem, into, 1.5);
}
static void flat_exp(const tm_problem *problem, tm_layout *into)
{
    flat(problem, into, 15);
}

static void oracle_relu(const tm_problem *problem, const tm_unit *unit, double *want, double *size, double *scratch)
{
    (void)size, (void)scratch;
    tm_source_read(&problem->in[0], unit->base, unit->count, 1, want);
    for (int64_t i = 0; i < unit->count; i++) want[i] = want[i] < 0 ? 0 : want[i];
}

static void oracle_add(const tm_problem *problem, const tm_unit *unit, double *want, double *size, double *scratch)
{
    (void)size;
    tm_source_read(&problem->in[0], unit->base, unit->count, 1, want);
    tm_source_read(&problem->in[1], unit->base, unit->count, 1, scratch);
    for (int64_t i = 0; i < unit->count; i++) want[i] += scratch[i];
}

static void oracle_leaky_relu(const tm_problem *problem, const tm_unit *unit, double *want, double *size,
                              double *scratch)
{
    (void)size, (void)scratch;
    const double slope = tm_round_to(problem->result.dtype, problem->attributes.slope);
    tm_source_read(&problem->in[0], unit->base, unit->count, 1, want);
    for (int64_t i = 0; i < unit->count; i++) want[i] = want[i] < 0 ? want[i] * slope : want[i];
}

static void oracle_prelu(const tm_problem *problem, const tm_unit *unit, double *want, double *size, double *scratch)
{
    (void)size, (void)scratch;
    const double slope = tm_source_at(&problem->in[1], 0);
    tm_source_read(&problem->in[0], unit->base, unit->count, 1, want);
    for (int64_t i = 0; i < unit->count; i++) want[i] = want[i] < 0 ? want[i] * slope : want[i];
}

static void oracle_selu(const tm_problem *problem, const tm_unit *unit, double *want, double *size, double *scratch)
{
    double *x = scratch;
    tm_source_read(&problem->in[0], unit->base, unit->count, 1, x);
    for (int64_t i = 0; i < unit->count; i++) {
        if (x[i] > 0) {
            want[i] = selu_lambda * x[i];
            size[i] = want[i];
        } else {
            want[i] = selu_lambda * selu_alpha * expm1(x[i]);
            size[i] = selu_lambda * selu_alpha * (1 + (1 - x[i]) * exp(x[i]));
        }
    }
}

/* x Phi(x), Phi the normal distribution function; its limit 0 at -inf. The size is that of x / 2 (1 + erf) with the
 * rounding of the argument, and so for tanh. */
static void gelu_exact(double x, double *want, double *size)
{
    const double z = x * M_SQRT1_2;
    *want = isinf(x) && x < 0 ? 0 : x * 0.5 * erfc(-z);
    *size = 0.5 * fabs(x) * (1 + fabs(erf(z))) + z * z * M_2_SQRTPI * M_SQRT1_2 * exp(-z * z);
}

/* x / 2 (1 + tanh u) = x / (1 + e^-2u), u = sqrt(2 / pi) (x + 0.044715 x^3). */
static void gelu_tanh(double x, double *want, double *size)
{
    const double u = M_2_SQRTPI * M_SQRT1_2 * (x + 0.044715 * x * x * x), part = exp(-2 * fabs(u));
    const double slope = 4 * part / ((1 + part) * (1 + part)); /* of tanh */
    *want = isinf(x) && x < 0 ? 0 : x * (u < 0 ? part : 1) / (1 + part);
    *size = 0.5 * fabs(x) * (1 + (1 - part) / (1 + part) + fabs(u) * slope);
}

static void oracle_gelu(const tm_problem *problem, const tm_unit *unit, double *want, double *size, double *scratch)
{
    const bool curve = problem->attributes.approximate == TM_APPROXIMATE_TANH;
    double *x = scratch;
    tm_source_read(&problem->in[0], unit->base, unit->count, 1, x);
    for (int64_t i = 0; i < unit->count; i++) (curve ? gelu_tanh : gelu_exact)(x[i], &want[i], &size[i]);
}

static void oracle_sigmoid(const tm_problem *problem, const tm_unit *unit, double *want, double *size, double *scratch)
{
    double *x = scratch;
    tm_source_read(&problem->in[0], unit->base, unit->count, 1, x);
    for (int64_t i = 0; i < unit->count; i++) {
        const double small = exp(-fabs(x[i])); /* never overflows */
        const double below = small / (1 + small), above = 1 / (1 + small);
        want[i] = x[i] < 0 ? below : above;
        size[i] = want[i] * (1 + fabs(x[i]) * (x[i] < 0 ? above : below));
    }
}

static void oracle_softplus(const tm_problem *problem, const tm_unit *unit, double *want, double *size, double *scratch)
{
    double *x = scratch;
    tm_source_read(&problem->in[0], unit->base, unit->count, 1, x);
    for (int64_t i = 0; i < unit->count; i++) {
        const double small = exp(-fabs(x[i]));
        const double sigma = x[i] < 0 ? small / (1 + small) : 1 / (1 + small);
        want[i] = log1p(small) + (x[i] > 0 ? x[i] : 0);
        size[i] = want[i] + fabs(x[i]) * sigma;
    }
}

const tm_oracle_op tm_oracle_add = {.layout = flat_cheap, .unit = oracle_add, .direct = true};
const tm_oracle_op tm_oracle_relu = {.layout = flat_cheap, .unit = oracle_relu, .direct = true};
const tm_oracle_op tm_oracle_leaky_relu = {.layout = flat_cheap, .unit = oracle_leaky_relu, .direct = true};
const tm_oracle_op tm_oracle_prelu = {.layout = flat_cheap, .unit = oracle_prelu, .direct = true};
const tm_oracle_op tm_oracle_selu = {.layout = flat_exp, .unit = oracle_selu, .sized = true};
const tm_oracle_op tm_oracle_gelu = {.layout = flat_exp, .unit = oracle_gelu, .sized = true};
const tm_oracle_op tm_oracle_sigmoid = {.layout = flat_exp, .unit = oracle_sigmoid, .sized = true};
const tm_oracle_op tm_oracle_softplus = {.layout = flat_exp, .unit = oracle_softplus, .sized = true};
