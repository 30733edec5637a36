/* A thread does the work after `run` and `sync` have returned; reading the output waits for it. */
#include "double.h"

#include <pthread.h>
#include <stdlib.h>

typedef struct errand {
    tm_program *program;
    pthread_t thread;
    bool running;
    int64_t first_slot, count;
} errand;

static void *work(void *context)
{
    errand *job = context;
    tm_error error;
    for (int64_t i = 0; i < job->count; i++) {
        if (double_execute(job->program, job->first_slot + i, &error) != TM_OK) break;
    }
    return NULL;
}

static void finish(tm_program *program)
{
    errand *job = program->lie;
    if (job && job->running) pthread_join(job->thread, NULL);
    if (job) job->running = false;
}

static tm_status run_aside(tm_program *program, int32_t first_slot, int64_t count, tm_error *error)
{
    finish(program);
    if (!program->lie) program->lie = calloc(1, sizeof(errand));
    errand *job = program->lie;
    if (!job) return tm_fail_memory(error, "a lie");
    *job = (errand){.program = program, .first_slot = first_slot, .count = count};
    job->running = pthread_create(&job->thread, NULL, work, job) == 0;
    return job->running ? TM_OK : tm_fail(error, TM_FAILED, "no thread");
}

static tm_status wait_and_read(tm_program *program, int32_t output, size_t offset, size_t bytes, void *into,
                               tm_error *error)
{
    finish(program);
    return double_read_own(program, output, offset, bytes, into, error);
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
    table = double_table_own_output("side_thread");
    table.run = run_aside;
    table.read = wait_and_read;
    table.bind = wait_and_bind;
    table.discard = wait_and_discard;
    return &table;
}
