/* Which patterns to try: all of the widest instruction set, the special dot products, and the C library's
 * copy and fill.
 * Narrower sets are left out because they cost time and were never seen to win. */
#include "measure/kernels/probe.h"

static size_t add_all(const tm_probe *probes, const tm_probe **into, size_t count, size_t capacity)
{
    for (; probes->name && count < capacity; probes++) into[count++] = probes;
    return count;
}

enum { OF_THE_LIBRARY = 2 }; /* the first of the portable list */

size_t tm_probes_usable(const tm_probe **into, size_t capacity)
{
    size_t count = 0;
    const tm_probe *widest = tm_probes_portable;
#ifdef TM_PROBE_X86
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) widest = tm_probes_avx2;
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl")) {
        widest = tm_probes_avx512;
        if (__builtin_cpu_supports("avx512bf16")) count = add_all(tm_probes_avx512_bf16, into, count, capacity);
        if (__builtin_cpu_supports("avx512vnni")) count = add_all(tm_probes_avx512_vnni, into, count, capacity);
    }
#endif
#ifdef TM_PROBE_NEON
    widest = tm_probes_neon;
#endif
    for (int i = 0; i < OF_THE_LIBRARY && widest != tm_probes_portable && count < capacity; i++) {
        into[count++] = &tm_probes_portable[i];
    }
    return add_all(widest, into, count, capacity);
}
