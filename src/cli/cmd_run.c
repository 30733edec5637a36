/* tensormark run: choose cases and backends, measure, show the record. Everything shown is read back from the database,
 * so that `show` tells the same. */
#include "cli/cli.h"
#include "cli/gate.h"
#include "cli/progress.h"
#include "report/format.h"
#include "run/run.h"
#include "suite/inputs.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Set by the signal handler: the one thing it may do. */
static volatile sig_atomic_t cancelled;

static void on_signal(int number)
{
    (void)number;
    cancelled = 1;
}

/* The first signal asks for an orderly end, a second one ends at once. A reader of our output that goes away is an
 * error of writing, not the end of the run. */
static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
}

/* What belongs to a run and is freed with it. */
typedef struct invocation {
    tm_case_list cases;
    tm_backend_spec *backends;
    tm_text command;
    char database[4096];
    char resume[64];
    tm_record *baseline; /* of --baseline */
} invocation;

static void free_invocation(invocation *one)
{
    tm_case_list_free(&one->cases);
    free(one->backends);
    tm_text_free(&one->command);
    tm_record_free(one->baseline);
}

static void add_value(const char *name, const char *value, tm_text *into)
{
    tm_text_format(into, " --%s%s", name, *value ? "=" : "");
    if (*value) tm_shell_quote(value, into);
}

static void describe_option(const tm_option *option, const void *field, tm_text *into)
{
    char number[32];
    switch (option->kind) {
    case TM_KIND_FLAG:
        if (*(const bool *)field) add_value(option->name, "", into);
        break;
    case TM_KIND_TEXT:
    case TM_KIND_CHOICE:
    case TM_KIND_MAYBE:
        if (*(const char *const *)field) add_value(option->name, *(const char *const *)field, into);
        break;
    case TM_KIND_MANY:
        for (int i = 0; i < ((const tm_words *)field)->count; i++) {
            add_value(option->name, ((const tm_words *)field)->items[i], into);
        }
        break;
    case TM_KIND_REAL:
    case TM_KIND_SECONDS:
    case TM_KIND_PERCENT:
        snprintf(number, sizeof number, "%g", *(const double *)field);
        if (*(const double *)field >= 0) add_value(option->name, number, into);
        break;
    case TM_KIND_NUMBER:
        snprintf(number, sizeof number, "%llu", (unsigned long long)((const struct tm_number *)field)->value);
        if (((const struct tm_number *)field)->given) add_value(option->name, number, into);
        break;
    }
}

/* The command line for the record, from what the options say, so that the environment's share is in it too. */
static void describe(const tm_options *options, tm_text *into)
{
    int count;
    const tm_option *table = tm_option_table(&count);
    tm_text_add(into, "tensormark run");
    for (int i = 0; i < options->arguments.count; i++) {
        tm_text_add(into, " ");
        tm_shell_quote(options->arguments.items[i], into);
    }
    for (int i = 0; i < count; i++) {
        const void *field = (const char *)options + table[i].offset;
        if (table[i].commands & 1u << TM_COMMAND_run) describe_option(&table[i], field, into);
    }
}

/* What `--resume` brings with it may not be said again. */
static int check_resume(const tm_options *options)
{
    if (!options->resume) return TM_EXIT_OK;
    const bool changed = options->arguments.count || options->backends || options->backend.count || options->filter ||
                         options->exclude || options->quick || options->full || options->dtype || options->seed.given ||
                         options->threads || options->dry_run;
    return changed ? tm_cli_complain(TM_EXIT_USAGE, "--resume takes cases, backends, mode and seed from the run itself")
                   : TM_EXIT_OK;
}

static int find_resumed(const tm_options *options, invocation *one)
{
    tm_store *store = NULL;
    tm_error error = {""};
    tm_status status = tm_store_open(one->database, true, &store, NULL, &error);
    if (status == TM_OK) {
        status = tm_store_find_run(store, options->resume, true, one->resume, sizeof one->resume, &error);
    }
    tm_store_close(store);
    return status == TM_OK ? TM_EXIT_OK : tm_cli_error(status, &error);
}

/* A database that would be refused is refused before anything is measured. */
static int check_database(const char *path)
{
    tm_store *store = NULL;
    tm_error error = {""};
    char notice[256];
    const tm_status status = tm_store_open(path, false, &store, notice, &error);
    tm_store_close(store);
    return status == TM_OK ? TM_EXIT_OK : tm_cli_error(status, &error);
}

static int check_base(const char *base, const tm_backend_spec *backends, int32_t count, const char **canonical)
{
    *canonical = NULL;
    if (!base) return TM_EXIT_OK;
    tm_backend_spec spec;
    const bool parsed = tm_backend_spec_parse(base, NULL, &spec, NULL) == TM_OK;
    for (int32_t i = 0; i < count; i++) {
        if (strcmp(backends[i].id, base) == 0 || (parsed && strcmp(backends[i].id, spec.id) == 0)) {
            *canonical = backends[i].id;
            return TM_EXIT_OK;
        }
    }
    return tm_cli_complain(TM_EXIT_USAGE, "--base: '%.100s' is not among the backends of this run", base);
}

/* --breakdown: the ops of cases of several become cases as well. */
static int add_parts(tm_case_list *cases)
{
    tm_error error = {""};
    const size_t before = cases->count;
    const tm_status status = tm_case_list_add_parts(cases, &error);
    if (status != TM_OK) return tm_cli_error(status, &error);
    for (size_t i = 0; i < before; i++) {
        if (cases->items[i].graph->nodes > 1) return TM_EXIT_OK;
    }
    return tm_cli_complain(TM_EXIT_USAGE, "--breakdown: none of these cases is made of several ops");
}

/* Everything that can be wrong with the request is found here, before anything is measured or written. */
static int prepare(const tm_options *options, invocation *one, tm_run_options *run)
{
    tm_error error = {""};
    int result = check_resume(options);
    if (result != TM_EXIT_OK) return result;
    const tm_status status = tm_cli_database(options, one->database, sizeof one->database, &error);
    if (status != TM_OK) return tm_cli_error(status, &error);
    if (options->resume) {
        result = find_resumed(options, one);
        run->resume = one->resume;
        if (result == TM_EXIT_OK) result = tm_cli_torch(options);
    } else {
        result = tm_cli_cases(options, &options->arguments, &one->cases);
        if (result == TM_EXIT_OK && options->breakdown) result = add_parts(&one->cases);
        if (result == TM_EXIT_OK) {
            result = tm_cli_backends(options, &one->backends, &run->backend_count, &run->threads);
        }
        if (result == TM_EXIT_OK) result = check_base(options->base, one->backends, run->backend_count, &run->base);
    }
    describe(options, &one->command);
    if (result == TM_EXIT_OK && one->command.failed) result = tm_cli_complain(TM_EXIT_FAILED, "out of memory");
    run->cases = &one->cases;
    run->backends = one->backends;
    run->mode = options->quick ? TM_MODE_QUICK : options->full ? TM_MODE_FULL : TM_MODE_DEFAULT;
    run->seed = options->seed.given ? options->seed.value : TM_DEFAULT_SEED;
    run->budget_s = options->budget > 0 ? options->budget : 0;
    run->cooldown = options->cooldown; /* below 0: not given */
    run->database = one->database;
    run->command = one->command.data;
    run->keep_cache = true;
    run->cancel = &cancelled;
    if (result == TM_EXIT_OK && !tm_cli_check_ci(options)) result = TM_EXIT_USAGE;
    if (result == TM_EXIT_OK) result = tm_cli_gate_check(options, run, &one->baseline);
    return result;
}

static int dry_run(const tm_options *options, tm_run_options *run)
{
    tm_text text = {0};
    tm_error error = {""};
    const tm_status status = tm_run_dry(run, &text, &error);
    const int result = status == TM_OK ? tm_cli_write(options, &text) : tm_cli_error(status, &error);
    tm_text_free(&text);
    return result;
}

/* The record in the form that was asked for, the gate's answer, and the files for CI. */
static int report(const tm_options *options, const tm_run_options *run, const char *id, const tm_record *baseline,
                  bool complete)
{
    const bool gated = complete && tm_cli_has_gate(options);
    tm_record *record = NULL;
    tm_gate gate = {0};
    int result = tm_cli_load(run->database, id, options->samples || gated, &record);
    if (result == TM_EXIT_OK) result = tm_cli_show(options, record);
    if (result == TM_EXIT_OK) {
        const int found = gated ? tm_cli_gate(options, run, record, baseline, &gate) : TM_EXIT_OK;
        result = found != TM_EXIT_OK ? found : tm_report_exit_status(record, options->strict);
        const int written = tm_cli_write_ci(options, record, gate.comparison ? &gate : NULL);
        if (written != TM_EXIT_OK) result = written;
    }
    tm_gate_free(&gate);
    tm_record_free(record);
    return result;
}

static int measure(const tm_options *options, tm_run_options *run, const tm_record *baseline)
{
    tm_progress progress = tm_progress_new(options);
    run->events = tm_progress_events(&progress);
    tm_error error = {""};
    char id[64] = "";
    catch_signals();
    const tm_run_end end = tm_run_execute(run, id, sizeof id, &error);
    tm_progress_end(&progress);
    int result = TM_EXIT_FAILED;
    if (end == TM_RUN_FAILED) tm_cli_complain(TM_EXIT_FAILED, "%s", error.message);
    if (*id) result = report(options, run, id, baseline, end == TM_RUN_COMPLETE);
    if (end == TM_RUN_FAILED) return TM_EXIT_FAILED;
    if (end == TM_RUN_INTERRUPTED) {
        tm_text again = {0};
        tm_text_format(&again, "tensormark run --resume %s", id);
        if (options->db) add_value("db", options->db, &again);
        if (options->torch) add_value("torch", options->torch, &again); /* the run's plan holds neither */
        if (options->isa) add_value("isa", options->isa, &again);
        tm_cli_say("interrupted; what was measured is saved. To go on: %s", again.data ? again.data : "--resume");
        tm_text_free(&again);
        return TM_EXIT_INTERRUPTED;
    }
    return result;
}

int tm_cmd_run(const tm_options *options)
{
    if (options->arguments.count && strcmp(options->arguments.items[0], "kernels") == 0) {
        return tm_cli_run_kernels(options);
    }
    invocation one = {0};
    tm_run_options run = {0};
    int result = tm_cli_isa(options);
    if (result == TM_EXIT_OK) result = prepare(options, &one, &run);
    if (result == TM_EXIT_OK && options->dry_run) {
        result = dry_run(options, &run);
    } else if (result == TM_EXIT_OK) {
        result = check_database(one.database);
        if (result == TM_EXIT_OK) result = measure(options, &run, one.baseline);
    }
    free_invocation(&one);
    return result;
}
