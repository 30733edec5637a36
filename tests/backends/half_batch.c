/* Only the first half of the result is computed; the rest stays what memory held. */
#include "double.h"

#include <stdlib.h>
#include <string.h>

static tm_status run_half(tm_program *program, int32_t first_slot, int64_t count, tm_error *error)
{
    const size_t half = program->output_bytes / 2;
    char *before = malloc(program->output_bytes + 1);
    tm_status status = before ? TM_OK : tm_fail_memory(error, "a lie");
    for (int64_t i = 0; i < count && status == TM_OK; i++) {
        memcpy(before, program->output + half, program->output_bytes - half);
        status = double_execute(program, first_slot + i, error);
        memcpy(program->output + half, before, program->output_bytes - half);
    }
    free(before);
    return status;
}

const tm_backend *tensormark_backend(void)
{
    static tm_backend table;
    table = double_table_own_output("half_batch");
    table.run = run_half;
    table.poison = NULL; /* like a framework that allocates results itself, and gets zeroed pages */
    return &table;
}
