/* Processes that a worker left behind. */
#ifndef TM_RUN_ORPHANS_H
#define TM_RUN_ORPHANS_H

#include <stddef.h>
#include <stdint.h>

enum { TM_MARK_CAPACITY = 64 };

/* Makes descendants whose own parent ends become children of this process, so that they can be found. */
void tm_orphans_adopt(void);

/* A string for a worker's environment, inherited by whatever it starts: "TENSORMARK_WORKER=...", unique. */
void tm_orphans_mark(char *into, size_t capacity);

/* Kills and reaps what is left of a process group whose leader was reaped, and every adopted process that carries
 * `mark`. Waits at most a second. */
void tm_orphans_end(int32_t group, const char *mark);

#endif
