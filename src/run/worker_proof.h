/* What a worker does to learn whether the time of a batch is the time of its work. */
#ifndef TM_RUN_WORKER_PROOF_H
#define TM_RUN_WORKER_PROOF_H

#include "run/worker_measure.h"

/* Overwrites the output, so that an execution that writes nothing shows. */
void tm_proof_poison(const tm_timed *timed);

/* Before the last batch of a visit: poison, and its last execution falls on another slot than the one before. */
void tm_proof_prepare(tm_timed *timed, int64_t batch);

/* Right after that batch: keeps a hash of parts of the output. Later, on what is in memory then: is it the same? */
tm_status tm_proof_look(tm_timed *timed, tm_error *error);
tm_status tm_proof_look_again(const tm_timed *timed, bool *changed, tm_error *error);

/* Fills four_ratio (calls of 20 us to 50 ms) and singly_ratio (from 500 ns on, GPUs 20 us, where a batch has several
 * executions). */
tm_status tm_proof_growth(tm_timed *timed, const tm_request *request, tm_calibration *into, tm_error *error);

/* The executions behind tm_worker_rewrite. `sets` are the inputs of both, request->bytes apart. */
tm_status tm_proof_rewrite(tm_timed *timed, const tm_graph *graph, const char *sets, const tm_request *request,
                           tm_rewriting *into, tm_error *error);

#endif
