/* Dynamic split: each thread takes the next `grain` items from one atomic counter. */
#include "base/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { MAX_THREADS = 256 };

typedef struct range_job {
    _Atomic int64_t next;
    int64_t count, grain;
    tm_range_body body;
    void *context;
} range_job;

static void *take_pieces(void *argument)
{
    range_job *job = argument;
    for (;;) {
        const int64_t begin = atomic_fetch_add(&job->next, job->grain);
        if (begin >= job->count) return NULL;
        const int64_t end = job->count - begin < job->grain ? job->count : begin + job->grain;
        job->body(job->context, begin, end);
    }
}

struct tm_affinity {
    cpu_set_t set;
};

tm_affinity *tm_affinity_save(void)
{
    tm_affinity *affinity = malloc(sizeof *affinity);
    if (affinity && sched_getaffinity(0, sizeof affinity->set, &affinity->set) == 0) return affinity;
    free(affinity);
    return NULL;
}

void tm_parallel_for(int64_t count, int64_t grain, int threads, tm_range_body body, void *context)
{
    tm_parallel_for_on(NULL, count, grain, threads, body, context);
}

void tm_parallel_for_on(const tm_affinity *affinity, int64_t count, int64_t grain, int threads, tm_range_body body,
                        void *context)
{
    if (count <= 0) return;
    range_job job = {.count = count, .grain = grain > 0 ? grain : 1, .body = body, .context = context};
    const int64_t pieces = (count + job.grain - 1) / job.grain;
    int helpers = (threads > MAX_THREADS ? MAX_THREADS : threads) - 1;
    if (helpers > pieces - 1) helpers = (int)(pieces - 1);
    pthread_t ids[MAX_THREADS];
    int started = 0;
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0) helpers = 0;
    if (affinity && helpers > 0) pthread_attr_setaffinity_np(&attributes, sizeof affinity->set, &affinity->set);
    while (started < helpers && pthread_create(&ids[started], &attributes, take_pieces, &job) == 0) started++;
    if (helpers > 0) pthread_attr_destroy(&attributes);
    take_pieces(&job);
    for (int i = 0; i < started; i++) pthread_join(ids[i], NULL);
}

int tm_usable_threads(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    const int count = CPU_COUNT(&set);
    return count < 1 ? 1 : count > MAX_THREADS ? MAX_THREADS : count;
}
