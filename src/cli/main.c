/* The program's door: finds the command and lets it do the rest. Only this file ends the process. */
#include "cli/cli.h"
#include "run/worker_link.h"
#include "tensormark/tensormark.h"

#include <stdio.h>
#include <string.h>

typedef int (*command)(const tm_options *options);

static const command commands[] = {
#define TM_COMMAND(name, arguments, summary) tm_cmd_##name,
#include "cli/commands.def"
#undef TM_COMMAND
};

static int run_command(int argc, char **argv)
{
    tm_error error = {""};
    tm_command which;
    if (!tm_command_parse(argv[1], &which, &error)) return tm_cli_error(TM_INVALID_ARGUMENT, &error);
    tm_options options;
    const tm_status status = tm_options_parse(which, argc - 2, argv + 2, &options, &error);
    int result;
    if (status != TM_OK)
        result = tm_cli_error(status, &error);
    else if (options.help)
        result = tm_cli_help_on(which);
    else
        result = commands[which](&options);
    tm_options_free(&options);
    return result;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        tm_cli_help();
        return TM_EXIT_USAGE;
    }
    if (strcmp(argv[1], "worker") == 0) return tm_worker_main(argc, argv);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) return tm_cli_help();
    if (strcmp(argv[1], "--version") == 0) return printf("tensormark %s\n", TENSORMARK_VERSION) < 0;
    return run_command(argc, argv);
}
