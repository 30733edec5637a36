/* The store: what is put in comes out; foreign and damaged files are refused and left as they were; a killed or
 * starved writer leaves whole rounds only. */
#include "base/clock.h"
#include "base/file.h"
#include "store_place.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static tm_record_cell example_cell(const char *case_id, const char *backend)
{
    return (tm_record_cell){.case_id = (char *)case_id,
                            .suite = (char *)"ops",
                            .group = (char *)"softmax",
                            .backend = (char *)backend,
                            .status = TM_CELL_OK,
                            .reason = (char *)"",
                            .median_ns = 1,
                            .ci_low_ns = 2,
                            .ci_high_ns = 3,
                            .p5_ns = 4,
                            .p95_ns = 5,
                            .min_ns = 6,
                            .samples = 7,
                            .first_call_ns = 8,
                            .verify = (char *)"pass",
                            .error = 9,
                            .rms_error = 10,
                            .checked = 11,
                            .probe = (char *)"none",
                            .freivalds = NAN,
                            .flop = 13,
                            .bytes = 14,
                            .limit_ns = 15,
                            .floor_ns = 16,
                            .efficiency = 0.17,
                            .limit_basis = (char *)"memory-copy",
                            .peak_host_bytes = 18,
                            .peak_device_bytes = 19,
                            .labels = (char *)"QUICK,NONLINEAR",
                            .metrics = (char *)"{}",
                            .discarded = 20};
}

static void everything_put_in_comes_out(void **state)
{
    const place *here = *state;
    tm_error error = {""};
    tm_store *store = open_store(here->path, false);
    new_run(store, "r1");
    /* Out of order on purpose: the load sorts by case, then backend. */
    static const struct {
        int64_t in_cases, in_backends;
        const char *id, *backend;
    } cells[] = {
        {1, 0, "softmax/2", "native:cpu"}, {0, 1, "softmax/1", "torch:cpu"}, {0, 0, "softmax/1", "native:cpu"}};
    for (size_t i = 0; i < 3; i++) {
        const tm_record_cell cell = example_cell(cells[i].id, cells[i].backend);
        assert_int_equal(tm_store_put_cell(store, "r1", cells[i].in_cases, cells[i].in_backends, &cell, &error), TM_OK);
    }
    tm_record_cell crashed = example_cell("softmax/2", "native:cpu");
    crashed.status = TM_CELL_CRASHED;
    crashed.reason = (char *)"signal 11";
    assert_int_equal(tm_store_put_cell(store, "r1", 1, 0, &crashed, &error), TM_OK); /* replaces */
    const double ns[] = {1.25, -0.0, 1e300};
    const tm_store_visit kept = {0, 1, 1, 3, 2, 0, 77.5, 45, ns, 3, true, ""};
    const tm_store_visit dropped = {0, 1, 1, 3, 3, 0, 78.5, NAN, ns, 2, false, "steal time"};
    assert_int_equal(tm_store_put_visit(store, "r1", &dropped, &error), TM_OK);
    assert_int_equal(tm_store_put_visit(store, "r1", &kept, &error), TM_OK);
    const tm_record_comparison pair = {
        (char *)"softmax/1", (char *)"torch:cpu", (char *)"native:cpu", (char *)"SLOWER", 0.5, 0.4, 0.6, 0.04, 0.02};
    tm_record_comparison twin = pair;
    twin.backend = (char *)"native:cpu+twin";
    twin.margin = 0.01;
    assert_int_equal(tm_store_put_comparison(store, "r1", &pair, &error), TM_OK);
    assert_int_equal(tm_store_put_aa(store, "r1", &twin, &error), TM_OK);
    assert_int_equal(tm_store_set_aa_floor(store, "r1", 0.015, &error), TM_OK);
    assert_int_equal(tm_store_finish_run(store, "r1", "COMPLETE", "2026-01-01T01:00:00Z", &error), TM_OK);
    tm_store_close(store);

    store = open_store(here->path, true);
    tm_record *got = NULL;
    assert_int_equal(tm_store_load(store, "r1", true, &got, &error), TM_OK);
    assert_string_equal(got->status, "COMPLETE");
    assert_string_equal(got->finished, "2026-01-01T01:00:00Z");
    assert_true(got->seed == UINT64_MAX - 1);
    assert_true(got->machine.read_gbs == 1.5 && isnan(got->machine.copy_gbs) && got->machine.i8_gops == 8);
    assert_int_equal(got->backend_count, 2);
    assert_string_equal(got->backends[1].options, "+tuned");
    assert_int_equal(got->cell_count, 3);
    assert_string_equal(got->cells[0].backend, "native:cpu");
    assert_string_equal(got->cells[1].backend, "torch:cpu");
    assert_int_equal(got->cells[2].status, TM_CELL_CRASHED);
    assert_string_equal(got->cells[2].reason, "signal 11");
    const tm_record_cell *c = &got->cells[0];
    const double reals[] = {c->median_ns, c->ci_low_ns, c->ci_high_ns,      c->p5_ns,
                            c->p95_ns,    c->min_ns,    (double)c->samples, c->first_call_ns,
                            c->error,     c->rms_error, (double)c->checked};
    for (int i = 0; i < 11; i++) assert_true(reals[i] == i + 1);
    assert_true(isnan(c->freivalds) && c->flop == 13 && c->bytes == 14 && c->limit_ns == 15 && c->floor_ns == 16);
    assert_true(c->efficiency == 0.17 && c->peak_host_bytes == 18 && c->peak_device_bytes == 19 && c->discarded == 20);
    assert_string_equal(c->limit_basis, "memory-copy");
    assert_string_equal(c->labels, "QUICK,NONLINEAR");
    assert_int_equal(got->sample_count, 1); /* only the kept one */
    assert_int_equal(got->samples[0].cell, 1);
    assert_int_equal(got->samples[0].count, 3);
    assert_memory_equal(got->samples[0].ns, ns, sizeof ns);
    assert_true(got->samples[0].core_to_core_ns == 45);
    assert_int_equal(got->comparison_count, 1);
    assert_true(got->comparisons[0].smallest_effect == 0.04 && got->comparisons[0].margin == 0.02);
    assert_int_equal(got->aa_count, 1);
    assert_string_equal(got->aa[0].backend, "native:cpu+twin");
    assert_true(got->aa[0].ratio == 0.5 && got->aa[0].margin == 0.01 && got->aa_floor == 0.015);
    tm_record_free(got);
    char *plan = NULL;
    assert_int_equal(tm_store_plan(store, "r1", &plan, &error), TM_OK);
    assert_string_equal(plan, "{\"plan\": 1}");
    free(plan);
    assert_int_equal(tm_store_load(store, "nope", false, &got, &error), TM_INVALID_ARGUMENT);
    tm_store_close(store);
}

static bool first_note_only(void *context, int64_t in_cases, int64_t in_backends, int32_t incarnation, const char *note)
{
    assert_true(in_cases == 4 && in_backends == 5);
    *(int *)context += 1;
    return !(incarnation == 1 && strcmp(note, "second") == 0);
}

static void notes_come_in_order_and_stop_when_told(void **state)
{
    const place *here = *state;
    tm_error error = {""};
    tm_store *store = open_store(here->path, false);
    new_run(store, "r1");
    assert_int_equal(tm_store_put_note(store, "r1", 4, 5, 0, "first", &error), TM_OK);
    assert_int_equal(tm_store_put_note(store, "r1", 4, 5, 1, "second", &error), TM_OK);
    assert_int_equal(tm_store_put_note(store, "r1", 4, 5, 2, "third", &error), TM_OK);
    int seen = 0;
    assert_int_equal(tm_store_notes(store, "r1", first_note_only, &seen, &error), TM_OK);
    assert_int_equal(seen, 2);
    assert_int_equal(tm_store_put_note(store, "other", 4, 5, 1, "x", &error), TM_INVALID_ARGUMENT);
    tm_store_close(store);
}

static bool note_visit(void *context, const tm_store_visit *visit)
{
    char *seen = context;
    const size_t length = strlen(seen);
    snprintf(seen + length, 64 - length, "%d%s%s%.0f ", (int)visit->round, visit->kept ? "+" : "-", visit->reason,
             visit->sample_ns[0]);
    return true;
}

static void visits_of_one_cell_come_kept_or_not(void **state)
{
    const place *here = *state;
    tm_error error = {""};
    tm_store *store = open_store(here->path, false);
    new_run(store, "r1");
    const tm_record_cell cell = {.case_id = (char *)"relu/5/f32", .backend = (char *)"torch:cpu"};
    assert_int_equal(tm_store_put_cell(store, "r1", 3, 1, &cell, &error), TM_OK);
    const double samples[] = {7, 8};
    tm_store_visit visit = {.case_position = 3, .backend_position = 1, .sample_ns = samples, .samples = 2};
    visit.reason = "canary";
    assert_int_equal(tm_store_put_visit(store, "r1", &visit, &error), TM_OK);
    visit.backend_position = 0; /* another cell's */
    assert_int_equal(tm_store_put_visit(store, "r1", &visit, &error), TM_OK);
    visit = (tm_store_visit){3, 1, 0, 0, 1, 1, 5, NAN, samples + 1, 1, true, ""};
    assert_int_equal(tm_store_put_visit(store, "r1", &visit, &error), TM_OK);
    int64_t in_cases = -1, in_backends = -1;
    assert_int_equal(tm_store_find_cell(store, "r1", "relu/5/f32", "torch:cpu", &in_cases, &in_backends, &error),
                     TM_OK);
    assert_true(in_cases == 3 && in_backends == 1);
    char seen[64] = "";
    assert_int_equal(tm_store_cell_visits(store, "r1", 3, 1, note_visit, seen, &error), TM_OK);
    assert_string_equal(seen, "0-canary7 1+8 ");
    assert_int_equal(tm_store_find_cell(store, "r1", "relu/5/f32", "mock", &in_cases, &in_backends, &error),
                     TM_INVALID_ARGUMENT);
    tm_store_close(store);
}

static void runs_are_found_by_prefix(void **state)
{
    const place *here = *state;
    tm_error error = {""};
    char id[64];
    tm_store *store = open_store(here->path, false);
    assert_int_equal(tm_store_find_run(store, NULL, false, id, sizeof id, &error), TM_INVALID_ARGUMENT);
    new_run(store, "ab");
    new_run(store, "abc");
    new_run(store, "b%");
    assert_int_equal(tm_store_finish_run(store, "b%", "COMPLETE", "x", &error), TM_OK);
    assert_int_equal(tm_store_find_run(store, NULL, false, id, sizeof id, &error), TM_OK);
    assert_string_equal(id, "b%");
    assert_int_equal(tm_store_find_run(store, "", true, id, sizeof id, &error), TM_OK);
    assert_string_equal(id, "abc");
    assert_int_equal(tm_store_find_run(store, "ab", false, id, sizeof id, &error), TM_OK);
    assert_string_equal(id, "ab"); /* exact beats prefix */
    assert_int_equal(tm_store_find_run(store, "a", false, id, sizeof id, &error), TM_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "several"));
    assert_int_equal(tm_store_find_run(store, "%", false, id, sizeof id, &error), TM_INVALID_ARGUMENT);
    assert_int_equal(tm_store_finish_run(store, "zz", "COMPLETE", "x", &error), TM_INVALID_ARGUMENT);
    tm_store_entry *entries = NULL;
    int64_t count = 0;
    assert_int_equal(tm_store_list(store, &entries, &count, &error), TM_OK);
    assert_int_equal(count, 3);
    assert_string_equal(entries[0].id, "b%");
    assert_string_equal(entries[2].status, "INTERRUPTED");
    free(entries);
    tm_store_close(store);
}

/* Opening `path` either way fails with INVALID_ARGUMENT and a line that holds `words`, and changes no byte. */
static void assert_refused(const char *path, const char *words)
{
    char *before = NULL, *after = NULL;
    size_t length = 0, new_length = 0;
    tm_error error = {""};
    assert_int_equal(tm_file_read(path, 1 << 24, &before, &length, &error), TM_OK);
    for (int read_only = 0; read_only < 2; read_only++) {
        tm_store *store = NULL;
        char notice[256];
        assert_int_equal(tm_store_open(path, read_only != 0, &store, notice, &error), TM_INVALID_ARGUMENT);
        assert_null(store);
        if (!strstr(error.message, words)) fail_msg("'%s' not in: %s", words, error.message);
        assert_int_equal(tm_file_read(path, 1 << 24, &after, &new_length, &error), TM_OK);
        assert_int_equal(new_length, length);
        assert_memory_equal(before, after, length);
        free(after);
    }
    free(before);
}

static void fresh_database(const char *path)
{
    tm_store *store = open_store(path, false);
    new_run(store, "r1");
    tm_store_close(store);
}

static void altered_schemas_are_refused(void **state)
{
    const place *here = *state;
    static const struct {
        const char *sql, *words;
    } hostile[] = {
        {"CREATE TRIGGER t AFTER INSERT ON run BEGIN DELETE FROM cell; END", "trigger"},
        {"CREATE VIEW v AS SELECT * FROM run", "trigger, view"},
        {"CREATE TABLE other(x)", "tables"},
        {"ALTER TABLE run ADD COLUMN extra TEXT DEFAULT 'x'", "tables"},
        {"DROP TABLE note", "tables"},
        {"PRAGMA user_version = 99", "newer"},
        {"PRAGMA user_version = 5", "newer"},
        {"PRAGMA user_version = 1", "tables"},
        {"PRAGMA user_version = 0", "damaged"},
        {"PRAGMA application_id = 12345", "another program"},
    };
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        unlink(here->path);
        fresh_database(here->path);
        change(here->path, hostile[i].sql);
        assert_refused(here->path, hostile[i].words);
    }
}

static void foreign_files_are_refused(void **state)
{
    const place *here = *state;
    tm_error error = {""};
    assert_int_equal(tm_file_write(here->path, "some text\n", 10, &error), TM_OK);
    assert_refused(here->path, "not a results database");
    unlink(here->path);
    change(here->path, "CREATE TABLE bookmarks(url)");
    assert_refused(here->path, "another program");
    tm_store *store = NULL;
    assert_int_equal(tm_store_open(here->folder, false, &store, NULL, &error), TM_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "not a regular file"));
    assert_int_equal(tm_store_open("/nonexistent/x.db", false, &store, NULL, &error), TM_FAILED);
    assert_int_equal(tm_store_open("/nonexistent/x.db", true, &store, NULL, &error), TM_INVALID_ARGUMENT);
}

static void damaged_files_are_refused(void **state)
{
    const place *here = *state;
    fresh_database(here->path);
    char *whole = NULL;
    size_t length = 0;
    tm_error error = {""};
    assert_int_equal(tm_file_read(here->path, 1 << 24, &whole, &length, &error), TM_OK);
    const size_t cuts[] = {50, 100, 4096, length / 2, length - 1};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        assert_int_equal(tm_file_write(here->path, whole, cuts[i], &error), TM_OK);
        assert_refused(here->path, cuts[i] < 100 ? "not a results database" : "cut off");
    }
    for (size_t at = 4096; at + 64 < length; at += 4096) { /* every page but the first gets a broken header */
        char *broken = malloc(length);
        memcpy(broken, whole, length);
        memset(broken + at, 0x5a, 64);
        assert_int_equal(tm_file_write(here->path, broken, length, &error), TM_OK);
        assert_refused(here->path, "damaged");
        free(broken);
    }
    free(whole);
}

static void an_empty_file_becomes_a_database(void **state)
{
    const place *here = *state;
    tm_error error = {""};
    tm_store *store = NULL;
    assert_int_equal(tm_file_write(here->path, "", 0, &error), TM_OK);
    assert_int_equal(tm_store_open(here->path, true, &store, NULL, &error), TM_INVALID_ARGUMENT);
    fresh_database(here->path);
    store = open_store(here->path, true);
    char id[64], *mode = NULL;
    assert_int_equal(tm_store_find_run(store, "r", false, id, sizeof id, &error), TM_OK);
    assert_int_equal(tm_store_query_text(store, "PRAGMA journal_mode", &mode, &error), TM_OK);
    assert_string_equal(mode, "wal");
    free(mode);
    assert_int_equal(tm_store_put_note(store, "r1", 0, 0, 0, "x", &error), TM_FAILED); /* read-only is read-only */
    assert_non_null(strstr(error.message, "read-only"));
    tm_store_close(store);
}

static void a_busy_database_refuses_politely(void **state)
{
    const place *here = *state;
    tm_error error = {""};
    tm_store *first = open_store(here->path, false), *second = open_store(here->path, false);
    assert_int_equal(tm_store_begin(first, &error), TM_OK);
    const uint64_t start = tm_now_ns();
    assert_int_equal(tm_store_begin(second, &error), TM_FAILED);
    assert_true(tm_now_ns() - start > 1000000000u); /* it waited first */
    assert_non_null(strstr(error.message, "in use by another process"));
    assert_non_null(strstr(error.message, here->path));
    assert_int_equal(tm_store_commit(first, &error), TM_OK);
    assert_int_equal(tm_store_begin(second, &error), TM_OK);
    tm_store_rollback(second);
    tm_store_close(first);
    tm_store_close(second);
}

enum { ROUND_VISITS = 8 };

/* One round: several visits in one transaction. */
static tm_status put_round(tm_store *store, int32_t round, tm_error *error)
{
    double ns[256];
    for (int i = 0; i < 256; i++) ns[i] = round;
    tm_status status = tm_store_begin(store, error);
    for (int64_t i = 0; i < ROUND_VISITS && status == TM_OK; i++) {
        const tm_store_visit visit = {i, 0, 0, 0, round, 0, 0, NAN, ns, 256, true, ""};
        status = tm_store_put_visit(store, "r1", &visit, error);
    }
    if (status == TM_OK) return tm_store_commit(store, error);
    tm_store_rollback(store);
    return status;
}

typedef struct tally {
    int visits_of_round[100000];
    int rounds;
} tally;

static bool count_visit(void *context, const tm_store_visit *visit)
{
    tally *counts = context;
    counts->visits_of_round[visit->round]++;
    if (visit->round >= counts->rounds) counts->rounds = visit->round + 1;
    return visit->samples == 256 && visit->sample_ns[255] == visit->round;
}

/* Every round is there whole or not at all, and the file is sound. Returns the number of rounds. */
static int assert_whole_rounds(const char *path)
{
    tally *counts = calloc(1, sizeof *counts);
    tm_error error = {""};
    char *verdict = NULL;
    tm_store *store = open_store(path, false);
    assert_int_equal(tm_store_query_text(store, "PRAGMA integrity_check", &verdict, &error), TM_OK);
    assert_string_equal(verdict, "ok");
    free(verdict);
    assert_int_equal(tm_store_visits(store, "r1", count_visit, counts, &error), TM_OK);
    for (int i = 0; i < counts->rounds; i++) assert_int_equal(counts->visits_of_round[i], ROUND_VISITS);
    tm_store_close(store);
    const int rounds = counts->rounds;
    free(counts);
    return rounds;
}

static void a_killed_writer_leaves_whole_rounds(void **state)
{
    const place *here = *state;
    int rounds = 0;
    fresh_database(here->path);
    for (int kill_number = 0; kill_number < 25; kill_number++) {
        const pid_t child = fork();
        if (child == 0) {
            tm_store *store = NULL;
            tm_error error;
            if (tm_store_open(here->path, false, &store, NULL, &error) != TM_OK) _exit(1);
            for (int32_t round = rounds;; round++) {
                if (put_round(store, round, &error) != TM_OK) _exit(2);
            }
        }
        usleep(4000 + (useconds_t)kill_number * 1370);
        kill(child, SIGKILL);
        int status = 0;
        waitpid(child, &status, 0);
        assert_true(WIFSIGNALED(status));
        rounds = assert_whole_rounds(here->path);
    }
    assert_true(rounds > 0);
}

/* A file-size limit makes the n-th write fail, as a full disk does. */
static void a_full_disk_keeps_what_was_there(void **state)
{
    const place *here = *state;
    fresh_database(here->path);
    for (rlim_t limit = 8192; limit < 400000; limit += 24576) {
        const pid_t child = fork();
        if (child == 0) {
            signal(SIGXFSZ, SIG_IGN);
            const struct rlimit rule = {limit, limit};
            if (setrlimit(RLIMIT_FSIZE, &rule) != 0) _exit(9);
            tm_store *store = NULL;
            tm_error error = {""};
            tm_status status = tm_store_open(here->path, false, &store, NULL, &error);
            for (int32_t round = 0; round < 200 && status == TM_OK; round++) status = put_round(store, round, &error);
            /* The failure is told in a line that names the file, and a later try does not crash. */
            const bool told = status == TM_FAILED && strstr(error.message, here->path);
            if (store) (void)put_round(store, 0, &error);
            tm_store_close(store);
            _exit(told ? 0 : 3);
        }
        int status = 0;
        waitpid(child, &status, 0);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        (void)assert_whole_rounds(here->path);
        change(here->path, "DELETE FROM visit");
    }
}

/* SQLite's own allocator, with one allocation that fails; counted down, never when negative. */
static sqlite3_mem_methods real_memory;
static int until_failure = -1;

static void *failing_allocation(int bytes)
{
    return until_failure >= 0 && until_failure-- == 0 ? NULL : real_memory.xMalloc(bytes);
}

static void *failing_growth(void *old, int bytes)
{
    return until_failure >= 0 && until_failure-- == 0 ? NULL : real_memory.xRealloc(old, bytes);
}

static void let_memory_fail(bool on)
{
    sqlite3_shutdown();
    if (on) {
        sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_memory);
        sqlite3_mem_methods failing = real_memory;
        failing.xMalloc = failing_allocation;
        failing.xRealloc = failing_growth;
        sqlite3_config(SQLITE_CONFIG_MALLOC, &failing);
    } else {
        sqlite3_config(SQLITE_CONFIG_MALLOC, &real_memory);
    }
}

static void failing_allocations_lose_nothing(void **state)
{
    const place *here = *state;
    fresh_database(here->path);
    let_memory_fail(true);
    int failures = 0;
    for (int n = 0, round = 0; n < 3000; n += n < 40 ? 1 : 37, round++) {
        tm_store *store = NULL;
        tm_error error = {""};
        tm_record *record = NULL;
        until_failure = n;
        tm_status status = tm_store_open(here->path, false, &store, NULL, &error);
        if (status == TM_OK) status = put_round(store, round, &error);
        if (status == TM_OK) status = tm_store_load(store, "r1", true, &record, &error);
        until_failure = -1;
        if (status != TM_OK) failures++;
        assert_true(status == TM_OK || error.message[0]);
        assert_true(status != TM_INVALID_ARGUMENT); /* short memory is not damage */
        tm_record_free(record);
        tm_store_close(store);
    }
    assert_true(failures > 50);
    (void)assert_whole_rounds(here->path);
    let_memory_fail(false);
}

static void network_file_systems_are_known(void **state)
{
    (void)state;
    assert_string_equal(tm_store_network_name(0x6969), "NFS");
    assert_string_equal(tm_store_network_name(0xff534d42), "CIFS");
    assert_string_equal(tm_store_network_name(0xffffffffff534d42), "CIFS"); /* f_type is signed on some systems */
    assert_null(tm_store_network_name(0xef53));                             /* ext4 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AT_A_PLACE(everything_put_in_comes_out),
        AT_A_PLACE(notes_come_in_order_and_stop_when_told),
        AT_A_PLACE(visits_of_one_cell_come_kept_or_not),
        AT_A_PLACE(runs_are_found_by_prefix),
        AT_A_PLACE(altered_schemas_are_refused),
        AT_A_PLACE(foreign_files_are_refused),
        AT_A_PLACE(damaged_files_are_refused),
        AT_A_PLACE(an_empty_file_becomes_a_database),
        AT_A_PLACE(a_busy_database_refuses_politely),
        AT_A_PLACE(a_killed_writer_leaves_whole_rounds),
        AT_A_PLACE(a_full_disk_keeps_what_was_there),
        AT_A_PLACE(failing_allocations_lose_nothing),
        cmocka_unit_test(network_file_systems_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
