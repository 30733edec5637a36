/* Caches from the topology: a level's size is the sum over the distinct caches above the CPUs in use, so siblings that
 * share one count it once. The last level is whatever comes last before memory. */
#include "measure/caches.h"

#include <hwloc.h>
#include <sched.h>
#include <stdbool.h>

void tm_first_cpus(int32_t threads, int32_t *cpus)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0 || CPU_COUNT(&set) == 0) CPU_SET(0, &set);
    int32_t cpu = -1;
    for (int32_t i = 0; i < threads; i++) {
        do cpu = (cpu + 1) % CPU_SETSIZE;
        while (!CPU_ISSET((size_t)cpu, &set));
        cpus[i] = cpu;
    }
}

static hwloc_obj_t cache_above(hwloc_topology_t topology, int32_t cpu, hwloc_obj_type_t type)
{
    hwloc_obj_t pu = hwloc_get_pu_obj_by_os_index(topology, (unsigned)cpu);
    return pu ? hwloc_get_ancestor_obj_by_type(topology, type, pu) : NULL;
}

static double level_bytes(hwloc_topology_t topology, const int32_t *cpus, int32_t count, hwloc_obj_type_t type)
{
    double bytes = 0;
    for (int32_t i = 0; i < count; i++) {
        const hwloc_obj_t cache = cache_above(topology, cpus[i], type);
        bool seen = !cache;
        for (int32_t k = 0; k < i && !seen; k++) seen = cache_above(topology, cpus[k], type) == cache;
        if (!seen) bytes += (double)cache->attr->cache.size;
    }
    return bytes;
}

tm_caches tm_caches_of(const int32_t *cpus, int32_t count)
{
    tm_caches caches = {0, 0, 0};
    hwloc_topology_t topology;
    if (hwloc_topology_init(&topology) != 0) return caches;
    if (hwloc_topology_load(topology) == 0) {
        caches.l1_bytes = level_bytes(topology, cpus, count, HWLOC_OBJ_L1CACHE);
        caches.l2_bytes = level_bytes(topology, cpus, count, HWLOC_OBJ_L2CACHE);
        const double fourth = level_bytes(topology, cpus, count, HWLOC_OBJ_L4CACHE);
        caches.llc_bytes = fourth > 0 ? fourth : level_bytes(topology, cpus, count, HWLOC_OBJ_L3CACHE);
        if (!(caches.llc_bytes > 0)) caches.llc_bytes = caches.l2_bytes;
    }
    hwloc_topology_destroy(topology);
    return caches;
}
