/* A cell's row: its labels, which a resumed run takes back from it, and the limit that its time is held against. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "run/run_state.h"

static void labels_come_back(void **state)
{
    (void)state;
    tm_cell cell = {0};
    tm_cell_read_labels(&cell, "QUICK,DISTURBED,NO STEADY STATE,RACY,PEAK=WORKER,A8,ACC=bf16,ALSO=indices,LAYOUT=nhwc");
    assert_true(cell.disturbed && cell.peak_of_worker && !cell.capped && !cell.nonlinear);
    assert_int_equal(cell.check.labels, TM_LABEL_RACY);
    assert_true(cell.declared.quantises_activations && !cell.declared.tf32);
    assert_int_equal(cell.declared.accumulator, TM_BF16);
    assert_string_equal(cell.declared.labels, "ALSO=indices,LAYOUT=nhwc");
}

static void no_label_is_made_up(void **state)
{
    (void)state;
    tm_cell cell = {0};
    tm_cell_read_labels(&cell, "");
    assert_string_equal(cell.declared.labels, "");
    tm_cell_read_labels(&cell, "QUICK,ACC=f16");
    assert_int_equal(cell.declared.accumulator, TM_F16);
    assert_false(cell.declared.quantises_activations || cell.disturbed || cell.peak_of_worker);
    assert_string_equal(cell.declared.labels, "");
    tm_cell_read_labels(&cell, "A8X"); /* a backend's own that begins like one of ours */
    assert_false(cell.declared.quantises_activations);
    assert_string_equal(cell.declared.labels, "A8X");
}

/* Whatever of ours stands in a backend's own word. */
static void a_word_within_a_word_is_no_label(void **state)
{
    (void)state;
    tm_cell cell = {0};
    tm_cell_read_labels(&cell, "QUICK,ALSO=CAPPED,K=NONLINEAR-DISTURBED,N=RACY,S=ACC=f16");
    assert_false(cell.capped || cell.disturbed || cell.nonlinear || cell.check.labels);
    assert_int_equal(cell.declared.accumulator, TM_F32);
    assert_string_equal(cell.declared.labels, "ALSO=CAPPED,K=NONLINEAR-DISTURBED,N=RACY,S=ACC=f16");
}

/* What is written can be read, and gives the same again. */
static void every_label_makes_the_round_trip(void **state)
{
    (void)state;
    tm_run_options options = {.mode = TM_MODE_QUICK};
    tm_run run = {.options = &options, .no_floor = true};
    const tm_summary summary = {.samples = 1, .ci_high_ns = 1, .drift_low = 0.1, .drift_high = 0.2};
    const tm_bound bound = {.floor_ns = 100};
    for (int accumulator = TM_F32; accumulator <= TM_F16; accumulator++) {
        tm_cell cell = {
            .capped = true,
            .disturbed = true,
            .nonlinear = true,
            .peak_of_worker = true,
            .check = {.grade = TM_GRADE_LOWACC, .labels = TM_LABEL_RACY | TM_LABEL_NOT_FIRST},
            .declared = {
                .accumulator = (tm_dtype)accumulator, .tf32 = 1, .quantises_activations = 1, .labels = "ALSO=indices"}};
        tm_text first = {0}, second = {0};
        assert_true(tm_cell_write_labels(&run, &cell, &summary, &bound, &first));
        tm_cell again = {.check = {.grade = TM_GRADE_LOWACC}};
        tm_cell_read_labels(&again, first.data);
        assert_true(tm_cell_write_labels(&run, &again, &summary, &bound, &second));
        assert_string_equal(first.data, second.data);
        assert_string_equal(again.declared.labels, "ALSO=indices");
        if (accumulator == TM_BF16) {
            assert_string_equal(first.data, "QUICK,CAPPED,DISTURBED,NONLINEAR,NO STEADY STATE,SUSPECT,NO-AA,LOWACC,"
                                            "RACY,NOT-FIRST,PEAK=WORKER,A8,ACC=bf16,ACC=tf32,ALSO=indices");
        }
        tm_text_free(&first);
        tm_text_free(&second);
    }
}

/* The row of a matmul of 64 x 64 x 64 on a machine that does 100 GFLOP/s in f32 and `bf16_gflops` in bf16. */
static double limit_of(const char *case_id, double bf16_gflops)
{
    tm_error error;
    tm_case one;
    assert_int_equal(tm_case_parse(case_id, "ops", &one, &error), TM_OK);
    tm_case_list cases = {.items = &one, .count = 1};
    tm_backend_spec backend = {.id = "native:cpu", .threads = 1};
    tm_run_options options = {.cases = &cases, .backends = &backend, .backend_count = 1};
    tm_record_cell row = {0};
    tm_record record = {.cells = &row, .cell_count = 1};
    tm_cell cell = {0};
    tm_run *run = calloc(1, sizeof *run);
    assert_non_null(run);
    run->options = &options;
    run->shown = 1;
    run->record = &record;
    run->cells = &cell;
    run->limits[0] = (tm_limits){.threads = 1,
                                 .read_gbs = 1e6,
                                 .copy_gbs = 1e6,
                                 .llc_bytes = 1e6,
                                 .llc_gbs = 1e6,
                                 .llc_copy_gbs = 1e6,
                                 .f32_gflops = 100,
                                 .bf16_gflops = bf16_gflops};
    run->limit_count = 1;
    assert_int_equal(tm_run_refresh_cell(run, 0, 0, &error), TM_OK);
    assert_string_equal(row.limit_basis, "flop");
    char *const texts[] = {row.case_id, row.suite, row.group,       row.backend, row.reason,
                           row.verify,  row.probe, row.limit_basis, row.labels,  row.metrics};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) free(texts[i]);
    free(run);
    tm_case_free(&one);
    return row.limit_ns;
}

/* Two input sets and an output in half of the last-level cache: slots take turns. */
static void what_leaves_the_cache_keeps_to_a_slot(void **state)
{
    (void)state;
    tm_error error;
    tm_case hot, cold;
    assert_int_equal(tm_case_parse("relu/1024x1024", "ops", &hot, &error), TM_OK);
    assert_int_equal(tm_case_parse("relu/1024x1024/cold", "ops", &cold, &error), TM_OK);
    const double in_turn = 3 * 4.0 * 1024 * 1024;
    assert_false(tm_case_holds_slot(&hot, 2 * in_turn));
    assert_true(tm_case_holds_slot(&hot, 2 * in_turn - 1));
    assert_false(tm_case_holds_slot(&cold, 1));
    tm_case_free(&hot);
    tm_case_free(&cold);
}

/* 2 x 64^3 operations. Without instructions for it, bf16 is computed as f32 and judged as that. */
static void bf16_is_judged_by_its_own_peak(void **state)
{
    (void)state;
    const double flop = 2.0 * 64 * 64 * 64;
    assert_true(fabs(limit_of("matmul/64x64,64x64", 400) - flop / 100) < 1e-6);
    assert_true(fabs(limit_of("matmul/64x64,64x64/bf16", 400) - flop / 400) < 1e-6);
    assert_true(fabs(limit_of("matmul/64x64,64x64/bf16", 50) - flop / 100) < 1e-6);
    assert_true(fabs(limit_of("matmul/64x64,64x64/bf16", NAN) - flop / 100) < 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_come_back),
        cmocka_unit_test(no_label_is_made_up),
        cmocka_unit_test(a_word_within_a_word_is_no_label),
        cmocka_unit_test(every_label_makes_the_round_trip),
        cmocka_unit_test(bf16_is_judged_by_its_own_peak),
        cmocka_unit_test(what_leaves_the_cache_keeps_to_a_slot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
