/* JSON, "tensormark.run/1": what is not known is null; text is escaped to ASCII, so that it shows as text anywhere. */
#include "report/format.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

/* Every builder below takes NULL for "memory is short" and passes it on; json_object_set_new does so too. */
static json_t *text_or_null(const char *text)
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

static json_t *real_or_null(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

/* Counts of operations and bytes are whole numbers and should look so. */
static json_t *whole_or_null(double value)
{
    const bool whole = isfinite(value) && fabs(value) < 9e15 && value == floor(value);
    return whole ? json_integer((json_int_t)value) : real_or_null(value);
}

static json_t *measured_or_null(double value)
{
    return value > 0 ? real_or_null(value) : json_null();
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
            if (word.failed || json_array_append_new(array, text_or_null(word.data)) != 0) {
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
    json_t *value = text_or_null(digits.data);
    tm_text_free(&digits);
    return value;
}

static json_t *run_object(const tm_record *record)
{
    json_t *run = json_object();
    const char *finished = tm_report_text(record->finished);
    const bool good =
        set(run, "id", text_or_null(record->id)) && set(run, "started", text_or_null(record->started)) &&
        set(run, "finished", text_or_null(*finished ? finished : NULL)) && set(run, "seed", seed_value(record->seed)) &&
        set(run, "mode", text_or_null(record->mode)) && set(run, "command", text_or_null(record->command)) &&
        set(run, "version", text_or_null(record->version)) && set(run, "status", text_or_null(record->status));
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
    } figures[] = {{"read_gbs", machine->read_gbs},       {"copy_gbs", machine->copy_gbs},
                   {"l1_gbs", machine->l1_gbs},           {"l2_gbs", machine->l2_gbs},
                   {"llc_gbs", machine->llc_gbs},         {"f32_gflops", machine->f32_gflops},
                   {"bf16_gflops", machine->bf16_gflops}, {"i8_gops", machine->i8_gops}};
    bool good = true;
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        good = set(limits, figures[i].key, measured_or_null(figures[i].value)) && good;
    }
    good = good && set(object, "key", text_or_null(machine->key)) && set(object, "cpu", text_or_null(machine->cpu)) &&
           set(object, "cores", json_integer(machine->cores)) &&
           set(object, "memory_bytes", json_integer(machine->memory_bytes)) &&
           set(object, "gpus", words(machine->gpus)) && set(object, "os", text_or_null(machine->os)) &&
           set(object, "governor", text_or_null(machine->governor)) && set(object, "smt", text_or_null(machine->smt)) &&
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
    if (set(object, "id", text_or_null(backend->id)) &&
        set(object, "framework_version", text_or_null(backend->framework_version)) &&
        set(object, "device", text_or_null(backend->device)) &&
        set(object, "threads", json_integer(backend->threads)) &&
        set(object, "options", text_or_null(backend->options)) &&
        set(object, "library", text_or_null(backend->library))) {
        return object;
    }
    json_decref(object);
    return NULL;
}

static json_t *time_object(const tm_record_cell *cell)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:I}", "median", real_or_null(cell->median_ns), "ci_low",
                     real_or_null(cell->ci_low_ns), "ci_high", real_or_null(cell->ci_high_ns), "p5",
                     real_or_null(cell->p5_ns), "p95", real_or_null(cell->p95_ns), "min", real_or_null(cell->min_ns),
                     "samples", (json_int_t)cell->samples);
}

static json_t *verify_object(const tm_record_cell *cell)
{
    return json_pack("{s:o, s:o, s:o, s:I, s:o, s:o}", "status", text_or_null(cell->verify), "error",
                     real_or_null(cell->error), "rms_error", real_or_null(cell->rms_error), "checked_elements",
                     (json_int_t)cell->checked, "probe", text_or_null(cell->probe), "freivalds",
                     real_or_null(cell->freivalds));
}

static json_t *work_object(const tm_record_cell *cell)
{
    return json_pack("{s:o, s:o}", "flop", whole_or_null(cell->flop), "bytes", whole_or_null(cell->bytes));
}

static json_t *repeat_text(const tm_record *record, const tm_record_cell *cell)
{
    tm_text command = {0};
    tm_report_repeat(record, cell->case_id, cell->backend, &command);
    json_t *value = command.failed ? NULL : text_or_null(command.data);
    tm_text_free(&command);
    return value;
}

static json_t *cell_object(const tm_record *record, const tm_record_cell *cell)
{
    json_t *object = json_object();
    if (set(object, "case", text_or_null(cell->case_id)) && set(object, "suite", text_or_null(cell->suite)) &&
        set(object, "op", text_or_null(cell->group)) && set(object, "backend", text_or_null(cell->backend)) &&
        set(object, "status", json_string(tm_cell_status_name(cell->status))) &&
        set(object, "reason", text_or_null(cell->reason)) && set(object, "time_ns", time_object(cell)) &&
        set(object, "first_call_ns", real_or_null(cell->first_call_ns)) && set(object, "verify", verify_object(cell)) &&
        set(object, "work", work_object(cell)) && set(object, "limit_ns", real_or_null(cell->limit_ns)) &&
        set(object, "limit_basis", text_or_null(cell->limit_basis)) &&
        set(object, "floor_ns", real_or_null(cell->floor_ns)) &&
        set(object, "efficiency", real_or_null(cell->efficiency)) &&
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
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "case", text_or_null(pair->case_id), "backend",
                     text_or_null(pair->backend), "base", text_or_null(pair->base), "ratio", real_or_null(pair->ratio),
                     "ci_low", real_or_null(pair->ci_low), "ci_high", real_or_null(pair->ci_high), "smallest_effect",
                     real_or_null(pair->smallest_effect), "margin", real_or_null(pair->margin), "verdict",
                     text_or_null(*verdict ? verdict : NULL));
}

static json_t *sample_object(const tm_record *record, const tm_record_sample *sample)
{
    json_t *values = json_array();
    for (int64_t i = 0; i < sample->count; i++) {
        if (json_array_append_new(values, real_or_null(sample->ns[i])) != 0) {
            json_decref(values);
            return NULL;
        }
    }
    const tm_record_cell *cell = &record->cells[sample->cell];
    return json_pack("{s:o, s:o, s:i, s:i, s:o}", "case", text_or_null(cell->case_id), "backend",
                     text_or_null(cell->backend), "incarnation", (int)sample->incarnation, "round", (int)sample->round,
                     "ns", values);
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

static void print(json_t *value, bool good, size_t flags, tm_text *into)
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
                set(root, "aa_floor", real_or_null(record->aa_floor));
    if (style->samples) good = good && set(root, "samples", array_of(record, SAMPLES));
    print(root, good, JSON_INDENT(1), into);
}

void tm_report_jsonl(const tm_record *record, const tm_report_style *style, tm_text *into)
{
    (void)style;
    for (int64_t i = 0; i < record->cell_count; i++) {
        json_t *line = cell_object(record, &record->cells[i]);
        const bool good = set(line, "run", text_or_null(record->id));
        print(line, good, JSON_COMPACT, into);
    }
}
