/* Batch sizes, warm-up, visit lengths and the linearity verdict at and around their thresholds. */
#include "measure/sampling.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void timer(void **state)
{
    (void)state;
    const tm_timer got = tm_timer_measure();
    assert_true(got.resolution_ns >= 1 && got.resolution_ns < 1e7);
    assert_true(got.overhead_ns > 0 && got.overhead_ns < 1e5);
}

static void batches(void **state)
{
    (void)state;
    const tm_timer fine = {1, 25}, coarse = {1000, 25}, slow = {1, 3000};
    assert_int_equal(tm_batch_size(1000, fine, false), 200);
    assert_int_equal(tm_batch_size(1000, fine, true), 500);
    assert_int_equal(tm_batch_size(1000, coarse, false), 1000);
    assert_int_equal(tm_batch_size(1000, slow, false), 3000);
    assert_int_equal(tm_batch_size(199999, fine, false), 2);
    assert_int_equal(tm_batch_size(200000, fine, false), 1);
    assert_int_equal(tm_batch_size(5e9, fine, false), 1);
    assert_int_equal(tm_batch_size(0, fine, false), 200000);
    assert_int_equal(tm_batch_size(NAN, fine, false), 200000);
    for (double call = 1; call < 1e6; call *= 1.37) {
        const double n = (double)tm_batch_size(call, fine, false);
        assert_true(n * call >= 200000 * (1 - 1e-12) && (n == 1 || (n - 1) * call < 200000));
    }
}

static void warm_up(void **state)
{
    (void)state;
    assert_int_equal(tm_warmup_after(1.1e9, false).calls, 0);
    assert_int_equal(tm_warmup_after(0.9e9, false).calls, 1);
    assert_true(tm_warmup_after(0.9e9, true).time_ns == 0);
    assert_int_equal(tm_warmup_after(50e6, false).calls, 1);
    assert_int_equal(tm_warmup_after(49e6, false).calls, 2);
    assert_true(tm_warmup_after(1000, false).time_ns == 20e6);
    assert_true(tm_warmup_after(1000, true).time_ns == 250e6);
}

static void visits(void **state)
{
    (void)state;
    const tm_visit_rule quick = tm_visit_rule_for(50e6), slow = tm_visit_rule_for(50.1e6);
    assert_int_equal(quick.samples, 5);
    assert_true(quick.time_ns == 60e6 && quick.discard_first);
    assert_int_equal(slow.samples, 1);
    assert_true(slow.time_ns == 0 && !slow.discard_first);
}

static tm_linearity judge(double middle, double call_ns, double *median)
{
    const double ratios[9] = {0.1, middle, middle, middle, middle, middle, 99, 99, 0.2};
    return tm_judge_linearity(ratios, 9, call_ns, median);
}

static void linearity(void **state)
{
    (void)state;
    double median = 0;
    assert_int_equal(judge(2.0, 1000, &median), TM_LINEAR);
    assert_true(median == 2.0);
    assert_int_equal(judge(1.94, 1000, &median), TM_LINEAR);
    assert_int_equal(judge(2.06, 1000, &median), TM_LINEAR);
    assert_int_equal(judge(1.93, 1000, &median), TM_NONLINEAR);
    assert_int_equal(judge(2.07, 1000, &median), TM_NONLINEAR);
    assert_int_equal(judge(1.8, 1000, &median), TM_NONLINEAR);
    assert_int_equal(judge(1.79, 1000, &median), TM_TOO_CHEAP);
    assert_int_equal(judge(1.0, 10e6, &median), TM_TOO_CHEAP);
    assert_int_equal(judge(NAN, 1000, &median), TM_TOO_CHEAP);
    assert_int_equal(judge(1.0, 10.1e6, &median), TM_LINEARITY_SKIPPED);
    assert_true(isnan(median));
    assert_int_equal(tm_judge_linearity(NULL, 0, 1000, &median), TM_LINEARITY_SKIPPED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timer),  cmocka_unit_test(batches),   cmocka_unit_test(warm_up),
        cmocka_unit_test(visits), cmocka_unit_test(linearity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
