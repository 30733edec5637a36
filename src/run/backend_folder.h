/* Where backend libraries lie: $TENSORMARK_BACKEND_FOLDER, else `backends` beside the program, else
 * ../lib/tensormark. */
#ifndef TM_RUN_BACKEND_FOLDER_H
#define TM_RUN_BACKEND_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

/* The file of the backend called `name`; false if there is none. */
bool tm_backend_library(const char *name, char *into, size_t capacity);

/* Is this a regular file that the system's loader could take? Judged by its first bytes. */
bool tm_is_library(const char *path);

/* Does the file hold the name of the function that a backend exports? A framework's library does not. */
bool tm_is_backend(const char *path);

#endif
