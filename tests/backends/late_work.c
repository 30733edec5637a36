/* Every batch is executed as asked but for its last execution, which a thread does after the call has returned. Nobody
 * waits for it, except the next batch. */
#include "double.h"

#include <pthread.h>
#include <stdlib.h>

typedef struct errand {
    tm_program *program;
    pthread_t thread;
    bool running;
    int64_t slot;
} errand;

static void *work(void *context)
{
    errand *job = context;
    tm_error error;
    (void)double_execute(job->program, job->slot, &error);
    return NULL;
}

static void finish(tm_program *program)
{
    errand *job = program->lie;
    if (job && job->running) pthread_join(job->thread, NULL);
    if (job) job->running = false;
}

static tm_status run_all_but_one(tm_program *program, int32_t first_slot, int64_t count, tm_error *error)
{
    finish(program);
    if (!program->lie) program->lie = calloc(1, sizeof(errand));
    errand *job = program->lie;
    if (!job) return tm_fail_memory(error, "a lie");
    for (int64_t i = 0; i + 1 < count; i++) {
        const tm_status status = double_execute(program, first_slot + i, error);
        if (status != TM_OK) return status;
    }
    *job = (errand){.program = program, .slot = first_slot + count - 1};
    job->running = pthread_create(&job->thread, NULL, work, job) == 0;
    return job->running ? TM_OK : tm_fail(error, TM_FAILED, "no thread");
}

/* The engine works for one thread at a time. */
static tm_status wait_and_bind(tm_program *program, int32_t slot, int32_t input, size_t offset, const void *data,
                               size_t bytes, tm_error *error)
{
    finish(program);
    return double_bind(program, slot, input, offset, data, bytes, error);
}

static void wait_and_discard(tm_program *program)
{
    finish(program);
    double_discard(program);
}

const tm_backend *tensormark_backend(void)
{
    static tm_backend table;
    table = double_table_own_output("late_work");
    table.run = run_all_but_one;
    table.bind = wait_and_bind;
    table.discard = wait_and_discard;
    return &table;
}
