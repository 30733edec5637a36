/* Help, man page and completions, all made from the two tables. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

enum { HELP_COLUMN = 26, HELP_WIDTH = 80 };

/* Appends `text` folded at HELP_WIDTH, continued at HELP_COLUMN. */
static void add_folded(const char *text, tm_text *into)
{
    int column = HELP_COLUMN;
    while (*text) {
        const int word = (int)strcspn(text, " ");
        if (column > HELP_COLUMN && column + 1 + word > HELP_WIDTH) {
            tm_text_format(into, "\n%*s", HELP_COLUMN, "");
            column = HELP_COLUMN;
        } else if (column > HELP_COLUMN) {
            tm_text_add(into, " ");
            column++;
        }
        tm_text_add_bytes(into, text, (size_t)word);
        column += word;
        text += word;
        while (*text == ' ') text++;
    }
    tm_text_add(into, "\n");
}

static void add_left(const char *text, tm_text *into)
{
    const int length = (int)strlen(text);
    tm_text_add(into, text);
    if (length + 2 > HELP_COLUMN)
        tm_text_format(into, "\n%*s", HELP_COLUMN, "");
    else
        tm_text_format(into, "%*s", HELP_COLUMN - length, "");
}

/* "-o, --output FILE" */
static void option_usage(const tm_option *option, char *into, size_t capacity)
{
    char letter[8] = "";
    if (option->letter) snprintf(letter, sizeof letter, "-%c, ", option->letter);
    const bool maybe = option->kind == TM_KIND_MAYBE;
    snprintf(into, capacity, "%s--%s%s%s%s%s", letter, option->name, *option->argument ? " " : "", maybe ? "[" : "",
             option->argument, maybe ? "]" : "");
}

static void add_options(tm_command command, tm_text *into)
{
    int count;
    const tm_option *options = tm_option_table(&count);
    for (int i = 0; i < count; i++) {
        if (!(options[i].commands & 1u << command)) continue;
        char usage[128], left[132];
        option_usage(&options[i], usage, sizeof usage);
        snprintf(left, sizeof left, "  %s", usage);
        add_left(left, into);
        add_folded(options[i].help, into);
    }
}

static int print_text(tm_text *text)
{
    const tm_options plain = {0};
    const int result = tm_cli_write(&plain, text);
    tm_text_free(text);
    return result;
}

int tm_cli_help(void)
{
    tm_text text = {0};
    tm_text_add(&text,
                "tensormark " TENSORMARK_VERSION ": how fast is this operator here, in each framework, and can I "
                "believe it?\n\nUsage: tensormark COMMAND [ARGUMENT]... [--OPTION]...\n\n");
    const tm_command_entry *commands = tm_command_table();
    for (int i = 0; i < TM_COMMAND_COUNT; i++) {
        char left[64];
        snprintf(left, sizeof left, "  %s", commands[i].name);
        add_left(left, &text);
        add_folded(commands[i].summary, &text);
    }
    tm_text_add(&text, "\n`tensormark help COMMAND` explains the options of one. To begin: tensormark run --quick\n");
    return print_text(&text);
}

int tm_cli_help_on(tm_command command)
{
    const tm_command_entry *entry = &tm_command_table()[command];
    tm_text text = {0};
    tm_text_format(&text, "Usage: tensormark %s %s%s[--OPTION]...\n\n%s\n\nOptions:\n", entry->name, entry->arguments,
                   *entry->arguments ? " " : "", entry->summary);
    add_options(command, &text);
    tm_text_add(&text, "\nThe environment counts too: TENSORMARK_DRY_RUN=1 is --dry-run, and so on.\n");
    return print_text(&text);
}

/* Text for roff: no line may begin with a control character, and a minus is a minus. */
static void add_roff(const char *text, tm_text *into)
{
    if (*text == '.' || *text == '\'') tm_text_add(into, "\\&");
    for (; *text; text++) {
        if (*text == '-')
            tm_text_add(into, "\\-");
        else if (*text == '\\')
            tm_text_add(into, "\\e");
        else
            tm_text_add_bytes(into, text, 1);
    }
}

static void add_man_option(const tm_option *option, tm_text *into)
{
    char usage[128], variable[64];
    option_usage(option, usage, sizeof usage);
    tm_option_variable(option, variable);
    tm_text_add(into, ".TP\n.B ");
    add_roff(usage, into);
    tm_text_add(into, "\n");
    add_roff(option->help, into);
    if (option->letter != 'h') tm_text_format(into, ".\nEnvironment: %s", variable);
    tm_text_add(into, ".\n");
}

static int print_man(void)
{
    int count;
    const tm_option *options = tm_option_table(&count);
    const tm_command_entry *commands = tm_command_table();
    tm_text text = {0};
    tm_text_add(&text, ".TH TENSORMARK 1 \"\" \"tensormark " TENSORMARK_VERSION "\" \"User Commands\"\n.SH NAME\n"
                       "tensormark \\- speed of tensor operators in each framework, verified and with error bars\n"
                       ".SH SYNOPSIS\n.B tensormark\n.I command\n[argument]... [\\-\\-option]...\n.SH COMMANDS\n");
    for (int i = 0; i < TM_COMMAND_COUNT; i++) {
        tm_text_add(&text, ".SS tensormark ");
        add_roff(commands[i].name, &text);
        tm_text_add(&text, " ");
        add_roff(commands[i].arguments, &text);
        tm_text_add(&text, "\n");
        add_roff(commands[i].summary, &text);
        tm_text_add(&text, ".\n");
        for (int j = 0; j < count; j++) {
            if (options[j].commands & 1u << i) add_man_option(&options[j], &text);
        }
    }
    tm_text_add(&text, ".SH EXIT STATUS\n.TP\n.B 0\nEvery requested cell is OK, UNSUPPORTED, or SKIPPED for memory or "
                       "by a filter (\\-\\-strict: OK only).\n.TP\n.B 1\nThe run itself failed.\n.TP\n.B 2\n"
                       "Bad usage, bad case file, refused database.\n.TP\n.B 3\nSome cells failed.\n.TP\n.B 130\n"
                       "Interrupted; what was measured so far is saved.\n");
    return print_text(&text);
}

/* Words that may follow `command`, separated by spaces. */
static void add_option_words(int command, tm_text *into)
{
    int count;
    const tm_option *options = tm_option_table(&count);
    for (int i = 0; i < count; i++) {
        if (!(options[i].commands & 1u << command)) continue;
        tm_text_format(into, " --%s", options[i].name);
        if (options[i].letter) tm_text_format(into, " -%c", options[i].letter);
    }
}

/* What may follow an option: its choices, file names, or nothing that could be guessed. */
static void add_value_cases(tm_text *into)
{
    int count;
    const tm_option *options = tm_option_table(&count);
    for (int i = 0; i < count; i++) {
        if (options[i].kind == TM_KIND_FLAG || options[i].kind == TM_KIND_MAYBE) continue;
        if (options[i].letter)
            tm_text_format(into, "    -%c|--%s) ", options[i].letter, options[i].name);
        else
            tm_text_format(into, "    --%s) ", options[i].name);
        const char *argument = options[i].argument;
        const bool path =
            strcmp(argument, "FILE") == 0 || strcmp(argument, "PATH") == 0 || strcmp(argument, "DIR") == 0;
        if (options[i].kind == TM_KIND_CHOICE) {
            tm_text_add(into, "words='");
            for (; *argument; argument++) tm_text_add_bytes(into, *argument == '|' ? " " : argument, 1);
            tm_text_add(into, "' ;;\n");
        } else {
            tm_text_add(into, path ? "files=yes ;;\n" : "return ;;\n");
        }
    }
}

static int print_bash(void)
{
    const tm_command_entry *commands = tm_command_table();
    tm_text text = {0};
    tm_text_add(&text, "# bash completion for tensormark: source <(tensormark help --completion bash)\n"
                       "_tensormark() {\n  local now=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
                       "  local command=${COMP_WORDS[1]} words= files=\n  COMPREPLY=()\n"
                       "  if [ \"$COMP_CWORD\" -eq 1 ]; then words='");
    for (int i = 0; i < TM_COMMAND_COUNT; i++) tm_text_format(&text, "%s%s", i ? " " : "", commands[i].name);
    tm_text_add(&text, "'; else case $before in\n");
    add_value_cases(&text);
    tm_text_add(&text, "    *) case $command in\n");
    for (int i = 0; i < TM_COMMAND_COUNT; i++) {
        tm_text_format(&text, "      %s) words='", commands[i].name);
        add_option_words(i, &text);
        if (i == TM_COMMAND_list) tm_text_add(&text, " suites cases backends ops runs tensors");
        for (int j = 0; i == TM_COMMAND_help && j < TM_COMMAND_COUNT; j++) {
            tm_text_format(&text, " %s", commands[j].name);
        }
        if (i == TM_COMMAND_run || i == TM_COMMAND_verify) {
            for (const char *const *suite = tm_suite_names(); *suite; suite++) tm_text_format(&text, " %s", *suite);
            tm_text_add(&text, "'; files=yes ;;\n");
        } else {
            tm_text_add(&text, "' ;;\n");
        }
    }
    tm_text_add(&text, "    esac ;;\n  esac; fi\n"
                       "  while IFS= read -r word; do COMPREPLY+=(\"$word\"); done"
                       " < <(compgen ${files:+-f} -W \"$words\" -- \"$now\")\n}\n"
                       "complete -o filenames -F _tensormark tensormark\n");
    return print_text(&text);
}

int tm_cmd_help(const tm_options *options)
{
    if (options->man) return print_man();
    if (options->completion) return print_bash();
    if (options->arguments.count == 0) return tm_cli_help();
    tm_error error = {""};
    tm_command command;
    if (options->arguments.count > 1) return tm_cli_complain(TM_EXIT_USAGE, "help: one command at a time");
    if (!tm_command_parse(options->arguments.items[0], &command, &error)) {
        return tm_cli_error(TM_INVALID_ARGUMENT, &error);
    }
    return tm_cli_help_on(command);
}
