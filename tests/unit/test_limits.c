/* Bounds as a pure function of made-up limits; probes do the work they count; one short measurement is plausible. */
#include "measure/limits.h"

#include "measure/caches.h"
#include "measure/kernels/probe.h"
#include "measure/team.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static tm_limits made_up(void)
{
    return (tm_limits){.threads = 2,
                       .read_gbs = 80,
                       .copy_gbs = 100,
                       .l1_gbs = 1000,
                       .l2_gbs = 500,
                       .llc_gbs = 250,
                       .llc_copy_gbs = 200,
                       .f32_gflops = 400,
                       .l1_bytes = 1e5,
                       .l2_bytes = 2e6,
                       .llc_bytes = 32e6};
}

/* Half of what is not only read is written. */
static tm_bound bound_of(const tm_limits *limits, double flop, double bytes, double floor_flop, double floor_bytes,
                         bool read_only)
{
    const tm_load load = {flop, bytes, read_only ? 0 : bytes / 2, floor_flop, floor_bytes, read_only};
    return tm_bound_of(limits, &load);
}

static void near(double got, double want)
{
    if (!(fabs(got - want) <= 1e-12 * fabs(want))) fail_msg("%.17g instead of %.17g", got, want);
}

static void limit_takes_what_binds(void **state)
{
    (void)state;
    const tm_limits limits = made_up();
    tm_bound bound = bound_of(&limits, 4e9, 1e6, 4e9, 1e6, false);
    near(bound.limit_ns, 1e7);
    assert_string_equal(bound.basis, "flop");
    bound = bound_of(&limits, 1, 1e9, 1, 1e9, false);
    near(bound.limit_ns, 1e7);
    assert_string_equal(bound.basis, "memory-copy");
    bound = bound_of(&limits, 1, 1e9, 1, 1e9, true);
    near(bound.limit_ns, 1.25e7);
    assert_string_equal(bound.basis, "memory-read");
    bound = bound_of(&limits, 0, 16e6, 0, 16e6, true); /* exactly half of the last level */
    near(bound.limit_ns, 64000);
    assert_string_equal(bound.basis, "llc-read");
    bound = bound_of(&limits, 0, 16e6, 0, 16e6, false);
    near(bound.limit_ns, 80000);
    assert_string_equal(bound.basis, "llc-copy");
    bound = bound_of(&limits, 0, 16000001, 0, 0, false);
    assert_string_equal(bound.basis, "memory-copy");
}

/* Each direction has a limit of its own where its part alone does not stay in the last level. */
static void each_direction_binds(void **state)
{
    (void)state;
    tm_limits limits = made_up();
    limits.write_gbs = 40;
    const struct {
        double bytes, written, limit_ns;
        const char *basis;
    } loads[] = {{1e9, 0.5e9, 1.25e7, "memory-write"},    {1e9, 0.9e9, 2.25e7, "memory-write"},
                 {1e9, 0.3e9, 1e7, "memory-copy"},        {1e9, 0.1e9, 1.125e7, "memory-read"},
                 {1e9, 16e6, 984e6 / 80, "memory-read"},  {40e6, 16e6, 4e5, "memory-copy"},
                 {40e6, 39e6, 39e6 / 40, "memory-write"}, {15e6, 14e6, 75000, "llc-copy"}};
    for (size_t i = 0; i < sizeof loads / sizeof *loads; i++) {
        const tm_load load = {.bytes = loads[i].bytes, .written = loads[i].written, .floor_bytes = loads[i].bytes};
        const tm_bound bound = tm_bound_of(&limits, &load);
        near(bound.limit_ns, loads[i].limit_ns);
        assert_string_equal(bound.basis, loads[i].basis);
        assert_true(bound.floor_ns <= bound.limit_ns);
    }
    const tm_load load = {.flop = 1e10, .bytes = 1e9, .written = 0.9e9};
    assert_string_equal(tm_bound_of(&limits, &load).basis, "flop");
    limits.write_gbs = 0; /* not measured: as if it were free */
    const tm_load mostly_written = {.bytes = 1e9, .written = 0.9e9};
    near(tm_bound_of(&limits, &mostly_written).limit_ns, 1e7);
}

static void floor_streams_through_the_levels(void **state)
{
    (void)state;
    const tm_limits limits = made_up();
    near(bound_of(&limits, 0, 1, 0, 5e4, true).floor_ns, 50);
    near(bound_of(&limits, 0, 1, 0, 1e5 + 1e6, true).floor_ns, 100 + 2000);
    /* beyond the caches: 100 + 4000 + 32e6/250, and the rest at what memory does best */
    const double cached = 1e5 + 2e6 + 32e6;
    near(bound_of(&limits, 0, 1, 0, cached + 8e6, true).floor_ns, 100 + 4000 + 128000 + 1e5);
    near(bound_of(&limits, 0, 1, 0, cached + 8e6, false).floor_ns, 100 + 4000 + 128000 + 8e4);
    near(bound_of(&limits, 0, 1, 4e9, 5e4, true).floor_ns, 1e7);
    near(bound_of(&limits, 0, 0, 0, 0, true).floor_ns, 0);
    for (double bytes = 1; bytes < 1e10; bytes *= 3) { /* never above the limit: a program at its limit is honest */
        for (int read_only = 0; read_only < 2; read_only++) {
            const tm_bound bound = bound_of(&limits, 10, bytes, 10, bytes, read_only);
            assert_true(bound.floor_ns <= bound.limit_ns);
        }
    }
}

static void unmeasured_is_unknown(void **state)
{
    (void)state;
    const tm_limits nothing = {0};
    assert_true(isnan(bound_of(&nothing, 1, 1, 1, 1, true).limit_ns));
    assert_true(isnan(bound_of(&nothing, 1, 1, 1, 1, true).floor_ns));
    assert_true(bound_of(&nothing, 0, 0, 0, 0, true).limit_ns == 0);
    tm_limits partly = made_up();
    partly.f32_gflops = 0;
    assert_true(isnan(bound_of(&partly, 1, 1e9, 1, 1e9, true).limit_ns));
    near(bound_of(&partly, 0, 1e9, 0, 1e9, true).limit_ns, 1.25e7);
    partly = made_up();
    partly.llc_gbs = partly.llc_copy_gbs = 0; /* no last level measured: memory's rate, and the floor stays below */
    const tm_bound bound = bound_of(&partly, 0, 1e6, 0, 1e6, true);
    assert_string_equal(bound.basis, "memory-read");
    assert_true(bound.floor_ns <= bound.limit_ns);
}

static void best_of_two(void **state)
{
    (void)state;
    tm_limits a = made_up(), b = made_up();
    a.read_gbs = 90;
    b.copy_gbs = 110;
    b.f32_gflops = 0;
    a.spread = 0.3;
    b.spread = 0.1;
    const tm_limits best = tm_limits_best(&a, &b);
    assert_true(best.read_gbs == 90 && best.copy_gbs == 110 && best.f32_gflops == 400 && best.spread == 0.1);
    assert_true(best.l1_bytes == 1e5 && best.threads == 2 && best.llc_copy_gbs == 200 && best.l2_gbs == 500);
}

/* A copy copies everything, an add adds everything: a probe that skipped part would claim a rate that is not there. */
static void probes_do_their_work(void **state)
{
    (void)state;
    const tm_probe *probes[32];
    const size_t count = tm_probes_usable(probes, 32);
    enum { FLOATS = 8 * TM_PROBE_GRAIN / 4 };
    float *data = aligned_alloc(64, FLOATS * sizeof *data);
    assert_non_null(data);
    int kinds = 0;
    for (size_t i = 0; i < count; i++) {
        kinds |= 1 << probes[i]->kind;
        for (int k = 0; k < FLOATS; k++) data[k] = (float)(k + 1);
        if (probes[i]->arithmetic) {
            assert_true(isfinite(probes[i]->arithmetic(10)));
            assert_true(probes[i]->operations > 0);
            continue;
        }
        probes[i]->stream(data, FLOATS * sizeof *data);
        const int half = FLOATS / 2, third = FLOATS / 3;
        for (int k = 0; k < FLOATS; k++) {
            float want = (float)(k + 1);
            if (probes[i]->kind == TM_PROBE_COPY && k >= half) want = (float)(k - half + 1);
            if (probes[i]->kind == TM_PROBE_ADD && k >= 2 * third) want = data[k - 2 * third] + data[k - third];
            if (probes[i]->kind == TM_PROBE_WRITE) { /* one vector, at most of 16 floats, everywhere */
                if (k < 16 || data[k] != want) continue;
                fail_msg("%s: element %d is not written", probes[i]->name, k);
            }
            if (data[k] != want) fail_msg("%s: element %d", probes[i]->name, k);
        }
    }
    free(data);
    assert_int_equal(kinds & 31, 31); /* read, copy, write, add and f32 exist everywhere */
}

/* Every single bit of the data reaches the result of a read: flipping one word anywhere changes it. */
static void reads_read_everything(void **state)
{
    (void)state;
    const tm_probe *probes[32];
    const size_t count = tm_probes_usable(probes, 32);
    enum { BYTES = 2 * TM_PROBE_GRAIN };
    uint64_t *data = aligned_alloc(64, BYTES);
    assert_non_null(data);
    for (size_t i = 0; i < count; i++) {
        if (probes[i]->kind != TM_PROBE_READ) continue;
        memset(data, 0, BYTES);
        assert_true(probes[i]->stream(data, BYTES) == 0);
        for (size_t k = 64; k < BYTES / 8; k++) { /* the first vector starts every accumulator and cancels */
            data[k] = UINT64_MAX;
            if (probes[i]->stream(data, BYTES) == 0) fail_msg("%s: word %zu is not read", probes[i]->name, k);
            data[k] = 0;
        }
    }
    free(data);
}

typedef struct roll {
    _Atomic int64_t calls;
    _Atomic int64_t members;
} roll;

static void call_in(void *context, int32_t member, int64_t repeats)
{
    roll *called = context;
    atomic_fetch_add(&called->calls, repeats);
    atomic_fetch_or(&called->members, INT64_C(1) << member);
}

static void lead(tm_team *team, void *context)
{
    for (int i = 0; i < 100; i++) tm_team_time(team, call_in, context, 3);
}

static void team_runs_every_member(void **state)
{
    (void)state;
    int32_t cpus[5];
    tm_first_cpus(5, cpus); /* more than some machines have: members then share */
    for (int32_t count = 1; count <= 5; count += 2) {
        roll called = {0, 0};
        assert_int_equal(tm_team_run(cpus, count, lead, &called, NULL), TM_OK);
        assert_int_equal(called.calls, 300 * count);
        assert_int_equal(called.members, (INT64_C(1) << count) - 1);
    }
}

static void measurement_is_plausible(void **state)
{
    (void)state;
    tm_limits got;
    tm_error error;
    assert_int_equal(tm_limits_measure(1, 0.4, &got, &error), TM_OK);
    assert_int_equal(got.threads, 1);
    assert_true(got.read_gbs > 0.2 && got.read_gbs < 5000);
    assert_true(got.copy_gbs > 0.2 && got.copy_gbs < 5000);
    assert_true(got.write_gbs > 0.2 && got.write_gbs < 5000);
    assert_true(got.f32_gflops > 0.5 && got.f32_gflops < 5000);
    assert_true(got.spread >= 0 && got.spread <= 1);
    if (got.l1_bytes > 0) assert_true(got.l1_gbs > got.read_gbs);
    assert_int_equal(tm_limits_measure(0, 0.1, &got, &error), TM_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "threads"));
    assert_int_equal(tm_limits_measure(100000, 0.1, &got, NULL), TM_INVALID_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limit_takes_what_binds),
        cmocka_unit_test(each_direction_binds),
        cmocka_unit_test(floor_streams_through_the_levels),
        cmocka_unit_test(unmeasured_is_unknown),
        cmocka_unit_test(best_of_two),
        cmocka_unit_test(probes_do_their_work),
        cmocka_unit_test(reads_read_everything),
        cmocka_unit_test(team_runs_every_member),
        cmocka_unit_test(measurement_is_plausible),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
