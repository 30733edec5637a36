/* One run: every case on every backend, verified, measured, stored. */
#ifndef TM_RUN_RUN_H
#define TM_RUN_RUN_H

#include "measure/limits.h"
#include "measure/schedule.h"
#include "run/backend_spec.h"
#include "store/store.h"
#include "suite/case.h"

#include <signal.h>

/* Progress as it happens; called on the parent's only thread. All may be NULL. */
typedef struct tm_run_events {
    void *context;
    void (*planned)(void *context, const tm_record *record, int64_t cases, double estimate_s);
    /* After each case of each pass: `record` has the run's backends and the cells so far (provisional). */
    void (*case_done)(void *context, const tm_record *record, const char *case_id, int64_t done, int64_t of,
                      double remaining_s);
    void (*notice)(void *context, const char *line); /* something the user should know; one line */
} tm_run_events;

enum { TM_MOST_BACKENDS = 64 };

typedef struct tm_run_options {
    tm_case_list *cases;
    tm_backend_spec *backends; /* the first is the base unless `base` says otherwise */
    int32_t backend_count;
    const char *base; /* backend id or NULL */
    tm_mode mode;
    uint64_t seed;
    int32_t threads;               /* 0: cores within the quota */
    double budget_s;               /* 0: none */
    double cooldown;               /* fraction of a case's time to rest after it; below 0: what the machine needs */
    const char *database;          /* path */
    const char *command;           /* the command line, for the record */
    const char *resume;            /* run id, or NULL; cases, backends, mode and seed then come from the stored plan */
    bool keep_cache;               /* oracle cache on disk; true by default */
    volatile sig_atomic_t *cancel; /* set by SIGINT/SIGTERM: finish the row, save, stop; NULL allowed */
    tm_run_events events;
} tm_run_options;

typedef enum tm_run_end { TM_RUN_COMPLETE, TM_RUN_INTERRUPTED, TM_RUN_FAILED } tm_run_end;

/* Runs and returns how it ended; `run_id` (>= 64 bytes) names the record in the database. TM_RUN_FAILED (disk full, no
 * worker can start) fills `error`; what was measured so far is saved. */
tm_run_end tm_run_execute(tm_run_options *options, char *run_id, size_t capacity, tm_error *error);

/* What would run: memory and time per case, for --dry-run; one line each into `into`. */
tm_status tm_run_dry(tm_run_options *options, tm_text *into, tm_error *error);

/* `verify`: outputs only, no timing, one line per cell into `line`. With `dump`, writes input0.npy ..., output0.npy
 * and oracle0.npy into DIR (DIR/<case> if there are several cases; the second backend and later ones add /<backend>).
 * Returns the number of cells that did not pass, -1 with `error` when nothing could be done. */
typedef void (*tm_verify_line)(void *context, const tm_record_cell *cell);
int64_t tm_run_verify(tm_run_options *options, const char *dump, tm_verify_line line, void *context, tm_error *error);

#endif
