/* From --backends, --backend and --threads to backend specs. */
#include "cli/cli.h"
#include "run/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_THREAD_COUNTS = 64 };

int tm_cli_torch(const tm_options *options)
{
    if (options->torch && setenv("TENSORMARK_TORCH", options->torch, 1) != 0) {
        return tm_cli_complain(TM_EXIT_FAILED, "out of memory for --torch");
    }
    return TM_EXIT_OK;
}

int tm_cli_isa(const tm_options *options)
{
    if (!options->isa) return TM_EXIT_OK;
    if (strchr(options->isa, ',')) {
        return tm_cli_complain(TM_EXIT_USAGE,
                               "--isa: one instruction set; for several: --backends native+isa=A,native+isa=B");
    }
    if (setenv("TENSORMARK_ISA", options->isa, 1) != 0) {
        return tm_cli_complain(TM_EXIT_FAILED, "out of memory for --isa");
    }
    return TM_EXIT_OK;
}

int tm_cli_threads(const char *list, int32_t *into, int capacity, int *count)
{
    *count = 0;
    for (const char *at = list; at;) {
        const size_t length = strcspn(at, ",");
        char part[24];
        int64_t value = 0;
        snprintf(part, sizeof part, "%.*s", (int)(length < sizeof part ? length : sizeof part - 1), at);
        if (!tm_parse_i64(part, &value) || value < 1 || value > 4096) {
            return tm_cli_complain(TM_EXIT_USAGE, "--threads: '%s' is not a number from 1 to 4096", part);
        }
        for (int i = 0; i < *count; i++) {
            if (into[i] == value) return tm_cli_complain(TM_EXIT_USAGE, "--threads: %s stands there twice", part);
        }
        if (*count == capacity) return tm_cli_complain(TM_EXIT_USAGE, "--threads: more than %d counts", capacity);
        into[(*count)++] = (int32_t)value;
        at = at[length] ? at + length + 1 : NULL;
    }
    return TM_EXIT_OK;
}

/* What is being made. */
typedef struct specs {
    const tm_options *options;
    int32_t threads[MOST_THREAD_COUNTS];
    int thread_counts;
    tm_backend_spec *items;
    int32_t count;
} specs;

static int append(specs *list, const char *text)
{
    if (list->count == TM_MOST_BACKENDS) {
        return tm_cli_complain(TM_EXIT_USAGE, "--backends: more than %d backends", TM_MOST_BACKENDS);
    }
    tm_backend_spec *items = realloc(list->items, ((size_t)list->count + 1) * sizeof *items);
    if (!items) return tm_cli_complain(TM_EXIT_FAILED, "out of memory for the backends");
    list->items = items;
    tm_error error = {""};
    const tm_status status = tm_backend_spec_parse(text, list->options->backend.items, &items[list->count], &error);
    if (status != TM_OK) return tm_cli_error(status, &error);
    for (int32_t i = 0; i < list->count; i++) {
        if (strcmp(items[i].id, items[list->count].id) == 0) {
            return tm_cli_complain(TM_EXIT_USAGE, "backend '%s' stands there twice", items[i].id);
        }
    }
    list->count++;
    return TM_EXIT_OK;
}

/* One backend by name; with several thread counts, one for each, unless the name says a count itself. */
static int append_each(specs *list, const char *text)
{
    tm_backend_spec spec;
    const bool parsed = tm_backend_spec_parse(text, list->options->backend.items, &spec, NULL) == TM_OK;
    if (list->thread_counts < 2 || !parsed || spec.threads > 0) return append(list, text);
    int result = TM_EXIT_OK;
    for (int i = 0; i < list->thread_counts && result == TM_EXIT_OK; i++) {
        tm_text name = {0};
        tm_text_format(&name, "%s+threads=%d", text, (int)list->threads[i]);
        result = name.failed ? TM_EXIT_FAILED : append(list, name.data);
        tm_text_free(&name);
    }
    return result;
}

static int append_list(specs *list, const char *names)
{
    int result = TM_EXIT_OK;
    for (const char *at = names; at && result == TM_EXIT_OK;) {
        const size_t length = strcspn(at, ",");
        tm_text name = {0};
        tm_text_add_bytes(&name, at, length);
        if (name.failed)
            result = tm_cli_complain(TM_EXIT_FAILED, "out of memory for the backends");
        else if (length == 0)
            result = tm_cli_complain(TM_EXIT_USAGE, "--backends: an empty name in '%.200s'", names);
        else
            result = append_each(list, name.data);
        tm_text_free(&name);
        at = at[length] ? at + length + 1 : NULL;
    }
    return result;
}

/* native, and what else can run here, each on the device that it is used on by default or, without that, on another. */
static int append_found(specs *list)
{
    int result = append_each(list, "native");
    const char *const *names = tm_backend_names();
    for (int i = 0; names[i] && result == TM_EXIT_OK; i++) {
        tm_backend_found found;
        if (strcmp(names[i], "native") == 0) continue;
        if (tm_backend_probe_default(names[i], &found, NULL) != TM_OK) continue;
        if (found.usable)
            result = append_each(list, found.spec.id);
        else if (list->options->verbose)
            tm_cli_say("%s is left out: %s", names[i], found.reason);
    }
    for (int i = 0; i < list->options->backend.count && result == TM_EXIT_OK; i++) {
        const char *definition = list->options->backend.items[i];
        tm_text name = {0};
        tm_text_add_bytes(&name, definition, strcspn(definition, "="));
        result = name.failed ? TM_EXIT_FAILED : append_each(list, name.data);
        tm_text_free(&name);
    }
    return result;
}

static int check_definitions(const tm_words *definitions)
{
    for (int i = 0; i < definitions->count; i++) {
        const char *equals = strchr(definitions->items[i], '=');
        if (!equals || equals == definitions->items[i] || !equals[1]) {
            return tm_cli_complain(TM_EXIT_USAGE, "--backend: '%.200s' is not NAME=SPEC", definitions->items[i]);
        }
    }
    return TM_EXIT_OK;
}

int tm_cli_backends(const tm_options *options, tm_backend_spec **into, int32_t *count, int32_t *threads)
{
    specs list = {.options = options};
    int result = tm_cli_torch(options);
    if (result == TM_EXIT_OK) result = check_definitions(&options->backend);
    if (result == TM_EXIT_OK && options->threads) {
        result = tm_cli_threads(options->threads, list.threads, MOST_THREAD_COUNTS, &list.thread_counts);
    }
    if (result == TM_EXIT_OK) {
        result = options->backends ? append_list(&list, options->backends) : append_found(&list);
    }
    *threads = list.thread_counts == 1 ? list.threads[0] : 0;
    *into = list.items;
    *count = list.count;
    return result;
}
