/* Files for CI, written beside the result. */
#include "cli/gate.h"

#include "base/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_folder(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static bool check_folder(const char *option, const char *path)
{
    char folder[4096];
    const char *slash = path ? strrchr(path, '/') : NULL;
    if (!path) return true;
    if (is_folder(path)) return tm_cli_complain(TM_EXIT_USAGE, "%s: %.300s is a folder", option, path) == TM_EXIT_OK;
    const int length = snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path + 1) : 1, slash ? path : ".");
    if (length > 0 && (size_t)length < sizeof folder && access(folder, W_OK) == 0) return true;
    tm_cli_complain(TM_EXIT_USAGE, "%s: %.300s: %s", option, path, strerror(errno));
    return false;
}

bool tm_cli_check_ci(const tm_options *options)
{
    const char *const paths[] = {options->output, options->junit, options->summary};
    for (int i = 0; i < 3; i++) {
        const char *other = paths[(i + 1) % 3];
        if (!paths[i] || !other || strcmp(paths[i], other) != 0) continue;
        tm_cli_complain(TM_EXIT_USAGE, "--junit, --summary and --output: two are to be %.300s", other);
        return false;
    }
    return check_folder("--junit", options->junit) && check_folder("--summary", options->summary);
}

static int write_text(const char *path, const tm_text *text)
{
    tm_error error = {""};
    if (text->failed) return tm_cli_complain(TM_EXIT_FAILED, "out of memory for %s", path);
    const tm_status status = tm_file_write(path, text->data, text->length, &error);
    return status == TM_OK ? TM_EXIT_OK : tm_cli_complain(TM_EXIT_FAILED, "%s", error.message);
}

int tm_cli_write_ci(const tm_options *options, const tm_record *record, const tm_gate *gate)
{
    tm_text junit = {0}, summary = {0};
    int result = TM_EXIT_OK;
    if (options->junit) {
        tm_report_junit(record, gate, &junit);
        result = write_text(options->junit, &junit);
    }
    if (options->summary && result == TM_EXIT_OK) {
        tm_report_summary(record, gate, &summary);
        result = write_text(options->summary, &summary);
    }
    tm_text_free(&junit);
    tm_text_free(&summary);
    return result;
}
