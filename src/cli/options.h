/* The command line as values. One table, options.def, says all there is to know about each option. */
#ifndef TM_CLI_OPTIONS_H
#define TM_CLI_OPTIONS_H

#include "base/error.h"

#include <stdbool.h>

typedef enum tm_command {
#define TM_COMMAND(name, arguments, summary) TM_COMMAND_##name,
#include "cli/commands.def"
#undef TM_COMMAND
    TM_COMMAND_COUNT
} tm_command;

typedef struct tm_command_entry {
    const char *name, *arguments, *summary;
} tm_command_entry;
const tm_command_entry *tm_command_table(void); /* TM_COMMAND_COUNT entries */

typedef struct tm_words {
    const char **items; /* NULL-terminated when there are any, else NULL */
    int count;
} tm_words;

/* What each kind of option becomes. TEXT, CHOICE and MAYBE are NULL when not given, SECONDS, REAL and
 * PERCENT negative. */
#define TM_VALUE_FLAG    bool
#define TM_VALUE_TEXT    const char *
#define TM_VALUE_CHOICE  const char *
#define TM_VALUE_MAYBE   const char *
#define TM_VALUE_MANY    tm_words
#define TM_VALUE_REAL    double
#define TM_VALUE_SECONDS double
#define TM_VALUE_PERCENT double
#define TM_VALUE_NUMBER  struct tm_number

struct tm_number {
    bool given;
    uint64_t value;
};

typedef struct tm_options {
#define TM_OPTION(kind, field, ...) TM_VALUE_##kind field;
#include "cli/options.def"
#undef TM_OPTION
    tm_words arguments; /* what is no option */
} tm_options;

typedef enum tm_option_kind {
    TM_KIND_FLAG,
    TM_KIND_TEXT,
    TM_KIND_CHOICE,
    TM_KIND_MAYBE,
    TM_KIND_MANY,
    TM_KIND_REAL,
    TM_KIND_SECONDS,
    TM_KIND_PERCENT,
    TM_KIND_NUMBER
} tm_option_kind;

typedef struct tm_option {
    tm_option_kind kind;
    const char *name;
    char letter; /* 0: none */
    unsigned commands;
    const char *argument, *help;
    size_t offset; /* of the field in tm_options */
} tm_option;

/* All options; `*count` gets their number. */
const tm_option *tm_option_table(int *count);

/* Finds a command by its name; false with `error` that names the nearest one. */
bool tm_command_parse(const char *name, tm_command *into, tm_error *error);

/* Environment first, then the command line, which wins. TM_INVALID_ARGUMENT with one line for an unknown option, one of
 * another command, a missing or malformed value. Texts point into `argv` and the environment; tm_options_free frees
 * the lists. */
tm_status tm_options_parse(tm_command command, int argc, char *const *argv, tm_options *into, tm_error *error);
void tm_options_free(tm_options *options);

/* "TENSORMARK_DRY_RUN" for "dry-run"; `into` holds at least 64 bytes. */
void tm_option_variable(const tm_option *option, char *into);

/* The entry of `names` (count of them) that `word` was most likely meant to be; NULL if none is near. */
const char *tm_nearest(const char *word, const char *const *names, int count);

#endif
