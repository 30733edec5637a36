/* What a run shows on stderr while it lasts: provisional rows, and on a terminal one line of progress with the time
 * that is left. */
#ifndef TM_CLI_PROGRESS_H
#define TM_CLI_PROGRESS_H

#include "cli/cli.h"
#include "run/run.h"

typedef struct tm_progress {
    const tm_options *options;
    bool rows;     /* print provisional rows */
    bool terminal; /* stderr is one: keep a progress line */
    bool line_up;  /* the progress line stands there now */
    bool headed;
    int64_t cases;
} tm_progress;

tm_progress tm_progress_new(const tm_options *options);
tm_run_events tm_progress_events(tm_progress *progress);
void tm_progress_end(tm_progress *progress);

#endif
