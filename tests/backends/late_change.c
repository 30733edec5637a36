/* The answer is right at the stop, and something else 10 ms later. What is read is a copy that is kept until the next
 * sync, as of a framework whose results have to be put in order first. */
#include "double.h"
#include "base/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

typedef struct changer {
    tm_program *program;
    pthread_t thread;
    _Atomic uint64_t due_ns; /* 0: nothing is to be changed */
    atomic_bool over;
    char *copy;
    bool copied;
    int64_t copied_at; /* the session's count of syncs */
} changer;

static void *change_later(void *context)
{
    changer *job = context;
    while (!job->over) {
        const uint64_t due_ns = job->due_ns;
        if (due_ns > 0 && tm_now_ns() >= due_ns) {
            job->program->output[0] ^= 1;
            job->due_ns = 0;
        }
        tm_sleep_ns(500000);
    }
    return NULL;
}

static changer *changer_of(tm_program *program)
{
    if (program->lie) return program->lie;
    changer *job = calloc(1, sizeof *job);
    if (!job) return NULL;
    job->program = program;
    job->copy = malloc(program->output_bytes + 1);
    if (!job->copy || pthread_create(&job->thread, NULL, change_later, job) != 0) {
        free(job->copy);
        free(job);
        return NULL;
    }
    return program->lie = job;
}

static tm_status run_and_change(tm_program *program, int32_t first_slot, int64_t count, tm_error *error)
{
    changer *job = changer_of(program);
    if (!job) return tm_fail_memory(error, "a lie");
    job->due_ns = 0;
    tm_status status = TM_OK;
    for (int64_t i = 0; i < count && status == TM_OK; i++) status = double_execute(program, first_slot + i, error);
    job->copied = false;
    job->due_ns = tm_now_ns() + 10000000;
    return status;
}

static tm_status read_copy(tm_program *program, int32_t output, size_t offset, size_t bytes, void *into,
                           tm_error *error)
{
    changer *job = changer_of(program);
    if (!job) return tm_fail_memory(error, "a lie");
    if (output != 0 || offset > program->output_bytes || bytes > program->output_bytes - offset) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "there is no such output");
    }
    if (!job->copied || job->copied_at != program->session->syncs) {
        memcpy(job->copy, program->output, program->output_bytes);
    }
    job->copied = true;
    job->copied_at = program->session->syncs;
    memcpy(into, job->copy + offset, bytes);
    return TM_OK;
}

static tm_status count_sync(tm_session *session, tm_error *error)
{
    session->syncs++;
    return tm_native_backend()->sync(session->engine, error);
}

static void end_and_discard(tm_program *program)
{
    changer *job = program->lie;
    if (job) {
        job->over = true;
        pthread_join(job->thread, NULL);
        free(job->copy);
    }
    double_discard(program);
}

const tm_backend *tensormark_backend(void)
{
    static tm_backend table;
    table = double_table_own_output("late_change");
    table.run = run_and_change;
    table.read = read_copy;
    table.sync = count_sync;
    table.discard = end_and_discard;
    return &table;
}
