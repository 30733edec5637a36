/* Statements in one call, and SQLite's result codes as one line that names the file. */
#include "store/database.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

char *tm_store_copy(const char *text)
{
    return strdup(text ? text : "");
}

tm_status tm_store_fail(const tm_store *store, int code, tm_error *error)
{
    const char *path = store->path;
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return tm_fail(error, TM_FAILED, "%s: in use by another process; try again when it has finished", path);
    case SQLITE_FULL: return tm_fail(error, TM_FAILED, "%s: disk full; what was saved before is kept", path);
    case SQLITE_READONLY: return tm_fail(error, TM_FAILED, "%s: cannot be written (read-only)", path);
    case SQLITE_PERM:
    case SQLITE_CANTOPEN: return tm_fail(error, TM_FAILED, "%s: cannot be opened or written", path);
    case SQLITE_IOERR: return tm_fail(error, TM_FAILED, "%s: input/output error (%d)", path, code);
    case SQLITE_NOMEM: return tm_fail_memory(error, path);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return tm_fail(error, TM_INVALID_ARGUMENT, "%s: damaged; left as it is", path);
    default: return tm_fail(error, TM_FAILED, "%s: %s", path, store->db ? sqlite3_errmsg(store->db) : "not opened");
    }
}

static int bind_text(sqlite3_stmt *statement, int position, const char *text)
{
    return text ? sqlite3_bind_text(statement, position, text, -1, SQLITE_STATIC)
                : sqlite3_bind_null(statement, position);
}

static tm_status prepare(tm_store *store, sqlite3_stmt **into, tm_error *error, const char *sql, const char *types,
                         va_list values)
{
    *into = NULL;
    int code = sqlite3_prepare_v2(store->db, sql, -1, into, NULL);
    for (int i = 1; types[i - 1] && code == SQLITE_OK; i++) {
        switch (types[i - 1]) {
        case 't': code = bind_text(*into, i, va_arg(values, const char *)); break;
        case 'i': code = sqlite3_bind_int64(*into, i, va_arg(values, int64_t)); break;
        case 'r': code = sqlite3_bind_double(*into, i, va_arg(values, double)); break;
        default: {
            const void *bytes = va_arg(values, const void *);
            const int64_t count = va_arg(values, int64_t);
            code = count ? sqlite3_bind_blob64(*into, i, bytes, (sqlite3_uint64)count, SQLITE_STATIC)
                         : sqlite3_bind_zeroblob(*into, i, 0);
        }
        }
    }
    if (code == SQLITE_OK) return TM_OK;
    const tm_status status = tm_store_fail(store, code, error);
    sqlite3_finalize(*into);
    *into = NULL;
    return status;
}

tm_status tm_store_prepare(tm_store *store, sqlite3_stmt **into, tm_error *error, const char *sql, const char *types,
                           ...)
{
    va_list values;
    va_start(values, types);
    const tm_status status = prepare(store, into, error, sql, types, values);
    va_end(values);
    return status;
}

tm_status tm_store_execute(tm_store *store, tm_error *error, const char *sql, const char *types, ...)
{
    va_list values;
    va_start(values, types);
    sqlite3_stmt *statement = NULL;
    tm_status status = prepare(store, &statement, error, sql, types, values);
    va_end(values);
    if (status != TM_OK) return status;
    int code = SQLITE_ROW;
    while (code == SQLITE_ROW) code = sqlite3_step(statement);
    if (code == SQLITE_CONSTRAINT_NOTNULL) {
        status = tm_fail(error, TM_INVALID_ARGUMENT, "%s: no such run, or a value is missing (%s)", store->path,
                         sqlite3_errmsg(store->db));
    } else if (code != SQLITE_DONE) {
        status = tm_store_fail(store, code, error);
    }
    sqlite3_finalize(statement);
    return status;
}

tm_status tm_store_query_i64(tm_store *store, const char *sql, int64_t *into, tm_error *error)
{
    sqlite3_stmt *statement = NULL;
    tm_status status = tm_store_prepare(store, &statement, error, sql, "");
    if (status != TM_OK) return status;
    const int code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        *into = sqlite3_column_int64(statement, 0);
    else
        status = tm_store_fail(store, code, error);
    sqlite3_finalize(statement);
    return status;
}

tm_status tm_store_query_text(tm_store *store, const char *sql, char **into, tm_error *error)
{
    *into = NULL;
    sqlite3_stmt *statement = NULL;
    tm_status status = tm_store_prepare(store, &statement, error, sql, "");
    if (status != TM_OK) return status;
    const int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        *into = tm_store_copy((const char *)sqlite3_column_text(statement, 0));
        if (!*into) status = tm_fail_memory(error, store->path);
    } else {
        status = tm_store_fail(store, code, error);
    }
    sqlite3_finalize(statement);
    return status;
}
