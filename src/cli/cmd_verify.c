/* tensormark verify: are outputs right? One line per cell; nothing is timed or recorded. */
#include "cli/cli.h"
#include "run/run.h"
#include "suite/inputs.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What became of the cells. */
typedef struct tally {
    const tm_options *options;
    int64_t cells, others; /* others: neither passed nor failed: UNSUPPORTED, SKIPPED */
    int exit_status;
} tally;

static void add_figure(const char *name, double value, tm_text *into)
{
    if (isfinite(value)) tm_text_format(into, "  %s %.3g", name, value);
}

static void print_line(void *context, const tm_record_cell *cell)
{
    tally *seen = context;
    tm_record one = {.cells = (tm_record_cell *)cell, .cell_count = 1};
    const int status = tm_report_exit_status(&one, seen->options->strict);
    if (status != TM_EXIT_OK) seen->exit_status = status;
    seen->cells++;
    if (seen->options->quiet && status == TM_EXIT_OK) return;
    tm_text line = {0};
    const bool checked = cell->verify && strcmp(cell->verify, "none") != 0;
    tm_text_format(&line, "%-12s ",
                   checked && cell->status == TM_CELL_OK ? cell->verify : tm_cell_status_name(cell->status));
    tm_text_add_visible(&line, cell->case_id);
    tm_text_add(&line, "  ");
    tm_text_add_visible(&line, cell->backend);
    add_figure("E", cell->error, &line);
    add_figure("rms", cell->rms_error, &line);
    if (cell->checked > 0) tm_text_format(&line, "  checked %lld elements", (long long)cell->checked);
    if (cell->probe && *cell->probe) tm_text_format(&line, "  probe %s", cell->probe);
    add_figure("freivalds", cell->freivalds, &line);
    if (cell->reason && *cell->reason) {
        tm_text_add(&line, "  ");
        tm_text_add_visible(&line, cell->reason);
    }
    if (line.data) {
        printf("%s\n", line.data);
        fflush(stdout);
    }
    tm_text_free(&line);
}

static void print_notice(void *context, const char *line)
{
    const tally *seen = context;
    if (!seen->options->quiet) tm_cli_say("%s", line);
}

int tm_cmd_verify(const tm_options *options)
{
    tm_case_list cases = {0};
    tm_backend_spec *backends = NULL;
    int32_t count = 0, threads = 0;
    tally seen = {.options = options};
    int result = tm_cli_isa(options);
    if (result == TM_EXIT_OK) result = tm_cli_cases(options, &options->arguments, &cases);
    if (result == TM_EXIT_OK) result = tm_cli_backends(options, &backends, &count, &threads);
    if (result == TM_EXIT_OK) {
        tm_run_options run = {.cases = &cases,
                              .backends = backends,
                              .backend_count = count,
                              .seed = options->seed.given ? options->seed.value : TM_DEFAULT_SEED,
                              .threads = threads,
                              .keep_cache = true,
                              .events = {.context = &seen, .notice = print_notice}};
        tm_error error = {""};
        const int64_t failed = tm_run_verify(&run, options->dump, print_line, &seen, &error);
        if (failed < 0)
            result = tm_cli_complain(TM_EXIT_FAILED, "%s", error.message);
        else
            result = seen.exit_status;
        if (ferror(stdout)) result = tm_cli_complain(TM_EXIT_FAILED, "standard output could not be written");
    }
    tm_case_list_free(&cases);
    free(backends);
    return result;
}
