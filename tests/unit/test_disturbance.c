/* The judges on made-up figures, the canary and the kernel's counters on this machine. */
#include "measure/disturbance.h"

#include "base/clock.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static void canary_judge(void **state)
{
    (void)state;
    const double steady[] = {100, 100, 101, 99, 100}, restless[] = {100, 120, 80, 110, 90};
    assert_false(tm_canary_is_off(steady, 4, 1000)); /* too few to know */
    assert_false(tm_canary_is_off(steady, 5, 104.9));
    assert_true(tm_canary_is_off(steady, 5, 105.1));
    assert_true(tm_canary_is_off(steady, 5, 94.9)); /* faster is a change too */
    assert_false(tm_canary_is_off(restless, 5, 149));
    assert_true(tm_canary_is_off(restless, 5, 151));
    assert_true(tm_canary_is_off(steady, 5, NAN));
}

static void canary_runs(void **state)
{
    (void)state;
    tm_canary *canary = tm_canary_new();
    assert_non_null(canary);
    double least = INFINITY;
    for (int i = 0; i < 5; i++) least = fmin(least, tm_canary_run(canary));
    tm_canary_free(canary);
    tm_canary_free(NULL);
    /* Calibrated to 1 ms; wide because the machine may be busy while this runs, or slow down after the calibration. */
    assert_true(least > 0.3e6 && least < 4e6);
}

static void noise_judge(void **state)
{
    (void)state;
    const tm_noise before = {1000, 5, true};
    assert_null(tm_noise_judge(before, before, 1e8, 1));
    assert_null(tm_noise_judge(before, (tm_noise){1000 + 4000000, 5, true}, 1e8, 1)); /* exactly 4 % */
    assert_string_equal(tm_noise_judge(before, (tm_noise){1000 + 4000001, 5, true}, 1e8, 1), "run-queue delay");
    assert_null(tm_noise_judge(before, (tm_noise){1000 + 4000001, 5, true}, 1e8, 2)); /* shared by two threads */
    assert_string_equal(tm_noise_judge(before, (tm_noise){1000, 6, true}, 1e8, 1), "steal time");
    assert_null(tm_noise_judge(before, (tm_noise){1000, 6, true}, 1e10, 1));
    assert_null(tm_noise_judge(before, (tm_noise){0, 0, true}, 1e8, 1)); /* a thread ended */
    assert_null(tm_noise_judge(before, (tm_noise){1u << 30, 99, false}, 1e8, 1));
    assert_null(tm_noise_judge(before, (tm_noise){1u << 30, 99, true}, NAN, 1));
}

static void *spin_on_first_cpu(void *until)
{
    while (tm_now_ns() < *(const uint64_t *)until) {}
    return NULL;
}

/* Two threads on one CPU wait for each other, and the counters say so. */
static void contention_is_seen(void **state)
{
    (void)state;
    const tm_noise before = tm_noise_of_process(0);
    if (!before.valid) skip();
    cpu_set_t all, one;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    size_t cpu = 0;
    while (!CPU_ISSET(cpu, &all)) cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    const uint64_t start = tm_now_ns(), until = start + 150000000;
    pthread_t rival;
    assert_int_equal(pthread_create(&rival, NULL, spin_on_first_cpu, (void *)&until), 0);
    spin_on_first_cpu((void *)&until);
    /* read by process id, while both threads exist, as the runner reads a worker's */
    const tm_noise after = tm_noise_of_process((int32_t)getpid());
    const char *judged = tm_noise_judge(before, after, (double)(tm_now_ns() - start), 2);
    pthread_join(rival, NULL);
    sched_setaffinity(0, sizeof all, &all);
    assert_true(after.valid);
    assert_non_null(judged);
    assert_string_equal(judged, "run-queue delay");
}

static void missing_process(void **state)
{
    (void)state;
    assert_false(tm_noise_of_process(0x7ffffffe).valid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(canary_judge),    cmocka_unit_test(canary_runs),        cmocka_unit_test(noise_judge),
        cmocka_unit_test(missing_process), cmocka_unit_test(contention_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
