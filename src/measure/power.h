/* Does the machine hold its clock back? Both look below `sys`, which is "/sys" outside tests. */
#ifndef TM_MEASURE_POWER_H
#define TM_MEASURE_POWER_H

#include <stdbool.h>
#include <stdint.h>

/* How often cores and packages were slowed down because of heat since the system started; 0 where it is not told. */
uint64_t tm_throttle_count(const char *sys);

/* Is a battery being emptied? */
bool tm_on_battery(const char *sys);

#endif
