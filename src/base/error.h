/* Errors are values: a tm_status and one line of text that names the file, tensor, case or option. */
#ifndef TM_BASE_ERROR_H
#define TM_BASE_ERROR_H

#include "tensormark/backend.h"

/* Fills `error` (may be NULL) with one line and returns `status`. Control characters become spaces. */
tm_status tm_fail(tm_error *error, tm_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* "out of memory" with what was being made. Returns TM_OUT_OF_MEMORY. */
tm_status tm_fail_memory(tm_error *error, const char *what);

#endif
