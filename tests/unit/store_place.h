/* A folder of its own for each test of the store, and a run to put things into. */
#ifndef TEST_STORE_PLACE_H
#define TEST_STORE_PLACE_H

#include "store/database.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define AT_A_PLACE(test) cmocka_unit_test_setup_teardown(test, make_place, drop_place)

typedef struct place {
    char folder[64];
    char path[128];
} place;

static inline int make_place(void **state)
{
    place *here = calloc(1, sizeof *here);
    snprintf(here->folder, sizeof here->folder, "/tmp/tm-store-XXXXXX");
    if (!here || !mkdtemp(here->folder)) return -1;
    snprintf(here->path, sizeof here->path, "%s/results.db", here->folder);
    *state = here;
    return 0;
}

static inline int drop_place(void **state)
{
    place *here = *state;
    static const char *const endings[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        char name[160];
        snprintf(name, sizeof name, "%s%s", here->path, endings[i]);
        unlink(name);
    }
    rmdir(here->folder);
    free(here);
    return 0;
}

static inline tm_store *open_store(const char *path, bool read_only)
{
    tm_store *store = NULL;
    tm_error error = {""};
    char notice[256];
    if (tm_store_open(path, read_only, &store, notice, &error) != TM_OK) fail_msg("%s", error.message);
    return store;
}

static inline tm_record example_run(const char *id, tm_record_backend backends[2])
{
    backends[0] = (tm_record_backend){
        (char *)"native:cpu", (char *)"Tensormark", (char *)"cpu", (char *)"", (char *)"", (char *)"", 2};
    backends[1] = (tm_record_backend){(char *)"torch:cpu",
                                      (char *)"PyTorch",
                                      (char *)"cpu",
                                      (char *)"+tuned",
                                      (char *)"/lib.so",
                                      (char *)"t2=torch@/env",
                                      4};
    return (tm_record){.id = (char *)id,
                       .started = (char *)"2026-01-01T00:00:00Z",
                       .mode = (char *)"quick",
                       .command = (char *)"tensormark run",
                       .version = (char *)"0.1.0",
                       .seed = UINT64_MAX - 1,
                       .machine = {.key = (char *)"k",
                                   .cpu = (char *)"c",
                                   .cores = 2,
                                   .memory_bytes = 1000,
                                   .read_gbs = 1.5,
                                   .copy_gbs = NAN,
                                   .i8_gops = 8},
                       .backends = backends,
                       .backend_count = 2};
}

static inline void new_run(tm_store *store, const char *id)
{
    tm_error error = {""};
    tm_record_backend backends[2];
    const tm_record run = example_run(id, backends);
    if (tm_store_new_run(store, &run, "{\"plan\": 1}", &error) != TM_OK) fail_msg("%s", error.message);
}

/* Does to a file what this program would not. */
static inline void change(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    char *message = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK) fail_msg("%s", message);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

#endif
