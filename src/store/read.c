/* Everything that reads runs. What a file says is taken as data: a value of the wrong type reads as "not known". */
#include "store/database.h"

#include <endian.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RUN "(SELECT number FROM run WHERE id = ?1)"

static int32_t column_i32(sqlite3_stmt *row, int column)
{
    return sqlite3_column_int(row, column);
}

static double column_real(sqlite3_stmt *row, int column)
{
    const int type = sqlite3_column_type(row, column);
    return type == SQLITE_FLOAT || type == SQLITE_INTEGER ? sqlite3_column_double(row, column) : (double)NAN;
}

static char *column_copy(sqlite3_stmt *row, int column, bool *failed)
{
    char *copy = tm_store_copy((const char *)sqlite3_column_text(row, column));
    if (!copy) *failed = true;
    return copy;
}

static double *decode(sqlite3_stmt *row, int column, int64_t *count)
{
    const void *bytes = sqlite3_column_blob(row, column);
    *count = sqlite3_column_bytes(row, column) / (int64_t)sizeof(double);
    double *values = malloc((size_t)(*count ? *count : 1) * sizeof *values);
    for (int64_t i = 0; values && i < *count; i++) {
        uint64_t bits;
        memcpy(&bits, (const char *)bytes + i * (int64_t)sizeof bits, sizeof bits);
        bits = le64toh(bits);
        memcpy(&values[i], &bits, sizeof bits);
    }
    return values;
}

/* Room for one more item of `size` bytes behind `count`; grows by doubling at powers of two. */
static bool grow(void *items, int64_t count, size_t size)
{
    if (count & (count - 1)) return true;
    void *old;
    memcpy(&old, items, sizeof old);
    void *wider = realloc(old, (size_t)(count ? count * 2 : 1) * size);
    if (!wider) return false;
    memset((char *)wider + (size_t)count * size, 0, (size_t)(count ? count : 1) * size);
    memcpy(items, &wider, sizeof wider);
    return true;
}

/* Calls `take` for every row of a query, until it says no. */
typedef tm_status (*row_reader)(void *context, sqlite3_stmt *row, bool *more, tm_error *error);

/* The statement is freed. */
static tm_status each_row(tm_store *store, sqlite3_stmt *row, row_reader take, void *context, tm_error *error)
{
    tm_status status = TM_OK;
    bool more = true;
    int code = SQLITE_DONE;
    while (more && status == TM_OK && (code = sqlite3_step(row)) == SQLITE_ROW) {
        status = take(context, row, &more, error);
    }
    if (status == TM_OK && more && code != SQLITE_DONE) status = tm_store_fail(store, code, error);
    sqlite3_finalize(row);
    return status;
}

static tm_status for_each_row(tm_store *store, const char *sql, const char *run, row_reader take, void *context,
                              tm_error *error)
{
    sqlite3_stmt *row = NULL;
    const tm_status status = tm_store_prepare(store, &row, error, sql, run ? "t" : "", run);
    return status == TM_OK ? each_row(store, row, take, context, error) : status;
}

typedef struct visit_reader {
    tm_store_visit_callback callback;
    void *context;
} visit_reader;

static tm_status take_visit(void *context, sqlite3_stmt *row, bool *more, tm_error *error)
{
    const visit_reader *reader = context;
    tm_store_visit visit = {.case_position = sqlite3_column_int64(row, 0),
                            .backend_position = sqlite3_column_int64(row, 1),
                            .pass = column_i32(row, 2),
                            .incarnation = column_i32(row, 3),
                            .round = column_i32(row, 4),
                            .attempt = column_i32(row, 5),
                            .start_ns = column_real(row, 6),
                            .core_to_core_ns = column_real(row, 10),
                            .reason = (const char *)sqlite3_column_text(row, 7),
                            .kept = sqlite3_column_int(row, 9) != 0};
    double *samples = decode(row, 8, &visit.samples);
    if (!samples) return tm_fail_memory(error, "samples");
    visit.sample_ns = samples;
    *more = reader->callback(reader->context, &visit);
    free(samples);
    return TM_OK;
}

/* Files before version 4 do not tell where the processors lay. */
#define VISITS_OF_RUN(core_to_core)                                                                                    \
    "SELECT case_position, backend_position, pass, incarnation, round, attempt, start_ns, coalesce(reason, ''),"       \
    " sample_ns, kept, " core_to_core " FROM visit WHERE run = " RUN
#define IN_VERSION(visits)        (store->version < 4 ? visits("NULL") : visits("core_to_core_ns"))
#define KEPT_VISITS(core_to_core) VISITS_OF_RUN(core_to_core) " AND kept ORDER BY number"
#define VISITS_OF_CELL(core_to_core)                                                                                   \
    VISITS_OF_RUN(core_to_core) " AND case_position = ?2 AND backend_position = ?3 ORDER BY number"

tm_status tm_store_visits(tm_store *store, const char *run, tm_store_visit_callback callback, void *context,
                          tm_error *error)
{
    visit_reader reader = {callback, context};
    return for_each_row(store, IN_VERSION(KEPT_VISITS), run, take_visit, &reader, error);
}

tm_status tm_store_find_cell(tm_store *store, const char *run, const char *case_id, const char *backend,
                             int64_t *case_position, int64_t *backend_position, tm_error *error)
{
    sqlite3_stmt *row = NULL;
    tm_status status = tm_store_prepare(store, &row, error,
                                        "SELECT case_position, backend_position FROM cell WHERE run = " RUN
                                        " AND case_id = ?2 AND backend = ?3",
                                        "ttt", run, case_id, backend);
    if (status != TM_OK) return status;
    const int code = sqlite3_step(row);
    if (code == SQLITE_ROW) {
        *case_position = sqlite3_column_int64(row, 0);
        *backend_position = sqlite3_column_int64(row, 1);
    } else if (code == SQLITE_DONE) {
        status = tm_fail(error, TM_INVALID_ARGUMENT, "run %s has no cell %s on %s", run, case_id, backend);
    } else {
        status = tm_store_fail(store, code, error);
    }
    sqlite3_finalize(row);
    return status;
}

tm_status tm_store_cell_visits(tm_store *store, const char *run, int64_t case_position, int64_t backend_position,
                               tm_store_visit_callback callback, void *context, tm_error *error)
{
    visit_reader reader = {callback, context};
    sqlite3_stmt *row = NULL;
    tm_status status =
        tm_store_prepare(store, &row, error, IN_VERSION(VISITS_OF_CELL), "tii", run, case_position, backend_position);
    if (status == TM_OK) status = each_row(store, row, take_visit, &reader, error);
    return status;
}

typedef struct note_reader {
    tm_store_note_callback callback;
    void *context;
} note_reader;

static tm_status take_note(void *context, sqlite3_stmt *row, bool *more, tm_error *error)
{
    (void)error;
    const note_reader *reader = context;
    *more = reader->callback(reader->context, sqlite3_column_int64(row, 0), sqlite3_column_int64(row, 1),
                             column_i32(row, 2), (const char *)sqlite3_column_text(row, 3));
    return TM_OK;
}

tm_status tm_store_notes(tm_store *store, const char *run, tm_store_note_callback callback, void *context,
                         tm_error *error)
{
    note_reader reader = {callback, context};
    return for_each_row(store,
                        "SELECT case_position, backend_position, incarnation, coalesce(note, '') FROM note"
                        " WHERE run = " RUN " ORDER BY number",
                        run, take_note, &reader, error);
}

tm_status tm_store_twins(tm_store *store, const char *run, const char *machine_key, const char *mode, double *into,
                         size_t capacity, size_t *count, tm_error *error)
{
    static const char sql[] = "SELECT aa.ratio FROM aa JOIN run ON run.number = aa.run JOIN machine ON machine.run ="
                              " aa.run WHERE run.id != ?1 AND machine.key = ?2 AND run.mode = ?3 AND aa.ratio > 0"
                              " ORDER BY run.number DESC, aa.rowid LIMIT ?4";
    *count = 0;
    sqlite3_stmt *row = NULL;
    const tm_status status =
        tm_store_prepare(store, &row, error, sql, "ttti", run, machine_key, mode, (int64_t)capacity);
    if (status != TM_OK) return status;
    int code = SQLITE_DONE;
    while (*count < capacity && (code = sqlite3_step(row)) == SQLITE_ROW) into[(*count)++] = log(column_real(row, 0));
    sqlite3_finalize(row);
    return code == SQLITE_DONE || code == SQLITE_ROW ? TM_OK : tm_store_fail(store, code, error);
}

static tm_status take_text(void *context, sqlite3_stmt *row, bool *more, tm_error *error)
{
    *more = false;
    bool failed = false;
    *(char **)context = column_copy(row, 0, &failed);
    return failed ? tm_fail_memory(error, "a plan") : TM_OK;
}

tm_status tm_store_plan(tm_store *store, const char *run, char **plan, tm_error *error)
{
    *plan = NULL;
    tm_status status = for_each_row(store, "SELECT plan FROM run WHERE id = ?1", run, take_text, plan, error);
    if (status != TM_OK || *plan) return status;
    return tm_fail(error, TM_INVALID_ARGUMENT, "%s: no run %s", store->path, run);
}

tm_status tm_store_find_run(tm_store *store, const char *prefix, bool interrupted_only, char *id, size_t capacity,
                            tm_error *error)
{
    static const char sql[] = "SELECT id, id = ?1 FROM run WHERE substr(id, 1, length(?1)) = ?1"
                              " AND (?2 = 0 OR status = 'INTERRUPTED') ORDER BY id = ?1 DESC, number DESC LIMIT 2";
    if (!prefix) prefix = "";
    sqlite3_stmt *row = NULL;
    tm_status status = tm_store_prepare(store, &row, error, sql, "ti", prefix, (int64_t)interrupted_only);
    if (status != TM_OK) return status;
    int code = sqlite3_step(row);
    if (code == SQLITE_ROW) {
        const char *found = (const char *)sqlite3_column_text(row, 0);
        const bool exact = sqlite3_column_int(row, 1) != 0;
        const size_t length = found ? strlen(found) : 0;
        if (length + 1 > capacity)
            status = tm_fail(error, TM_INVALID_ARGUMENT, "%s: damaged run id", store->path);
        else
            memcpy(id, found ? found : "", length + 1);
        if (status == TM_OK && *prefix && !exact && sqlite3_step(row) == SQLITE_ROW) {
            status = tm_fail(error, TM_INVALID_ARGUMENT, "several runs start with '%s'; write more of the id", prefix);
        }
    } else if (code != SQLITE_DONE) {
        status = tm_store_fail(store, code, error);
    } else {
        status = tm_fail(error, TM_INVALID_ARGUMENT, "%s: no %srun%s%s", store->path,
                         interrupted_only ? "interrupted " : "", *prefix ? " starts with " : "", prefix);
    }
    sqlite3_finalize(row);
    return status;
}

static tm_status take_run(void *context, sqlite3_stmt *row, bool *more, tm_error *error)
{
    tm_record *record = context;
    bool failed = false;
    record->id = column_copy(row, 0, &failed);
    record->started = column_copy(row, 1, &failed);
    record->finished = column_copy(row, 2, &failed);
    record->mode = column_copy(row, 3, &failed);
    record->command = column_copy(row, 4, &failed);
    record->version = column_copy(row, 5, &failed);
    record->status = column_copy(row, 6, &failed);
    record->seed = (uint64_t)sqlite3_column_int64(row, 7);
    *more = false;
    return failed ? tm_fail_memory(error, "a record") : TM_OK;
}

static tm_status take_machine(void *context, sqlite3_stmt *row, bool *more, tm_error *error)
{
    tm_record_machine *machine = &((tm_record *)context)->machine;
    bool failed = false;
    char **const texts[] = {&machine->key, &machine->cpu,  &machine->os,   &machine->governor,
                            &machine->smt, &machine->gpus, &machine->facts};
    double *const reals[] = {&machine->read_gbs,    &machine->copy_gbs, &machine->l1_gbs,
                             &machine->l2_gbs,      &machine->llc_gbs,  &machine->f32_gflops,
                             &machine->bf16_gflops, &machine->i8_gops,  &machine->write_gbs};
    for (int i = 0; i < 7; i++) *texts[i] = column_copy(row, 1 + i, &failed);
    machine->cores = sqlite3_column_int64(row, 8);
    machine->memory_bytes = sqlite3_column_int64(row, 9);
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) *reals[i] = column_real(row, 10 + (int)i);
    *more = false;
    return failed ? tm_fail_memory(error, "a record") : TM_OK;
}

static tm_status take_backend(void *context, sqlite3_stmt *row, bool *more, tm_error *error)
{
    (void)more;
    tm_record *record = context;
    if (!grow(&record->backends, record->backend_count, sizeof *record->backends)) {
        return tm_fail_memory(error, "a record");
    }
    tm_record_backend *backend = &record->backends[record->backend_count++];
    bool failed = false;
    backend->id = column_copy(row, 0, &failed);
    backend->framework_version = column_copy(row, 1, &failed);
    backend->device = column_copy(row, 2, &failed);
    backend->options = column_copy(row, 3, &failed);
    backend->library = column_copy(row, 4, &failed);
    backend->threads = sqlite3_column_int64(row, 5);
    backend->definition = column_copy(row, 6, &failed);
    return failed ? tm_fail_memory(error, "a record") : TM_OK;
}

/* Files before version 3 do not tell how a name was defined. */
static tm_status load_backends(tm_store *store, const char *run, tm_record *record, tm_error *error)
{
#define BACKENDS(definition)                                                                                           \
    "SELECT id, framework_version, device, options, library, threads, " definition " FROM backend WHERE run = " RUN    \
    " ORDER BY position"
    return for_each_row(store, store->version < 3 ? BACKENDS("NULL") : BACKENDS("definition"), run, take_backend,
                        record, error);
}

static void read_cell_figures(sqlite3_stmt *row, tm_record_cell *cell)
{
    double *const reals[] = {&cell->median_ns, &cell->ci_low_ns, &cell->ci_high_ns,    &cell->p5_ns,
                             &cell->p95_ns,    &cell->min_ns,    &cell->first_call_ns, &cell->error,
                             &cell->rms_error, &cell->freivalds, &cell->flop,          &cell->bytes,
                             &cell->limit_ns,  &cell->floor_ns,  &cell->efficiency};
    for (int i = 0; i < 15; i++) *reals[i] = column_real(row, 10 + i);
    cell->samples = sqlite3_column_int64(row, 25);
    cell->checked = sqlite3_column_int64(row, 26);
    cell->peak_host_bytes = sqlite3_column_int64(row, 27);
    cell->peak_device_bytes = sqlite3_column_int64(row, 28);
    cell->discarded = sqlite3_column_int64(row, 29);
}

#define CELLS                                                                                                          \
    "SELECT case_id, suite, case_group, backend, reason, verify, probe, limit_basis, labels, metrics, median_ns,"      \
    " ci_low_ns, ci_high_ns, p5_ns, p95_ns, min_ns, first_call_ns, error, rms_error, freivalds, flop, bytes, "         \
    "limit_ns,"                                                                                                        \
    " floor_ns, efficiency, samples, checked, peak_host_bytes, peak_device_bytes, discarded, status, case_position,"   \
    " backend_position FROM cell WHERE run = " RUN " ORDER BY case_position, backend_position"

/* Where each loaded cell stands in the run: lets samples find their cell. */
typedef struct loading {
    tm_record *record;
    struct position {
        int64_t in_cases, in_backends;
    } * positions;
} loading;

static tm_status take_cell(void *context, sqlite3_stmt *row, bool *more, tm_error *error)
{
    (void)more;
    loading *load = context;
    tm_record *record = load->record;
    if (!grow(&record->cells, record->cell_count, sizeof *record->cells) ||
        !grow(&load->positions, record->cell_count, sizeof *load->positions)) {
        return tm_fail_memory(error, "a record");
    }
    load->positions[record->cell_count].in_cases = sqlite3_column_int64(row, 31);
    load->positions[record->cell_count].in_backends = sqlite3_column_int64(row, 32);
    tm_record_cell *cell = &record->cells[record->cell_count++];
    char **const texts[] = {&cell->case_id, &cell->suite, &cell->group,       &cell->backend, &cell->reason,
                            &cell->verify,  &cell->probe, &cell->limit_basis, &cell->labels,  &cell->metrics};
    bool failed = false;
    for (int i = 0; i < 10; i++) *texts[i] = column_copy(row, i, &failed);
    read_cell_figures(row, cell);
    const char *status = (const char *)sqlite3_column_text(row, 30);
    if (failed) return tm_fail_memory(error, "a record");
    if (!status || !tm_cell_status_parse(status, &cell->status)) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "the record of %s has a status that does not exist", cell->case_id);
    }
    return TM_OK;
}

static tm_status read_pair(sqlite3_stmt *row, tm_record_comparison *pair, tm_error *error)
{
    bool failed = false;
    pair->case_id = column_copy(row, 0, &failed);
    pair->backend = column_copy(row, 1, &failed);
    pair->base = column_copy(row, 2, &failed);
    pair->verdict = column_copy(row, 3, &failed);
    pair->ratio = column_real(row, 4);
    pair->ci_low = column_real(row, 5);
    pair->ci_high = column_real(row, 6);
    pair->smallest_effect = column_real(row, 7);
    pair->margin = column_real(row, 8);
    return failed ? tm_fail_memory(error, "a record") : TM_OK;
}

static tm_status take_comparison(void *context, sqlite3_stmt *row, bool *more, tm_error *error)
{
    (void)more;
    tm_record *record = context;
    if (!grow(&record->comparisons, record->comparison_count, sizeof *record->comparisons)) {
        return tm_fail_memory(error, "a record");
    }
    return read_pair(row, &record->comparisons[record->comparison_count++], error);
}

static tm_status take_aa(void *context, sqlite3_stmt *row, bool *more, tm_error *error)
{
    (void)more;
    tm_record *record = context;
    if (!grow(&record->aa, record->aa_count, sizeof *record->aa)) return tm_fail_memory(error, "a record");
    return read_pair(row, &record->aa[record->aa_count++], error);
}

static tm_status take_floor(void *context, sqlite3_stmt *row, bool *more, tm_error *error)
{
    (void)more;
    (void)error;
    ((tm_record *)context)->aa_floor = column_real(row, 0);
    return TM_OK;
}

/* Older files have neither margins nor twins. */
static tm_status load_pairs(tm_store *store, const char *run, tm_record *record, tm_error *error)
{
    record->aa_floor = NAN;
    if (store->version < 2) {
        return for_each_row(store,
                            "SELECT case_id, backend, base, verdict, ratio, ci_low, ci_high, smallest_effect, NULL"
                            " FROM comparison WHERE run = " RUN " ORDER BY rowid",
                            run, take_comparison, record, error);
    }
#define PAIRS(table)                                                                                                   \
    "SELECT case_id, backend, base, verdict, ratio, ci_low, ci_high, smallest_effect, margin FROM " table              \
    " WHERE run = " RUN " ORDER BY rowid"
    tm_status status = for_each_row(store, PAIRS("comparison"), run, take_comparison, record, error);
    if (status == TM_OK) status = for_each_row(store, PAIRS("aa"), run, take_aa, record, error);
    if (status != TM_OK) return status;
    return for_each_row(store, "SELECT aa_floor FROM run WHERE id = ?1", run, take_floor, record, error);
}

/* The index of the cell at a position, -1 for none; cells are sorted. */
static int64_t find_cell(const loading *load, int64_t in_cases, int64_t in_backends)
{
    int64_t low = 0, high = load->record->cell_count;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        const struct position *at = &load->positions[middle];
        if (at->in_cases < in_cases || (at->in_cases == in_cases && at->in_backends < in_backends))
            low = middle + 1;
        else
            high = middle;
    }
    if (low == load->record->cell_count) return -1;
    const struct position *at = &load->positions[low];
    return at->in_cases == in_cases && at->in_backends == in_backends ? low : -1;
}

static tm_status take_sample(void *context, sqlite3_stmt *row, bool *more, tm_error *error)
{
    (void)more;
    const loading *load = context;
    tm_record *record = load->record;
    const int64_t cell = find_cell(load, sqlite3_column_int64(row, 0), sqlite3_column_int64(row, 1));
    if (cell < 0) return TM_OK;
    if (!grow(&record->samples, record->sample_count, sizeof *record->samples)) {
        return tm_fail_memory(error, "samples");
    }
    tm_record_sample *sample = &record->samples[record->sample_count];
    sample->ns = decode(row, 8, &sample->count);
    if (!sample->ns) return tm_fail_memory(error, "samples");
    sample->cell = cell;
    sample->incarnation = column_i32(row, 3);
    sample->round = column_i32(row, 4);
    sample->start_ns = column_real(row, 6);
    sample->core_to_core_ns = column_real(row, 10);
    record->sample_count++;
    return TM_OK;
}

static tm_status load_all(tm_store *store, const char *run, bool with_samples, loading *load, tm_error *error)
{
    tm_record *record = load->record;
    tm_status status = for_each_row(store,
                                    "SELECT id, started, finished, mode, command, version, status, seed FROM run"
                                    " WHERE id = ?1",
                                    run, take_run, record, error);
    if (status == TM_OK && !record->id) status = tm_fail(error, TM_INVALID_ARGUMENT, "%s: no run %s", store->path, run);
    if (status == TM_OK) {
        status = for_each_row(store, "SELECT * FROM machine WHERE run = " RUN, run, take_machine, record, error);
    }
    if (status == TM_OK) status = load_backends(store, run, record, error);
    if (status == TM_OK) status = for_each_row(store, CELLS, run, take_cell, load, error);
    if (status == TM_OK) status = load_pairs(store, run, record, error);
    if (status == TM_OK && with_samples)
        status = for_each_row(store, IN_VERSION(KEPT_VISITS), run, take_sample, load, error);
    return status;
}

tm_status tm_store_load(tm_store *store, const char *run, bool with_samples, tm_record **into, tm_error *error)
{
    *into = NULL;
    loading load = {.record = calloc(1, sizeof *load.record)};
    if (!load.record) return tm_fail_memory(error, "a record");
    /* One read transaction, so that a run in progress is seen at one moment. */
    const bool own = sqlite3_get_autocommit(store->db);
    int code = own ? sqlite3_exec(store->db, "BEGIN", NULL, NULL, NULL) : SQLITE_OK;
    tm_status status =
        code == SQLITE_OK ? load_all(store, run, with_samples, &load, error) : tm_store_fail(store, code, error);
    if (own) tm_store_rollback(store);
    free(load.positions);
    if (status == TM_OK)
        *into = load.record;
    else
        tm_record_free(load.record);
    return status;
}

typedef struct listing {
    tm_store_entry *entries;
    int64_t count;
} listing;

static void copy_column(sqlite3_stmt *row, int column, char *into, size_t capacity)
{
    const char *text = (const char *)sqlite3_column_text(row, column);
    const size_t length = text ? strlen(text) : 0;
    const size_t kept = length < capacity ? length : capacity - 1;
    if (kept) memcpy(into, text, kept);
    into[kept] = '\0';
}

static tm_status take_entry(void *context, sqlite3_stmt *row, bool *more, tm_error *error)
{
    (void)more;
    listing *list = context;
    if (!grow(&list->entries, list->count, sizeof *list->entries)) return tm_fail_memory(error, "the list of runs");
    tm_store_entry *entry = &list->entries[list->count++];
    copy_column(row, 0, entry->id, sizeof entry->id);
    copy_column(row, 1, entry->started, sizeof entry->started);
    copy_column(row, 2, entry->status, sizeof entry->status);
    copy_column(row, 3, entry->mode, sizeof entry->mode);
    entry->cells = sqlite3_column_int64(row, 4);
    return TM_OK;
}

tm_status tm_store_list(tm_store *store, tm_store_entry **into, int64_t *count, tm_error *error)
{
    static const char sql[] = "SELECT id, started, status, mode, (SELECT count(*) FROM cell WHERE cell.run = number)"
                              " FROM run ORDER BY number DESC";
    listing list = {0};
    const tm_status status = for_each_row(store, sql, NULL, take_entry, &list, error);
    if (status != TM_OK) {
        free(list.entries);
        list = (listing){0};
    }
    *into = list.entries;
    *count = list.count;
    return status;
}
