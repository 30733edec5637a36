/* Looking things up in a gate's findings, and freeing them. */
#include "store/gate.h"

#include <stdlib.h>
#include <string.h>

double tm_slowdown(double ratio)
{
    return 1 / ratio - 1;
}

bool tm_is_slower_than(const tm_compared *row, double allowed)
{
    return tm_slowdown(row->ci_high) > allowed;
}

const tm_regression *tm_gate_find(const tm_gate *gate, const char *case_id, const char *backend)
{
    for (int64_t i = 0; gate && i < gate->count; i++) {
        const tm_regression *one = &gate->items[i];
        if (strcmp(one->case_id, case_id) == 0 && strcmp(one->backend, backend) == 0) return one;
    }
    return NULL;
}

void tm_gate_free(const tm_gate *gate)
{
    for (int64_t i = 0; i < gate->count; i++) {
        free(gate->items[i].case_id);
        free(gate->items[i].backend);
    }
    free(gate->items);
    tm_comparison_free(gate->comparison);
}
