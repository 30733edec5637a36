/* What a record's cells may be used for; and freeing what a record owns. */
#include "store/record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool tm_has_label(const char *labels, const char *label)
{
    const size_t length = strlen(label);
    for (const char *at = labels; at && *at;) {
        while (*at == ' ' || *at == ',') at++;
        const size_t here = strcspn(at, ",");
        if (here == length && memcmp(at, label, length) == 0) return true;
        at += here;
    }
    return false;
}

bool tm_cell_completed(const tm_record_cell *cell)
{
    return cell && cell->status == TM_CELL_OK && isfinite(cell->median_ns) && cell->median_ns > 0;
}

bool tm_cell_ranked(const tm_record_cell *cell)
{
    return tm_cell_completed(cell) && !tm_has_label(cell->labels, "LOWACC");
}

bool tm_cell_steady(const tm_record_cell *cell)
{
    return cell && !tm_has_label(cell->labels, "NO STEADY STATE");
}

static void free_machine(const tm_record_machine *machine)
{
    free(machine->key);
    free(machine->cpu);
    free(machine->os);
    free(machine->governor);
    free(machine->smt);
    free(machine->gpus);
    free(machine->facts);
}

static void free_backend(const tm_record_backend *backend)
{
    free(backend->id);
    free(backend->framework_version);
    free(backend->definition);
    free(backend->device);
    free(backend->options);
    free(backend->library);
}

static void free_cell(const tm_record_cell *cell)
{
    free(cell->case_id);
    free(cell->suite);
    free(cell->group);
    free(cell->backend);
    free(cell->reason);
    free(cell->verify);
    free(cell->probe);
    free(cell->limit_basis);
    free(cell->labels);
    free(cell->metrics);
}

static void free_comparison(const tm_record_comparison *comparison)
{
    free(comparison->case_id);
    free(comparison->backend);
    free(comparison->base);
    free(comparison->verdict);
}

void tm_record_free(tm_record *record)
{
    if (!record) return;
    free(record->id);
    free(record->started);
    free(record->finished);
    free(record->mode);
    free(record->command);
    free(record->version);
    free(record->status);
    free_machine(&record->machine);
    for (int64_t i = 0; i < record->backend_count; i++) free_backend(&record->backends[i]);
    for (int64_t i = 0; i < record->cell_count; i++) free_cell(&record->cells[i]);
    for (int64_t i = 0; i < record->comparison_count; i++) free_comparison(&record->comparisons[i]);
    for (int64_t i = 0; i < record->aa_count; i++) free_comparison(&record->aa[i]);
    for (int64_t i = 0; i < record->sample_count; i++) free(record->samples[i].ns);
    free(record->backends);
    free(record->cells);
    free(record->comparisons);
    free(record->aa);
    free(record->samples);
    free(record);
}
