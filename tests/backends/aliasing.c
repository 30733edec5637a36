/* The output lies in the memory of the first input, so an execution destroys what the next one on that slot needs. */
#include "double.h"

#include <string.h>

static tm_status supports_in_place(tm_session *session, const tm_graph *graph, tm_error *error)
{
    const tm_shape in = session->host->value_shape(graph, 0);
    const tm_shape out = session->host->value_shape(graph, session->host->output_value(graph, 0));
    if (tm_shape_bytes(&in) != tm_shape_bytes(&out)) {
        return tm_fail(error, TM_UNSUPPORTED, "this lie needs an output as large as the first input");
    }
    return tm_native_backend()->supports(session->engine, graph, error);
}

static tm_status run_in_place(tm_program *program, int32_t first_slot, int64_t count, tm_error *error)
{
    tm_status status = TM_OK;
    for (int64_t i = 0; i < count && status == TM_OK; i++) {
        const int32_t slot = (int32_t)((first_slot + i) % program->slots);
        status = double_execute(program, slot, error);
        if (status == TM_OK) {
            status = double_bind(program, slot, 0, 0, program->output, program->output_bytes, error);
        }
    }
    return status;
}

const tm_backend *tensormark_backend(void)
{
    static tm_backend table;
    table = double_table_own_output("aliasing");
    table.supports = supports_in_place;
    table.run = run_in_place;
    return &table;
}
