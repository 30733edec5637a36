/* Where processors lie: the rule that tells placements apart, what limits and pairs make of it, one look at this
 * machine. */
#include "measure/caches.h"
#include "measure/limits.h"
#include "measure/machine.h"
#include "measure/stats.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static void placements_are_told_apart(void **state)
{
    (void)state;
    assert_true(tm_same_placement(45, 62) && tm_same_placement(62, 45) && tm_same_placement(45, 90));
    assert_false(tm_same_placement(45, 205) || tm_same_placement(205, 60));
    assert_false(tm_same_placement(sqrt(45.0 * 205), 45) || tm_same_placement(sqrt(45.0 * 205), 205)); /* in between */
    assert_true(tm_same_placement(NAN, 45) && tm_same_placement(45, 0) && tm_same_placement(NAN, NAN));

    tm_placements met = {.count = 0};
    const double times[] = {45, 210, 55, NAN, 190, 0, 40, 1000, 8000, 45, 60000};
    const int32_t expected[] = {0, 1, 0, -1, 1, -1, 0, 2, 3, 0, -1}; /* the last has no room */
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        assert_int_equal(tm_placement_find(&met, times[i]), expected[i]);
    }
    assert_int_equal(met.count, TM_MOST_PLACEMENTS);
}

static tm_limits two_placements(void)
{
    return (tm_limits){
        .threads = 2,
        .read_gbs = 90,
        .copy_gbs = 110,
        .write_gbs = 80,
        .llc_gbs = 200,
        .llc_copy_gbs = 190,
        .f32_gflops = 500,
        .placed = {{45, 30, 50, 60, 40, 180, 150}, {205, 30, 90, 110, 80, 200, 190}, {900, 3, 1, 1, 1, 1, 1}},
        .placed_count = 3};
}

static void limits_are_of_their_placement(void **state)
{
    (void)state;
    const tm_limits all = two_placements();
    const tm_limits near = tm_limits_in(&all, 60), apart = tm_limits_in(&all, 230);
    assert_true(near.read_gbs == 50 && near.copy_gbs == 60 && near.write_gbs == 40 && near.llc_gbs == 180);
    assert_true(near.llc_copy_gbs == 150 && near.f32_gflops == 500 && near.threads == 2);
    assert_true(apart.read_gbs == 90 && apart.write_gbs == 80);
    /* where it is not known, and where too little was measured, the best counts */
    assert_true(tm_limits_in(&all, NAN).read_gbs == 90 && tm_limits_in(&all, 0).read_gbs == 90);
    assert_true(tm_limits_in(&all, 1000).read_gbs == 90 && tm_limits_in(&all, 5).read_gbs == 90);
    assert_null(tm_limits_placed(&all, 1000));
    assert_true(tm_limits_placed(&all, 50) == &all.placed[0]);
}

static void measurements_meet_by_placement(void **state)
{
    (void)state;
    const tm_limits first = two_placements();
    tm_limits second = {
        .threads = 2, .placed = {{190, 5, 95, 100, 85, 1, 1}, {50, 2, 1, 70, 1, 1, 1}}, .placed_count = 2};
    const tm_limits best = tm_limits_best(&first, &second);
    assert_int_equal(best.placed_count, 3);
    assert_true(best.placed[0].core_to_core_ns == 45 && best.placed[0].turns == 32 && best.placed[0].copy_gbs == 70);
    assert_true(best.placed[1].read_gbs == 95 && best.placed[1].copy_gbs == 110 && best.placed[1].turns == 35);
    assert_true(best.placed[1].write_gbs == 85 && best.placed[1].llc_gbs == 200 && best.placed[0].llc_copy_gbs == 150);
    second.placed[0].core_to_core_ns = 5000;
    second.placed[1].core_to_core_ns = 20000; /* no room for a fifth */
    assert_int_equal(tm_limits_best(&first, &second).placed_count, TM_MOST_PLACEMENTS);
}

/* Twice as slow where both share a cache, as memory-bound work is; the true ratio of the pair is 2. */
static void pairs_compare_what_was_measured_alike(void **state)
{
    (void)state;
    const double one[] = {100}, two[] = {200}, four[] = {400};
    const tm_visit base[] = {{0, 0, 0, two, 1, 205}, {0, 1, 1, four, 1, 45}, {1, 0, 2, two, 1, 205}};
    const tm_visit other[] = {{0, 0, 0, two, 1, 45}, {0, 1, 1, two, 1, 50}, {1, 0, 2, two, 1, 45}};
    double d[2];
    assert_int_equal(tm_pair_differences(base, 3, other, 3, d, 2), 2);
    assert_true(fabs(d[0] - log(2)) < 1e-14); /* the round measured alike alone */
    assert_true(fabs(d[1]) < 1e-14);          /* nothing better is there */
    const tm_visit later[] = {{0, 0, 0, one, 1, 200}, {0, 1, 1, one, 1, 205}};
    assert_int_equal(tm_pair_differences(base, 2, later, 2, d, 2), 1);
    assert_true(fabs(d[0] - log(2)) < 1e-14);
}

enum { INCARNATIONS = 5, ROUNDS = 6 };

typedef struct made_up {
    double sample[INCARNATIONS * ROUNDS];
    tm_visit visits[INCARNATIONS * ROUNDS];
} made_up;

/* Time 100, twice that in the near placement, which the last incarnations were measured in; growing by `drift` over
 * all. */
static tm_summary summary_of(made_up *into, double drift, bool known)
{
    const int count = INCARNATIONS * ROUNDS;
    for (int v = 0; v < count; v++) {
        const bool near = v % ROUNDS >= ROUNDS / 2 || v / ROUNDS == 0;
        const double wobble = 1 + 0.002 * ((v * 7) % 5 - 2);
        into->sample[v] = 100 * (near ? 2 : 1) * wobble * (1 + drift * v / count);
        into->visits[v] =
            (tm_visit){v / ROUNDS, v % ROUNDS, v * 1e9, &into->sample[v], 1, !known ? NAN : near ? 45 : 205};
    }
    return tm_summarise(into->visits, (size_t)count);
}

static void a_move_is_no_drift(void **state)
{
    (void)state;
    made_up data;
    tm_summary got = summary_of(&data, 0, true);
    assert_false(tm_has_drift(&got));
    assert_true(got.drift_low > -0.03 && got.drift_high < 0.03);
    assert_true(got.median_ns > 100); /* times themselves are as they were */
    got = summary_of(&data, 0.2, true);
    assert_true(tm_has_drift(&got)); /* and a drift beside moves is seen */
    got = summary_of(&data, 0, false);
    assert_true(got.drift_high - got.drift_low > 0.05); /* what would be believed without the placement */
}

static void this_machine(void **state)
{
    (void)state;
    int32_t cpus[TM_MOST_TEAM];
    tm_first_cpus(TM_MOST_TEAM, cpus);
    assert_true(isnan(tm_core_to_core_of(cpus, 1)));
    tm_machine machine;
    tm_machine_read(&machine);
    const int32_t count = machine.cores < TM_MOST_TEAM ? machine.cores : TM_MOST_TEAM;
    if (count < 2) skip();
    for (int i = 0; i < 50; i++) { /* a busy machine may not let both run at once, now and then */
        const double ns = tm_core_to_core_of(cpus, count);
        if (ns > 2 && ns < 3000) return;
    }
    fail_msg("no plausible time from core to core in 50 looks");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(placements_are_told_apart),
        cmocka_unit_test(limits_are_of_their_placement),
        cmocka_unit_test(measurements_meet_by_placement),
        cmocka_unit_test(pairs_compare_what_was_measured_alike),
        cmocka_unit_test(a_move_is_no_drift),
        cmocka_unit_test(this_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
