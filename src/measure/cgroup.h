/* What a container allows. */
#ifndef TM_MEASURE_CGROUP_H
#define TM_MEASURE_CGROUP_H

#include <stdint.h>

typedef struct tm_cgroup {
    double cpus;           /* quota in CPUs; 0: none */
    uint64_t memory_bytes; /* the tightest limit; 0: none */
    uint64_t
        memory_left_bytes; /* least of limit minus what cannot be given back, over all levels; meaningless without */
} tm_cgroup;

/* Follows this process's groups (the file `membership`, /proc/self/cgroup) below `root` (/sys/fs/cgroup) up to the top,
 * versions 1 and 2; the tightest limit counts. Without such files nothing is limited. */
tm_cgroup tm_cgroup_read(const char *membership, const char *root);

#endif
