/* Messages of the shape rules: "op: what", and sizes as text. */
#ifndef TM_GRAPH_SHAPE_FAIL_H
#define TM_GRAPH_SHAPE_FAIL_H

#include "graph/rules.h"

typedef struct tm_sizes {
    char text[TM_MAX_RANK * 21 + 8];
} tm_sizes;

tm_status tm_shape_fail(const tm_shape_call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "64x128"; "scalar" for rank 0. By value, so that one message can hold several. */
tm_sizes tm_sizes_text(const tm_shape *shape);

#endif
