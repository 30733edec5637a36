/* JSON, "tensormark.run/1": what is not known is null; text is escaped to ASCII, so that it shows as text anywhere. */
#include "report/format.h"
#include "report/json_value.h"

#include <math.h>
#include <string.h>

/* Every builder below takes NULL for "memory is short" and passes it on; json_object_set_new does so too. */
json_t *tm_json_text(const char *text)
{
    if (!text) return json_null();
    json_t *value = json_string(text);
    if (value) return value;
    tm_text visible = {0}; /* not UTF-8 */
    tm_text_add_visible(&visible, text);
    value = json_string(tm_report_text(visible.data));
    tm_text_free(&visible);
    return value;
}

json_t *tm_json_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

/* Counts of operations and bytes are whole numbers and should look so. */
static json_t *whole_or_null(double value)
{
    const bool whole = isfinite(value) && fabs(value) < 9e15 && value == floor(value);
    return whole ? json_integer((json_int_t)value) : tm_json_real(value);
}

static json_t *measured_or_null(double value)
{
    return value > 0 ? tm_json_real(value) : json_null();
}

static json_t *bytes_or_null(int64_t bytes)
{
    return bytes > 0 ? json_integer(bytes) : json_null();
}

static bool set(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0;
}

static json_t *words(const char *list)
{
    json_t *array = json_array();
    for (const char *at = list; array && at && *at;) {
        at += strspn(at, ", ");
        const size_t length = strcspn(at, ",");
        if (length) {
            tm_text word = {0};
            tm_text_add_bytes(&word, at, length);
            if (word.failed || json_array_append_new(array, tm_json_text(word.data)) != 0) {
                json_decref(array);
                array = NULL;
            }
            tm_text_free(&word);
        }
        at += length;
    }
    return array;
}

/* An object; an empty one for a text that is none. Jansson does not always tell short memory from bad syntax: bad
 * syntax fails twice, and where memory stays short the empty object cannot be made either. */
static json_t *parsed_object(const char *text)
{
    for (int attempt = 0; text && *text && attempt < 2; attempt++) {
        json_t *value = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
        if (json_is_object(value)) return value;
        json_decref(value);
    }
    return json_object();
}

/* A seed that most readers would not take back whole as a number is text. */
static json_t *seed_value(uint64_t seed)
{
    if (seed <= INT64_MAX) return json_integer((json_int_t)seed);
    tm_text digits = {0};
    tm_text_format(&digits, "%llu", (unsigned long long)seed);
    json_t *value = tm_json_text(digits.data);
    tm_text_free(&digits);
    return value;
}

static json_t *run_object(const tm_record *record)
{
    json_t *run = json_object();
    const char *finished = tm_report_text(record->finished);
    const bool good =
        set(run, "id", tm_json_text(record->id)) && set(run, "started", tm_json_text(record->started)) &&
        set(run, "finished", tm_json_text(*finished ? finished : NULL)) && set(run, "seed", seed_value(record->seed)) &&
        set(run, "mode", tm_json_text(record->mode)) && set(run, "command", tm_json_text(record->command)) &&
        set(run, "version", tm_json_text(record->version)) && set(run, "status", tm_json_text(record->status));
    if (good) return run;
    json_decref(run);
    return NULL;
}

static json_t *machine_object(const tm_record_machine *machine)
{
    json_t *object = json_object(), *limits = json_object();
    const struct {
        const char *key;
        double value;
    } figures[] = {
        {"read_gbs", machine->read_gbs},     {"copy_gbs", machine->copy_gbs},       {"write_gbs", machine->write_gbs},
        {"l1_gbs", machine->l1_gbs},         {"l2_gbs", machine->l2_gbs},           {"llc_gbs", machine->llc_gbs},
        {"f32_gflops", machine->f32_gflops}, {"bf16_gflops", machine->bf16_gflops}, {"i8_gops", machine->i8_gops}};
    bool good = true;
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        good = set(limits, figures[i].key, measured_or_null(figures[i].value)) && good;
    }
    good = good && set(object, "key", tm_json_text(machine->key)) && set(object, "cpu", tm_json_text(machine->cpu)) &&
           set(object, "cores", json_integer(machine->cores)) &&
           set(object, "memory_bytes", json_integer(machine->memory_bytes)) &&
           set(object, "gpus", words(machine->gpus)) && set(object, "os", tm_json_text(machine->os)) &&
           set(object, "governor", tm_json_text(machine->governor)) && set(object, "smt", tm_json_text(machine->smt)) &&
           set(object, "facts", parsed_object(machine->facts));
    if (good && json_object_set(object, "limits", limits) == 0) {
        json_decref(limits);
        return object;
    }
    json_decref(limits);
    json_decref(object);
    return NULL;
}

static json_t *backend_object(const tm_record_backend *backend)
{
    json_t *object = json_object();
    if (set(object, "id", tm_json_text(backend->id)) &&
        set(object, "framework_version", tm_json_text(backend->framework_version)) &&
        set(object, "device", tm_json_text(backend->device)) &&
        set(object, "threads", json_integer(backend->threads)) &&
        set(object, "options", tm_json_text(backend->options)) &&
        set(object, "library", tm_json_text(backend->library)) &&
        set(object, "definition", tm_json_text(backend->definition))) {
        return object;
    }
    json_decref(object);
    return NULL;
}

static json_t *time_object(const tm_record_cell *cell)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:I}", "median", tm_json_real(cell->median_ns), "ci_low",
                     tm_json_real(cell->ci_low_ns), "ci_high", tm_json_real(cell->ci_high_ns), "p5",
                     tm_json_real(cell->p5_ns), "p95", tm_json_real(cell->p95_ns), "min", tm_json_real(cell->min_ns),
                     "samples", (json_int_t)cell->samples);
}

static json_t *verify_object(const tm_record_cell *cell)
{
    return json_pack("{s:o, s:o, s:o, s:I, s:o, s:o}", "status", tm_json_text(cell->verify), "error",
                     tm_json_real(cell->error), "rms_error", tm_json_real(cell->rms_error), "checked_elements",
                     (json_int_t)cell->checked, "probe", tm_json_text(cell->probe), "freivalds",
                     tm_json_real(cell->freivalds));
}

static json_t *work_object(const tm_record_cell *cell)
{
    return json_pack("{s:o, s:o}", "flop", whole_or_null(cell->flop), "bytes", whole_or_null(cell->bytes));
}

static json_t *repeat_text(const tm_record *record, const tm_record_cell *cell)
{
    tm_text command = {0};
    tm_report_repeat(record, cell->case_id, cell->backend, &command);
    json_t *value = command.failed ? NULL : tm_json_text(command.data);
    tm_text_free(&command);
    return value;
}

static json_t *cell_object(const tm_record *record, const tm_record_cell *cell)
{
    json_t *object = json_object();
    if (set(object, "case", tm_json_text(cell->case_id)) && set(object, "suite", tm_json_text(cell->suite)) &&
        set(object, "op", tm_json_text(cell->group)) && set(object, "backend", tm_json_text(cell->backend)) &&
        set(object, "status", json_string(tm_cell_status_name(cell->status))) &&
        set(object, "reason", tm_json_text(cell->reason)) && set(object, "time_ns", time_object(cell)) &&
        set(object, "first_call_ns", tm_json_real(cell->first_call_ns)) && set(object, "verify", verify_object(cell)) &&
        set(object, "work", work_object(cell)) && set(object, "limit_ns", tm_json_real(cell->limit_ns)) &&
        set(object, "limit_basis", tm_json_text(cell->limit_basis)) &&
        set(object, "floor_ns", tm_json_real(cell->floor_ns)) &&
        set(object, "efficiency", tm_json_real(cell->efficiency)) &&
        set(object, "peak_host_bytes", bytes_or_null(cell->peak_host_bytes)) &&
        set(object, "peak_device_bytes", bytes_or_null(cell->peak_device_bytes)) &&
        set(object, "cache", json_string(tm_report_cache(cell->case_id))) &&
        set(object, "discarded", json_integer(cell->discarded)) && set(object, "labels", words(cell->labels)) &&
        set(object, "metrics", parsed_object(cell->metrics)) && set(object, "repeat", repeat_text(record, cell))) {
        return object;
    }
    json_decref(object);
    return NULL;
}

static json_t *comparison_object(const tm_record_comparison *pair)
{
    const char *verdict = tm_report_text(pair->verdict);
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "case", tm_json_text(pair->case_id), "backend",
                     tm_json_text(pair->backend), "base", tm_json_text(pair->base), "ratio", tm_json_real(pair->ratio),
                     "ci_low", tm_json_real(pair->ci_low), "ci_high", tm_json_real(pair->ci_high), "smallest_effect",
                     tm_json_real(pair->smallest_effect), "margin", tm_json_real(pair->margin), "verdict",
                     tm_json_text(*verdict ? verdict : NULL));
}

static json_t *sample_object(const tm_record *record, const tm_record_sample *sample)
{
    json_t *values = json_array();
    for (int64_t i = 0; i < sample->count; i++) {
        if (json_array_append_new(values, tm_json_real(sample->ns[i])) != 0) {
            json_decref(values);
            return NULL;
        }
    }
    const tm_record_cell *cell = &record->cells[sample->cell];
    return json_pack("{s:o, s:o, s:i, s:i, s:o, s:o}", "case", tm_json_text(cell->case_id), "backend",
                     tm_json_text(cell->backend), "incarnation", (int)sample->incarnation, "round", (int)sample->round,
                     "core_to_core_ns", tm_json_real(sample->core_to_core_ns), "ns", values);
}

/* The arrays of a record under one roof: kind by kind, item by item. */
typedef enum kind { BACKENDS, CELLS, COMPARISONS, TWINS, SAMPLES } kind;

static json_t *item_of(const tm_record *record, kind of, int64_t i)
{
    switch (of) {
    case BACKENDS: return backend_object(&record->backends[i]);
    case CELLS: return cell_object(record, &record->cells[i]);
    case COMPARISONS: return comparison_object(&record->comparisons[i]);
    case TWINS: return comparison_object(&record->aa[i]);
    default: return sample_object(record, &record->samples[i]);
    }
}

static json_t *array_of(const tm_record *record, kind of)
{
    const int64_t counts[] = {record->backend_count, record->cell_count, record->comparison_count, record->aa_count,
                              record->sample_count};
    json_t *array = json_array();
    for (int64_t i = 0; i < counts[of]; i++) {
        if (json_array_append_new(array, item_of(record, of, i)) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static int append(const char *bytes, size_t count, void *into)
{
    tm_text_add_bytes(into, bytes, count);
    return ((tm_text *)into)->failed ? -1 : 0;
}

void tm_json_print(json_t *value, bool good, size_t flags, tm_text *into)
{
    if (!good || json_dump_callback(value, append, into, flags | JSON_ENSURE_ASCII) != 0) into->failed = true;
    tm_text_add(into, "\n");
    json_decref(value);
}

void tm_report_json(const tm_record *record, const tm_report_style *style, tm_text *into)
{
    json_t *root = json_object();
    bool good = set(root, "schema", json_string("tensormark.run/1")) && set(root, "run", run_object(record)) &&
                set(root, "machine", machine_object(&record->machine)) &&
                set(root, "backends", array_of(record, BACKENDS)) && set(root, "cells", array_of(record, CELLS)) &&
                set(root, "comparisons", array_of(record, COMPARISONS)) && set(root, "aa", array_of(record, TWINS)) &&
                set(root, "aa_floor", tm_json_real(record->aa_floor));
    if (style->samples) good = good && set(root, "samples", array_of(record, SAMPLES));
    tm_json_print(root, good, JSON_INDENT(1), into);
}

void tm_report_jsonl(const tm_record *record, const tm_report_style *style, tm_text *into)
{
    (void)style;
    for (int64_t i = 0; i < record->cell_count; i++) {
        json_t *line = cell_object(record, &record->cells[i]);
        const bool good = set(line, "run", tm_json_text(record->id));
        tm_json_print(line, good, JSON_COMPACT, into);
    }
}
