/* Was somebody else using the machine? Canary runs between visits, and what the kernel tells. */
#ifndef TM_MEASURE_DISTURBANCE_H
#define TM_MEASURE_DISTURBANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Least of three runs of about 1 ms arithmetic + triad, in ns. The first call calibrates the amount of work. */
typedef struct tm_canary tm_canary;
tm_canary *tm_canary_new(void); /* NULL: out of memory */
double tm_canary_run(tm_canary *canary);
void tm_canary_free(tm_canary *canary);

/* Pure: is `now_ns` off from the median of the run's canaries by more than max(5 %, 5 MAD)? False while there are
 * fewer than 5. */
bool tm_canary_is_off(const double *history_ns, size_t count, double now_ns);

/* Counters at one moment; `valid` false where the system does not tell. */
typedef struct tm_noise {
    uint64_t run_delay_ns; /* time this thread's process waited for a CPU (schedstat) */
    uint64_t steal_ticks;  /* of all CPUs */
    bool valid;
} tm_noise;
tm_noise tm_noise_of_process(int32_t pid); /* 0: this process */

/* How long the calling thread has waited for a CPU so far, in ns; 0 where the system does not tell. */
uint64_t tm_run_delay_of_thread(void);

/* Pure: what is wrong between two readings over `elapsed_ns` on `threads`: NULL for nothing, else a static text
 * ("run-queue delay", "steal time"). */
const char *tm_noise_judge(tm_noise before, tm_noise after, double elapsed_ns, int32_t threads);

#endif
