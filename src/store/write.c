/* Everything that changes a run. The run is named by id; its number is looked up by each statement, so that a wrong id
 * violates NOT NULL and nothing is written. */
#include "store/database.h"

#include <endian.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RUN "(SELECT number FROM run WHERE id = ?1)"

tm_status tm_store_set_machine(tm_store *store, const char *run, const tm_record_machine *machine, tm_error *error)
{
    static const char sql[] = "INSERT OR REPLACE INTO machine VALUES(" RUN
                              ", ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)";
    return tm_store_execute(store, error, sql, "ttttttttiirrrrrrrrr", run, machine->key, machine->cpu, machine->os,
                            machine->governor, machine->smt, machine->gpus, machine->facts, machine->cores,
                            machine->memory_bytes, machine->read_gbs, machine->copy_gbs, machine->l1_gbs,
                            machine->l2_gbs, machine->llc_gbs, machine->f32_gflops, machine->bf16_gflops,
                            machine->i8_gops, machine->write_gbs);
}

tm_status tm_store_set_backend(tm_store *store, const char *run, int64_t position, const tm_record_backend *backend,
                               tm_error *error)
{
    static const char sql[] = "INSERT OR REPLACE INTO backend VALUES(" RUN ", ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    return tm_store_execute(store, error, sql,
                            "titttt"
                            "tit",
                            run, position, backend->id, backend->framework_version, backend->device, backend->options,
                            backend->library, backend->threads, backend->definition);
}

static tm_status insert_run(tm_store *store, const tm_record *record, const char *plan, tm_error *error)
{
    static const char sql[] = "INSERT INTO run(id, started, finished, mode, command, version, status, seed, plan)"
                              " VALUES(?1, ?2, ?3, ?4, ?5, ?6, 'INTERRUPTED', ?7, ?8)";
    tm_status status = tm_store_execute(store, error, sql, "ttttttit", record->id, record->started, record->finished,
                                        record->mode, record->command, record->version, (int64_t)record->seed, plan);
    if (status == TM_OK) status = tm_store_set_machine(store, record->id, &record->machine, error);
    for (int64_t i = 0; i < record->backend_count && status == TM_OK; i++) {
        status = tm_store_set_backend(store, record->id, i, &record->backends[i], error);
    }
    for (int64_t i = 0; i < record->comparison_count && status == TM_OK; i++) {
        status = tm_store_put_comparison(store, record->id, &record->comparisons[i], error);
    }
    return status;
}

tm_status tm_store_new_run(tm_store *store, const tm_record *record, const char *plan, tm_error *error)
{
    const bool own = sqlite3_get_autocommit(store->db);
    tm_status status = own ? tm_store_begin(store, error) : TM_OK;
    if (status != TM_OK) return status;
    status = insert_run(store, record, plan, error);
    if (own && status == TM_OK) status = tm_store_commit(store, error);
    if (own && status != TM_OK) tm_store_rollback(store);
    return status;
}

tm_status tm_store_finish_run(tm_store *store, const char *run, const char *status, const char *finished,
                              tm_error *error)
{
    const tm_status done = tm_store_execute(store, error, "UPDATE run SET status = ?2, finished = ?3 WHERE id = ?1",
                                            "ttt", run, status, finished);
    if (done == TM_OK && sqlite3_changes(store->db) == 0) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "%s: no such run: %s", store->path, run);
    }
    return done;
}

tm_status tm_store_put_cell(tm_store *store, const char *run, int64_t case_position, int64_t backend_position,
                            const tm_record_cell *cell, tm_error *error)
{
    static const char sql[] =
        "INSERT OR REPLACE INTO cell VALUES(" RUN ", ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,"
        " ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34)";
    return tm_store_execute(
        store, error, sql, "tiittttttrrrrrrirtrritrrrrrrtiitti", run, case_position, backend_position, cell->case_id,
        cell->suite, cell->group, cell->backend, tm_cell_status_name(cell->status), cell->reason, cell->median_ns,
        cell->ci_low_ns, cell->ci_high_ns, cell->p5_ns, cell->p95_ns, cell->min_ns, cell->samples, cell->first_call_ns,
        cell->verify, cell->error, cell->rms_error, cell->checked, cell->probe, cell->freivalds, cell->flop,
        cell->bytes, cell->limit_ns, cell->floor_ns, cell->efficiency, cell->limit_basis, cell->peak_host_bytes,
        cell->peak_device_bytes, cell->labels, cell->metrics, cell->discarded);
}

/* Samples lie in the file as little-endian doubles. */
static uint64_t *encode(const double *values, int64_t count)
{
    uint64_t *bits = malloc((size_t)(count ? count : 1) * sizeof *bits);
    for (int64_t i = 0; bits && i < count; i++) {
        memcpy(&bits[i], &values[i], sizeof *bits);
        bits[i] = htole64(bits[i]);
    }
    return bits;
}

tm_status tm_store_put_visit(tm_store *store, const char *run, const tm_store_visit *visit, tm_error *error)
{
    static const char sql[] = "INSERT INTO visit(run, case_position, backend_position, pass, incarnation, round,"
                              " attempt, start_ns, kept, reason, sample_ns, core_to_core_ns)"
                              " VALUES(" RUN ", ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    uint64_t *samples = encode(visit->sample_ns, visit->samples);
    if (!samples) return tm_fail_memory(error, store->path);
    const tm_status status =
        tm_store_execute(store, error, sql, "tiiiiiiritbr", run, visit->case_position, visit->backend_position,
                         (int64_t)visit->pass, (int64_t)visit->incarnation, (int64_t)visit->round,
                         (int64_t)visit->attempt, visit->start_ns, (int64_t)visit->kept, visit->reason,
                         (const void *)samples, visit->samples * (int64_t)sizeof *samples, visit->core_to_core_ns);
    free(samples);
    return status;
}

tm_status tm_store_put_note(tm_store *store, const char *run, int64_t case_position, int64_t backend_position,
                            int32_t incarnation, const char *note, tm_error *error)
{
    static const char sql[] = "INSERT INTO note(run, case_position, backend_position, incarnation, note)"
                              " VALUES(" RUN ", ?2, ?3, ?4, ?5)";
    return tm_store_execute(store, error, sql, "tiiit", run, case_position, backend_position, (int64_t)incarnation,
                            note);
}

static tm_status put_pair(tm_store *store, const char *sql, const char *run, const tm_record_comparison *pair,
                          tm_error *error)
{
    return tm_store_execute(store, error, sql, "tttttrrrrr", run, pair->case_id, pair->backend, pair->base,
                            pair->verdict, pair->ratio, pair->ci_low, pair->ci_high, pair->smallest_effect,
                            pair->margin);
}

tm_status tm_store_put_comparison(tm_store *store, const char *run, const tm_record_comparison *comparison,
                                  tm_error *error)
{
    static const char sql[] = "INSERT OR REPLACE INTO comparison VALUES(" RUN ", ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    return put_pair(store, sql, run, comparison, error);
}

tm_status tm_store_put_aa(tm_store *store, const char *run, const tm_record_comparison *comparison, tm_error *error)
{
    static const char sql[] = "INSERT OR REPLACE INTO aa VALUES(" RUN ", ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    return put_pair(store, sql, run, comparison, error);
}

tm_status tm_store_set_aa_floor(tm_store *store, const char *run, double floor, tm_error *error)
{
    return tm_store_execute(store, error, "UPDATE run SET aa_floor = ?2 WHERE id = ?1", "tr", run, floor);
}
