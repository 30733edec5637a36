/* Statistics against published tables, against their own defining properties, and on made-up clocks. */
#include "measure/stats.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#define CLOSE(got, want, relative)                                                                                     \
    do {                                                                                                               \
        const double got_ = (got), want_ = (want);                                                                     \
        if (!(fabs(got_ - want_) <= (relative)*fabs(want_))) fail_msg("%.15g instead of %.15g", got_, want_);          \
    } while (0)

static double uniform(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return ((double)(*state >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(uint64_t *state)
{
    const double radius = sqrt(-2 * log(uniform(state)));
    return radius * cos(6.283185307179586 * uniform(state));
}

static void order_statistics(void **state)
{
    (void)state;
    const double odd[] = {5, 1, 3}, even[] = {4, 1, 3, 2}, bad[] = {1, NAN, 2};
    assert_true(tm_median(odd, 3) == 3);
    assert_true(tm_median(even, 4) == 2.5);
    assert_true(odd[0] == 5); /* a copy is sorted, not the argument */
    CLOSE(tm_quantile(even, 4, 0.05), 1.15, 1e-14);
    CLOSE(tm_quantile(even, 4, 0.95), 3.85, 1e-14);
    assert_true(tm_quantile(even, 4, 0) == 1 && tm_quantile(even, 4, 1) == 4);
    assert_true(isnan(tm_quantile(even, 4, 1.5)) && isnan(tm_quantile(even, 4, NAN)));
    assert_true(isnan(tm_median(odd, 0)) && isnan(tm_median(bad, 3)) && isnan(tm_mad(bad, 3)));
    const double outlier[] = {1, 2, 3, 4, 1000};
    assert_true(tm_mad(outlier, 5) == 1);
    const double lengths[] = {1, 10, 100}, with_zero[] = {1, 0};
    CLOSE(tm_geometric_mean(lengths, 3), 10, 1e-14);
    assert_true(isnan(tm_geometric_mean(lengths, 0)) && isnan(tm_geometric_mean(with_zero, 2)));
}

static void student_table(void **state)
{
    (void)state;
    static const struct {
        double p, df, t;
    } table[] = {{0.975, 2, 4.302652729749462}, {0.975, 3, 3.182446305284263},  {0.975, 4, 2.776445105197793},
                 {0.975, 7, 2.364624251592784}, {0.975, 10, 2.228138851986273}, {0.95, 4, 2.131846786326649},
                 {0.995, 5, 4.032142983555228}, {0.80, 4, 0.9409645772353},     {0.975, 30, 2.042272456301238},
                 {0.975, 1e6, 1.959966356816},  {0.999, 1, 318.3088389855},     {0.975, 120, 1.979930405052777}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        CLOSE(tm_student_quantile(table[i].p, table[i].df), table[i].t, 1e-9);
        CLOSE(tm_student_quantile(1 - table[i].p, table[i].df), -table[i].t, 1e-9);
    }
    CLOSE(tm_student_quantile(0.975, 1), 12.706204736174705, 1e-12);
    CLOSE(tm_student_quantile(0.975, INFINITY), 1.959963984540054, 1e-10);
    assert_true(tm_student_quantile(0.5, 3) == 0);
    assert_true(isinf(tm_student_quantile(1, 3)) && tm_student_quantile(0, 3) < 0);
    assert_true(isnan(tm_student_quantile(1.1, 3)) && isnan(tm_student_quantile(0.9, 0)) &&
                isnan(tm_student_quantile(NAN, 3)) && isnan(tm_student_cdf(NAN, 3)));
}

/* df 1 and 2 have closed forms; quantile and distribution undo each other for any df. */
static void student_properties(void **state)
{
    (void)state;
    static const double dfs[] = {0.3, 1, 1.5, 2, 3.7, 4, 8, 39, 79, 81, 1000, 12345.6, 1e7, 1e11};
    static const double ps[] = {1e-200, 1e-9, 0.001, 0.025, 0.2, 0.24, 0.26, 0.4999999, 0.5000001, 0.6, 0.76, 0.975};
    for (double t = -50; t <= 50; t += 0.37) {
        CLOSE(tm_student_cdf(t, 1), t < 0 ? atan(1 / -t) / 3.141592653589793 : 0.5 + atan(t) / 3.141592653589793,
              1e-12);
        const double root = sqrt(2 + t * t);
        CLOSE(tm_student_cdf(t, 2), t < 0 ? 1 / (root * (root - t)) : 0.5 + t / (2 * root), 1e-12);
        CLOSE(tm_student_cdf(t, 5) + tm_student_cdf(-t, 5), 1, 1e-14);
    }
    for (size_t i = 0; i < sizeof dfs / sizeof *dfs; i++) {
        for (size_t k = 0; k < sizeof ps / sizeof *ps; k++) {
            const double t = tm_student_quantile(ps[k], dfs[i]);
            if (isfinite(t) && fabs(t) < 1e300) CLOSE(tm_student_cdf(t, dfs[i]), ps[k], 1e-9);
        }
    }
    /* No step where one formula takes over from another. */
    CLOSE(tm_student_cdf(-9, nextafter(80, 0)), tm_student_cdf(-9, 80), 1e-12);
    CLOSE(tm_student_cdf(-3, nextafter(1e5, 1e6)), tm_student_cdf(-3, 1e5), 1e-9);
    assert_true(tm_student_cdf(INFINITY, 3) == 1 && tm_student_cdf(-INFINITY, 3) == 0 && tm_student_cdf(0, 3) == 0.5);
}

static void chi2_table(void **state)
{
    (void)state;
    static const struct {
        double p, df, x;
    } table[] = {{0.05, 1, 0.003932140000019522}, {0.05, 2, 0.1025865887751011}, {0.05, 8, 2.732636793499662},
                 {0.05, 12, 5.226029488392641},   {0.95, 10, 18.30703805327515}, {0.99, 3, 11.34486673014437},
                 {0.05, 100, 77.92946516501726},  {0.5, 4, 3.356693980033321},   {0.975, 30, 46.97924224367113}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        CLOSE(tm_chi2_quantile(table[i].p, table[i].df), table[i].x, 1e-9);
    }
    for (double p = 0.001; p < 1; p += 0.0371) CLOSE(tm_chi2_quantile(p, 2), -2 * log1p(-p), 1e-10);
    /* One degree of freedom is the square of a normal, and t with many is a normal. */
    CLOSE(tm_chi2_quantile(0.95, 1), pow(tm_student_quantile(0.975, INFINITY), 2), 1e-9);
    assert_true(isnan(tm_chi2_quantile(-0.1, 3)) && isnan(tm_chi2_quantile(0.5, 0)));
    assert_true(tm_chi2_quantile(0, 3) == 0 && isinf(tm_chi2_quantile(1, 3)));
}

static void mean_interval(void **state)
{
    (void)state;
    const double five[] = {1, 2, 3, 4, 5}, same[] = {7, 7, 7};
    const tm_interval got = tm_mean_interval(five, 5);
    CLOSE(got.mean, 3, 1e-15);
    CLOSE(got.half_width, 2.776445105197793 * sqrt(0.5), 1e-9);
    assert_true(isnan(tm_mean_interval(five, 1).half_width) && isnan(tm_mean_interval(five, 0).mean));
    assert_true(tm_mean_interval(same, 3).half_width == 0);
}

enum { INCARNATIONS = 5, ROUNDS = 6, SAMPLES = 5, VISITS = INCARNATIONS * ROUNDS };

typedef struct made_up {
    tm_visit visits[VISITS];
    double samples[VISITS][SAMPLES];
} made_up;

/* A clock without error: 1000 ns, times exp(process spread), times exp(round noise), times a drift or a step over the
 * run, in multiples of `quantum` (0: none). */
typedef struct recipe {
    double process, round, drift, step, quantum;
    bool passes_apart; /* incarnations 3 and 4 come a thousand times later than a pass lasts */
} recipe;

static void make_up(made_up *into, recipe how, uint64_t seed)
{
    uint64_t random = seed * 2 + 1;
    for (int k = 0; k < 4; k++) uniform(&random);
    for (int i = 0; i < INCARNATIONS; i++) {
        const double process = how.process * normal(&random);
        for (int r = 0; r < ROUNDS; r++) {
            const int v = i * ROUNDS + r;
            const double pass = i < 3 ? 0 : how.passes_apart ? 1000 : 1;
            const double time = (pass + (r + i / 10.0) / ROUNDS) / (how.passes_apart ? 1001 : 2);
            const double level = process + how.round * normal(&random) + how.drift * time + (time > 0.5 ? how.step : 0);
            for (int s = 0; s < SAMPLES; s++) {
                double sample = 1000 * exp(level + 0.001 * normal(&random));
                if (how.quantum > 0) sample = how.quantum * round(sample / how.quantum);
                into->samples[v][s] = sample;
            }
            into->visits[v] = (tm_visit){i, r, time * 1e10, into->samples[v], SAMPLES, 0};
        }
    }
}

static void summary_figures(void **state)
{
    (void)state;
    const double a[] = {100, 110, 90}, b[] = {120}, c[] = {200, 200};
    const tm_visit visits[] = {{0, 0, 0, a, 3, 0}, {0, 1, 1e6, b, 1, 0}, {1, 0, 2e6, c, 2, 0}, {1, 1, 3e6, NULL, 0, 0}};
    const tm_summary got = tm_summarise(visits, 4);
    /* incarnation medians 110 and 200 */
    CLOSE(got.median_ns, sqrt(110.0 * 200.0), 1e-12);
    const double half = 12.706204736174705 * log(200.0 / 110.0) / 2;
    CLOSE(got.ci_low_ns, got.median_ns * exp(-half), 1e-9);
    CLOSE(got.ci_high_ns, got.median_ns * exp(half), 1e-9);
    assert_int_equal(got.samples, 6);
    assert_int_equal(got.incarnations, 2);
    assert_int_equal(got.visits, 3);
    assert_true(got.min_ns == 90);
    CLOSE(got.p5_ns, 92.5, 1e-14);
    CLOSE(got.p95_ns, 200, 1e-14);

    const tm_summary single = tm_summarise(visits, 1);
    CLOSE(single.median_ns, 100, 1e-12);
    assert_true(isnan(single.ci_low_ns) && isnan(single.ci_high_ns) && isnan(single.drift_low));
    assert_false(tm_has_drift(&single));
    const tm_summary none = tm_summarise(NULL, 0);
    assert_true(isnan(none.median_ns) && isnan(none.p5_ns) && none.samples == 0);
}

static void drift_thresholds(void **state)
{
    (void)state;
    assert_true(tm_has_drift(&(tm_summary){.drift_low = 0.031, .drift_high = 0.05}));
    assert_false(tm_has_drift(&(tm_summary){.drift_low = 0.029, .drift_high = 0.05}));
    assert_true(tm_has_drift(&(tm_summary){.drift_low = -0.05, .drift_high = -0.031}));
    assert_false(tm_has_drift(&(tm_summary){.drift_low = -0.05, .drift_high = -0.029}));
}

static double share_with_drift(recipe how, int trials)
{
    static made_up data;
    int found = 0;
    for (int i = 0; i < trials; i++) {
        make_up(&data, how, (uint64_t)i);
        const tm_summary summary = tm_summarise(data.visits, VISITS);
        found += tm_has_drift(&summary);
    }
    return (double)found / trials;
}

static void drift_is_found_and_not_invented(void **state)
{
    (void)state;
    const int trials = 300;
    assert_true(share_with_drift((recipe){.process = 0.01, .round = 0.01}, trials) == 0);
    assert_true(share_with_drift((recipe){.process = 0.05, .round = 0.01}, trials) < 0.01);
    assert_true(share_with_drift((recipe){.process = 0.01, .round = 0.01, .drift = 0.02}, trials) < 0.05);
    assert_true(share_with_drift((recipe){.process = 0.01, .round = 0.003, .drift = 0.08}, trials) > 0.9);
    assert_true(share_with_drift((recipe){.process = 0.01, .round = 0.003, .drift = -0.08}, trials) > 0.9);
    assert_true(share_with_drift((recipe){.process = 0.003, .round = 0.003, .step = 0.10}, trials) > 0.9);
    /* Passes far apart: only the comparison between incarnations can see it, and nothing is stretched out of noise. */
    assert_true(share_with_drift((recipe){.process = 0.01, .round = 0.01, .passes_apart = true}, trials) < 0.02);
    assert_true(share_with_drift((recipe){.process = 0.003, .drift = 0.08, .passes_apart = true}, trials) > 0.9);
    assert_true(share_with_drift((recipe){.quantum = 100}, trials) == 0);
}

/* As in a quick run: passes of 3 and 2 incarnations, far apart, with two rounds each. Returns the share of runs in
 * which a drift is seen. */
static double share_in_quick_runs(double spread, double slow_first_round, double slow_second_pass)
{
    enum { TRIALS = 1000, QUICK_ROUNDS = 2 };
    uint64_t random = 7;
    int found = 0;
    for (int trial = 0; trial < TRIALS; trial++) {
        tm_visit visits[INCARNATIONS * QUICK_ROUNDS];
        double samples[INCARNATIONS * QUICK_ROUNDS];
        for (int i = 0; i < INCARNATIONS; i++) {
            const int pass = i < 3 ? 0 : 1;
            const double process = spread * normal(&random) + pass * slow_second_pass;
            for (int r = 0; r < QUICK_ROUNDS; r++) {
                const int v = i * QUICK_ROUNDS + r;
                samples[v] = 1000 * exp(process + spread * normal(&random) + (r ? 0 : slow_first_round));
                visits[v] = (tm_visit){i, r, pass * 200e9 + r * 450e6 + i * 150e6, &samples[v], 1, 0};
            }
        }
        const tm_summary summary = tm_summarise(visits, INCARNATIONS * QUICK_ROUNDS);
        found += tm_has_drift(&summary);
    }
    return (double)found / TRIALS;
}

/* A first round that is slower in every pass is no drift, though two rounds cannot tell it from a slope. */
static void a_slow_first_round_is_no_drift(void **state)
{
    (void)state;
    assert_true(share_in_quick_runs(0.01, 0, 0) < 0.01);
    assert_true(share_in_quick_runs(0.03, 0, 0) < 0.02);
    assert_true(share_in_quick_runs(0.01, 0.02, 0) < 0.02);
    assert_true(share_in_quick_runs(0.003, 0, 0.08) > 0.9);
    assert_true(share_in_quick_runs(0.003, 0, -0.08) > 0.9);
}

/* The drift interval holds the true change about 95 times in 100. */
static void drift_interval_covers(void **state)
{
    (void)state;
    static made_up data;
    int covered = 0;
    enum { TRIALS = 1000 };
    double span = 0;
    for (int i = 0; i < TRIALS; i++) {
        make_up(&data, (recipe){.process = 0.02, .round = 0.01, .drift = 0.05}, 5000 + (uint64_t)i);
        const tm_summary got = tm_summarise(data.visits, VISITS);
        span = (data.visits[VISITS - 1].start_ns - data.visits[0].start_ns) / 1e10;
        const double truth = expm1(0.05 * span);
        covered += got.drift_low <= truth && truth <= got.drift_high;
    }
    assert_in_range(covered, 925, 975);
}

static void interval_covers_in_95_of_100(void **state)
{
    (void)state;
    static made_up data;
    enum { TRIALS = 2000 };
    int covered = 0, covered_coarse = 0;
    for (int i = 0; i < TRIALS; i++) {
        make_up(&data, (recipe){.process = 0.01, .round = 0.01}, 100000 + (uint64_t)i);
        tm_summary got = tm_summarise(data.visits, VISITS);
        covered += got.ci_low_ns <= 1000 && 1000 <= got.ci_high_ns;
        make_up(&data, (recipe){.process = 0.01, .round = 0.01, .quantum = 2}, 100000 + (uint64_t)i);
        got = tm_summarise(data.visits, VISITS);
        covered_coarse += got.ci_low_ns <= 1000 && 1000 <= got.ci_high_ns;
    }
    assert_in_range(covered, TRIALS * 935 / 1000, TRIALS * 965 / 1000);
    assert_in_range(covered_coarse, TRIALS * 935 / 1000, TRIALS * 965 / 1000);
}

static void pairs(void **state)
{
    (void)state;
    const double one[] = {100}, two[] = {200}, four[] = {400}, many[] = {50, 400, 60};
    const tm_visit base[] = {{0, 0, 0, two, 1, 0},  {0, 1, 0, two, 1, 0}, {0, 2, 0, four, 1, 0},
                             {2, 0, 0, four, 1, 0}, {1, 5, 0, one, 1, 0}, {7, 0, 0, one, 1, 0}};
    const tm_visit other[] = {{2, 0, 0, many, 3, 0}, {0, 2, 0, one, 1, 0}, {0, 0, 0, two, 1, 0},
                              {0, 1, 0, one, 1, 0},  {1, 4, 0, one, 1, 0}, {9, 0, 0, one, 1, 0}};
    double d[6];
    assert_int_equal(tm_pair_differences(base, 6, other, 6, d, 6), 2); /* 1 has no common round; 7 and 9 no partner */
    CLOSE(d[0], log(2), 1e-14);                                        /* median of 0, ln 2, ln 4 */
    CLOSE(d[1], log(400.0 / 60), 1e-14);
    assert_int_equal(tm_pair_differences(base, 6, other, 6, d, 1), 1);
    assert_int_equal(tm_pair_differences(base, 0, other, 6, d, 6), 0);
}

/* What both backends of an incarnation share cancels: the pair's differences are far tighter than either's times. */
static void pairing_cancels_common_noise(void **state)
{
    (void)state;
    static made_up base, other;
    make_up(&base, (recipe){.process = 0.2, .round = 0.1}, 42);
    other = base;
    for (int v = 0; v < VISITS; v++) {
        for (int s = 0; s < SAMPLES; s++) other.samples[v][s] = base.samples[v][s] / 1.05;
        other.visits[v].sample_ns = other.samples[v];
    }
    double d[INCARNATIONS];
    assert_int_equal(tm_pair_differences(base.visits, VISITS, other.visits, VISITS, d, INCARNATIONS), INCARNATIONS);
    const tm_interval got = tm_mean_interval(d, INCARNATIONS);
    CLOSE(got.mean, log(1.05), 1e-10);
    assert_true(got.half_width < 1e-10);
}

/* What drifts for both does not change their ratio; what drifts for one does, by as much. */
static void a_pair_drifts_by_what_is_not_shared(void **state)
{
    (void)state;
    static made_up base, other;
    make_up(&base, (recipe){.process = 0.01, .round = 0.003, .drift = 0.2}, 42);
    other = base;
    for (int v = 0; v < VISITS; v++) {
        for (int s = 0; s < SAMPLES; s++) other.samples[v][s] = base.samples[v][s] / 1.5;
        other.visits[v].sample_ns = other.samples[v];
    }
    tm_summary summary = tm_summarise(base.visits, VISITS);
    assert_true(tm_has_drift(&summary));
    assert_true(tm_pair_drift(base.visits, VISITS, other.visits, VISITS) == 0);
    make_up(&other, (recipe){.process = 0.01, .round = 0.003}, 43);
    const double drift = tm_pair_drift(base.visits, VISITS, other.visits, VISITS);
    assert_true(drift > 0.15 && drift < 0.3);
    CLOSE(tm_pair_drift(other.visits, VISITS, base.visits, VISITS), drift, 1e-9);
    assert_true(isinf(tm_pair_drift(base.visits, 2, other.visits, 2)));
    assert_true(isinf(tm_pair_drift(base.visits, 0, other.visits, VISITS)));
    for (int v = 0; v < VISITS; v++) other.visits[v].round += 100;
    assert_true(isinf(tm_pair_drift(base.visits, VISITS, other.visits, VISITS))); /* no round in common */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_statistics),
        cmocka_unit_test(student_table),
        cmocka_unit_test(student_properties),
        cmocka_unit_test(chi2_table),
        cmocka_unit_test(mean_interval),
        cmocka_unit_test(summary_figures),
        cmocka_unit_test(drift_thresholds),
        cmocka_unit_test(drift_is_found_and_not_invented),
        cmocka_unit_test(a_slow_first_round_is_no_drift),
        cmocka_unit_test(drift_interval_covers),
        cmocka_unit_test(interval_covers_in_95_of_100),
        cmocka_unit_test(pairs),
        cmocka_unit_test(pairing_cancels_common_noise),
        cmocka_unit_test(a_pair_drifts_by_what_is_not_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
