/* What the first CPUs of this process can reach of each cache level. */
#ifndef TM_MEASURE_CACHES_H
#define TM_MEASURE_CACHES_H

#include <stdint.h>

typedef struct tm_caches {
    double l1_bytes, l2_bytes, llc_bytes; /* data; sums over distinct caches; 0 where there is none */
} tm_caches;

/* The first `threads` CPUs of the affinity mask, beginning anew when there are fewer. */
void tm_first_cpus(int32_t threads, int32_t *cpus);

tm_caches tm_caches_of(const int32_t *cpus, int32_t count);

#endif
