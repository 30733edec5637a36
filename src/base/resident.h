/* The most memory of its own that a process had. */
#ifndef TM_BASE_RESIDENT_H
#define TM_BASE_RESIDENT_H

#include <stdbool.h>
#include <stdint.h>

/* Bytes that were resident at the peak, less the shared memory that is resident now; 0 where the system does not tell.
 * `pid` 0 is this process. */
uint64_t tm_resident_peak(int32_t pid);

/* Makes the peak count anew from here. False where the system does not allow it. */
bool tm_resident_reset(int32_t pid);

#endif
