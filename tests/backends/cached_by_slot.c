/* The answer of each slot is computed once and shown for ever, whatever is bound to the slot later. */
#include "double.h"

#include <stdlib.h>
#include <string.h>

static tm_status run_cached(tm_program *program, int32_t first_slot, int64_t count, tm_error *error)
{
    if (!program->lie) program->lie = calloc((size_t)program->slots, sizeof(char *));
    if (!program->lie) return tm_fail_memory(error, "a lie");
    for (int64_t i = 0; i < count; i++) {
        const int32_t slot = (int32_t)((first_slot + i) % program->slots);
        char **kept = (char **)program->lie + slot;
        if (!*kept) {
            const tm_status status = double_execute(program, slot, error);
            if (status != TM_OK) return status;
            *kept = malloc(program->output_bytes + 1);
            if (!*kept) return tm_fail_memory(error, "a kept answer");
            memcpy(*kept, program->output, program->output_bytes);
        }
        memcpy(program->output, *kept, program->output_bytes);
    }
    return TM_OK;
}

static void discard_answers(tm_program *program)
{
    for (int32_t slot = 0; program->lie && slot < program->slots; slot++) free(((char **)program->lie)[slot]);
    double_discard(program);
}

const tm_backend *tensormark_backend(void)
{
    static tm_backend table;
    table = double_table_own_output("cached_by_slot");
    table.run = run_cached;
    table.discard = discard_answers;
    return &table;
}
