/* tensormark show: the tables of a recorded run. */
#include "cli/cli.h"
#include "cli/compare.h"

#include <string.h>
#include <unistd.h>

static int show_breakdown(const tm_options *options, const tm_record *record)
{
    const bool to_file = options->output && strcmp(options->output, "-") != 0;
    tm_text text = {0};
    int result = TM_EXIT_OK;
    if (tm_cli_breakdown(record, !to_file && tm_cli_color(options, STDOUT_FILENO), &text)) {
        result = tm_cli_write(options, &text);
    } else {
        result = tm_cli_complain(TM_EXIT_USAGE, "--breakdown: no case of this run has several ops and a time");
    }
    tm_text_free(&text);
    return result;
}

int tm_cmd_show(const tm_options *options)
{
    char database[4096];
    tm_error error = {""};
    tm_record *record = NULL;
    if (options->arguments.count > 1) return tm_cli_complain(TM_EXIT_USAGE, "show: one run at a time");
    const char *only_md = options->explain      ? "explain"
                          : options->efficiency ? "efficiency"
                          : options->breakdown  ? "breakdown"
                                                : NULL;
    if (only_md && options->format && strcmp(options->format, "md") != 0) {
        return tm_cli_complain(TM_EXIT_USAGE, "show --%s: --format is md", only_md);
    }
    const tm_status status = tm_cli_database(options, database, sizeof database, &error);
    if (status != TM_OK) return tm_cli_error(status, &error);
    const char *prefix = options->arguments.count ? options->arguments.items[0] : NULL;
    int result = tm_cli_load(database, prefix, options->samples, &record);
    if (result == TM_EXIT_OK) result = tm_cli_check_base(record, options->base);
    if (result == TM_EXIT_OK) {
        tm_options named = *options;
        named.base = tm_cli_backend_of(record, options->base);
        result = options->explain     ? tm_cli_explain(options, database, record)
                 : options->breakdown ? show_breakdown(options, record)
                                      : tm_cli_show(&named, record);
    }
    tm_record_free(record);
    return result;
}
