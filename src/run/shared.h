/* What the start of a worker needs from the shared memory. */
#ifndef TM_RUN_SHARED_H
#define TM_RUN_SHARED_H

#include "run/worker_link.h"

#define TM_SHARED_PIECE ((size_t)64 << 20) /* the most that a worker hands to a backend at once */

/* Every input of a set starts on a page. */
static inline size_t tm_shared_page_up(size_t bytes)
{
    return (bytes + 4095) / 4096 * 4096;
}

/* Descriptors to hand to a worker: owned by `shared`. Inputs are open for reading alone. */
int tm_shared_inputs_fd(const tm_shared *shared);
int tm_shared_outputs_fd(const tm_shared *shared);

#endif
