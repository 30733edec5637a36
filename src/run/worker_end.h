/* What is left of a worker: why it ended, what it last said. */
#ifndef TM_RUN_WORKER_END_H
#define TM_RUN_WORKER_END_H

#include "run/spawn.h"

/* Ends and reaps the process and says what became of it. `status` and `seen` are what the parent saw; `seen` is NULL
 * when the worker closed its channel, and then the way it died (if it did) is the outcome. */
tm_outcome tm_worker_end(tm_process *process, tm_cell_status status, const char *seen);

/* Appends the last 64 KiB of stdout and stderr, visible characters and line ends only. */
void tm_log_text(const tm_process *process, tm_text *into);

#endif
