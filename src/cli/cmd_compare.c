/* tensormark compare: two recorded runs, or the backends of one. A run is named by the start of its id, by a database
 * (its newest run), or by DATABASE:ID. */
#include "cli/cli.h"
#include "cli/compare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_file(const char *path)
{
    return access(path, F_OK) == 0;
}

int tm_cli_load_run(const tm_options *options, const char *word, bool samples, tm_record **into)
{
    char database[4096];
    tm_error error = {""};
    if (!*word) return tm_cli_complain(TM_EXIT_USAGE, "an empty word names no run");
    const char *colon = strrchr(word, ':');
    if (is_file(word)) return tm_cli_load(word, NULL, samples, into);
    if (colon) {
        const int length = snprintf(database, sizeof database, "%.*s", (int)(colon - word), word);
        if (length > 0 && (size_t)length < sizeof database && is_file(database)) {
            return tm_cli_load(database, colon + 1, samples, into);
        }
    }
    if (strpbrk(word, "/.")) { /* which no id holds */
        return tm_cli_complain(TM_EXIT_USAGE, "%s: no such database", word);
    }
    const tm_status status = tm_cli_database(options, database, sizeof database, &error);
    return status == TM_OK ? tm_cli_load(database, word, samples, into) : tm_cli_error(status, &error);
}

const char *tm_cli_backend_of(const tm_record *record, const char *word)
{
    tm_backend_spec spec;
    const bool parsed = word && tm_backend_spec_parse(word, NULL, &spec, NULL) == TM_OK;
    const char *id = NULL;
    for (int64_t i = 0; word && i < record->backend_count; i++) {
        if (strcmp(record->backends[i].id, word) == 0) return record->backends[i].id;
        if (parsed && strcmp(record->backends[i].id, spec.id) == 0) id = record->backends[i].id;
    }
    return id;
}

int tm_cli_check_base(const tm_record *record, const char *base)
{
    if (!base || tm_cli_backend_of(record, base)) return TM_EXIT_OK;
    tm_text known = {0};
    for (int64_t i = 0; i < record->backend_count; i++) {
        tm_text_format(&known, "%s%s", i ? ", " : "", record->backends[i].id);
    }
    const int result = tm_cli_complain(TM_EXIT_USAGE, "--base: '%.100s' is no backend of run %s (%.300s)", base,
                                       record->id, known.data ? known.data : "it has none");
    tm_text_free(&known);
    return result;
}

static int show(const tm_options *options, const tm_comparison *all)
{
    const bool to_file = options->output && strcmp(options->output, "-") != 0;
    const tm_report_style style = {.color = !to_file && tm_cli_color(options, STDOUT_FILENO)};
    tm_text text = {0};
    if (options->format && strcmp(options->format, "csv") == 0)
        tm_report_compare_csv(all, &text);
    else if (options->format && strcmp(options->format, "json") == 0)
        tm_report_compare_json(all, &text);
    else
        tm_report_compare_markdown(all, &style, &text);
    const int result = tm_cli_write(options, &text);
    tm_text_free(&text);
    return result;
}

int tm_cmd_compare(const tm_options *options)
{
    const tm_words *runs = &options->arguments;
    if (runs->count < 1 || runs->count > 2) {
        return tm_cli_complain(TM_EXIT_USAGE, "compare takes two runs, or one of several backends");
    }
    if (options->format && strcmp(options->format, "jsonl") == 0) {
        return tm_cli_complain(TM_EXIT_USAGE, "compare: --format is md, csv or json");
    }
    tm_record *base = NULL, *other = NULL;
    tm_comparison *all = NULL;
    tm_error error = {""};
    int result = tm_cli_load_run(options, runs->items[0], true, &base);
    if (result == TM_EXIT_OK && runs->count == 2) result = tm_cli_load_run(options, runs->items[1], true, &other);
    if (result == TM_EXIT_OK && other && strcmp(base->id, other->id) == 0) {
        result = tm_cli_complain(TM_EXIT_USAGE, "compare: both are run %s; one word compares its backends", base->id);
    }
    if (result == TM_EXIT_OK) result = tm_cli_check_base(base, options->base);
    if (result == TM_EXIT_OK) {
        const tm_compare_choice choice = {.base = tm_cli_backend_of(base, options->base),
                                          .across_machines = options->across_machines};
        const tm_status status = tm_compare(base, other ? other : base, &choice, &all, &error);
        result = status == TM_OK ? show(options, all) : tm_cli_error(status, &error);
    }
    tm_comparison_free(all);
    tm_record_free(base);
    tm_record_free(other);
    return result;
}
