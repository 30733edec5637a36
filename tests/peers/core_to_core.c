/* Where the processors lie at this moment, for programs that time something themselves.
 *
 *   core_to_core THREADS      prints the time in ns of a cache line from one to the next; 0 where it is not known
 */
#include "measure/caches.h"
#include "measure/placement.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int main(int count, char **arguments)
{
    int32_t cpus[TM_MOST_TEAM];
    const int threads = count > 1 ? atoi(arguments[1]) : 1;
    if (threads < 1 || threads > TM_MOST_TEAM) return 2;
    tm_first_cpus(threads, cpus);
    const double ns = tm_core_to_core_of(cpus, threads);
    printf("%.1f\n", isfinite(ns) ? ns : 0);
    return 0;
}
