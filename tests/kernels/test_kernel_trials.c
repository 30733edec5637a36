/* `run kernels` without its clock: every slot of kernels.def has a recipe, every kernel of every set passes its own
 * trial at small sizes, a wrong kernel does not, and limits follow from the work. */
#include "run/run_kernels.h"

#include "native/isa.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static tm_error error;

static tm_trial_space new_space(double l1_bytes, double l2_bytes, double memory_bytes)
{
    tm_trial_space space;
    assert_int_equal(tm_trial_space_new(l1_bytes, l2_bytes, memory_bytes, &space, &error), TM_OK);
    return space;
}

static void every_slot_has_a_trial(void **state)
{
    (void)state;
    const char *last = "";
    int slots = 0, expected = 0;
    for (int i = 0; i < tm_trial_count(); i++) {
        tm_trial trial;
        tm_trial_describe(i, &trial);
        if (!trial.recipe) fail_msg("%s: no recipe for its type in src/native/bench/trial_recipes.h", trial.kernel);
        slots += strcmp(trial.kernel, last) != 0;
        last = trial.kernel;
    }
#define TM_SLOT(name, type) expected++;
#include "native/kernels/kernels.def"
    assert_int_equal(slots, expected);
}

static void every_kernel_passes(void **state)
{
    (void)state;
    tm_trial_space space = new_space(24 << 10, 64 << 10, 300000);
    tm_trial trial = {0};
    for (int i = 0; i < tm_trial_count(); i++) {
        for (int isa = 0; isa < TM_ISA_COUNT; isa++) {
            if (tm_trial_origin(i, (tm_isa)isa) != (tm_isa)isa) continue;
            const tm_kernels *table = tm_kernels_for((tm_isa)isa);
            if (tm_trial_prepare(i, table, &space, &trial, &error) != TM_OK) fail_msg("%s", error.message);
            assert_true(trial.bytes > 0 && trial.flop >= 0 && strlen(trial.size) > 0);
            tm_trial_poison(&trial);
            if (!trial.start) assert_int_equal(tm_trial_check(&trial, table, &error), TM_FAILED);
            tm_trial_run(&trial, table, 3);
            if (tm_trial_check(&trial, table, &error) != TM_OK) {
                fail_msg("%s: %s", tm_isa_name((tm_isa)isa), error.message);
            }
        }
    }
    tm_trial_space_free(&space);
}

static float factor;
static void wrong_map(const float *x, float *y, int64_t n, float parameter, bool stream)
{
    tm_kernels_for(TM_ISA_portable)->relu_f32(x, y, n, parameter, stream);
    y[n - 1] *= factor;
}

static void a_wrong_kernel_is_caught(void **state)
{
    (void)state;
    tm_trial_space space = new_space(24 << 10, 64 << 10, 300000);
    tm_kernels table = *tm_kernels_for(TM_ISA_portable);
    table.relu_f32 = wrong_map;
    int tried = 0;
    for (int i = 0; i < tm_trial_count(); i++) {
        tm_trial trial = {0};
        tm_trial_describe(i, &trial);
        if (strcmp(trial.kernel, "relu_f32") != 0) continue;
        assert_int_equal(tm_trial_prepare(i, &table, &space, &trial, &error), TM_OK);
        ((float *)trial.x)[trial.length - 1] = 1.0f;
        ((float *)trial.want)[trial.length - 1] = 1.0f;
        const float factors[] = {1.0f, 1.0001f, 0.0f, NAN};
        for (int k = 0; k < 4; k++) {
            factor = factors[k];
            tm_trial_run(&trial, &table, 1);
            assert_int_equal(tm_trial_check(&trial, &table, &error), k == 0 ? TM_OK : TM_FAILED);
            if (k > 0) assert_non_null(strstr(error.message, "relu_f32"));
        }
        tried++;
    }
    assert_int_equal(tried, 3);
    tm_trial_space_free(&space);
}

static void too_little_memory_is_an_error(void **state)
{
    (void)state;
    tm_trial_space space = new_space(1 << 10, 4 << 10, 8 << 10);
    space.target[TM_TRIAL_MEMORY] = 1e12;
    tm_trial trial = {0};
    assert_int_equal(tm_trial_prepare(2, tm_kernels_for(TM_ISA_portable), &space, &trial, &error), TM_OUT_OF_MEMORY);
    assert_non_null(strstr(error.message, "relu_f32"));
    assert_int_equal(tm_trial_prepare(0, tm_kernels_for(TM_ISA_portable), &space, &trial, &error), TM_OK);
    tm_trial_space_free(&space);
}

static void limits_follow_from_the_work(void **state)
{
    (void)state;
    const tm_limits limits = {.l1_gbs = 500,
                              .l2_gbs = 250,
                              .read_gbs = 50,
                              .copy_gbs = 80,
                              .f32_gflops = 200,
                              .bf16_gflops = 400,
                              .threads = 1};
    const struct {
        tm_kernel_result work;
        double limit_ns;
        const char *basis;
    } cases[] = {
        {{.level = TM_TRIAL_L1, .bytes = 1000, .flop = 100}, 2, "L1"},
        {{.level = TM_TRIAL_L2, .bytes = 1000, .flop = 100}, 4, "L2"},
        {{.level = TM_TRIAL_MEMORY, .bytes = 800}, 10, "memory-copy"},
        {{.level = TM_TRIAL_MEMORY, .bytes = 800, .read_only = true}, 16, "memory-read"},
        {{.level = TM_TRIAL_L1, .bytes = 1000, .flop = 2000}, 10, "flop"},
        {{.level = TM_TRIAL_L1, .bytes = 1000, .flop = 2000, .bf16_peak = true}, 5, "flop"},
        {{.level = TM_TRIAL_L1, .bytes = 1000, .comparators = 1000}, 20, "comparators"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tm_kernel_result result = cases[i].work;
        result.median_ns = 40;
        tm_kernel_set_limit(&limits, &result);
        assert_true(fabs(result.limit_ns - cases[i].limit_ns) < 1e-9);
        assert_true(fabs(result.efficiency - cases[i].limit_ns / 40) < 1e-9);
        assert_string_equal(result.basis, cases[i].basis);
    }
    tm_kernel_result unknown = {.level = TM_TRIAL_L2, .bytes = 1000, .median_ns = 1};
    tm_kernel_set_limit(&(tm_limits){.f32_gflops = 1}, &unknown);
    assert_true(isnan(unknown.limit_ns) && isnan(unknown.efficiency));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_slot_has_a_trial),      cmocka_unit_test(every_kernel_passes),
        cmocka_unit_test(a_wrong_kernel_is_caught),    cmocka_unit_test(too_little_memory_is_an_error),
        cmocka_unit_test(limits_follow_from_the_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
