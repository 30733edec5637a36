/* The monotonic clock, in nanoseconds since an arbitrary start. The wall clock is for dates only. */
#ifndef TM_BASE_CLOCK_H
#define TM_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

uint64_t tm_now_ns(void);
void tm_sleep_ns(uint64_t nanoseconds); /* continues after signals */

/* "2026-01-31T12:00:00Z" of the wall clock; `into` holds at least 21 bytes. */
void tm_wall_time(char *into, size_t capacity);

#endif
