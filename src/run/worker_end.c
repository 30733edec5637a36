/* A worker's end as an outcome. A process that is seen to close its channel is given a moment to die, so that the
 * reason names the signal and not the closed socket. */
#include "run/worker_end.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

void tm_log_text(const tm_process *process, tm_text *into)
{
    const size_t kept = process->log_total < TM_LOG_CAPACITY ? process->log_total : TM_LOG_CAPACITY;
    char *copy = malloc(kept + 1);
    if (!copy) {
        into->failed = true;
        return;
    }
    for (size_t i = 0; i < kept; i++) {
        const char c = process->log_ring[(process->log_total - kept + i) % TM_LOG_CAPACITY];
        copy[i] = c ? c : '?';
    }
    copy[kept] = '\0';
    for (char *line = copy, *next; line; line = next) {
        next = strchr(line, '\n');
        if (next) *next++ = '\0';
        tm_text_add_visible(into, line);
        if (next) tm_text_add(into, "\n");
    }
    free(copy);
}

/* Appends the last line that says something. */
static void add_last_line(const tm_process *process, char *reason, size_t capacity)
{
    tm_text log = {0};
    tm_log_text(process, &log);
    if (log.data && !log.failed) {
        while (log.length > 0 && strchr(" \n", log.data[log.length - 1])) log.data[--log.length] = '\0';
        const char *line = strrchr(log.data, '\n');
        line = line ? line + 1 : log.data;
        const size_t used = strlen(reason);
        if (*line && used < capacity) snprintf(reason + used, capacity - used, "; last line: %.200s", line);
    }
    tm_text_free(&log);
}

static void name_signal(int number, char *into, size_t capacity)
{
    const char *name = sigabbrev_np(number);
    if (name) {
        snprintf(into, capacity, "signal %d (SIG%s)", number, name);
    } else {
        snprintf(into, capacity, "signal %d", number);
    }
}

/* The process ended by itself: its own story. */
static void tell_death(const tm_process *process, tm_outcome *outcome)
{
    char cause[64];
    if (tm_process_was_out_of_memory(process)) {
        outcome->status = TM_CELL_OOM;
        snprintf(outcome->reason, sizeof outcome->reason, "killed by the system for want of memory");
    } else if (WIFSIGNALED(process->wait_status)) {
        name_signal(WTERMSIG(process->wait_status), cause, sizeof cause);
        outcome->status = TM_CELL_CRASHED;
        snprintf(outcome->reason, sizeof outcome->reason, "%s", cause);
    } else if (WEXITSTATUS(process->wait_status) == 127) {
        outcome->status = TM_CELL_FAILED;
        snprintf(outcome->reason, sizeof outcome->reason, "the worker program could not be started");
    } else {
        outcome->status = TM_CELL_PROTOCOL;
        snprintf(outcome->reason, sizeof outcome->reason, "exited with status %d without answering",
                 WEXITSTATUS(process->wait_status));
    }
}

tm_outcome tm_worker_end(tm_process *process, tm_cell_status status, const char *seen)
{
    tm_outcome outcome = {.status = status, .lost = true};
    if (seen) {
        tm_text visible = {0};
        tm_text_add_visible(&visible, seen);
        snprintf(outcome.reason, sizeof outcome.reason, "%s", visible.data && !visible.failed ? visible.data : "");
        tm_text_free(&visible);
    } else {
        snprintf(outcome.reason, sizeof outcome.reason, "closed its channel without answering");
    }
    if (!seen && tm_process_ended(process, 2.0)) {
        tell_death(process, &outcome);
    } else if (!tm_process_end(process)) {
        outcome.status = TM_CELL_WEDGED;
        snprintf(outcome.reason, sizeof outcome.reason, "cannot be killed; %.500s", seen ? seen : "closed its channel");
    }
    add_last_line(process, outcome.reason, sizeof outcome.reason);
    return outcome;
}
