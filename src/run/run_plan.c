/* A run's plan as JSON, so that another process can go on with it: cases by id, backends by their parsed fields. */
#include "run/run_state.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLAN_VERSION = 1 };

static json_t *spec_to_json(const tm_backend_spec *spec)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:b, s:s}", "id", spec->id, "name", spec->name, "device",
                     spec->device, "options", spec->options, "location", spec->location, "library", spec->library,
                     "threads", spec->threads, "delay", spec->delay_percent, "twin", spec->twin, "definition",
                     spec->definition);
}

tm_status tm_run_plan_write(const tm_run_options *options, int32_t count, char **json, tm_error *error)
{
    json_t *cases = json_array(), *backends = json_array();
    for (size_t i = 0; i < options->cases->count; i++) {
        const tm_case *one = &options->cases->items[i];
        json_array_append_new(cases, json_pack("[s, s]", one->id, one->suite));
    }
    for (int32_t i = 0; i < count; i++) {
        json_array_append_new(backends, spec_to_json(&options->backends[i]));
    }
    char seed[24]; /* as text: JSON integers are signed */
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)options->seed);
    json_t *plan = json_pack("{s:i, s:o, s:o, s:s?, s:i, s:s, s:i, s:f, s:f}", "version", PLAN_VERSION, "cases", cases,
                             "backends", backends, "base", options->base, "mode", (int)options->mode, "seed", seed,
                             "threads", options->threads, "budget", options->budget_s, "cooldown", options->cooldown);
    *json = plan ? json_dumps(plan, JSON_COMPACT) : NULL;
    json_decref(plan);
    return *json ? TM_OK : tm_fail_memory(error, "the run's plan");
}

static tm_status read_cases(const json_t *cases, tm_case_list *list, tm_error *error)
{
    const size_t count = json_array_size(cases);
    tm_case *items = calloc(count + 1, sizeof *items);
    if (!items) return tm_fail_memory(error, "cases");
    for (size_t i = 0; i < count; i++) {
        const char *id = json_string_value(json_array_get(json_array_get(cases, i), 0));
        const char *suite = json_string_value(json_array_get(json_array_get(cases, i), 1));
        const tm_status status = id && suite ? tm_case_parse(id, suite, &items[i], error)
                                             : tm_fail(error, TM_INVALID_ARGUMENT, "the run's plan: bad case");
        if (status != TM_OK) {
            tm_case_list partial = {items, i, count};
            tm_case_list_free(&partial);
            return status;
        }
    }
    tm_case_list_free(list);
    *list = (tm_case_list){items, count, count + 1};
    return TM_OK;
}

static bool take(char *into, size_t capacity, const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value && (size_t)snprintf(into, capacity, "%s", value) < capacity;
}

static bool spec_from_json(const json_t *object, tm_backend_spec *spec)
{
    *spec = (tm_backend_spec){
        .threads = (int32_t)json_integer_value(json_object_get(object, "threads")),
        .delay_percent = (int32_t)json_integer_value(json_object_get(object, "delay")),
        .twin = json_is_true(json_object_get(object, "twin")),
    };
    take(spec->definition, sizeof spec->definition, object, "definition"); /* older plans have none */
    return take(spec->id, sizeof spec->id, object, "id") && take(spec->name, sizeof spec->name, object, "name") &&
           take(spec->device, sizeof spec->device, object, "device") &&
           take(spec->options, sizeof spec->options, object, "options") &&
           take(spec->location, sizeof spec->location, object, "location") &&
           take(spec->library, sizeof spec->library, object, "library");
}

static tm_status read_backends(const json_t *backends, tm_run_options *options, tm_error *error)
{
    const size_t count = json_array_size(backends);
    if (count == 0 || count > TM_MOST_BACKENDS)
        return tm_fail(error, TM_INVALID_ARGUMENT, "the run's plan: bad backends");
    tm_backend_spec *specs = calloc(count, sizeof *specs);
    if (!specs) return tm_fail_memory(error, "backends");
    for (size_t i = 0; i < count; i++) {
        if (!spec_from_json(json_array_get(backends, i), &specs[i])) {
            free(specs);
            return tm_fail(error, TM_INVALID_ARGUMENT, "the run's plan: backend %zu is damaged", i);
        }
    }
    free(options->backends);
    options->backends = specs;
    options->backend_count = (int32_t)count;
    return TM_OK;
}

/* The base as a pointer into the backends, which live as long as the options. */
static const char *base_id(const json_t *plan, const tm_run_options *options)
{
    const char *base = json_string_value(json_object_get(plan, "base"));
    for (int32_t i = 0; base && i < options->backend_count; i++) {
        if (strcmp(options->backends[i].id, base) == 0) return options->backends[i].id;
    }
    return NULL;
}

tm_status tm_run_plan_read(const char *json, tm_run_options *options, tm_error *error)
{
    json_t *plan = json_loads(json, 0, NULL);
    tm_status status = TM_OK;
    const char *seed = json_string_value(json_object_get(plan, "seed"));
    const json_int_t mode = json_integer_value(json_object_get(plan, "mode"));
    if (json_integer_value(json_object_get(plan, "version")) != PLAN_VERSION || !seed ||
        !tm_parse_u64(seed, &options->seed) || mode < TM_MODE_DEFAULT || mode > TM_MODE_FULL) {
        status = tm_fail(error, TM_INVALID_ARGUMENT, "the run's plan was written by another version");
        goto done;
    }
    status = read_cases(json_object_get(plan, "cases"), options->cases, error);
    if (status == TM_OK) status = read_backends(json_object_get(plan, "backends"), options, error);
    if (status != TM_OK) goto done;
    options->mode = (tm_mode)mode;
    options->base = base_id(plan, options);
    options->threads = (int32_t)json_integer_value(json_object_get(plan, "threads"));
    options->budget_s = json_real_value(json_object_get(plan, "budget"));
    options->cooldown = json_real_value(json_object_get(plan, "cooldown"));
done:
    json_decref(plan);
    return status;
}

typedef struct restore_context {
    tm_run *run;
    double last_start_ns;
    tm_status status;
    tm_error *error;
} restore_context;

static bool restore_visit(void *context, const tm_store_visit *stored)
{
    restore_context *restore = context;
    tm_run *run = restore->run;
    const int64_t cases = (int64_t)run->options->cases->count;
    if (stored->case_position < 0 || stored->case_position >= cases || stored->backend_position < 0 ||
        stored->backend_position >= run->options->backend_count || stored->incarnation < 0 ||
        stored->incarnation >= TM_MOST_INCARNATIONS || stored->round < 0 || stored->round >= run->schedule.rounds) {
        restore->status =
            tm_fail(restore->error, TM_INVALID_ARGUMENT, "run %s: a stored visit is out of range", run->id);
        return false;
    }
    const tm_visit visit = {stored->incarnation, stored->round,           stored->start_ns,
                            stored->sample_ns,   (size_t)stored->samples, stored->core_to_core_ns};
    tm_cell *cell = tm_run_cell(run, stored->case_position, (int32_t)stored->backend_position);
    restore->status = tm_cell_add_visit(cell, &visit, restore->error);
    if (stored->start_ns > restore->last_start_ns) restore->last_start_ns = stored->start_ns;
    run->round_done[(stored->case_position * TM_MOST_INCARNATIONS + stored->incarnation) * run->schedule.rounds +
                    stored->round] = true;
    return restore->status == TM_OK;
}

static tm_grade grade_of(const char *name)
{
    for (int grade = TM_GRADE_NONE; grade <= TM_GRADE_FAIL; grade++) {
        if (strcmp(name, tm_grade_name((tm_grade)grade)) == 0) return (tm_grade)grade;
    }
    return TM_GRADE_NONE;
}

static void restore_cell(tm_cell *cell, const tm_record_cell *row)
{
    cell->first_call_ns = row->first_call_ns;
    cell->check.grade = grade_of(row->verify);
    cell->check.max_error = isnan(row->error) ? 0 : row->error;
    cell->check.rms_error = isnan(row->rms_error) ? 0 : row->rms_error;
    cell->check.checked = row->checked;
    cell->check.freivalds = row->freivalds;
    tm_cell_read_labels(cell, row->labels);
    /* As if it were of one visit as long as the median: the mean power is the same. */
    if (row->metrics && sscanf(row->metrics, "{\"energy_j\":%lf", &cell->energy_j) == 1) {
        cell->measured_ns = row->median_ns;
    }
    cell->probe_done = cell->probe_exists = strcmp(row->probe, "none") != 0;
    cell->probe_passed = strcmp(row->probe, "pass") == 0;
    cell->discarded = (int32_t)row->discarded;
    cell->peak_host = (uint64_t)row->peak_host_bytes;
    cell->peak_device = (uint64_t)row->peak_device_bytes;
    const bool pending = row->status == TM_CELL_SKIPPED && strcmp(row->reason, "not measured yet") == 0;
    if (row->status != TM_CELL_OK && !pending) tm_cell_end(cell, row->status, row->reason);
}

tm_status tm_run_restore(tm_run *run, tm_error *error)
{
    tm_record *stored = NULL;
    tm_status status = tm_store_load(run->store, run->id, false, &stored, error);
    if (status != TM_OK) return status;
    for (int64_t i = 0; i < stored->cell_count; i++) {
        const tm_record_cell *row = &stored->cells[i];
        for (size_t c = 0; c < run->options->cases->count; c++) {
            if (strcmp(run->options->cases->items[c].id, row->case_id) != 0) continue;
            for (int32_t b = 0; b < run->options->backend_count; b++) {
                if (strcmp(run->options->backends[b].id, row->backend) == 0) {
                    restore_cell(tm_run_cell(run, (int64_t)c, b), row);
                }
            }
        }
    }
    tm_record_free(stored);
    restore_context restore = {run, 0, TM_OK, error};
    status = tm_store_visits(run->store, run->id, restore_visit, &restore, error);
    run->started_ns -= restore.last_start_ns; /* times of visits go on where they ended */
    return restore.status != TM_OK ? restore.status : status;
}
