/* What the commands share. Every command returns the program's exit status; only main ends the process. */
#ifndef TM_CLI_CLI_H
#define TM_CLI_CLI_H

#include "base/text.h"
#include "cli/options.h"
#include "report/report.h"
#include "run/backend_spec.h"
#include "store/store.h"
#include "suite/case.h"

enum {
    TM_EXIT_OK = 0,
    TM_EXIT_FAILED = 1,
    TM_EXIT_USAGE = 2,
    TM_EXIT_CELLS = 3,
    TM_EXIT_REGRESSION = 4,
    TM_EXIT_INTERRUPTED = 130
};

#define TM_COMMAND(name, arguments, summary) int tm_cmd_##name(const tm_options *options);
#include "cli/commands.def"
#undef TM_COMMAND

/* "tensormark: ..." on stderr, one line, whatever is in it shown as text. Returns `exit_status`. */
int tm_cli_complain(int exit_status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same without the program's name: a hint or a notice. */
void tm_cli_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* TM_EXIT_USAGE for TM_INVALID_ARGUMENT and TM_UNSUPPORTED, TM_EXIT_FAILED otherwise; complains. */
int tm_cli_error(tm_status status, const tm_error *error);

/* Writes `text` to the file of --output (whole or not at all), or to stdout. Complains if that fails. */
int tm_cli_write(const tm_options *options, const tm_text *text);

/* Colours for what goes to `stream` (1 or 2)? */
bool tm_cli_color(const tm_options *options, int stream);

/* Columns of the terminal behind `stream`; 0 where there is none, or it does not say. */
int tm_cli_width(int stream);

/* The general help. */
int tm_cli_help(void);
int tm_cli_help_on(tm_command command);

/* --db, or the default path. */
tm_status tm_cli_database(const tm_options *options, char *into, size_t capacity, tm_error *error);

/* A run by the start of its id (NULL or "": the newest). The caller frees the record. Complains; 0 when all went well.
 */
int tm_cli_load(const char *database, const char *prefix, bool samples, tm_record **into);

/* `record` in the form of --format, to where --output says. */
int tm_cli_show(const tm_options *options, const tm_record *record);

/* --breakdown: appends a table for every completed cell of a case of several ops. False: there is none. */
bool tm_cli_breakdown(const tm_record *record, bool color, tm_text *into);

/* show --explain: how the number of one cell of a recorded run came about. Complains. */
int tm_cli_explain(const tm_options *options, const char *database, const tm_record *record);

/* The cases that suites, files and ids of `words` (none: the suite ops) name, in the dtypes of --dtype, less what the
 * filters take away. Complains, every problem of a file on its own line. 0 when there is at least one. */
int tm_cli_cases(const tm_options *options, const tm_words *words, tm_case_list *into);

/* The backends of --backends, or native and every usable framework; in each of the thread counts of --threads when
 * there are several, else `*threads` gets the one (0: none given). The caller frees. Complains. */
int tm_cli_backends(const tm_options *options, tm_backend_spec **into, int32_t *count, int32_t *threads);

/* `run kernels [PATTERN]`: --isa, --format, --output, --color, --quiet. */
int tm_cli_run_kernels(const tm_options *options);

/* `list tensors`: --model, --format. Complains. */
int tm_cli_list_tensors(const tm_options *options, const tm_words *rest, tm_text *into);

/* "1,2,4" -> counts (at most `capacity`). Complains. */
int tm_cli_threads(const char *list, int32_t *into, int capacity, int *count);

/* Tells the backends where PyTorch is, if --torch says so. */
int tm_cli_torch(const tm_options *options);

/* Tells the engine which instruction set to use, if --isa says so. Complains of a list. */
int tm_cli_isa(const tm_options *options);

#endif
