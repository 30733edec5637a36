/* The answer is kept as long as the same slot is executed again and nothing was bound: honest where executions take
 * slots in turns, free where they keep to one. */
#include "double.h"

#include <stdlib.h>
#include <string.h>

typedef struct last {
    bool known;
    int32_t slot;
} last;

static void forget(const tm_program *program)
{
    if (program->lie) ((last *)program->lie)->known = false;
}

static tm_status run_unless_known(tm_program *program, int32_t first_slot, int64_t count, tm_error *error)
{
    if (!program->lie) program->lie = calloc(1, sizeof(last));
    last *kept = program->lie;
    if (!kept) return tm_fail_memory(error, "a lie");
    for (int64_t i = 0; i < count; i++) {
        const int32_t slot = (int32_t)((first_slot + i) % program->slots);
        if (kept->known && kept->slot == slot) continue;
        const tm_status status = double_execute(program, slot, error);
        if (status != TM_OK) return status;
        *kept = (last){true, slot};
    }
    return TM_OK;
}

static tm_status bind_and_forget(tm_program *program, int32_t slot, int32_t input, size_t offset, const void *data,
                                 size_t bytes, tm_error *error)
{
    forget(program);
    return double_bind(program, slot, input, offset, data, bytes, error);
}

static void poison_and_forget(tm_program *program)
{
    forget(program);
    memset(program->output, 0xff, program->output_bytes);
}

const tm_backend *tensormark_backend(void)
{
    static tm_backend table;
    table = double_table_own_output("cached_while_held");
    table.run = run_unless_known;
    table.bind = bind_and_forget;
    table.poison = poison_and_forget;
    return &table;
}
