/* Splits a range over plain threads, for work outside the timed region (inputs, oracle, verification). The engine has
 * a pool of its own. */
#ifndef TM_BASE_PARALLEL_H
#define TM_BASE_PARALLEL_H

#include <stdint.h>

typedef void (*tm_range_body)(void *context, int64_t begin, int64_t end);

/* Calls body on disjoint pieces that cover 0..count, from up to `threads` threads (>= 1), handing out `grain` items
 * at a time. Threads that cannot be started are done without. Returns when all is done. */
void tm_parallel_for(int64_t count, int64_t grain, int threads, tm_range_body body, void *context);

/* The same for a caller that was pinned to one processor: its helpers run where `affinity` (of tm_affinity_save) says.
 */
typedef struct tm_affinity tm_affinity;
tm_affinity *tm_affinity_save(void); /* where the calling thread may run now; NULL if unknown. Freed by free(). */
void tm_parallel_for_on(const tm_affinity *affinity, int64_t count, int64_t grain, int threads, tm_range_body body,
                        void *context);

/* Threads that the process may use: the affinity mask, at most 256. */
int tm_usable_threads(void);

#endif
