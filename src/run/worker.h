/* The worker's side of the link: its state, and a request done without any socket. */
#ifndef TM_RUN_WORKER_H
#define TM_RUN_WORKER_H

#include "base/parallel.h"
#include "run/shared.h"
#include "run/worker_measure.h"

/* A shared file as this process sees it; it stays mapped, since mapping costs as much as copying. */
typedef struct tm_view {
    void *base; /* NULL: not mapped */
    size_t bytes;
} tm_view;

typedef struct tm_worker_side {
    tm_backend backend; /* a copy; entries that the library does not know are NULL */
    bool graphs;        /* it can run graphs, not whole models alone */
    tm_session *session;
    tm_graph *graph;
    tm_timed timed;
    tm_text stamps; /* of the visit being answered */
    tm_view inputs, outputs;
    tm_affinity *affinity; /* of the process before a backend pinned it; NULL: unknown */
    int32_t threads;       /* the backend's, which read tensors back too where the backend allows it */
    bool done;
} tm_worker_side;

/* Does the request and fills the answer, whose pointers lead into `side`. */
void tm_worker_do(tm_worker_side *side, const tm_request *request, tm_answer *answer);

#endif
