/* Facts about this machine, for the record and for `doctor`. */
#ifndef TM_MEASURE_MACHINE_H
#define TM_MEASURE_MACHINE_H

#include "base/error.h"

#include <stdbool.h>

typedef struct tm_machine {
    char key[160]; /* model, cores, memory, os; no measured figure */
    char cpu[128];
    char isa[64]; /* "avx512 avx512_bf16 avx512_vnni" */
    char os[160];
    char governor[32]; /* "?" where unknown, like all that follows */
    char turbo[16];    /* "on", "off" */
    char smt[16];
    char huge_pages[16]; /* "madvise" */
    char clock_source[32];
    char container[96]; /* "none", "cgroup quota 1.5 CPUs, 4096 MiB" */
    char gpus[256];     /* names, comma-separated; "" for none */
    int32_t cores;      /* usable by this process: affinity and quota */
    int32_t cores_total;
    int32_t numa_nodes;
    uint64_t memory_bytes;    /* total, or the container's limit */
    uint64_t available_bytes; /* now */
    uint64_t swap_bytes;      /* in use */
    double load;              /* 1-minute load average */
    double cpu_quota;         /* of the container, in CPUs; 0 for none */
    char virtual_machine[8];  /* "yes", "no" */
    char page_reporting[8];   /* of the virtual machine's balloon: "on", "off"; "none" without a balloon */
} tm_machine;

void tm_machine_read(tm_machine *into);

/* The same from root/proc and root/sys; NUMA nodes, all cores and the system's name are this machine's own. */
void tm_machine_read_below(const char *root, tm_machine *into);

/* Threads that make sense: the CPUs that may be used, but no more than whole CPUs of the container's quota (0: none),
 * because a thread beyond it is stopped in mid-sample; at least one. The default of every thread count. */
int32_t tm_cores_within(int32_t usable, double quota);

/* Bytes that can still be used without swapping: MemAvailable, capped by the container's limit. */
uint64_t tm_memory_available(void);

/* How fast memory that the process never had can be had, in GB/s of pages touched for the first time by one thread. */
typedef struct tm_first_touch {
    double gbs;         /* over all that was touched; NaN when memory is short */
    double slowest_gbs; /* of the slowest 16 MiB */
    double bytes;       /* touched */
} tm_first_touch;
tm_first_touch tm_first_touch_measure(uint64_t most_bytes, double most_seconds);

/* OK: nothing to do. ADVICE: numbers could be steadier, or more could be measured. WARNING: they are noisy, or wrong to
 * compare with those of a quiet machine. */
typedef enum tm_advice_level { TM_ADVICE_OK, TM_ADVICE_ADVICE, TM_ADVICE_WARNING } tm_advice_level;
const char *tm_advice_level_name(tm_advice_level level); /* "OK", "ADVICE", "WARNING" */

typedef struct tm_advice {
    tm_advice_level level;
    char subject[48];  /* "governor" */
    char finding[256]; /* "powersave" */
    char action[256];  /* what to do; "" if all is well */
} tm_advice;

/* What makes numbers noisy here, and what to do about it. Returns how many entries were written. */
int tm_machine_advice(const tm_machine *machine, tm_advice *into, int capacity);

/* The same for what was measured of fresh memory. */
tm_advice tm_first_touch_advice(tm_first_touch measured);

#endif
