/* What the files of the store share: the handle, the schema, statements in one call, SQLite's codes as errors. */
#ifndef TM_STORE_DATABASE_H
#define TM_STORE_DATABASE_H

#include "base/text.h"
#include "store/store.h"

#include <sqlite3.h>

#define TM_STORE_APPLICATION 0x546d6b31 /* "Tmk1", in the file's header */
#define TM_STORE_SCHEMA      4

struct tm_store {
    sqlite3 *db;
    char *path;
    bool read_only;
    int64_t version; /* of the schema in the file: TM_STORE_SCHEMA, or older in a file that is only read */
};

/* Fills `error` from the connection's last result: one line that names the file. INVALID_ARGUMENT for damage. */
tm_status tm_store_fail(const tm_store *store, int code, tm_error *error);

/* Prepares `sql` and binds by `types`, a letter per parameter: t text (const char *, NULL is SQL's NULL), i int64_t,
 * r double (NaN is NULL), b blob (const void *, int64_t bytes). Bound memory must live until the statement ends. */
tm_status tm_store_prepare(tm_store *store, sqlite3_stmt **into, tm_error *error, const char *sql, const char *types,
                           ...);

/* The same, run to its end: for statements without rows. */
tm_status tm_store_execute(tm_store *store, tm_error *error, const char *sql, const char *types, ...);

/* A one-column, one-row query as integer or as text (freed by the caller). */
tm_status tm_store_query_i64(tm_store *store, const char *sql, int64_t *into, tm_error *error);
tm_status tm_store_query_text(tm_store *store, const char *sql, char **into, tm_error *error);

/* Switches off everything by which a hostile file could act; sets the busy time-out. */
tm_status tm_store_harden(tm_store *store, tm_error *error);

/* Brings a database from version `from` to TM_STORE_SCHEMA, inside the caller's transaction. */
tm_status tm_store_migrate(tm_store *store, int64_t from, tm_error *error);

/* INVALID_ARGUMENT unless the objects of the file are exactly those that the migrations up to `version` make. */
tm_status tm_store_check_schema(tm_store *store, int64_t version, tm_error *error);

/* What stands at `path`, seen without SQLite and without writing: ABSENT (or empty), or OURS as far as the first bytes
 * tell. INVALID_ARGUMENT for anything else. */
typedef enum tm_store_presence { TM_STORE_ABSENT, TM_STORE_OURS } tm_store_presence;
tm_status tm_store_look(const char *path, tm_store_presence *presence, tm_error *error);

/* Is there something in the file of that name with "-wal" or "-journal" behind it? */
bool tm_store_has_side_file(const char *path, const char *ending);

/* The kind of a network or user-space file system by its statfs magic number, NULL for a local one. */
const char *tm_store_network_name(uint64_t magic);

/* strdup, "" for NULL. */
char *tm_store_copy(const char *text);

#endif
