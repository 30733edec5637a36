/* Executions are only noted; the last one is computed when somebody reads the output. */
#include "double.h"

#include <stdlib.h>

typedef struct lazy {
    bool pending;
    int64_t slot;
} lazy;

static tm_status run_later(tm_program *program, int32_t first_slot, int64_t count, tm_error *error)
{
    if (!program->lie) program->lie = calloc(1, sizeof(lazy));
    if (!program->lie) return tm_fail_memory(error, "a lie");
    if (count > 0) *(lazy *)program->lie = (lazy){true, first_slot + count - 1};
    return TM_OK;
}

static tm_status compute_and_read(tm_program *program, int32_t output, size_t offset, size_t bytes, void *into,
                                  tm_error *error)
{
    lazy *state = program->lie;
    if (state && state->pending) {
        const tm_status status = double_execute(program, state->slot, error);
        if (status != TM_OK) return status;
        state->pending = false;
    }
    return double_read_own(program, output, offset, bytes, into, error);
}

const tm_backend *tensormark_backend(void)
{
    static tm_backend table;
    table = double_table_own_output("lazy");
    table.run = run_later;
    table.read = compute_and_read;
    return &table;
}
