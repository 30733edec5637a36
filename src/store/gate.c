/* Looking things up in a gate's findings, and freeing them. */
#include "store/gate.h"

#include <math.h>
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

/* Against a baseline every backend is asked about, else those that are compared with the base. */
static bool is_asked_about(const tm_comparison *all, const char *backend)
{
    bool found = all->unpaired;
    for (int64_t i = 0; i < all->pair_count && !found; i++) found = strcmp(all->pairs[i].other->id, backend) == 0;
    return found;
}

bool tm_gate_could_compare(const tm_gate *gate, const tm_record_cell *cell)
{
    if (!gate || !tm_cell_completed(cell) || !is_asked_about(gate->comparison, cell->backend)) return true;
    for (int64_t i = 0; i < gate->comparison->row_count; i++) {
        const tm_compared *row = &gate->comparison->rows[i];
        const bool same =
            strcmp(row->other->case_id, cell->case_id) == 0 && strcmp(row->other->backend, cell->backend) == 0;
        if (same && isfinite(row->ratio)) return true;
    }
    return false;
}

int64_t tm_gate_compared(const tm_gate *gate)
{
    int64_t compared = 0;
    for (int64_t i = 0; i < gate->comparison->row_count; i++) compared += isfinite(gate->comparison->rows[i].ratio);
    return compared;
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
