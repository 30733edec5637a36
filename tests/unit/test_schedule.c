/* The plan of passes, and that visit orders are permutations, repeatable, and without preference. */
#include "measure/schedule.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void plans(void **state)
{
    (void)state;
    const tm_schedule quick = tm_schedule_of(TM_MODE_QUICK), normal = tm_schedule_of(TM_MODE_DEFAULT),
                      full = tm_schedule_of(TM_MODE_FULL);
    assert_int_equal(quick.passes, 2);
    assert_int_equal(quick.incarnations[0] + quick.incarnations[1], 5);
    assert_int_equal(quick.incarnations[0], 3);
    assert_int_equal(quick.rounds, 2);
    assert_int_equal(normal.incarnations[0] + normal.incarnations[1], 5);
    assert_int_equal(normal.rounds, 6);
    assert_int_equal(full.passes, 3);
    assert_int_equal(full.incarnations[0] + full.incarnations[1] + full.incarnations[2], 8);
    assert_int_equal(full.rounds, 6);
    assert_int_equal(tm_rounds_for(&normal, 1e9), 6);
    assert_int_equal(tm_rounds_for(&normal, 1.01e9), 1);
    assert_string_equal(tm_mode_name(TM_MODE_QUICK), "quick");
    assert_string_equal(tm_mode_name(TM_MODE_DEFAULT), "default");
    assert_string_equal(tm_mode_name(TM_MODE_FULL), "full");
}

static void orders_are_permutations(void **state)
{
    (void)state;
    int32_t order[40];
    for (int32_t count = 0; count <= 40; count++) {
        uint64_t seen = 0;
        memset(order, -1, sizeof order);
        tm_visit_order(7, 8, 9, count, count, order);
        for (int32_t i = 0; i < count; i++) {
            assert_in_range(order[i], 0, count - 1);
            seen |= UINT64_C(1) << order[i];
        }
        assert_true(seen == (UINT64_C(1) << count) - 1);
        for (int32_t i = count; i < 40; i++) assert_int_equal(order[i], -1);
    }
}

static void every_argument_matters(void **state)
{
    (void)state;
    enum { COUNT = 30 };
    int32_t first[COUNT], again[COUNT], other[COUNT];
    tm_visit_order(1, 2, 3, 4, COUNT, first);
    tm_visit_order(1, 2, 3, 4, COUNT, again);
    assert_memory_equal(first, again, sizeof first);
    static const uint64_t changed[4][4] = {{2, 2, 3, 4}, {1, 3, 3, 4}, {1, 2, 4, 4}, {1, 2, 3, 5}};
    for (int i = 0; i < 4; i++) {
        tm_visit_order(changed[i][0], changed[i][1], (int32_t)changed[i][2], (int32_t)changed[i][3], COUNT, other);
        assert_memory_not_equal(first, other, sizeof first);
    }
}

/* All 24 orders of four backends come equally often over consecutive rounds and incarnations: chi squared with 23
 * degrees of freedom stays under its 99.9 % point, 49.7. */
static void orders_are_uniform(void **state)
{
    (void)state;
    enum { DRAWS = 24000 };
    for (uint64_t seed = 0; seed < 3; seed++) {
        int counts[256] = {0};
        for (int32_t i = 0; i < DRAWS; i++) {
            int32_t order[4];
            tm_visit_order(seed, 99, i / 6, i % 6, 4, order);
            counts[order[0] | order[1] << 2 | order[2] << 4 | order[3] << 6]++;
        }
        double chi2 = 0;
        int kinds = 0;
        for (int i = 0; i < 256; i++) {
            if (!counts[i]) continue;
            kinds++;
            chi2 += pow(counts[i] - DRAWS / 24.0, 2) / (DRAWS / 24.0);
        }
        assert_int_equal(kinds, 24);
        assert_true(chi2 < 49.7);
        assert_true(chi2 > 5); /* nor suspiciously even */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans),
        cmocka_unit_test(orders_are_permutations),
        cmocka_unit_test(every_argument_matters),
        cmocka_unit_test(orders_are_uniform),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
