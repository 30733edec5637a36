/* A worker's process: how it starts, how long it is waited for, and what is left of it. */
#ifndef TM_RUN_SPAWN_H
#define TM_RUN_SPAWN_H

#include "base/error.h"
#include "run/orphans.h"
#include "run/shared.h"

#include <stdbool.h>
#include <stdint.h>

enum { TM_LOG_CAPACITY = 64 * 1024 };

typedef struct tm_process {
    int32_t pid;         /* also its process group */
    int alive;           /* pidfd: readable once the process has ended; -1 where there is none */
    int socket, log;     /* non-blocking; -1 when closed */
    bool paused, reaped; /* reaped: wait_status holds how it ended */
    bool ended_by_us, wedged;
    int wait_status;
    char mark[TM_MARK_CAPACITY];
    uint64_t oom_kills; /* the system's counter when it started */
    size_t log_total;   /* bytes ever written to its stdout and stderr */
    char log_ring[TM_LOG_CAPACITY];
} tm_process;

typedef struct tm_process_setup {
    const tm_shared *shared;
    int32_t threads;     /* pinned to so many of the first usable CPUs; thread pools are told by environment */
    int32_t padding;     /* bytes of environment, 0..4095 */
    int32_t offset;      /* TENSORMARK_OFFSET: bytes before each buffer, a multiple of 64 */
    const char *scratch; /* TMPDIR of the worker; "" for the user's own */
} tm_process_setup;

/* A fresh exec of this program (of $TENSORMARK_PROGRAM, if set) as `worker`. */
tm_status tm_process_start(const tm_process_setup *setup, tm_process *into, tm_error *error);

/* Moves what the process has written into the ring; never blocks. */
void tm_process_drain(tm_process *process);

/* True once the process has ended; reaps it and kills what is left of its group. Waits at most `seconds`. */
bool tm_process_ended(tm_process *process, double seconds);

/* TERM, up to 2 s, KILL, up to 10 s. False: it cannot be killed. */
bool tm_process_end(tm_process *process);

void tm_process_pause(tm_process *process);
void tm_process_wake(tm_process *process);

/* Closes the parent's ends. */
void tm_process_close(tm_process *process);

/* True if the kernel ended it for want of memory, as far as can be told. */
bool tm_process_was_out_of_memory(const tm_process *process);

#endif
