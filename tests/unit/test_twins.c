/* Which cases the automatic twin runs on. */
#include "measure/verdict.h"
#include "run/run_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 200 };

static tm_case_list ops(size_t count)
{
    tm_case_list cases = {0};
    tm_error error = {""};
    const tm_dtype f32 = TM_F32;
    if (tm_suite_append("ops", &f32, 1, &cases, &error) != TM_OK) fail_msg("%s", error.message);
    assert_in_range(cases.count, count ? count : 80, MOST);
    while (count && cases.count > count) tm_case_free(&cases.items[--cases.count]);
    return cases;
}

static size_t count_of(const bool *chosen, size_t cases)
{
    size_t count = 0;
    for (size_t i = 0; i < cases; i++) count += chosen[i];
    return count;
}

static void as_many_as_the_run_bears(void **state)
{
    (void)state;
    static const size_t wanted[][2] = {{1, 0}, {11, 0}, {12, 10}, {35, 10}, {36, 11}, {0, 13}};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        bool chosen[MOST];
        memset(chosen, 1, sizeof chosen);
        tm_case_list cases = ops(wanted[i][0]);
        tm_twin_cases(&cases, chosen);
        assert_int_equal(count_of(chosen, cases.count), wanted[i][1]);
        tm_case_list_free(&cases);
    }
}

/* Every time class that the suite has gets its share, mostly of different ops, and the twins take little of the suite's
 * time.
 */
static void short_ones_of_all_time_classes(void **state)
{
    (void)state;
    const tm_limits limits = tm_modest_limits(2);
    const tm_schedule schedule = tm_schedule_of(TM_MODE_QUICK);
    tm_case_list cases = ops(0);
    bool chosen[MOST];
    tm_twin_cases(&cases, chosen);
    size_t there[TM_TIME_CLASSES] = {0}, twins[TM_TIME_CLASSES] = {0};
    double all_s = 0, twin_s = 0;
    int alike = 0;
    for (size_t i = 0; i < cases.count; i++) {
        const tm_case *one = &cases.items[i];
        const double call_ns = tm_case_call_ns(one, &limits), both_s = tm_case_seconds(one, &limits, &schedule, 2);
        const int32_t time_class = tm_time_class(call_ns);
        there[time_class]++;
        all_s += both_s;
        if (!chosen[i]) continue;
        twins[time_class]++;
        twin_s += tm_case_seconds(one, &limits, &schedule, 3) - both_s;
        print_message("%-50s about %.3g us\n", one->id, call_ns / 1e3);
        for (size_t k = 0; k < i; k++) alike += chosen[k] && strcmp(cases.items[k].group, one->group) == 0;
    }
    print_message("twins take %.1f s of %.1f s\n", twin_s, all_s);
    assert_in_range(alike, 0, 2);
    assert_true(twin_s < 0.05 * all_s);
    for (int32_t k = 0; k < TM_TIME_CLASSES; k++) {
        print_message("time class %d: %zu of %zu cases\n", (int)k, twins[k], there[k]);
        assert_true(twins[k] >= (there[k] < 4 ? there[k] : 3));
    }
    tm_case_list_free(&cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_as_the_run_bears),
        cmocka_unit_test(short_ones_of_all_time_classes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
