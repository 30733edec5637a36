/* Nothing is computed at all. */
#include "double.h"

static tm_status run_nothing(tm_program *program, int32_t first_slot, int64_t count, tm_error *error)
{
    (void)program;
    (void)first_slot;
    (void)count;
    (void)error;
    return TM_OK;
}

const tm_backend *tensormark_backend(void)
{
    static tm_backend table;
    table = double_table_own_output("no_op");
    table.run = run_nothing;
    return &table;
}
