/* Tensormark's C library: build a graph of ops, run it on a backend.
 *
 * The engine of this library is the backend that `tensormark_backend()` (see backend.h) returns: `native:cpu`.
 * Thread rule: a graph may be read by many threads once it is built; nothing else here is shared.
 */
#ifndef TENSORMARK_TENSORMARK_H
#define TENSORMARK_TENSORMARK_H

#include "tensormark/backend.h"

/* The version of the library, "0.1.0". Static; never freed. */
TM_EXPORT const char *tm_version(void);

/* An empty graph; NULL when memory is short. The caller frees it with tm_graph_free. */
TM_EXPORT tm_graph *tm_graph_new(void);

/* Frees a graph; NULL is allowed. */
TM_EXPORT void tm_graph_free(tm_graph *graph);

/* Adds an input tensor and returns its value (>= 0). All inputs come before the first op. Returns -1 with
 * `error` filled when the shape is not one (rank, negative or overflowing sizes, unknown dtype). */
TM_EXPORT int32_t tm_graph_input(tm_graph *graph, tm_shape shape, tm_error *error);

/* Adds the op named `op` (see docs/ops.md) over `count` values and returns the value of its result (>= 0).
 * `attributes` is "axis=-1" or "axis=0,rows=64"; NULL or "" for the defaults. Returns -1 with `error` filled for an
 * unknown op or attribute, a wrong number of operands, or shapes that do not fit ("matmul: inner sizes 64 and 65
 * differ"). */
TM_EXPORT int32_t tm_graph_op(tm_graph *graph, const char *op, const int32_t *operands, int32_t count,
                              const char *attributes, tm_error *error);

/* Declares `value` to be the next output. TM_INVALID_ARGUMENT when there is no such value, or it is an input. */
TM_EXPORT tm_status tm_graph_output(tm_graph *graph, int32_t value, tm_error *error);

/* The table through which a backend reads graphs (see tm_host in backend.h). Static; never freed. */
TM_EXPORT const tm_host *tm_graph_host(void);

#endif
