/* Results in one SQLite file: WAL, defensive mode, one transaction per round of a case, versioned schema.
 *
 * The parent process is the only writer of a run. Every call that changes something is its own transaction unless it
 * stands between tm_store_begin and tm_store_commit. */
#ifndef TM_STORE_STORE_H
#define TM_STORE_STORE_H

#include "store/record.h"

typedef struct tm_store tm_store;

/* Opens or creates. TM_INVALID_ARGUMENT, with one line, for a file that is no database, a foreign or damaged one, one
 * with triggers or views, or a newer schema: it is left as it was. `notice` (may be NULL) gets a line when WAL is not
 * possible there (network file system). */
tm_status tm_store_open(const char *path, bool read_only, tm_store **into, char notice[256], tm_error *error);
void tm_store_close(tm_store *store);

/* "$XDG_DATA_HOME/tensormark/results.db". */
tm_status tm_store_default_path(char *into, size_t capacity, tm_error *error);

tm_status tm_store_begin(tm_store *store, tm_error *error);
tm_status tm_store_commit(tm_store *store, tm_error *error);
void tm_store_rollback(tm_store *store);

/* A new run: everything but cells and samples of `record`; `plan` is a JSON text that the run layer can resume from
 * (cases, backends, options). The status stays INTERRUPTED until tm_store_finish_run. */
tm_status tm_store_new_run(tm_store *store, const tm_record *record, const char *plan, tm_error *error);
tm_status tm_store_set_machine(tm_store *store, const char *run, const tm_record_machine *machine, tm_error *error);
tm_status tm_store_set_backend(tm_store *store, const char *run, int64_t position, const tm_record_backend *backend,
                               tm_error *error);
tm_status tm_store_finish_run(tm_store *store, const char *run, const char *status, const char *finished,
                              tm_error *error);

/* Inserts or replaces the cell (case position, backend position) of a run. */
tm_status tm_store_put_cell(tm_store *store, const char *run, int64_t case_position, int64_t backend_position,
                            const tm_record_cell *cell, tm_error *error);

/* One visit's samples; `kept` false for one that was discarded and repeated, with the reason. */
typedef struct tm_store_visit {
    int64_t case_position, backend_position;
    int32_t pass, incarnation, round, attempt;
    double start_ns;
    double core_to_core_ns; /* where the processors lay; NaN: not known */
    const double *sample_ns;
    int64_t samples;
    bool kept;
    const char *reason;
} tm_store_visit;
tm_status tm_store_put_visit(tm_store *store, const char *run, const tm_store_visit *visit, tm_error *error);

/* Free text that the run layer keeps per cell and incarnation (first call, batch size ...), JSON. */
tm_status tm_store_put_note(tm_store *store, const char *run, int64_t case_position, int64_t backend_position,
                            int32_t incarnation, const char *note, tm_error *error);

tm_status tm_store_put_comparison(tm_store *store, const char *run, const tm_record_comparison *comparison,
                                  tm_error *error);

/* The same for a twin against the backend that it is a copy of. */
tm_status tm_store_put_aa(tm_store *store, const char *run, const tm_record_comparison *comparison, tm_error *error);
tm_status tm_store_set_aa_floor(tm_store *store, const char *run, double floor, tm_error *error);

/* Natural logarithms of the twins' ratios in other runs of that mode on the machine with that key, newest runs first.
 * Returns through `count` how many were written, at most `capacity`. */
tm_status tm_store_twins(tm_store *store, const char *run, const char *machine_key, const char *mode, double *into,
                         size_t capacity, size_t *count, tm_error *error);

/* Calls back for every kept visit, or note, of a run, in order of writing; stops when the callback returns false. */
typedef bool (*tm_store_visit_callback)(void *context, const tm_store_visit *visit);
tm_status tm_store_visits(tm_store *store, const char *run, tm_store_visit_callback callback, void *context,
                          tm_error *error);
typedef bool (*tm_store_note_callback)(void *context, int64_t case_position, int64_t backend_position,
                                       int32_t incarnation, const char *note);
tm_status tm_store_notes(tm_store *store, const char *run, tm_store_note_callback callback, void *context,
                         tm_error *error);

/* Where the cell of a case on a backend stands in a run. TM_INVALID_ARGUMENT if it has none. */
tm_status tm_store_find_cell(tm_store *store, const char *run, const char *case_id, const char *backend,
                             int64_t *case_position, int64_t *backend_position, tm_error *error);

/* Calls back for every visit of one cell, kept or not, in order of writing. */
tm_status tm_store_cell_visits(tm_store *store, const char *run, int64_t case_position, int64_t backend_position,
                               tm_store_visit_callback callback, void *context, tm_error *error);

/* The plan of a run; freed by the caller. */
tm_status tm_store_plan(tm_store *store, const char *run, char **plan, tm_error *error);

/* The newest run (or the newest INTERRUPTED one), or the only one whose id starts with `prefix`. `id` >= 64 bytes. */
tm_status tm_store_find_run(tm_store *store, const char *prefix, bool interrupted_only, char *id, size_t capacity,
                            tm_error *error);

/* The whole record of a run. */
tm_status tm_store_load(tm_store *store, const char *run, bool with_samples, tm_record **into, tm_error *error);

/* id, start, status, number of cells of every run, newest first. */
typedef struct tm_store_entry {
    char id[64], started[32], status[16], mode[16];
    int64_t cells;
} tm_store_entry;
tm_status tm_store_list(tm_store *store, tm_store_entry **into, int64_t *count, tm_error *error);

#endif
