/* For the lies that leave executions to a thread of their own. */
#ifndef TM_TESTS_ERRAND_H
#define TM_TESTS_ERRAND_H

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

/* Lets a thread execute `count` times; the one before is waited for. */
static tm_status run_aside(tm_program *program, int64_t first_slot, int64_t count, tm_error *error)
{
    finish(program);
    if (!program->lie) program->lie = calloc(1, sizeof(errand));
    errand *job = program->lie;
    if (!job) return tm_fail_memory(error, "a lie");
    *job = (errand){.program = program, .first_slot = first_slot, .count = count};
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

#endif
