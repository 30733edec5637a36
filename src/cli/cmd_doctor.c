/* tensormark doctor: what was found here, what makes numbers noisy, and what to do about it. */
#include "cli/cli.h"
#include "measure/machine.h"
#include "report/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { MOST_ADVICE = 32 };

static void add_fact(const char *name, const char *value, tm_text *into)
{
    tm_text_format(into, "- %s: ", name);
    tm_text_add_visible(into, *value ? value : "none");
    tm_text_add(into, "\n");
}

static void add_machine(const tm_machine *machine, tm_text *into)
{
    char line[256];
    tm_text_add(into, "# This machine\n\n");
    add_fact("CPU", machine->cpu, into);
    add_fact("instruction sets", machine->isa, into);
    snprintf(line, sizeof line, "%d usable of %d, %d NUMA node%s", (int)machine->cores, (int)machine->cores_total,
             (int)machine->numa_nodes, machine->numa_nodes == 1 ? "" : "s");
    add_fact("cores", line, into);
    snprintf(line, sizeof line, "%.1f GB, %.1f GB of it available, swap %.1f GB", (double)machine->memory_bytes / 1e9,
             (double)machine->available_bytes / 1e9, (double)machine->swap_bytes / 1e9);
    add_fact("memory", line, into);
    add_fact("GPUs", machine->gpus, into);
    add_fact("system", machine->os, into);
    add_fact("container", machine->container, into);
    snprintf(line, sizeof line, "governor %s, turbo %s, SMT %s, huge pages %s, clock %s, load %.2f", machine->governor,
             machine->turbo, machine->smt, machine->huge_pages, machine->clock_source, machine->load);
    add_fact("state", line, into);
}

static void add_advice(const tm_machine *machine, tm_text *into)
{
    tm_advice *advice = calloc(MOST_ADVICE, sizeof *advice);
    const int count = advice ? tm_machine_advice(machine, advice, MOST_ADVICE) : 0;
    tm_text_add(into, "\n# Noise\n\n");
    if (!advice) into->failed = true;
    if (count == 0) tm_text_add(into, "Nothing stands out.\n");
    for (int i = 0; i < count; i++) {
        tm_text_add(into, "- ");
        tm_text_add_visible(into, advice[i].subject);
        tm_text_add(into, ": ");
        tm_text_add_visible(into, advice[i].finding);
        tm_text_add(into, *advice[i].action ? "\n  do: " : " (fine)");
        tm_text_add_visible(into, advice[i].action);
        tm_text_add(into, "\n");
    }
    free(advice);
}

static void add_backends(tm_text *into)
{
    tm_text_add(into, "\n# Backends\n\n");
    for (const char *const *name = tm_backend_names(); *name; name++) {
        tm_backend_spec spec;
        tm_backend_found found = {0};
        tm_error error = {""};
        tm_text_format(into, "- %s: ", *name);
        if (tm_backend_spec_parse(*name, NULL, &spec, &error) != TM_OK) {
            tm_text_add_visible(into, error.message);
        } else {
            tm_backend_probe(&spec, &found);
            tm_text_add_visible(into, found.usable ? found.info.framework : "not usable: ");
            tm_text_add(into, found.usable && *found.info.device ? ", " : "");
            tm_text_add_visible(into, found.usable ? found.info.device : found.reason);
        }
        tm_text_add(into, "\n");
    }
}

static void add_database(const tm_options *options, tm_text *into)
{
    char path[4096];
    tm_error error = {""};
    tm_store *store = NULL;
    tm_store_entry *entries = NULL;
    int64_t count = 0;
    struct stat facts;
    tm_text_add(into, "\n# Results\n\n- ");
    tm_status status = tm_cli_database(options, path, sizeof path, &error);
    if (status == TM_OK && stat(path, &facts) != 0) {
        tm_text_add_visible(into, path);
        tm_text_add(into, ": not there yet; the first run makes it\n");
        return;
    }
    if (status == TM_OK) status = tm_store_open(path, true, &store, NULL, &error);
    if (status == TM_OK) status = tm_store_list(store, &entries, &count, &error);
    if (status == TM_OK) {
        tm_text_add_visible(into, path);
        tm_text_format(into, ": %lld run%s, %.1f MB\n", (long long)count, count == 1 ? "" : "s",
                       (double)facts.st_size / 1e6);
    } else {
        tm_text_add_visible(into, error.message);
        tm_text_add(into, "\n");
    }
    free(entries);
    tm_store_close(store);
}

int tm_cmd_doctor(const tm_options *options)
{
    if (options->arguments.count > 0) return tm_cli_complain(TM_EXIT_USAGE, "doctor takes options only");
    const int torch = tm_cli_torch(options);
    if (torch != TM_EXIT_OK) return torch;
    tm_machine machine;
    tm_machine_read(&machine);
    tm_text text = {0};
    add_machine(&machine, &text);
    add_advice(&machine, &text);
    add_backends(&text);
    add_database(options, &text);
    const int result = tm_cli_write(options, &text);
    tm_text_free(&text);
    return result;
}
