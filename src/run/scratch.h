/* A worker's scratch folder: the only place that a sandboxed backend can write to. */
#ifndef TM_RUN_SCRATCH_H
#define TM_RUN_SCRATCH_H

#include <stddef.h>

/* Makes an empty folder below $TMPDIR or /tmp; "" if there can be none. */
void tm_scratch_make(char *into, size_t capacity);

/* Removes the folder and what is in it; never follows a link out of it. "" is allowed. */
void tm_scratch_remove(const char *path);

#endif
