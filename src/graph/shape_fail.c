/* Every message of a shape rule begins with the op's name, so that a line stands for itself in a long report. */
#include "graph/shape_fail.h"

#include <stdarg.h>
#include <stdio.h>

tm_status tm_shape_fail(const tm_shape_call *call, const char *format, ...)
{
    char what[sizeof call->error->message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return tm_fail(call->error, TM_INVALID_ARGUMENT, "%s: %s", tm_op_name(call->op), what);
}

tm_sizes tm_sizes_text(const tm_shape *shape)
{
    tm_sizes sizes = {"scalar"};
    size_t used = 0;
    for (int32_t i = 0; i < shape->rank; i++) {
        const int more =
            snprintf(sizes.text + used, sizeof sizes.text - used, i > 0 ? "x%lld" : "%lld", (long long)shape->dim[i]);
        if (more < 0 || (size_t)more >= sizeof sizes.text - used) break;
        used += (size_t)more;
    }
    return sizes;
}
