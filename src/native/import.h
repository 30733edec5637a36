/* A host's graph, copied into one of our own through the accessor table alone: the host may be another build, whose
 * graph objects look different inside. */
#ifndef TM_NATIVE_IMPORT_H
#define TM_NATIVE_IMPORT_H

#include "graph/graph.h"

/* TM_UNSUPPORTED for an op that this engine does not know, or for operands of a dtype that it does not run the op on.
 * The caller frees `*into` with tm_graph_free. */
tm_status tm_graph_import(const tm_host *host, const tm_graph *foreign, tm_graph **into, tm_error *error);

#endif
