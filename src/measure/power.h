/* Does the machine hold its clock back, and what does it draw? All look below `sys`, which is "/sys" outside tests. */
#ifndef TM_MEASURE_POWER_H
#define TM_MEASURE_POWER_H

#include <stdbool.h>
#include <stdint.h>

/* How often cores and packages were slowed down because of heat since the system started; 0 where it is not told. */
uint64_t tm_throttle_count(const char *sys);

/* Is a battery being emptied? */
bool tm_on_battery(const char *sys);

/* Energy counters of the processor packages, as they stand. */
enum { TM_MOST_PACKAGES = 16 };
typedef struct tm_energy {
    int32_t packages; /* 0: there are none, or this user may not read them */
    uint64_t microjoules[TM_MOST_PACKAGES];
} tm_energy;
void tm_energy_read(const char *sys, tm_energy *into);

/* Joules of all packages together since `then`; NaN when that is not known. A counter may have begun anew once. */
double tm_energy_since(const char *sys, const tm_energy *then);

#endif
