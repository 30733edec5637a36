/* When a backend's times say that work was not done, and when they only say that the machine is not quiet. */
#include "run/cell_timing.h"

#include "base/philox.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static tm_calibration honest(void)
{
    tm_calibration calibration = {.call_ns = 50e3, .batch = 4, .ratios = 9};
    for (int i = 0; i < 9; i++) calibration.ratio[i] = 2.0;
    calibration.least_ratio = 2.0;
    calibration.four_ratio = 4.0;
    calibration.singly_ratio = 1.0;
    return calibration;
}

static bool grows(const tm_calibration *calibration, bool *nonlinear, const char *says)
{
    char reason[640] = "";
    const bool fine = tm_timing_grows(calibration, nonlinear, reason, sizeof reason);
    if (says) assert_non_null(strstr(reason, says));
    return fine;
}

static void honest_times_grow(void **state)
{
    (void)state;
    bool nonlinear = true;
    tm_calibration calibration = honest();
    assert_true(grows(&calibration, &nonlinear, NULL));
    assert_false(nonlinear);
    /* Calls above 10 ms have no pairs; below 20 us nothing is asked of four, below 500 ns nothing of one by one. */
    calibration = (tm_calibration){.call_ns = 20e6, .batch = 1, .four_ratio = 3.9};
    assert_true(grows(&calibration, &nonlinear, NULL));
    assert_false(nonlinear);
}

static void flat_times_are_found(void **state)
{
    (void)state;
    bool nonlinear;
    tm_calibration calibration = honest();
    for (int i = 0; i < 9; i++) calibration.ratio[i] = 1.0;
    calibration.least_ratio = 1.0;
    assert_false(grows(&calibration, &nonlinear, "only 1.00 times as long"));
    calibration = honest();
    calibration.four_ratio = 1.2;
    assert_false(grows(&calibration, &nonlinear, "four executions take only 1.20 times"));
    calibration = honest();
    calibration.singly_ratio = 2.0;
    assert_false(grows(&calibration, &nonlinear, "4 executions take 2.00 times as long when asked for one by one"));
}

/* The median of pairs is spoilt when the machine happens to be slow for each single batch and fast for each double one;
 * the shortest times are not. */
static void jumping_machine_is_no_lie(void **state)
{
    (void)state;
    bool nonlinear = false;
    tm_calibration calibration = honest();
    for (int i = 0; i < 9; i++) calibration.ratio[i] = i < 6 ? 1.12 : 2.0;
    calibration.least_ratio = 1.98;
    assert_true(grows(&calibration, &nonlinear, NULL));
    assert_true(nonlinear);
    calibration.least_ratio = NAN;
    assert_false(grows(&calibration, &nonlinear, "only 1.12 times"));
}

static bool fresh(double gain, double spread, int32_t pairs, double call_ns)
{
    tm_rewriting rewriting = {.pairs = pairs};
    for (int32_t i = 0; i < pairs; i++) {
        rewriting.same_ns[i] = call_ns;
        rewriting.new_ns[i] = call_ns * gain * (1 + spread * (i % 3 - 1));
    }
    char reason[640] = "";
    const bool fine = tm_timing_is_fresh(&rewriting, reason, sizeof reason);
    assert_true(fine || strstr(reason, "CACHING"));
    return fine;
}

static void kept_results_are_found(void **state)
{
    (void)state;
    assert_true(fresh(1.0, 0.02, 9, 1e6));
    assert_true(fresh(1.04, 0.01, 9, 1e6));
    assert_false(fresh(1.08, 0.01, 9, 1e6));
    assert_true(fresh(1.08, 0.01, 9, 1e3)); /* short calls are allowed 10 % */
    assert_false(fresh(1.2, 0.01, 9, 1e3));
    assert_true(fresh(1.2, 0.5, 9, 1e6)); /* too wild to say */
    tm_rewriting spoilt = {.pairs = 9};
    for (int i = 0; i < 9; i++) spoilt.new_ns[i] = 3 * (spoilt.same_ns[i] = 1e6);
    spoilt.same_ns[4] = 1e8;
    char reason[640];
    assert_false(tm_timing_is_fresh(&spoilt, reason, sizeof reason));
    assert_false(fresh(3.0, 0.2, 9, 1e6));
    assert_true(fresh(3.0, 0.0, 5, 1e6)); /* the worker stopped because there was no hint */
}

/* Honest times that scatter by 20 % and more: how often would three measurements in a row agree on caching? */
static void honest_scatter_is_no_lie(void **state)
{
    (void)state;
    enum { CELLS = 200000 };
    int32_t found = 0;
    for (int64_t cell = 0; cell < CELLS; cell++) {
        bool fine = false;
        for (int64_t attempt = 0; attempt < 3 && !fine; attempt++) {
            tm_rewriting rewriting = {.pairs = 9};
            for (int32_t i = 0; i < 9; i++) {
                const uint32_t at[4] = {(uint32_t)cell, (uint32_t)attempt, (uint32_t)i, 0}, key[2] = {7, 0};
                uint32_t word[4];
                tm_philox4x32(at, key, word);
                rewriting.same_ns[i] = 1e6 * (1 + 0.4 * (double)word[0] / 4294967296.0);
                rewriting.new_ns[i] = 1e6 * (1 + 0.4 * (double)word[1] / 4294967296.0);
            }
            char reason[640];
            fine = tm_timing_is_fresh(&rewriting, reason, sizeof reason);
        }
        if (!fine) found++;
    }
    print_message("CACHING in %d of %d honest cells\n", (int)found, (int)CELLS);
    assert_true(found <= CELLS / 20000); /* 5e-5 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(honest_times_grow),         cmocka_unit_test(flat_times_are_found),
        cmocka_unit_test(jumping_machine_is_no_lie), cmocka_unit_test(kept_results_are_found),
        cmocka_unit_test(honest_scatter_is_no_lie),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
