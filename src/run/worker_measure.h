/* The timed part of a worker: batches, calibration, visits. */
#ifndef TM_RUN_WORKER_MEASURE_H
#define TM_RUN_WORKER_MEASURE_H

#include "run/protocol.h"

/* What is being timed. */
typedef struct tm_timed {
    const tm_backend *backend;
    tm_session *session;
    tm_program *program;
    int32_t slots;
    size_t output_bytes;
    int32_t next_slot;         /* where the next batch starts: inputs rotate through all batches of a program's life */
    bool holds_slot;           /* for now they do not */
    int32_t delay_percent;     /* this much of each batch is spent spinning, inside the timed region */
    int32_t calls;             /* made by themselves since the program was compiled */
    double later_ns, least_ns; /* all of those but the first together, and the shortest of them */
    tm_hash128 peek;           /* of parts of the output when the last batch of a visit had ended */
} tm_timed;

/* Runs `count` executions to their end and stamps them. `piece` at a time are asked for, tm_timed_batch asks for all.
 */
tm_status tm_timed_pieces(tm_timed *timed, int64_t count, int64_t piece, uint64_t *start_ns, uint64_t *stop_ns,
                          tm_error *error);
tm_status tm_timed_batch(tm_timed *timed, int64_t count, uint64_t *start_ns, uint64_t *stop_ns, tm_error *error);

/* One execution by itself, to be verified. It is remembered as warm-up. */
tm_status tm_timed_call(tm_timed *timed, uint64_t *start_ns, uint64_t *stop_ns, tm_error *error);

tm_status tm_timed_calibrate(tm_timed *timed, const tm_request *request, tm_calibration *into, tm_error *error);

/* Fills the answer's stamps from `stamps`, which the caller frees with tm_text_free after the answer is written. */
tm_status tm_timed_visit(tm_timed *timed, const tm_request *request, tm_text *stamps, tm_answer *answer,
                         tm_error *error);

#endif
