/* Comparing records: the two-sample statistics on numbers and synthetic runs, and which rows, pairs and verdicts come
 * from two records. */
#include "measure/stats.h"
#include "measure/verdict.h"
#include "run/compare.h"
#include "store/gate.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "synthetic.h"

/* Figures of a Welch test done by hand: means 3 and 5, variances 2.5 and 10. */
static void two_samples(void **state)
{
    (void)state;
    const double a[] = {1, 2, 3, 4, 5}, b[] = {1, 3, 5, 7, 9}, c[] = {2, 2, 2};
    const tm_pair pair = tm_unpaired_of(a, 5, b, 5);
    CLOSE(pair.mean, -2, 1e-12);
    CLOSE(tm_pair_standard_error(&pair), sqrt(2.5), 1e-12);
    CLOSE(pair.df, 5.882352941176471, 1e-12);
    const tm_pair uneven = tm_unpaired_of(a, 5, c, 3);
    CLOSE(tm_pair_standard_error(&uneven), sqrt(0.5), 1e-12);
    CLOSE(uneven.df, 4, 1e-12);
    const tm_pair same = tm_unpaired_of(c, 3, c, 3);
    assert_true(same.mean == 0 && same.variance == 0 && same.df == 4);
    const tm_pair one = tm_unpaired_of(a, 1, b, 5), none = tm_unpaired_of(a, 0, b, 5);
    assert_true(one.mean == -4 && isnan(tm_pair_half_width(&one)) && isnan(tm_smallest_effect(&one, 0.05)));
    assert_true(isnan(none.mean) && isnan(tm_pair_standard_error(&none)));
    assert_true(tm_unpaired_margin(NAN, NAN) == 0.05 && tm_unpaired_margin(0.01, NAN) == 0.05);
    assert_true(tm_unpaired_margin(0.01, 0.08) == 0.08);
}

static void levels_are_medians_of_medians(void **state)
{
    (void)state;
    const double first[] = {10, 12, 11}, second[] = {20, 20, 90}, third[] = {40, 41, 42}, none[] = {0};
    const tm_visit visits[] = {
        {0, 0, 0, first, 3, 0}, {1, 0, 0, third, 3, 0}, {0, 1, 0, second, 3, 0}, {2, 0, 0, none, 0, 0}};
    double levels[4];
    assert_int_equal(tm_incarnation_levels(visits, 4, levels, 4), 2);
    CLOSE(levels[0], log(15.5), 1e-12);
    CLOSE(levels[1], log(41), 1e-12);
    assert_int_equal(tm_incarnation_levels(visits, 4, levels, 1), 1);
    assert_int_equal(tm_incarnation_levels(NULL, 0, levels, 4), 0);
}

/* Cells of two runs of five processes each, `spread` apart; what the runs as such differ by has spread `between`. */
enum { CELLS = 40, RUNS = 250, PROCESSES = 5 };

typedef struct outcome {
    double wrong, found, covered; /* shares */
} outcome;

static outcome campaign(double spread, double between, double effect)
{
    uint64_t random = 77;
    outcome sum = {0, 0, 0};
    for (int run = 0; run < RUNS; run++) {
        tm_pair pairs[CELLS], *list[CELLS];
        tm_judgement judged[CELLS];
        for (int c = 0; c < CELLS; c++) {
            double side[2][PROCESSES];
            const double truth = c % 2 ? log1p(effect) : 0, apart = between * normal(&random);
            for (int i = 0; i < PROCESSES; i++) {
                side[0][i] = truth + apart + spread * normal(&random);
                side[1][i] = spread * normal(&random);
            }
            pairs[c] = tm_unpaired_of(side[0], PROCESSES, side[1], PROCESSES);
            list[c] = &pairs[c];
            sum.covered += fabs(pairs[c].mean - truth) <= tm_pair_half_width(&pairs[c]);
        }
        tm_moderate_variances(list, CELLS);
        tm_judge_pairs(pairs, CELLS, tm_unpaired_margin(NAN, NAN), judged);
        for (int c = 0; c < CELLS; c++) {
            const bool apart = judged[c].verdict == TM_FASTER || judged[c].verdict == TM_SLOWER;
            sum.found += c % 2 && judged[c].verdict == TM_FASTER;
            sum.wrong += c % 2 ? judged[c].verdict == TM_SLOWER : apart;
        }
    }
    return (outcome){sum.wrong / (RUNS * CELLS), sum.found / (RUNS * CELLS / 2), sum.covered / (RUNS * CELLS)};
}

static void separate_runs_are_judged_with_care(void **state)
{
    (void)state;
    WITHIN("intervals that cover, %", 100 * campaign(0.01, 0, 0).covered, 94, 96.5);
    WITHIN("equal runs, processes 1 % apart, false verdicts, %", 100 * campaign(0.01, 0, 0).wrong, 0, 0.1);
    WITHIN("equal runs, processes 5 % apart, false verdicts, %", 100 * campaign(0.05, 0, 0).wrong, 0, 0.5);
    WITHIN("equal runs that are 2 % apart as such, false verdicts, %", 100 * campaign(0.01, 0.02, 0).wrong, 0, 0.8);
    WITHIN("8 % between runs, processes 1 % apart, found, %", 100 * campaign(0.01, 0, 0.08).found, 80, 100);
    WITHIN("30 % between runs, processes 5 % apart, found, %", 100 * campaign(0.05, 0, 0.30).found, 95, 100);
}

/* Slower by 30 % with an interval from 20 to 40 %: more than 19 % is certain, more than 21 % is not. */
static void the_near_end_decides(void **state)
{
    (void)state;
    tm_compared row = {.ratio = 1 / 1.3, .ci_low = 1 / 1.4, .ci_high = 1 / 1.2};
    CLOSE(tm_slowdown(row.ratio), 0.3, 1e-12);
    assert_true(tm_is_slower_than(&row, 0.19));
    assert_false(tm_is_slower_than(&row, 0.21) || tm_is_slower_than(&row, 0.29));
    row.ci_low = row.ci_high = NAN;
    assert_false(tm_is_slower_than(&row, 0.05));
    row = (tm_compared){.ratio = 1.3, .ci_low = 1.2, .ci_high = 1.4};
    assert_false(tm_is_slower_than(&row, 0));
}

/* --- records --- */

enum { BACKENDS = 2, CASES = 3, INCARNATIONS = 5 };

typedef struct made {
    tm_record record;
    tm_record_backend backends[BACKENDS];
    tm_record_cell cells[CASES * BACKENDS];
    tm_record_sample samples[CASES * BACKENDS * INCARNATIONS];
    double ns[CASES * BACKENDS * INCARNATIONS];
} made;

static const char *const case_ids[CASES] = {"relu/100/f32", "softmax/10x10/axis=-1/f32", "sum_all/5000/f32"};

/* Every cell takes 1 ms, the second backend 2 ms, times `factor`; processes differ by a per mille or so. */
static void make(made *m, const char *id, const char *machine, double factor)
{
    static const char *const names[BACKENDS] = {"native:cpu", "torch:cpu"};
    uint64_t random = (uint64_t)(1000 * factor);
    *m = (made){0};
    for (int b = 0; b < BACKENDS; b++) m->backends[b] = (tm_record_backend){.id = (char *)names[b]};
    for (int i = 0; i < CASES * BACKENDS; i++) {
        m->cells[i] = (tm_record_cell){.case_id = (char *)case_ids[i / BACKENDS],
                                       .backend = (char *)names[i % BACKENDS],
                                       .status = TM_CELL_OK,
                                       .labels = (char *)"QUICK",
                                       .median_ns = 1e6 * factor * (i % BACKENDS + 1)};
        for (int k = 0; k < INCARNATIONS; k++) {
            double *ns = &m->ns[i * INCARNATIONS + k];
            *ns = m->cells[i].median_ns * (1 + 0.001 * normal(&random));
            m->samples[i * INCARNATIONS + k] = (tm_record_sample){i, k, 0, ns, 1, 1e9 * k, NAN};
        }
    }
    m->record = (tm_record){.id = (char *)id,
                            .status = (char *)"COMPLETE",
                            .machine = {.key = (char *)machine},
                            .backends = m->backends,
                            .cells = m->cells,
                            .samples = m->samples,
                            .backend_count = BACKENDS,
                            .cell_count = CASES * BACKENDS,
                            .sample_count = CASES * BACKENDS * INCARNATIONS,
                            .aa_floor = NAN};
}

static tm_comparison *compared(const made *a, const made *b, tm_compare_choice choice)
{
    tm_error error = {""};
    tm_comparison *all = NULL;
    if (tm_compare(&a->record, &b->record, &choice, &all, &error) != TM_OK) fail_msg("%s", error.message);
    return all;
}

static void runs_are_compared_by_namesakes(void **state)
{
    (void)state;
    static made a, b;
    make(&a, "run-a", "here", 1);
    make(&b, "run-b", "here", 1.2);
    b.cells[2].status = TM_CELL_INVALID;
    b.cells[5].labels = (char *)"QUICK,NO STEADY STATE";
    tm_comparison *all = compared(&a, &b, (tm_compare_choice){0});
    assert_true(all->unpaired && !all->machines_differ && !all->incomplete && all->margin == 0.05);
    assert_int_equal(all->row_count, CASES * BACKENDS);
    assert_int_equal(all->pair_count, 2);
    assert_string_equal(all->rows[0].verdict, "SLOWER");
    CLOSE(all->rows[0].ratio, 1 / 1.2, 0.005);
    assert_true(all->rows[0].ci_low < all->rows[0].ratio && all->rows[0].ratio < all->rows[0].ci_high);
    assert_true(all->rows[0].smallest_effect > 0.05 && all->rows[0].smallest_effect < 0.06);
    assert_true(isnan(all->rows[2].ratio) && *all->rows[2].verdict == '\0');
    assert_true(all->rows[5].ratio < 1 && *all->rows[5].verdict == '\0');
    assert_int_equal(all->pairs[0].slower, 2);
    assert_int_equal(all->pairs[0].unjudged, 1);
    assert_int_equal(all->pairs[0].averaged, 2);
    assert_int_equal(all->pairs[1].slower, 2);
    assert_int_equal(all->pairs[1].averaged, 3);
    CLOSE(all->pairs[1].ratio, 1 / 1.2, 0.005);
    assert_true(all->pairs[1].ci_low < all->pairs[1].ratio && all->pairs[1].ratio < all->pairs[1].ci_high);
    tm_comparison_free(all);

    make(&b, "run-b", "here", 1.02);
    b.record.cell_count = 4;
    all = compared(&a, &b, (tm_compare_choice){0});
    assert_int_equal(all->row_count, 4);
    assert_int_equal(all->only_base, 2);
    for (int i = 0; i < 4; i++) assert_string_equal(all->rows[i].verdict, "EQUAL");
    tm_comparison_free(all);
}

static void other_machines_are_not_judged(void **state)
{
    (void)state;
    static made a, b;
    make(&a, "run-a", "here", 1);
    make(&b, "run-b", "there", 2);
    tm_comparison *all = compared(&a, &b, (tm_compare_choice){0});
    assert_true(all->machines_differ && all->pairs[0].unjudged == CASES && all->pairs[0].averaged == CASES);
    CLOSE(all->rows[0].ratio, 0.5, 0.01);
    tm_comparison_free(all);
    all = compared(&a, &b, (tm_compare_choice){.across_machines = true});
    assert_true(all->machines_differ && all->pairs[0].slower == CASES);
    tm_comparison_free(all);
    b.record.machine.key = (char *)"here";
    b.record.status = (char *)"INTERRUPTED";
    all = compared(&a, &b, (tm_compare_choice){0});
    assert_true(all->incomplete && all->pairs[0].unjudged == CASES);
    tm_comparison_free(all);
}

static void backends_of_one_run_are_paired(void **state)
{
    (void)state;
    static made a;
    make(&a, "run-a", "here", 1);
    tm_comparison *all = compared(&a, &a, (tm_compare_choice){0});
    assert_true(!all->unpaired && all->margin == 0.01 && all->pair_count == 1 && all->row_count == CASES);
    assert_string_equal(all->pairs[0].other->id, "torch:cpu");
    CLOSE(all->pairs[0].ratio, 0.5, 0.01);
    assert_int_equal(all->pairs[0].slower, CASES);
    tm_comparison_free(all);
    all = compared(&a, &a, (tm_compare_choice){.base = "torch:cpu"});
    assert_string_equal(all->pairs[0].other->id, "native:cpu");
    assert_int_equal(all->pairs[0].faster, CASES);
    tm_comparison_free(all);
}

/* A cell without a steady state is told from another of its run when their ratio held still, or by more than it may
 * have changed; never from one of another run. */
static void an_unsteady_cell_may_have_a_steady_ratio(void **state)
{
    (void)state;
    static made a, b;
    make(&a, "run-a", "here", 1);
    make(&b, "run-b", "here", 1.2);
    for (int i = 0; i < CASES * BACKENDS; i++) a.cells[i].labels = (char *)"NO STEADY STATE";
    for (int i = 0; i < CASES * BACKENDS * INCARNATIONS; i++) {
        const int64_t cell = a.samples[i].cell;
        if (cell < 2 || cell == 3)
            a.ns[i] *= 1 + 0.1 * a.samples[i].incarnation; /* both of the first case, one of the second */
    }
    tm_comparison *all = compared(&a, &a, (tm_compare_choice){0});
    assert_string_equal(all->rows[0].verdict, "SLOWER");
    CLOSE(all->rows[0].smallest_effect, 0.02, 0.5);
    assert_string_equal(all->rows[1].verdict, "SLOWER"); /* by a factor of 2 and more, whenever one looks */
    assert_true(all->rows[1].smallest_effect > 0.4);
    for (int i = 0; i < CASES * BACKENDS * INCARNATIONS; i++) {
        if (a.samples[i].cell == 3) a.ns[i] /= 1.8;
    }
    tm_comparison_free(all);
    all = compared(&a, &a, (tm_compare_choice){0});
    assert_string_equal(all->rows[1].verdict, ""); /* by no more than it changed */
    assert_true(isfinite(all->rows[1].ratio));
    a.cells[0].labels = (char *)"LOWACC,NO STEADY STATE";
    tm_comparison_free(all);
    all = compared(&a, &a, (tm_compare_choice){0});
    assert_string_equal(all->rows[0].verdict, "");
    tm_comparison_free(all);
    all = compared(&a, &b, (tm_compare_choice){0});
    for (int i = 0; i < CASES * BACKENDS; i++) assert_string_equal(all->rows[i].verdict, "");
    tm_comparison_free(all);
}

static void partners_are_found_or_named(void **state)
{
    (void)state;
    static made a, b;
    tm_error error = {""};
    tm_comparison *all = NULL;
    make(&a, "run-a", "here", 1);
    make(&b, "run-b", "here", 1);
    a.record.backend_count = 1;
    b.backends[0].id = b.cells[0].backend = b.cells[2].backend = b.cells[4].backend = (char *)"native:cpu+delay=30";
    all = compared(&a, &b, (tm_compare_choice){0}); /* the only one there stands for all */
    assert_int_equal(all->pair_count, 2);
    assert_string_equal(all->pairs[0].base->id, "native:cpu");
    assert_string_equal(all->pairs[1].base->id, "native:cpu");
    tm_comparison_free(all);
    const char *const only[] = {"native:cpu+delay=30", NULL};
    all = compared(&a, &b, (tm_compare_choice){.only = only});
    assert_int_equal(all->pair_count, 1);
    tm_comparison_free(all);
    a.record.backend_count = 2;
    a.backends[1].id = (char *)"mlx:gpu";
    assert_int_equal(tm_compare(&a.record, &b.record, &(tm_compare_choice){0}, &all, &error), TM_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "native:cpu, mlx:gpu and native:cpu+delay=30, torch:cpu"));
    assert_int_equal(tm_compare(&a.record, &b.record, &(tm_compare_choice){.base = "x"}, &all, &error),
                     TM_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "'x' is no backend of run run-a"));
    b.record.backend_count = 1;
    assert_int_equal(tm_compare(&b.record, &b.record, &(tm_compare_choice){0}, &all, &error), TM_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "a run of one backend"));
    assert_null(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_samples),
        cmocka_unit_test(levels_are_medians_of_medians),
        cmocka_unit_test(separate_runs_are_judged_with_care),
        cmocka_unit_test(the_near_end_decides),
        cmocka_unit_test(runs_are_compared_by_namesakes),
        cmocka_unit_test(other_machines_are_not_judged),
        cmocka_unit_test(backends_of_one_run_are_paired),
        cmocka_unit_test(an_unsteady_cell_may_have_a_steady_ratio),
        cmocka_unit_test(partners_are_found_or_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
