/* The schema, as a list of steps: step i brings version i to version i + 1. Steps are never edited once released, only
 * added. A file is ours only if its objects are, to the letter, what the steps make: no trigger, view or foreign table
 * can hide in it. */
#include "store/database.h"

#include <stdlib.h>
#include <string.h>

static const char *const steps[TM_STORE_SCHEMA] = {
    "CREATE TABLE run(number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, started TEXT, finished TEXT, mode TEXT,"
    " command TEXT, version TEXT, status TEXT NOT NULL, seed INTEGER, plan TEXT);"
    "CREATE TABLE machine(run INTEGER PRIMARY KEY NOT NULL REFERENCES run, key TEXT, cpu TEXT, os TEXT,"
    " governor TEXT, smt TEXT, gpus TEXT, facts TEXT, cores INTEGER, memory_bytes INTEGER, read_gbs REAL,"
    " copy_gbs REAL, l1_gbs REAL, l2_gbs REAL, llc_gbs REAL, f32_gflops REAL, bf16_gflops REAL, i8_gops REAL);"
    "CREATE TABLE backend(run INTEGER NOT NULL REFERENCES run, position INTEGER NOT NULL, id TEXT NOT NULL,"
    " framework_version TEXT, device TEXT, options TEXT, library TEXT, threads INTEGER, PRIMARY KEY(run, position));"
    "CREATE TABLE cell(run INTEGER NOT NULL REFERENCES run, case_position INTEGER NOT NULL,"
    " backend_position INTEGER NOT NULL, case_id TEXT NOT NULL, suite TEXT, case_group TEXT, backend TEXT NOT NULL,"
    " status TEXT NOT NULL, reason TEXT, median_ns REAL, ci_low_ns REAL, ci_high_ns REAL, p5_ns REAL, p95_ns REAL,"
    " min_ns REAL, samples INTEGER, first_call_ns REAL, verify TEXT, error REAL, rms_error REAL, checked INTEGER,"
    " probe TEXT, freivalds REAL, flop REAL, bytes REAL, limit_ns REAL, floor_ns REAL, efficiency REAL,"
    " limit_basis TEXT, peak_host_bytes INTEGER, peak_device_bytes INTEGER, labels TEXT, metrics TEXT,"
    " discarded INTEGER, PRIMARY KEY(run, case_position, backend_position));"
    "CREATE TABLE visit(number INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run,"
    " case_position INTEGER NOT NULL, backend_position INTEGER NOT NULL, pass INTEGER, incarnation INTEGER,"
    " round INTEGER, attempt INTEGER, start_ns REAL, kept INTEGER NOT NULL, reason TEXT, sample_ns BLOB);"
    "CREATE INDEX visit_of_run ON visit(run);"
    "CREATE TABLE note(number INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run,"
    " case_position INTEGER NOT NULL, backend_position INTEGER NOT NULL, incarnation INTEGER, note TEXT);"
    "CREATE INDEX note_of_run ON note(run);"
    "CREATE TABLE comparison(run INTEGER NOT NULL REFERENCES run, case_id TEXT NOT NULL, backend TEXT NOT NULL,"
    " base TEXT NOT NULL, verdict TEXT, ratio REAL, ci_low REAL, ci_high REAL, smallest_effect REAL,"
    " PRIMARY KEY(run, case_id, backend, base));",
    "ALTER TABLE comparison ADD COLUMN margin REAL;"
    "ALTER TABLE run ADD COLUMN aa_floor REAL;"
    "CREATE TABLE aa(run INTEGER NOT NULL REFERENCES run, case_id TEXT NOT NULL, backend TEXT NOT NULL,"
    " base TEXT NOT NULL, verdict TEXT, ratio REAL, ci_low REAL, ci_high REAL, smallest_effect REAL, margin REAL,"
    " PRIMARY KEY(run, case_id, backend, base));",
    "ALTER TABLE machine ADD COLUMN write_gbs REAL;"
    "ALTER TABLE backend ADD COLUMN definition TEXT;",
    "ALTER TABLE visit ADD COLUMN core_to_core_ns REAL;",
};

static int apply(sqlite3 *db, int64_t from, int64_t to)
{
    int code = SQLITE_OK;
    for (int64_t version = from; version < to && code == SQLITE_OK; version++) {
        code = sqlite3_exec(db, steps[version], NULL, NULL, NULL);
    }
    return code;
}

tm_status tm_store_migrate(tm_store *store, int64_t from, tm_error *error)
{
    if (from < 0 || from > TM_STORE_SCHEMA) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "%s: schema version %lld is not known", store->path,
                       (long long)from);
    }
    int code = apply(store->db, from, TM_STORE_SCHEMA);
    tm_text pragmas = {0};
    tm_text_format(&pragmas, "PRAGMA application_id = %d; PRAGMA user_version = %d", TM_STORE_APPLICATION,
                   TM_STORE_SCHEMA);
    if (pragmas.failed) return tm_fail_memory(error, store->path);
    if (code == SQLITE_OK) code = sqlite3_exec(store->db, pragmas.data, NULL, NULL, NULL);
    tm_text_free(&pragmas);
    return code == SQLITE_OK ? TM_OK : tm_store_fail(store, code, error);
}

static const char objects_query[] = "SELECT group_concat(type || ' ' || name || ' ' || tbl_name || ' ' ||"
                                    " coalesce(sql, ''), char(10)) FROM (SELECT * FROM sqlite_master ORDER BY name)";

/* The text of all objects that a fresh database of `version` has. */
static tm_status expected_objects(int64_t version, char **into, tm_error *error)
{
    tm_store fresh = {.path = (char *)"(memory)"};
    tm_status status = TM_OK;
    int code = sqlite3_open_v2(":memory:", &fresh.db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
    if (code == SQLITE_OK) code = apply(fresh.db, 0, version);
    if (code != SQLITE_OK)
        status = tm_store_fail(&fresh, code, error);
    else
        status = tm_store_query_text(&fresh, objects_query, into, error);
    sqlite3_close(fresh.db);
    return status;
}

tm_status tm_store_check_schema(tm_store *store, int64_t version, tm_error *error)
{
    char *expected = NULL, *found = NULL;
    tm_status status = expected_objects(version, &expected, error);
    if (status == TM_OK) status = tm_store_query_text(store, objects_query, &found, error);
    if (status == TM_OK && strcmp(expected, found) != 0) {
        status = tm_fail(error, TM_INVALID_ARGUMENT,
                         "%s: its tables are not those of a results database (a trigger, view or table was added or "
                         "changed); left as it is",
                         store->path);
    }
    free(expected);
    free(found);
    return status;
}
