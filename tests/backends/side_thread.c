/* A thread does the work after `run` and `sync` have returned; reading the output waits for it. */
#include "errand.h"

static tm_status run_all_aside(tm_program *program, int32_t first_slot, int64_t count, tm_error *error)
{
    return run_aside(program, first_slot, count, error);
}

static tm_status wait_and_read(tm_program *program, int32_t output, size_t offset, size_t bytes, void *into,
                               tm_error *error)
{
    finish(program);
    return double_read_own(program, output, offset, bytes, into, error);
}

const tm_backend *tensormark_backend(void)
{
    static tm_backend table;
    table = double_table_own_output("side_thread");
    table.run = run_all_aside;
    table.read = wait_and_read;
    table.bind = wait_and_bind;
    table.discard = wait_and_discard;
    return &table;
}
