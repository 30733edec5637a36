/* The store: what twins leave for later runs, and files of older versions. */
#include "store_place.h"

static void twins_of_other_runs_are_found(void **state)
{
    const place *here = *state;
    tm_error error = {""};
    tm_store *store = open_store(here->path, false);
    static const char *const ids[] = {"r1", "r2", "r3"};
    for (int i = 0; i < 3; i++) {
        new_run(store, ids[i]);
        for (int c = 0; c < 2; c++) {
            char case_id[32];
            snprintf(case_id, sizeof case_id, "relu/%d", c);
            const tm_record_comparison twin = {
                case_id, (char *)"native:cpu+twin", (char *)"native:cpu", (char *)"EQUAL", exp(i + 0.1 * c), 0, 0, 0,
                0};
            assert_int_equal(tm_store_put_aa(store, ids[i], &twin, &error), TM_OK);
        }
    }
    double got[8];
    size_t count = 0;
    assert_int_equal(tm_store_twins(store, "r2", "k", "quick", got, 8, &count, &error), TM_OK);
    assert_int_equal(count, 4); /* not its own */
    assert_float_equal(got[0], 2.0, 1e-12);
    assert_float_equal(got[3], 0.1, 1e-12);
    assert_int_equal(tm_store_twins(store, "r2", "k", "quick", got, 3, &count, &error), TM_OK);
    assert_int_equal(count, 3);
    assert_int_equal(tm_store_twins(store, "r2", "k", "full", got, 8, &count, &error), TM_OK);
    assert_int_equal(count, 0);
    assert_int_equal(tm_store_twins(store, "r2", "other", "quick", got, 8, &count, &error), TM_OK);
    assert_int_equal(count, 0);
    tm_store_close(store);
}

/* Version 1 had no twins, version 2 no definitions of backends, version 3 no placement of the processors. Reading
 * leaves such a file as it is; the first writer brings it up to date. */
static void older_schemas_are_read_and_upgraded(void **state)
{
    const place *here = *state;
    tm_error error = {""};
    tm_store *store = open_store(here->path, false);
    new_run(store, "r1");
    const tm_record_comparison pair = {(char *)"c", (char *)"b", (char *)"a", (char *)"EQUAL", 1, 0.9, 1.1, 0.2, 0.01};
    assert_int_equal(tm_store_put_comparison(store, "r1", &pair, &error), TM_OK);
    const double ns[] = {1, 2};
    const tm_record_cell cell = {.case_id = (char *)"c", .backend = (char *)"a", .status = TM_CELL_OK};
    assert_int_equal(tm_store_put_cell(store, "r1", 0, 0, &cell, &error), TM_OK);
    const tm_store_visit visit = {0, 0, 0, 0, 0, 0, 5, 45, ns, 2, true, ""};
    assert_int_equal(tm_store_put_visit(store, "r1", &visit, &error), TM_OK);
    tm_store_close(store);
    change(here->path, "ALTER TABLE visit DROP COLUMN core_to_core_ns; PRAGMA user_version = 3");
    store = open_store(here->path, true);
    assert_int_equal(store->version, 3);
    tm_record *old = NULL;
    assert_int_equal(tm_store_load(store, "r1", true, &old, &error), TM_OK);
    assert_true(old->sample_count == 1 && old->samples[0].start_ns == 5 && isnan(old->samples[0].core_to_core_ns));
    tm_record_free(old);
    tm_store_close(store);
    change(here->path, "ALTER TABLE backend DROP COLUMN definition; ALTER TABLE machine DROP COLUMN write_gbs;"
                       " PRAGMA user_version = 2");
    for (int step = 0; step < 2; step++) {
        tm_record *got = NULL;
        store = open_store(here->path, true);
        assert_int_equal(store->version, 2);
        assert_int_equal(tm_store_load(store, "r1", false, &got, &error), TM_OK);
        assert_true(got->backend_count > 0 && got->comparisons[0].margin == 0.01);
        assert_string_equal(got->backends[0].definition, "");
        tm_record_free(got);
        tm_store_close(store);
    }
    change(here->path, "DROP TABLE aa; ALTER TABLE comparison DROP COLUMN margin; ALTER TABLE run DROP COLUMN aa_floor;"
                       " PRAGMA user_version = 1");
    for (int step = 0; step < 3; step++) {
        const bool upgraded = step > 0;
        tm_record *got = NULL;
        store = open_store(here->path, step != 1);
        assert_int_equal(store->version, upgraded ? TM_STORE_SCHEMA : 1);
        assert_int_equal(tm_store_load(store, "r1", false, &got, &error), TM_OK);
        assert_int_equal(got->comparison_count, 1);
        assert_true(got->machine.read_gbs == 1.5 && isnan(got->machine.write_gbs));
        assert_true(got->comparisons[0].ratio == 1 && isnan(got->comparisons[0].margin));
        assert_true(got->aa_count == 0 && isnan(got->aa_floor));
        tm_record_free(got);
        if (step == 1) assert_int_equal(tm_store_set_aa_floor(store, "r1", NAN, &error), TM_OK);
        tm_store_close(store);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AT_A_PLACE(twins_of_other_runs_are_found),
        AT_A_PLACE(older_schemas_are_read_and_upgraded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
