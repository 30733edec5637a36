/* The end of a run: a time below the floor makes a cell INVALID only after the machine's limits were looked at again.
 * Here the machine is made up: the linker puts `__wrap_tm_limits_measure` in the place of tm_limits_measure. */
#include "store_place.h"

#include "run/run_state.h"

enum { BACKENDS = 2, INCARNATIONS = 5, ROUNDS = 2, MOST_LOOKS = 8 };

/* What each look at the machine finds, in GB/s from every level; the last entry again from then on, a failure where it
 * is 0. */
static double found_gbs[MOST_LOOKS];
static double waited;
static int looks;

tm_status __wrap_tm_limits_measure(int32_t threads, double seconds, tm_limits *into, tm_error *error);

static tm_limits machine_of(double gbs)
{
    return (tm_limits){.threads = 1,
                       .read_gbs = gbs,
                       .copy_gbs = gbs,
                       .write_gbs = gbs,
                       .l1_gbs = gbs,
                       .l2_gbs = gbs,
                       .llc_gbs = gbs,
                       .llc_copy_gbs = gbs,
                       .f32_gflops = 1e6,
                       .llc_bytes = 1e6,
                       .waited = waited};
}

tm_status __wrap_tm_limits_measure(int32_t threads, double seconds, tm_limits *into, tm_error *error)
{
    assert_int_equal(threads, 1);
    assert_true(seconds > 0);
    const double gbs = found_gbs[looks < MOST_LOOKS ? looks : MOST_LOOKS - 1];
    looks++;
    if (gbs == 0) return tm_fail(error, TM_FAILED, "the machine could not be looked at");
    *into = machine_of(gbs);
    return TM_OK;
}

/* A run of one case on two backends, as it stands before its conclusion. */
typedef struct fixture {
    tm_run *run;
    tm_run_options options;
    tm_backend_spec backends[BACKENDS];
    tm_case one;
    tm_case_list cases;
    double samples[BACKENDS][2][3]; /* of the first pass and of the second */
    tm_error error;
} fixture;

/* `ns`: time of an execution on each backend, in the first pass and in the second. */
static void set_up(fixture *f, const place *here, double known_gbs, double ns[BACKENDS][2])
{
    static const char *const names[BACKENDS] = {"native:cpu", "torch:cpu"};
    *f = (fixture){.options = {.mode = TM_MODE_QUICK, .backend_count = BACKENDS, .threads = 1}};
    assert_int_equal(tm_case_parse("relu/1000x1000", "ops", &f->one, &f->error), TM_OK);
    f->cases = (tm_case_list){.items = &f->one, .count = 1};
    f->options.cases = &f->cases;
    f->options.backends = f->backends;
    tm_run *run = f->run = calloc(1, sizeof *run);
    assert_non_null(run);
    run->options = &f->options;
    run->shown = BACKENDS;
    run->schedule = tm_schedule_of(TM_MODE_QUICK);
    assert_int_equal(run->schedule.incarnations[0] + run->schedule.incarnations[1], INCARNATIONS);
    run->cells = calloc(BACKENDS, sizeof *run->cells);
    run->record = calloc(1, sizeof *run->record);
    assert_true(run->cells && run->record);
    run->record->cells = calloc(BACKENDS, sizeof *run->record->cells);
    run->record->cell_count = BACKENDS;
    run->limits[0] = machine_of(known_gbs);
    run->limit_count = 1;
    run->aa_floor = NAN;
    run->store = open_store(here->path, false);
    snprintf(run->id, sizeof run->id, "r1");
    new_run(run->store, run->id);
    for (int b = 0; b < BACKENDS; b++) {
        snprintf(f->backends[b].id, sizeof f->backends[b].id, "%s", names[b]);
        for (int32_t i = 0; i < INCARNATIONS; i++) {
            const int pass = i >= run->schedule.incarnations[0];
            for (int k = 0; k < 3; k++) f->samples[b][pass][k] = ns[b][pass];
            for (int32_t round = 0; round < ROUNDS; round++) {
                const tm_visit visit = {.incarnation = i,
                                        .round = round,
                                        .start_ns = 1e9 * (2 * i + round),
                                        .sample_ns = f->samples[b][pass],
                                        .samples = 3};
                assert_int_equal(tm_cell_add_visit(&run->cells[b], &visit, &f->error), TM_OK);
            }
        }
    }
    looks = 0;
}

static void tear_down(fixture *f)
{
    for (int b = 0; b < BACKENDS; b++) {
        tm_cell *cell = &f->run->cells[b];
        for (size_t i = 0; i < cell->visit_count; i++) free((void *)(uintptr_t)cell->visits[i].sample_ns);
        free(cell->visits);
    }
    tm_store_close(f->run->store);
    free(f->run->cells);
    tm_record_free(f->run->record);
    free(f->run);
    tm_case_free(&f->one);
}

/* relu of a million elements moves 8 MB: 8 ms at 1 GB/s. */
static const double at_1_gbs = 8e6;

static void conclude(fixture *f, bool complete, int wanted_looks)
{
    if (tm_run_conclude(f->run, complete, &f->error) != TM_OK) fail_msg("%s", f->error.message);
    assert_int_equal(looks, wanted_looks);
}

/* In memory and in the database alike. */
static void assert_status(fixture *f, int backend, tm_cell_status wanted, const char *reason)
{
    tm_record *stored = NULL;
    assert_int_equal(tm_store_load(f->run->store, "r1", false, &stored, &f->error), TM_OK);
    const tm_record_cell *const rows[] = {&f->run->record->cells[backend], &stored->cells[backend]};
    for (int i = 0; i < 2; i++) {
        assert_string_equal(tm_cell_status_name(rows[i]->status), tm_cell_status_name(wanted));
        if (!strstr(rows[i]->reason, reason)) fail_msg("'%s' is not in '%s'", reason, rows[i]->reason);
        assert_true(isfinite(rows[i]->median_ns) == (wanted == TM_CELL_OK));
    }
    tm_record_free(stored);
}

/* The machine was slow whenever it was looked at; a look at the end shows what it can do. */
static void a_second_look_clears_an_honest_time(void **state)
{
    fixture f;
    set_up(&f, *state, 1, (double[2][2]){{at_1_gbs / 10, at_1_gbs / 10}, {at_1_gbs, at_1_gbs}});
    found_gbs[0] = 10;
    conclude(&f, true, 1);
    assert_status(&f, 0, TM_CELL_OK, "");
    assert_status(&f, 1, TM_CELL_OK, "");
    const tm_record_cell *row = &f.run->record->cells[0];
    assert_true(fabs(row->floor_ns - at_1_gbs / 10) < 1 && fabs(row->efficiency - 1) < 1e-3);
    assert_false(tm_has_label(row->labels, "SUSPECT"));
    assert_true(f.run->record->machine.read_gbs == 10);
    tear_down(&f);
}

/* It may take three; what was found stays, however slow the machine is in the look after. */
static void three_looks_are_had(void **state)
{
    fixture f;
    set_up(&f, *state, 1, (double[2][2]){{at_1_gbs / 10, at_1_gbs / 10}, {at_1_gbs, at_1_gbs}});
    memcpy(found_gbs, (double[]){0.5, 5, 9.5}, 3 * sizeof *found_gbs);
    conclude(&f, true, 3);
    assert_status(&f, 0, TM_CELL_OK, "");
    assert_true(f.run->limits[0].read_gbs == 9.5);
    tear_down(&f);
}

/* Ten times as fast as a machine that never is faster: INVALID after the third look, alone of the two. */
static void what_no_look_explains_is_invalid(void **state)
{
    fixture f;
    set_up(&f, *state, 1, (double[2][2]){{at_1_gbs, at_1_gbs}, {at_1_gbs / 10, at_1_gbs / 10}});
    for (int i = 0; i < MOST_LOOKS; i++) found_gbs[i] = 1.01;
    conclude(&f, true, 3);
    assert_status(&f, 0, TM_CELL_OK, "");
    assert_status(&f, 1, TM_CELL_INVALID, "faster than this machine can be: below 0.90 of the floor, 7.92e+03 us");
    tear_down(&f);
}

/* On a machine that others had most of the time, whenever it was looked at: suspected, not found guilty; but no machine
 * is a hundred times as fast as it looks then. */
static void a_busy_machine_proves_less(void **state)
{
    fixture f;
    set_up(&f, *state, 1, (double[2][2]){{at_1_gbs / 4, at_1_gbs / 4}, {at_1_gbs / 100, at_1_gbs / 100}});
    for (int i = 0; i < MOST_LOOKS; i++) found_gbs[i] = 1;
    f.run->limits[0].waited = waited = 0.8;
    conclude(&f, true, 3);
    assert_status(&f, 0, TM_CELL_OK, "");
    assert_true(tm_has_label(f.run->record->cells[0].labels, "SUSPECT"));
    assert_status(&f, 1, TM_CELL_INVALID, "below 0.90 of the floor, 1.6e+03 us");
    tear_down(&f);
    waited = 0;
}

/* The edge: 0.90 of the floor is not below it, whatever it is suspected of. */
static void nine_tenths_of_the_floor_are_suspect(void **state)
{
    fixture f;
    set_up(&f, *state, 1, (double[2][2]){{0.901 * at_1_gbs, 0.901 * at_1_gbs}, {0.96 * at_1_gbs, 0.96 * at_1_gbs}});
    conclude(&f, true, 0);
    assert_status(&f, 0, TM_CELL_OK, "");
    assert_true(tm_has_label(f.run->record->cells[0].labels, "SUSPECT"));
    assert_false(tm_has_label(f.run->record->cells[1].labels, "SUSPECT"));
    tear_down(&f);
}

/* One pass may have been timed on a machine that was faster than whenever it was looked at. */
static void one_pass_is_no_proof(void **state)
{
    fixture f;
    set_up(&f, *state, 1, (double[2][2]){{at_1_gbs / 10, at_1_gbs}, {at_1_gbs, at_1_gbs / 10}});
    conclude(&f, true, 0);
    assert_status(&f, 0, TM_CELL_OK, "");
    assert_status(&f, 1, TM_CELL_OK, "");
    tear_down(&f);
}

/* Nor is one pass that had no other after it. */
static void the_first_pass_alone_is_no_proof(void **state)
{
    fixture f;
    set_up(&f, *state, 1, (double[2][2]){{at_1_gbs / 10, at_1_gbs / 10}, {at_1_gbs, at_1_gbs}});
    tm_cell *cell = &f.run->cells[0];
    while (cell->visits[cell->visit_count - 1].incarnation >= f.run->schedule.incarnations[0]) {
        free((void *)(uintptr_t)cell->visits[--cell->visit_count].sample_ns);
    }
    conclude(&f, true, 0);
    assert_status(&f, 0, TM_CELL_OK, "");
    tear_down(&f);
}

/* An interrupted run goes on later, so nothing is final that was not looked at again. */
static void an_interrupted_run_says_nothing(void **state)
{
    fixture f;
    set_up(&f, *state, 1, (double[2][2]){{at_1_gbs / 10, at_1_gbs / 10}, {at_1_gbs, at_1_gbs}});
    conclude(&f, false, 0);
    assert_status(&f, 0, TM_CELL_OK, "");
    assert_false(f.run->cells[0].final);
    tear_down(&f);
}

static void a_look_that_fails_ends_the_run(void **state)
{
    fixture f;
    set_up(&f, *state, 1, (double[2][2]){{at_1_gbs / 10, at_1_gbs / 10}, {at_1_gbs, at_1_gbs}});
    found_gbs[0] = 0;
    assert_int_equal(tm_run_conclude(f.run, true, &f.error), TM_FAILED);
    assert_string_equal(f.error.message, "the machine could not be looked at");
    assert_false(f.run->cells[0].final);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AT_A_PLACE(a_second_look_clears_an_honest_time),  AT_A_PLACE(three_looks_are_had),
        AT_A_PLACE(what_no_look_explains_is_invalid),     AT_A_PLACE(a_busy_machine_proves_less),
        AT_A_PLACE(nine_tenths_of_the_floor_are_suspect), AT_A_PLACE(one_pass_is_no_proof),
        AT_A_PLACE(the_first_pass_alone_is_no_proof),     AT_A_PLACE(an_interrupted_run_says_nothing),
        AT_A_PLACE(a_look_that_fails_ends_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
