/* Opening, closing, transactions.
 *
 * Nothing is written before the file has been found to be ours: first its header is read as plain bytes, then a
 * connection that only looks checks structure and schema; only then is it opened for writing. A fresh file gets its
 * whole schema in one transaction of the rollback journal, so that a killed creation leaves an empty file. */
#include "store/database.h"

#include "base/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <unistd.h>

enum { BUSY_MS = 2000 };

void tm_store_close(tm_store *store)
{
    if (!store) return;
    sqlite3_close_v2(store->db);
    free(store->path);
    free(store);
}

tm_status tm_store_harden(tm_store *store, tm_error *error)
{
    sqlite3_busy_timeout(store->db, BUSY_MS);
    int code = sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    if (code == SQLITE_OK) code = sqlite3_db_config(store->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    if (code == SQLITE_OK) code = sqlite3_db_config(store->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    if (code == SQLITE_OK) code = sqlite3_db_config(store->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    if (code == SQLITE_OK) code = sqlite3_exec(store->db, "PRAGMA cell_size_check = ON", NULL, NULL, NULL);
    return code == SQLITE_OK ? TM_OK : tm_store_fail(store, code, error);
}

static tm_status connect_to(tm_store *store, const char *name, int flags, tm_error *error)
{
    sqlite3_close_v2(store->db);
    store->db = NULL;
    const int code = sqlite3_open_v2(name, &store->db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    return code == SQLITE_OK ? tm_store_harden(store, error) : tm_store_fail(store, code, error);
}

/* "file:...?immutable=1": for a database in a folder where SQLite may not make its side files. */
static tm_status connect_immutable(tm_store *store, tm_error *error)
{
    tm_text name = {0};
    tm_text_add(&name, "file:");
    for (const char *c = store->path; *c; c++) {
        const bool plain = (*c >= '0' && *c <= '9') || (*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z');
        if (plain || strchr("/._-", *c))
            tm_text_add_bytes(&name, c, 1);
        else
            tm_text_format(&name, "%%%02x", (unsigned)(unsigned char)*c);
    }
    tm_text_add(&name, "?immutable=1");
    tm_status status = name.failed ? tm_fail_memory(error, store->path)
                                   : connect_to(store, name.data, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, error);
    tm_text_free(&name);
    return status;
}

/* Structure and schema through the present connection; writes nothing. */
static tm_status inspect(tm_store *store, tm_error *error)
{
    int64_t version = 0, application = 0;
    char *verdict = NULL;
    tm_status status = tm_store_query_i64(store, "PRAGMA application_id", &application, error);
    if (status == TM_OK) status = tm_store_query_i64(store, "PRAGMA user_version", &version, error);
    if (status == TM_OK && (application != TM_STORE_APPLICATION || version < 1 || version > TM_STORE_SCHEMA)) {
        status = tm_fail(error, TM_INVALID_ARGUMENT, "%s: not a results database of this version; left as it is",
                         store->path);
    }
    store->version = version;
    if (status == TM_OK) status = tm_store_check_schema(store, version, error);
    if (status == TM_OK) status = tm_store_query_text(store, "PRAGMA quick_check(1)", &verdict, error);
    if (status == TM_OK && strcmp(verdict, "ok") != 0) {
        status = tm_fail(error, TM_INVALID_ARGUMENT, "%s: damaged; left as it is", store->path);
    }
    free(verdict);
    return status;
}

/* A connection that may roll a hot journal back and tidy its side files away, but through which nothing is written. A
 * log that lies there already stays as it is. */
static tm_status connect_to_look(tm_store *store, tm_error *error)
{
    const int keep_log = tm_store_has_side_file(store->path, "-wal");
    const tm_status status = connect_to(store, store->path, SQLITE_OPEN_READWRITE, error);
    if (status != TM_OK) return status;
    int code = sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep_log, NULL);
    if (code == SQLITE_OK) code = sqlite3_exec(store->db, "PRAGMA query_only = ON", NULL, NULL, NULL);
    return code == SQLITE_OK ? TM_OK : tm_store_fail(store, code, error);
}

static tm_status open_checked(tm_store *store, tm_error *error)
{
    tm_status status = connect_to_look(store, error);
    if (status == TM_OK) status = inspect(store, error);
    if (status != TM_FAILED || tm_store_has_side_file(store->path, "-wal")) return status;
    const int code = sqlite3_errcode(store->db) & 0xff;
    if (code != SQLITE_CANTOPEN && code != SQLITE_READONLY) return status;
    status = connect_immutable(store, error);
    return status == TM_OK ? inspect(store, error) : status;
}

/* Makes the schema in an empty file, or brings an older one up to date, unless another process has just done so. */
static tm_status bring_up_to_date(tm_store *store, tm_error *error)
{
    int code = sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (code != SQLITE_OK) return tm_store_fail(store, code, error);
    int64_t version = 0;
    tm_status status = tm_store_query_i64(store, "PRAGMA user_version", &version, error);
    if (status == TM_OK && version < TM_STORE_SCHEMA) status = tm_store_migrate(store, version, error);
    store->version = TM_STORE_SCHEMA;
    if (status == TM_OK) {
        code = sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL);
        if (code != SQLITE_OK) status = tm_store_fail(store, code, error);
    }
    tm_store_rollback(store);
    return status;
}

static const char *network_of(const char *path)
{
    struct statfs facts;
    return statfs(path, &facts) == 0 ? tm_store_network_name((uint64_t)facts.f_type) : NULL;
}

/* A write-ahead log needs memory shared between processes, which network file systems do not give. */
static tm_status set_journal(tm_store *store, char notice[256], tm_error *error)
{
    const char *network = network_of(store->path);
    char *mode = NULL;
    tm_status status = tm_store_query_text(
        store, network ? "PRAGMA journal_mode = DELETE" : "PRAGMA journal_mode = WAL", &mode, error);
    if (status != TM_OK) return status;
    const bool log = strcmp(mode, "wal") == 0;
    free(mode);
    if (!log && notice) {
        tm_error line;
        tm_fail(&line, TM_OK, "no write-ahead log for %.120s (%s): only one process at a time can use it", store->path,
                network ? network : "not possible there");
        memcpy(notice, line.message, 255);
        notice[255] = '\0';
    }
    const int code =
        sqlite3_exec(store->db, log ? "PRAGMA synchronous = NORMAL" : "PRAGMA synchronous = FULL", NULL, NULL, NULL);
    return code == SQLITE_OK ? TM_OK : tm_store_fail(store, code, error);
}

static tm_status open_for_writing(tm_store *store, bool absent, char notice[256], tm_error *error)
{
    tm_status status = absent ? TM_OK : open_checked(store, error);
    if (status != TM_OK) return status;
    status = connect_to(store, store->path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, error);
    if (status == TM_OK && sqlite3_db_readonly(store->db, "main"))
        status = tm_store_fail(store, SQLITE_READONLY, error);
    if (status == TM_OK && store->version < TM_STORE_SCHEMA) status = bring_up_to_date(store, error);
    return status == TM_OK ? set_journal(store, notice, error) : status;
}

tm_status tm_store_open(const char *path, bool read_only, tm_store **into, char notice[256], tm_error *error)
{
    *into = NULL;
    if (notice) notice[0] = '\0';
    tm_store_presence presence;
    tm_status status = tm_store_look(path, &presence, error);
    if (status != TM_OK) return status;
    if (read_only && presence == TM_STORE_ABSENT) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "%s: no results there yet; `tensormark run` makes some", path);
    }
    tm_store *store = calloc(1, sizeof *store);
    if (store) store->path = strdup(path);
    if (!store || !store->path) {
        tm_store_close(store);
        return tm_fail_memory(error, path);
    }
    store->read_only = read_only;
    status =
        read_only ? open_checked(store, error) : open_for_writing(store, presence == TM_STORE_ABSENT, notice, error);
    if (status == TM_OK)
        *into = store;
    else
        tm_store_close(store);
    return status;
}

tm_status tm_store_default_path(char *into, size_t capacity, tm_error *error)
{
    tm_status status = tm_data_folder(into, capacity, error);
    if (status != TM_OK) return status;
    static const char name[] = "/results.db";
    const size_t length = strlen(into);
    if (length + sizeof name > capacity) return tm_fail(error, TM_FAILED, "%s: path too long", into);
    memcpy(into + length, name, sizeof name);
    return TM_OK;
}

tm_status tm_store_begin(tm_store *store, tm_error *error)
{
    const int code = sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    return code == SQLITE_OK ? TM_OK : tm_store_fail(store, code, error);
}

tm_status tm_store_commit(tm_store *store, tm_error *error)
{
    const int code = sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL);
    if (code == SQLITE_OK) return TM_OK;
    const tm_status status = tm_store_fail(store, code, error);
    tm_store_rollback(store);
    return status;
}

void tm_store_rollback(tm_store *store)
{
    if (!sqlite3_get_autocommit(store->db)) sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
}
