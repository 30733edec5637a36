/* The output shown is that of the execution before, which had other data. */
#include "double.h"

#include <stdlib.h>
#include <string.h>

static tm_status run_one_behind(tm_program *program, int32_t first_slot, int64_t count, tm_error *error)
{
    if (!program->lie) program->lie = calloc(1, program->output_bytes + 1);
    char *previous = program->lie;
    if (!previous) return tm_fail_memory(error, "a lie");
    tm_status status = TM_OK;
    for (int64_t i = 0; i < count && status == TM_OK; i++) {
        char *now = malloc(program->output_bytes + 1);
        if (!now) return tm_fail_memory(error, "a lie");
        status = double_execute(program, first_slot + i, error);
        memcpy(now, program->output, program->output_bytes);
        memcpy(program->output, previous, program->output_bytes);
        memcpy(previous, now, program->output_bytes);
        free(now);
    }
    return status;
}

const tm_backend *tensormark_backend(void)
{
    static tm_backend table;
    table = double_table_own_output("previous_answer");
    table.run = run_one_behind;
    return &table;
}
