/* One check per kind of op (the last column of ops.def). Every comparison is written so that a NaN fails it. */
#include "oracle/judge.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const double largest_of[] = {[TM_F32] = 0x1.fffffep127, [TM_BF16] = 0x1.fep127, [TM_F16] = 65504};

tm_rule tm_rule_of(const tm_problem *problem, bool layered, const tm_declared *declared)
{
    const tm_dtype dtype = problem->result.dtype;
    tm_rule rule = {.dtype = dtype,
                    .u_out = tm_dtype_roundoff(dtype),
                    .u_acc = tm_dtype_roundoff(TM_F32),
                    .c = 1.02,
                    .tiny = dtype == TM_F16 ? 0x1p-25 : 0x1p-126,
                    .max_limit = 16,
                    .rms_limit = 1,
                    .low_limit = 4};
    if (declared && declared->rounds_between_ops) rule.c = 2;
    if (declared && tm_dtype_is_real(declared->accumulator)) rule.u_acc = tm_dtype_roundoff(declared->accumulator);
    if (declared && declared->tf32) rule.u_acc = fmax(rule.u_acc, 0x1p-11);
    if (layered) {
        rule.u_acc = 1; /* S is an error already, not a size */
        rule.c = 0;
        rule.rms_limit = 3;
    }
    return rule;
}

double tm_element_error(const tm_rule *rule, double got, double want, double size)
{
    if (got == want) return 0;
    if (isnan(want)) return isnan(got) ? 0 : INFINITY;
    if (!isfinite(want) || isnan(got)) return INFINITY;
    if (isinf(got)) { /* right only where rounding the wanted value overflows */
        const double limit = largest_of[rule->dtype] * (1 + rule->u_out / 2);
        return fabs(want) >= limit && (got > 0) == (want > 0) ? 0 : INFINITY;
    }
    const double excess = fabs(got - want) - rule->c * rule->u_out * fabs(want) - rule->tiny;
    if (excess <= 0) return 0;
    return size > 0 ? excess / (rule->u_acc * size) : INFINITY;
}

static int64_t element_of(const tm_unit *unit, int64_t i)
{
    return unit->base + i * unit->stride;
}

__attribute__((format(printf, 3, 4))) static void fail(tm_tally *tally, int64_t element, const char *format, ...)
{
    if (tally->failures++ > 0 && element >= tally->failed_at) return;
    tally->failed_at = element;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(tally->failure, sizeof tally->failure, format, arguments);
    va_end(arguments);
}

static void fail_value(tm_tally *tally, int64_t element, double got, double want)
{
    fail(tally, element, "element %lld is %.9g, wanted %.9g", (long long)element, got, want);
}

static void count_error(const tm_judge *judge, const tm_unit *unit, int64_t i, double got, double want, double size,
                        tm_tally *tally)
{
    const double error = tm_element_error(&judge->rule, got, want, size);
    const int64_t element = element_of(unit, i);
    if (!isfinite(error)) {
        fail_value(tally, element, got, want);
        return;
    }
    tally->squares += error * error;
    if (error > tally->max_error || (error == tally->max_error && error > 0 && element < tally->max_at)) {
        tally->max_error = error;
        tally->max_at = element;
        tally->max_got = got;
        tally->max_want = want;
    }
}

static void count_zero(const tm_judge *judge, double want, double size, tm_tally *tally)
{
    if (!judge->counts_zeros) return;
    tally->may_be_zero += tm_element_error(&judge->rule, 0, want, size) <= judge->rule.max_limit;
}

enum { BLOCK = 256, LANES = 4 };

/* A few elements of a unit on their way through the element error, filled up with zeros to whole lanes. */
typedef struct block {
    double got[BLOCK], want[BLOCK], size[BLOCK];
} block;

/* The sum of the squared errors of a block that has nothing to tell: nothing infinite or NaN in it, no error above
 * `most`. -1 for any other. The arithmetic of tm_element_error without its branches, so that it becomes vectors. */
static double plain_squares(const tm_rule *rule, const block *now, int64_t count, double most)
{
    const double rounding = rule->c * rule->u_out, tiny = rule->tiny, unit = rule->u_acc;
    double sum[LANES] = {0}, odd[LANES] = {0};
    for (int64_t i = 0; i < count; i += LANES) {
        for (int64_t lane = 0; lane < LANES; lane++) {
            const double want = now->want[i + lane];
            const double excess = fabs(now->got[i + lane] - want) - rounding * fabs(want) - tiny;
            const double quotient = excess / (unit * now->size[i + lane]);
            const double error = excess <= 0 ? 0 : quotient;
            odd[lane] += error <= most ? 0 : 1; /* NaN is not */
            sum[lane] += error * error;
        }
    }
    double squares = 0, odds = 0;
    for (int64_t lane = 0; lane < LANES; lane++) squares += sum[lane], odds += odd[lane];
    return odds > 0 ? -1 : squares;
}

/* Judges `count` elements of the unit from `first` on. */
static void judge_block(const tm_judge *judge, const tm_unit *unit, int64_t first, int64_t count, block *now,
                        tm_tally *tally)
{
    for (int64_t i = count; i % LANES; i++) now->got[i] = now->want[i] = now->size[i] = 0;
    const double squares = plain_squares(&judge->rule, now, count, tally->max_error);
    if (squares >= 0) tally->squares += squares;
    for (int64_t i = 0; i < count && !(squares >= 0); i++) {
        count_error(judge, unit, first + i, now->got[i], now->want[i], now->size[i], tally);
    }
    for (int64_t i = 0; i < count && judge->counts_zeros; i++) count_zero(judge, now->want[i], now->size[i], tally);
}

static int64_t fill_block(block *now, const tm_unit *unit, int64_t first, const double *got, const double *want)
{
    const int64_t count = unit->count - first < BLOCK ? unit->count - first : BLOCK;
    memcpy(now->got, got + first, (size_t)count * sizeof *got);
    memcpy(now->want, want + first, (size_t)count * sizeof *want);
    return count;
}

void tm_check_scaled(const tm_judge *judge, const tm_unit *unit, const double *got, const double *want,
                     const float *size, tm_tally *tally)
{
    block now;
    for (int64_t first = 0; first < unit->count; first += BLOCK) {
        const int64_t count = fill_block(&now, unit, first, got, want);
        for (int64_t i = 0; i < count; i++) now.size[i] = (double)size[first + i];
        judge_block(judge, unit, first, count, &now, tally);
    }
    tally->checked += unit->count;
}

void tm_check_contraction(const tm_judge *judge, const tm_unit *unit, const double *got, const double *want,
                          const float *size, tm_tally *tally)
{
    tm_check_scaled(judge, unit, got, want, size, tally);
}

void tm_check_mean(const tm_judge *judge, const tm_unit *unit, const double *got, const double *want, const float *size,
                   tm_tally *tally)
{
    tm_check_scaled(judge, unit, got, want, size, tally);
}

void tm_check_exact(const tm_judge *judge, const tm_unit *unit, const double *got, const double *want,
                    const float *size, tm_tally *tally)
{
    (void)judge, (void)size;
    for (int64_t i = 0; i < unit->count; i++) {
        if (!(got[i] == want[i]) && !(isnan(got[i]) && isnan(want[i]))) {
            fail_value(tally, element_of(unit, i), got[i], want[i]);
        }
        tally->may_be_zero += want[i] == 0;
    }
    tally->checked += unit->count;
}

void tm_check_probe(const tm_judge *judge, const tm_unit *unit, const double *got, const double *want,
                    const float *size, tm_tally *tally)
{
    (void)size;
    for (int64_t i = 0; i < unit->count; i++) {
        const double exact = tm_round_to(judge->rule.dtype, want[i]);
        if (!(got[i] == exact)) fail_value(tally, element_of(unit, i), got[i], exact);
    }
    tally->checked += unit->count;
}

/* One unit in the last place of the wanted value; the error is counted in them. */
void tm_check_ulp(const tm_judge *judge, const tm_unit *unit, const double *got, const double *want, const float *size,
                  tm_tally *tally)
{
    (void)size;
    tm_rule rule = judge->rule;
    rule.c = 0;
    rule.u_acc = rule.max_limit = 1;
    const tm_judge by_ulp = {judge->problem, rule, judge->counts_zeros, judge->check};
    block now;
    for (int64_t first = 0; first < unit->count; first += BLOCK) {
        const int64_t count = fill_block(&now, unit, first, got, want);
        for (int64_t i = 0; i < count; i++) now.size[i] = tm_ulp(rule.dtype, want[first + i]);
        judge_block(&by_ulp, unit, first, count, &now, tally);
    }
    tally->checked += unit->count;
}

/* The row sum c of `got` must be 1 up to roundings of its terms; then got / c is compared, which forgives the row's
 * common factor. Where the roundings to a 16-bit type moved c, got itself is nearer. */
void tm_check_softmax(const tm_judge *judge, const tm_unit *unit, const double *got, const double *want,
                      const float *size, tm_tally *tally)
{
    double sum = 0, wanted = 0;
    for (int64_t i = 0; i < unit->count; i++) {
        sum += got[i];
        wanted += want[i];
    }
    const double bound = 2 * judge->rule.u_out * (1 + sqrt((double)unit->count));
    if (!isnan(wanted) && !(fabs(sum - 1) <= bound)) {
        fail(tally, unit->base, "the row at element %lld sums to %.9g, allowed 1 +- %.3g", (long long)unit->base, sum,
             bound);
    }
    const double common = sum > 0 ? sum : 1;
    block now;
    for (int64_t first = 0; first < unit->count; first += BLOCK) {
        const int64_t count = fill_block(&now, unit, first, got, want);
        for (int64_t i = 0; i < count; i++) {
            const double value = now.got[i], scaled = value / common;
            now.got[i] = fabs(value - now.want[i]) < fabs(scaled - now.want[i]) ? value : scaled;
            now.size[i] = (double)size[first + i];
        }
        judge_block(judge, unit, first, count, &now, tally);
    }
    tally->checked += unit->count;
}

static bool same_value(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

/* A scatter's row is one candidate row whole; element by element from several is labelled RACY. */
void tm_check_candidate(const tm_judge *judge, const tm_unit *unit, const double *got, const double *want,
                        const float *size, tm_tally *tally)
{
    const tm_candidates c = tm_candidates_of(judge->problem);
    const int64_t begin = c.start[unit->row], end = c.start[unit->row + 1];
    if (end - begin < 2) {
        tm_check_exact(judge, unit, got, want, size, tally);
        return;
    }
    tally->checked += unit->count;
    tally->may_be_zero += unit->count;
    const tm_source *source = &judge->problem->in[0];
    for (int64_t i = end - 1; i >= begin; i--) { /* programs mostly let the last one win */
        const int64_t first = c.source[i] * unit->count;
        int64_t equal = 0;
        while (equal < unit->count && same_value(got[equal], tm_source_at(source, first + equal))) equal++;
        if (equal == unit->count) return;
    }
    for (int64_t j = 0; j < unit->count; j++) {
        int64_t i = begin;
        while (i < end && !same_value(got[j], tm_source_at(source, c.source[i] * unit->count + j))) i++;
        if (i < end) continue;
        fail(tally, element_of(unit, j), "element %lld is %.9g, which none of the row's %lld candidates has there",
             (long long)element_of(unit, j), got[j], (long long)(end - begin));
    }
    tally->labels |= TM_LABEL_RACY;
}

/* argmax: the element at the position given must be the maximum. `want` is the first such position. */
void tm_check_maximum(const tm_judge *judge, const tm_unit *unit, const double *got, const double *want,
                      const float *size, tm_tally *tally)
{
    (void)size;
    const tm_source *x = &judge->problem->in[0];
    const tm_axis_view view = tm_view_axis(&x->shape, judge->problem->attributes.axis);
    for (int64_t i = 0; i < unit->count; i++) {
        if (got[i] == want[i]) continue;
        const int64_t element = element_of(unit, i), outer = element / view.inner, inside = element % view.inner;
        const int64_t line = outer * view.length * view.inner + inside;
        if (!(got[i] >= 0 && got[i] < (double)view.length)) {
            fail(tally, element, "element %lld is index %.0f, outside 0..%lld", (long long)element, got[i],
                 (long long)view.length - 1);
            continue;
        }
        const double there = tm_source_at(x, line + (int64_t)got[i] * view.inner);
        const double max = tm_source_at(x, line + (int64_t)want[i] * view.inner);
        if (same_value(there, max))
            tally->labels |= TM_LABEL_NOT_FIRST;
        else {
            fail(tally, element, "element %lld is index %.0f with value %.9g, but index %.0f has %.9g",
                 (long long)element, got[i], there, want[i], max);
        }
    }
    tally->checked += unit->count;
}
