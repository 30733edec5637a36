/* A cell that is taken up again from its stored row keeps what its labels say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "run/run_state.h"

static void labels_come_back(void **state)
{
    (void)state;
    tm_cell cell = {0};
    tm_cell_read_labels(&cell, "QUICK,DISTURBED,NO STEADY STATE,RACY,PEAK=WORKER,A8,ACC=bf16,ALSO=indices,LAYOUT=nhwc");
    assert_true(cell.disturbed && cell.peak_of_worker && !cell.capped && cell.nonlinear == 0);
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(labels_come_back), cmocka_unit_test(no_label_is_made_up)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
