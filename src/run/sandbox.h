/* Holds a worker back before it loads a library that the user named (reliability.md row 22). */
#ifndef TM_RUN_SANDBOX_H
#define TM_RUN_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

/* From here on, this thread and those it starts can write only below `scratch` (and to a few devices), and, without
 * `network`, open no internet socket. `level` gets what the system granted: "landlock, seccomp", "seccomp", "". */
void tm_sandbox_enter(const char *scratch, bool network, char *level, size_t capacity);

#endif
