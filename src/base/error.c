/* One line per error, whatever the words put into it. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

tm_status tm_fail(tm_error *error, tm_status status, const char *format, ...)
{
    if (!error) return status;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    for (char *c = error->message; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) *c = ' ';
    }
    return status;
}

tm_status tm_fail_memory(tm_error *error, const char *what)
{
    return tm_fail(error, TM_OUT_OF_MEMORY, "out of memory for %s", what);
}
