/* Clocks: CLOCK_MONOTONIC for every duration. */
#include "base/clock.h"

#include <errno.h>
#include <time.h>

uint64_t tm_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void tm_sleep_ns(uint64_t nanoseconds)
{
    struct timespec left = {(time_t)(nanoseconds / 1000000000u), (long)(nanoseconds % 1000000000u)};
    while (nanosleep(&left, &left) == -1 && errno == EINTR) {}
}

void tm_wall_time(char *into, size_t capacity)
{
    const time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(into, capacity, "%Y-%m-%dT%H:%M:%SZ", &utc);
}
