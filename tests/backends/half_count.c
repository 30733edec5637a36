/* Of several executions asked for, every other one is left out; the last, whose output is seen, is always done. */
#include "double.h"

static tm_status run_every_other(tm_program *program, int32_t first_slot, int64_t count, tm_error *error)
{
    tm_status status = TM_OK;
    for (int64_t i = (count + 1) % 2; i < count && status == TM_OK; i += 2) {
        status = double_execute(program, first_slot + i, error);
    }
    return status;
}

const tm_backend *tensormark_backend(void)
{
    static tm_backend table;
    table = double_table_own_output("half_count");
    table.run = run_every_other;
    return &table;
}
