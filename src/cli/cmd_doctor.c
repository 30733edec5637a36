/* tensormark doctor: what was found here, what makes numbers noisy, and what to do about it. Everything is gathered
 * first; the two forms only render. */
#include "cli/cli.h"
#include "measure/gpu_clocks.h"
#include "measure/machine.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MOST_ADVICE = 64, MOST_GPUS = 16, MOST_FACTS = 16, FACT = 320 };

static const double first_touch_s = 0.5;
static const uint64_t first_touch_bytes = UINT64_C(512) << 20;

typedef struct fact {
    const char *name;
    char value[FACT];
} fact;

typedef struct doctor {
    tm_machine machine;
    fact facts[MOST_FACTS];
    int fact_count;
    tm_advice advice[MOST_ADVICE];
    int advice_count;
    tm_text results; /* what there is of the database */
} doctor;

static void add_fact(doctor *found, const char *name, const char *value)
{
    if (found->fact_count == MOST_FACTS) return;
    fact *one = &found->facts[found->fact_count++];
    one->name = name;
    snprintf(one->value, sizeof one->value, "%s", *value ? value : "none");
}

static void gather_facts(doctor *found)
{
    const tm_machine *machine = &found->machine;
    char line[256];
    add_fact(found, "CPU", machine->cpu);
    add_fact(found, "instruction sets", machine->isa);
    snprintf(line, sizeof line, "%d usable of %d, %d NUMA node%s", (int)machine->cores, (int)machine->cores_total,
             (int)machine->numa_nodes, machine->numa_nodes == 1 ? "" : "s");
    add_fact(found, "cores", line);
    snprintf(line, sizeof line, "%.1f GB, %.1f GB of it available, swap %.1f GB", (double)machine->memory_bytes / 1e9,
             (double)machine->available_bytes / 1e9, (double)machine->swap_bytes / 1e9);
    add_fact(found, "memory", line);
    add_fact(found, "GPUs", machine->gpus);
    add_fact(found, "system", machine->os);
    add_fact(found, "container", machine->container);
}

static void add_advice(doctor *found, const tm_advice *advice)
{
    if (found->advice_count < MOST_ADVICE) found->advice[found->advice_count++] = *advice;
}

static void gather_gpus(doctor *found)
{
    tm_gpu_clock clocks[MOST_GPUS];
    const int count = tm_gpu_clocks_read("libnvidia-ml.so.1", clocks, MOST_GPUS);
    for (int i = 0; i < count; i++) {
        tm_advice advice = tm_gpu_clock_advice(&clocks[i]);
        snprintf(advice.subject, sizeof advice.subject, "clock of GPU %d", i);
        add_advice(found, &advice);
    }
    if (count > 0) return;
    tm_advice none = {.level = TM_ADVICE_OK, .subject = "GPU clocks"};
    snprintf(none.finding, sizeof none.finding, count < 0 ? "unknown: no NVIDIA management library" : "no NVIDIA GPU");
    add_advice(found, &none);
}

/* A framework that is missing makes no number wrong, but there is one column less. */
static void gather_backends(doctor *found)
{
    for (const char *const *name = tm_backend_names(); *name; name++) {
        tm_backend_found seen = {0};
        tm_error error = {""};
        tm_advice advice = {.level = TM_ADVICE_ADVICE};
        snprintf(advice.subject, sizeof advice.subject, "backend %.32s", *name);
        const bool known = tm_backend_probe_default(*name, &seen, &error) == TM_OK;
        if (seen.usable) {
            advice.level = TM_ADVICE_OK;
            snprintf(advice.finding, sizeof advice.finding, "%s%s%s", seen.info.framework,
                     *seen.info.device ? ", " : "", seen.info.device);
        } else {
            snprintf(advice.finding, sizeof advice.finding, "not usable: %.200s", known ? seen.reason : error.message);
            snprintf(advice.action, sizeof advice.action, "%s",
                     strcmp(*name, "torch") == 0
                         ? "to compare with PyTorch: ./peers.sh puts it into .venv; one that is elsewhere is named by "
                           "--torch PATH or $TENSORMARK_TORCH"
                         : "to compare with it: ./peers.sh installs what can be installed here");
        }
        add_advice(found, &advice);
    }
}

static void gather_results(const tm_options *options, tm_text *into)
{
    char path[4096];
    tm_error error = {""};
    tm_store *store = NULL;
    tm_store_entry *entries = NULL;
    int64_t count = 0;
    struct stat facts;
    tm_status status = tm_cli_database(options, path, sizeof path, &error);
    if (status == TM_OK && stat(path, &facts) != 0) {
        tm_text_add_visible(into, path);
        tm_text_add(into, ": not there yet; the first run makes it");
        return;
    }
    if (status == TM_OK) status = tm_store_open(path, true, &store, NULL, &error);
    if (status == TM_OK) status = tm_store_list(store, &entries, &count, &error);
    if (status == TM_OK) {
        tm_text_add_visible(into, path);
        tm_text_format(into, ": %lld run%s, %.1f MB", (long long)count, count == 1 ? "" : "s",
                       (double)facts.st_size / 1e6);
    } else {
        tm_text_add_visible(into, error.message);
    }
    free(entries);
    tm_store_close(store);
}

/* Half of what is free at most: looking must not make the system swap. */
static void gather(const tm_options *options, doctor *found)
{
    tm_machine_read(&found->machine);
    gather_facts(found);
    found->advice_count = tm_machine_advice(&found->machine, found->advice, MOST_ADVICE);
    const uint64_t half = found->machine.available_bytes / 2;
    const tm_advice fresh = tm_first_touch_advice(
        tm_first_touch_measure(half < first_touch_bytes ? half : first_touch_bytes, first_touch_s));
    add_advice(found, &fresh);
    gather_gpus(found);
    gather_backends(found);
    gather_results(options, &found->results);
}

static void add_level(const doctor *found, tm_advice_level level, tm_text *into)
{
    for (int i = 0; i < found->advice_count; i++) {
        const tm_advice *advice = &found->advice[i];
        if (advice->level != level) continue;
        tm_text_format(into, "- %s ", tm_advice_level_name(level));
        tm_text_add_visible(into, advice->subject);
        tm_text_add(into, ": ");
        tm_text_add_visible(into, advice->finding);
        if (*advice->action) tm_text_add(into, "\n  do: ");
        tm_text_add_visible(into, advice->action);
        tm_text_add(into, "\n");
    }
}

static void add_markdown(const doctor *found, tm_text *into)
{
    tm_text_add(into, "# This machine\n\n");
    for (int i = 0; i < found->fact_count; i++) {
        tm_text_format(into, "- %s: ", found->facts[i].name);
        tm_text_add_visible(into, found->facts[i].value);
        tm_text_add(into, "\n");
    }
    tm_text_add(into, "\n# Findings\n\n");
    add_level(found, TM_ADVICE_WARNING, into);
    add_level(found, TM_ADVICE_ADVICE, into);
    add_level(found, TM_ADVICE_OK, into);
    tm_text_format(into, "\n# Results\n\n- %s\n", found->results.data);
}

/* Text from anywhere as a JSON string; NULL when memory is short. */
static json_t *visible(const char *value)
{
    tm_text text = {0};
    tm_text_add(&text, "");
    tm_text_add_visible(&text, value);
    json_t *string = text.failed ? NULL : json_string(text.data);
    tm_text_free(&text);
    return string;
}

static int append(const char *bytes, size_t count, void *into)
{
    tm_text_add_bytes(into, bytes, count);
    return ((tm_text *)into)->failed ? -1 : 0;
}

static void add_json(const doctor *found, tm_text *into)
{
    json_t *facts = json_object(), *findings = json_array();
    bool good = facts && findings;
    for (int i = 0; i < found->fact_count && good; i++) {
        good = json_object_set_new(facts, found->facts[i].name, visible(found->facts[i].value)) == 0;
    }
    for (int i = 0; i < found->advice_count && good; i++) {
        const tm_advice *advice = &found->advice[i];
        good = json_array_append_new(findings,
                                     json_pack("{s:s, s:o, s:o, s:o}", "level", tm_advice_level_name(advice->level),
                                               "subject", visible(advice->subject), "finding", visible(advice->finding),
                                               "action", visible(advice->action))) == 0;
    }
    json_t *root = json_pack("{s:s, s:O, s:O, s:o}", "schema", "tensormark.doctor/1", "machine", facts, "findings",
                             findings, "results", visible(found->results.data));
    if (!good || !root || json_dump_callback(root, append, into, JSON_INDENT(1) | JSON_ENSURE_ASCII) != 0) {
        into->failed = true;
    }
    tm_text_add(into, "\n");
    json_decref(facts);
    json_decref(findings);
    json_decref(root);
}

int tm_cmd_doctor(const tm_options *options)
{
    if (options->arguments.count > 0) return tm_cli_complain(TM_EXIT_USAGE, "doctor takes options only");
    const char *format = options->format ? options->format : "md";
    const bool json = strcmp(format, "json") == 0;
    if (!json && strcmp(format, "md") != 0) return tm_cli_complain(TM_EXIT_USAGE, "doctor: --format is md or json");
    const int torch = tm_cli_torch(options);
    if (torch != TM_EXIT_OK) return torch;
    doctor *found = calloc(1, sizeof *found);
    if (!found) return tm_cli_complain(TM_EXIT_FAILED, "out of memory for the result");
    tm_text text = {0};
    gather(options, found);
    if (found->results.failed || !found->results.data)
        text.failed = true;
    else if (json)
        add_json(found, &text);
    else
        add_markdown(found, &text);
    const int result = tm_cli_write(options, &text);
    tm_text_free(&text);
    tm_text_free(&found->results);
    free(found);
    return result;
}
