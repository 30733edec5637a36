/* Programs of one encoder, by the shape of what they run on: made when they are first asked for, and the ones that were
 * not used for longest given up. The weights are lent to all of them, or copied where a backend cannot borrow. */
#ifndef TM_INFER_PLANS_H
#define TM_INFER_PLANS_H

#include "infer/weights.h"
#include "tensormark/backend.h"

enum { TM_PLANS = 16 };

typedef struct tm_shaped_program {
    int64_t batch, length;
    uint64_t used; /* the count of calls when it was last asked for; 0: there is none */
    tm_graph *graph;
    tm_program *program;
} tm_shaped_program;

typedef struct tm_plans {
    const tm_backend *backend;
    tm_session *session;
    const tm_encoder_config *config;
    const tm_weights *weights;
    uint64_t calls;
    tm_shaped_program shaped[TM_PLANS];
} tm_plans;

/* Opens a session on `threads` threads; `config` and `weights` must outlive it. tm_plans_close closes it, on the thread
 * that opened it. */
tm_status tm_plans_open(const tm_backend *backend, const tm_encoder_config *config, const tm_weights *weights,
                        int32_t threads, tm_plans *into, tm_error *error);
void tm_plans_close(tm_plans *plans);

/* Runs `batch` texts of `length` tokens; ids, types and positions are batch x length, the result batch x length x
 * hidden_size. */
tm_status tm_plans_run(tm_plans *plans, int64_t batch, int64_t length, const int64_t *const inputs[3], float *into,
                       tm_error *error);

#endif
