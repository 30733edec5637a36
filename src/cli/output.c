/* Results go to stdout or a file, everything else to stderr. */
#include "cli/cli.h"

#include "base/file.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static void say(const char *prefix, const char *format, va_list arguments)
{
    char line[2048];
    vsnprintf(line, sizeof line, format, arguments);
    tm_text visible = {0};
    tm_text_add(&visible, prefix);
    tm_text_add_visible(&visible, line);
    if (visible.data) fprintf(stderr, "%s\n", visible.data);
    tm_text_free(&visible);
}

int tm_cli_complain(int exit_status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say("tensormark: ", format, arguments);
    va_end(arguments);
    return exit_status;
}

void tm_cli_say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say("", format, arguments);
    va_end(arguments);
}

int tm_cli_error(tm_status status, const tm_error *error)
{
    const bool usage = status == TM_INVALID_ARGUMENT || status == TM_UNSUPPORTED;
    return tm_cli_complain(usage ? TM_EXIT_USAGE : TM_EXIT_FAILED, "%s", error->message);
}

int tm_cli_write(const tm_options *options, const tm_text *text)
{
    if (text->failed) return tm_cli_complain(TM_EXIT_FAILED, "out of memory for the result");
    if (options->output && strcmp(options->output, "-") != 0) {
        tm_error error;
        const tm_status status = tm_file_write(options->output, text->data, text->length, &error);
        return status == TM_OK ? TM_EXIT_OK : tm_cli_complain(TM_EXIT_FAILED, "%s", error.message);
    }
    const bool written = fwrite(text->data, 1, text->length, stdout) == text->length && fflush(stdout) == 0;
    return written ? TM_EXIT_OK : tm_cli_complain(TM_EXIT_FAILED, "standard output: %s", strerror(errno));
}

bool tm_cli_color(const tm_options *options, int stream)
{
    if (options->color && strcmp(options->color, "always") == 0) return true;
    if (options->color && strcmp(options->color, "never") == 0) return false;
    const char *no_color = getenv("NO_COLOR"), *terminal = getenv("TERM");
    if (no_color && *no_color) return false;
    if (terminal && strcmp(terminal, "dumb") == 0) return false;
    return isatty(stream) != 0;
}

int tm_cli_width(int stream)
{
    struct winsize size = {0};
    return isatty(stream) && ioctl(stream, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

static const char *or_md(const char *format)
{
    return format ? format : "md";
}

int tm_cli_show(const tm_options *options, const tm_record *record)
{
    const bool to_file = options->output && strcmp(options->output, "-") != 0;
    const tm_report_style style = {
        .color = !to_file && tm_cli_color(options, STDOUT_FILENO),
        .samples = options->samples,
        .base = options->base,
        .width = to_file ? 0 : tm_cli_width(STDOUT_FILENO),
    };
    const char *format = or_md(options->format);
    tm_text text = {0};
    if (options->efficiency)
        tm_report_efficiency(record, &style, &text);
    else if (strcmp(format, "csv") == 0)
        tm_report_csv(record, &style, &text);
    else if (strcmp(format, "json") == 0)
        tm_report_json(record, &style, &text);
    else if (strcmp(format, "jsonl") == 0)
        tm_report_jsonl(record, &style, &text);
    else
        tm_report_markdown(record, &style, &text);
    if (options->breakdown && strcmp(format, "md") == 0) tm_cli_breakdown(record, style.color, &text);
    const int result = tm_cli_write(options, &text);
    tm_text_free(&text);
    return result;
}

tm_status tm_cli_database(const tm_options *options, char *into, size_t capacity, tm_error *error)
{
    if (!options->db) return tm_store_default_path(into, capacity, error);
    const int length = snprintf(into, capacity, "%s", options->db);
    if (length < 0 || (size_t)length >= capacity) return tm_fail(error, TM_INVALID_ARGUMENT, "--db: path too long");
    return TM_OK;
}

int tm_cli_load(const char *database, const char *prefix, bool samples, tm_record **into)
{
    tm_error error = {""};
    tm_store *store = NULL;
    char id[64];
    tm_status status = tm_store_open(database, true, &store, NULL, &error);
    if (status == TM_OK) status = tm_store_find_run(store, prefix, false, id, sizeof id, &error);
    if (status == TM_OK) status = tm_store_load(store, id, samples, into, &error);
    tm_store_close(store);
    return status == TM_OK ? TM_EXIT_OK : tm_cli_error(status, &error);
}
