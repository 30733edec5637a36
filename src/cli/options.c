/* Parsing by table: the option says its kind, the kind says how a word becomes a value. */
#include "cli/options.h"

#include "base/text.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define C(name) (1u << TM_COMMAND_##name)

static const tm_option table[] = {
#define TM_OPTION(kind, field, name, letter, commands, argument, help)                                                 \
    {TM_KIND_##kind, name, letter, commands, argument, help, offsetof(tm_options, field)},
#include "cli/options.def"
#undef TM_OPTION
};

enum { OPTIONS = sizeof table / sizeof *table, NEAR = 64 };

static const tm_command_entry commands[] = {
#define TM_COMMAND(name, arguments, summary) {#name, arguments, summary},
#include "cli/commands.def"
#undef TM_COMMAND
};

const tm_command_entry *tm_command_table(void)
{
    return commands;
}

const tm_option *tm_option_table(int *count)
{
    *count = OPTIONS;
    return table;
}

/* Edit distance with neighbouring letters swapped as one step; words longer than NEAR are far from everything. */
static int distance(const char *a, const char *b)
{
    const int m = (int)strlen(a), n = (int)strlen(b);
    if (m >= NEAR || n >= NEAR) return NEAR;
    int rows[3][NEAR + 1];
    for (int j = 0; j <= n; j++) rows[0][j] = j;
    for (int i = 1; i <= m; i++) {
        int *now = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        now[0] = i;
        for (int j = 1; j <= n; j++) {
            int best = last[j - 1] + (a[i - 1] != b[j - 1]);
            if (last[j] + 1 < best) best = last[j] + 1;
            if (now[j - 1] + 1 < best) best = now[j - 1] + 1;
            const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && before[j - 2] + 1 < best) best = before[j - 2] + 1;
            now[j] = best;
        }
    }
    return rows[m % 3][n];
}

const char *tm_nearest(const char *word, const char *const *names, int count)
{
    const char *nearest = NULL;
    const size_t length = strlen(word);
    int least = length > 12 ? 6 : (int)length / 3 + 2; /* further than that is another word */
    for (int i = 0; i < count; i++) {
        const int here = distance(word, names[i]);
        if (here < least) {
            least = here;
            nearest = names[i];
        }
    }
    return nearest;
}

bool tm_command_parse(const char *name, tm_command *into, tm_error *error)
{
    const char *names[TM_COMMAND_COUNT];
    for (int i = 0; i < TM_COMMAND_COUNT; i++) {
        names[i] = commands[i].name;
        if (strcmp(name, names[i]) == 0) {
            *into = (tm_command)i;
            return true;
        }
    }
    const char *nearest = tm_nearest(name, names, TM_COMMAND_COUNT);
    if (nearest)
        tm_fail(error, TM_INVALID_ARGUMENT, "unknown command '%.100s' (did you mean '%s'?)", name, nearest);
    else
        tm_fail(error, TM_INVALID_ARGUMENT, "unknown command '%.100s'; `tensormark help` lists them", name);
    return false;
}

void tm_option_variable(const tm_option *option, char *into)
{
    int length = snprintf(into, 64, "TENSORMARK_%s", option->name);
    for (int i = 0; i < length; i++) {
        if (into[i] == '-')
            into[i] = '_';
        else if (into[i] >= 'a' && into[i] <= 'z')
            into[i] = (char)(into[i] - 'a' + 'A');
    }
}

static tm_status add_word(tm_words *words, const char *word, tm_error *error)
{
    const char **items = realloc(words->items, ((size_t)words->count + 2) * sizeof *items);
    if (!items) return tm_fail_memory(error, "the command line");
    items[words->count++] = word;
    items[words->count] = NULL;
    words->items = items;
    return TM_OK;
}

/* True if `word` is one of "a|b|c". */
static bool is_choice(const char *choices, const char *word)
{
    const size_t length = strlen(word);
    for (const char *at = choices; length > 0;) {
        const size_t here = strcspn(at, "|");
        if (here == length && memcmp(at, word, length) == 0) return true;
        if (!at[here]) return false;
        at += here + 1;
    }
    return false;
}

static tm_status bad_value(const char *source, const char *value, const char *wanted, tm_error *error)
{
    return tm_fail(error, TM_INVALID_ARGUMENT, "%s: '%.100s' is not %s", source, value, wanted);
}

/* Stores `value`; `source` ("--seed", "$TENSORMARK_SEED") is for messages. */
static tm_status store(const tm_option *option, const char *source, const char *value, tm_options *into,
                       tm_error *error)
{
    void *field = (char *)into + option->offset;
    switch (option->kind) {
    case TM_KIND_FLAG: {
        const bool on = is_choice("1|yes|true|on", value), off = is_choice("0|no|false|off", value) || !*value;
        *(bool *)field = on;
        return on || off ? TM_OK : bad_value(source, value, "yes or no", error);
    }
    case TM_KIND_CHOICE:
        *(const char **)field = value;
        return is_choice(option->argument, value) ? TM_OK : bad_value(source, value, option->argument, error);
    case TM_KIND_TEXT:
        *(const char **)field = value;
        return *value ? TM_OK : tm_fail(error, TM_INVALID_ARGUMENT, "%s: %s is empty", source, option->argument);
    case TM_KIND_MAYBE: *(const char **)field = value; return TM_OK;
    case TM_KIND_MANY: return add_word(field, value, error);
    case TM_KIND_REAL: {
        double *number = field;
        const bool good = tm_parse_real(value, number) && *number >= 0 && *number <= 1;
        return good ? TM_OK : bad_value(source, value, "a number from 0 to 1", error);
    }
    case TM_KIND_SECONDS: {
        double *seconds = field;
        const bool good = tm_parse_duration(value, seconds) && *seconds > 0;
        return good ? TM_OK : bad_value(source, value, "a time such as 90s, 10m or 1h", error);
    }
    case TM_KIND_PERCENT: {
        double *percent = field;
        const bool good = tm_parse_real(value, percent) && *percent >= 0 && *percent <= 1000;
        return good ? TM_OK : bad_value(source, value, "a number of percent from 0 to 1000", error);
    }
    case TM_KIND_NUMBER: {
        struct tm_number *number = field;
        number->given = true;
        return tm_parse_u64(value, &number->value) ? TM_OK : bad_value(source, value, "a number from 0 up", error);
    }
    }
    return TM_OK;
}

static tm_status read_environment(tm_command command, tm_options *into, tm_error *error)
{
    for (int i = 0; i < OPTIONS; i++) {
        if (!(table[i].commands & 1u << command) || table[i].letter == 'h') continue;
        char variable[64], source[80];
        tm_option_variable(&table[i], variable);
        const char *value = getenv(variable);
        if (!value || !*value) continue;
        snprintf(source, sizeof source, "$%s", variable);
        const tm_status status = store(&table[i], source, value, into, error);
        if (status != TM_OK) return status;
    }
    return TM_OK;
}

static tm_status unknown_option(tm_command command, const char *word, size_t length, tm_error *error)
{
    const char *names[OPTIONS];
    int count = 0;
    char name[NEAR];
    snprintf(name, sizeof name, "%.*s", (int)length, word);
    for (int i = 0; i < OPTIONS; i++) {
        if (strcmp(table[i].name, name) == 0) {
            return tm_fail(error, TM_INVALID_ARGUMENT, "'%s' has no option --%s; see `tensormark help %s`",
                           commands[command].name, name, commands[command].name);
        }
        if (table[i].commands & 1u << command) names[count++] = table[i].name;
    }
    const char *nearest = tm_nearest(name, names, count);
    if (nearest) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "unknown option '--%s' (did you mean '--%s'?)", name, nearest);
    }
    return tm_fail(error, TM_INVALID_ARGUMENT, "unknown option '--%s'; see `tensormark help %s`", name,
                   commands[command].name);
}

static const tm_option *find_long(tm_command command, const char *name, size_t length)
{
    for (int i = 0; i < OPTIONS; i++) {
        if ((table[i].commands & 1u << command) && strlen(table[i].name) == length &&
            memcmp(table[i].name, name, length) == 0) {
            return &table[i];
        }
    }
    return NULL;
}

static const tm_option *find_letter(tm_command command, char letter)
{
    for (int i = 0; i < OPTIONS; i++) {
        if ((table[i].commands & 1u << command) && table[i].letter == letter) return &table[i];
    }
    return NULL;
}

/* The value of an option that stands at argv[*at]: behind its "=" (`attached`), or the next word. */
static tm_status take_value(const tm_option *option, const char *attached, int argc, char *const *argv, int *at,
                            tm_options *into, tm_error *error)
{
    char source[64];
    snprintf(source, sizeof source, "--%s", option->name);
    if (option->kind == TM_KIND_FLAG) {
        if (attached) return tm_fail(error, TM_INVALID_ARGUMENT, "%s takes no value", source);
        return store(option, source, "1", into, error);
    }
    if (attached) return store(option, source, attached, into, error);
    const char *next = *at + 1 < argc ? argv[*at + 1] : NULL;
    if (option->kind == TM_KIND_MAYBE && (!next || *next == '-')) return store(option, source, "", into, error);
    if (!next) return tm_fail(error, TM_INVALID_ARGUMENT, "%s needs a value: %s", source, option->argument);
    ++*at;
    return store(option, source, next, into, error);
}

static tm_status read_word(tm_command command, int argc, char *const *argv, int *at, tm_options *into, tm_error *error)
{
    const char *word = argv[*at];
    if (word[0] != '-' || word[1] == '\0') return add_word(&into->arguments, word, error);
    if (word[1] == '-') {
        const size_t length = strcspn(word + 2, "=");
        const tm_option *option = find_long(command, word + 2, length);
        if (!option) return unknown_option(command, word + 2, length, error);
        return take_value(option, word[2 + length] ? word + 3 + length : NULL, argc, argv, at, into, error);
    }
    const tm_option *option = find_letter(command, word[1]);
    if (!option) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "unknown option '%.100s'; see `tensormark help %s`", word,
                       commands[command].name);
    }
    return take_value(option, word[2] ? word + 2 : NULL, argc, argv, at, into, error);
}

tm_status tm_options_parse(tm_command command, int argc, char *const *argv, tm_options *into, tm_error *error)
{
    *into = (tm_options){.budget = -1, .cooldown = -1, .fail_on_regression = -1};
    tm_status status = read_environment(command, into, error);
    const bool quick = into->quick, full = into->full;
    into->quick = into->full = false;
    bool words_only = false;
    for (int at = 0; at < argc && status == TM_OK; at++) {
        if (words_only)
            status = add_word(&into->arguments, argv[at], error);
        else if (strcmp(argv[at], "--") == 0)
            words_only = true;
        else
            status = read_word(command, argc, argv, &at, into, error);
    }
    if (status == TM_OK && into->quick && into->full) {
        status = tm_fail(error, TM_INVALID_ARGUMENT, "--quick and --full exclude each other");
    }
    if (!into->quick && !into->full) { /* the command line overrides the environment */
        into->full = full;
        into->quick = quick && !full;
    }
    return status;
}

void tm_options_free(tm_options *options)
{
    free(options->backend.items);
    free(options->arguments.items);
    *options = (tm_options){0};
}
