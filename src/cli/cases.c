/* From the words of a command line to cases. A word is, in this order: a built-in suite, a file that exists, a path
 * that does not (it starts like one), a case id. */
#include "cli/cli.h"

#include "base/dtype.h"
#include "base/file.h"
#include "suite/layers.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_DTYPES = 8, MOST_FILE_BYTES = 256 << 20, MOST_REGEX = 1000 };

typedef struct dtypes {
    tm_dtype items[MOST_DTYPES];
    size_t count;
} dtypes;

/* Calls for each part of "a,b,c"; the part is copied into `part`. False at the end. */
static bool next_part(const char **at, char *part, size_t capacity)
{
    if (!*at) return false;
    const size_t length = strcspn(*at, ",");
    snprintf(part, capacity, "%.*s", (int)(length < capacity ? length : capacity - 1), *at);
    *at = (*at)[length] ? *at + length + 1 : NULL;
    return true;
}

static int parse_dtypes(const char *list, dtypes *into)
{
    *into = (dtypes){{TM_F32}, 1};
    if (!list) return TM_EXIT_OK;
    into->count = 0;
    char part[32];
    for (const char *at = list; next_part(&at, part, sizeof part);) {
        tm_dtype dtype;
        if (!tm_dtype_parse(part, &dtype) || !tm_dtype_is_real(dtype)) {
            return tm_cli_complain(TM_EXIT_USAGE, "--dtype: '%s' is not one of f32, bf16, f16", part);
        }
        for (size_t i = 0; i < into->count; i++) {
            if (into->items[i] == dtype) return tm_cli_complain(TM_EXIT_USAGE, "--dtype: %s stands there twice", part);
        }
        into->items[into->count++] = dtype;
    }
    return TM_EXIT_OK;
}

/* Each problem is a line of its own already. */
static void print_problems(const tm_text *problems, const char *prefix, const char *skipped)
{
    for (const char *line = problems->data; line && *line;) {
        const size_t length = strcspn(line, "\n"), skip = strlen(skipped);
        const bool cut = length >= skip && strncmp(line, skipped, skip) == 0;
        const size_t from = cut ? skip : 0;
        fprintf(stderr, "%s%.*s\n", prefix, (int)(length - from), line + from);
        line += length + (line[length] == '\n');
    }
}

static int add_file(const char *path, const dtypes *types, tm_case_list *into)
{
    char *content = NULL;
    size_t length = 0;
    tm_error error = {""};
    tm_text problems = {0};
    if (tm_file_read(path, MOST_FILE_BYTES, &content, &length, &error) != TM_OK) {
        return tm_cli_complain(TM_EXIT_USAGE, "%s", error.message);
    }
    const tm_status status =
        tm_case_file_append(path, content, length, types->items, types->count, into, &problems, &error);
    free(content);
    print_problems(&problems, "", "");
    tm_text_free(&problems);
    return status == TM_OK ? TM_EXIT_OK : tm_cli_error(status, &error);
}

/* Complains if what stands before the first slash is a plain word but no op or layer. */
static bool names_unknown_op(const char *id)
{
    char word[64];
    const size_t length = strcspn(id, "/");
    if (length >= sizeof word || strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789_") != length) return false;
    memcpy(word, id, length);
    word[length] = '\0';
    tm_op op;
    if (tm_op_parse(word, &op) || tm_layer_named(word)) return false;
    const char *names[TM_OP_COUNT + TM_LAYERS];
    for (int i = 0; i < TM_OP_COUNT; i++) names[i] = tm_op_name((tm_op)i);
    for (int i = 0; i < TM_LAYERS; i++) names[TM_OP_COUNT + i] = tm_layer_owner(tm_layer_at(i)).name;
    const char *nearest = tm_nearest(word, names, TM_OP_COUNT + TM_LAYERS);
    if (!nearest) return false;
    tm_cli_complain(TM_EXIT_USAGE, "case '%.200s': there is no op or layer '%s' (did you mean '%s'?)", id, word,
                    nearest);
    return true;
}

/* An id is a case file of one line: ranges and lists work in it, and --dtype counts where it names no type. */
static int add_id(const char *id, const dtypes *types, tm_case_list *into)
{
    tm_error error = {""};
    tm_text problems = {0};
    if (names_unknown_op(id)) return TM_EXIT_USAGE;
    if (strchr(id, '\n')) return tm_cli_complain(TM_EXIT_USAGE, "a case id cannot hold a line break: '%.100s'", id);
    const tm_status status =
        tm_case_file_append("case", id, strlen(id), types->items, types->count, into, &problems, &error);
    char prefix[256];
    snprintf(prefix, sizeof prefix, "tensormark: case '%.120s', column ", id);
    tm_text shown = {0};
    tm_text_add_visible(&shown, prefix);
    if (shown.data) print_problems(&problems, shown.data, "case:1:");
    const bool told = problems.length > 0;
    tm_text_free(&problems);
    tm_text_free(&shown);
    if (status == TM_OK) return TM_EXIT_OK;
    return told && status == TM_INVALID_ARGUMENT ? TM_EXIT_USAGE : tm_cli_error(status, &error);
}

static int unknown_word(const char *word)
{
    const char *const *names = tm_suite_names();
    int count = 0;
    while (names[count]) count++;
    const char *nearest = tm_nearest(word, names, count);
    if (nearest) {
        return tm_cli_complain(TM_EXIT_USAGE, "'%.200s' is no suite, file or case id (did you mean '%s'?)", word,
                               nearest);
    }
    return tm_cli_complain(TM_EXIT_USAGE,
                           "'%.200s' is no suite, file or case id; `tensormark list` shows what there is", word);
}

static int add_word(const char *word, const dtypes *types, tm_case_list *into)
{
    tm_error error = {""};
    if (tm_suite_exists(word)) {
        const tm_status status = tm_suite_append(word, types->items, types->count, into, &error);
        return status == TM_OK ? TM_EXIT_OK : tm_cli_error(status, &error);
    }
    if (access(word, F_OK) == 0 || word[0] == '/' || word[0] == '.') return add_file(word, types, into);
    if (strchr(word, '/')) return add_id(word, types, into);
    return strchr(word, '.') ? add_file(word, types, into) : unknown_word(word);
}

/* Keeps the cases for which "id matches" equals `wanted`. */
static int apply_filter(const char *option, const char *pattern, bool wanted, tm_case_list *list)
{
    regex_t regex;
    if (strlen(pattern) > MOST_REGEX) return tm_cli_complain(TM_EXIT_USAGE, "%s: pattern too long", option);
    const int code = regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB);
    if (code != 0) {
        char why[128];
        regerror(code, &regex, why, sizeof why);
        return tm_cli_complain(TM_EXIT_USAGE, "%s: '%s': %s", option, pattern, why);
    }
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        const bool matches = regexec(&regex, list->items[i].id, 0, NULL, 0) == 0;
        if (matches == wanted)
            list->items[kept++] = list->items[i];
        else
            tm_case_free(&list->items[i]);
    }
    list->count = kept;
    regfree(&regex);
    return TM_EXIT_OK;
}

int tm_cli_cases(const tm_options *options, const tm_words *words, tm_case_list *into)
{
    dtypes types;
    int result = parse_dtypes(options->dtype, &types);
    if (result == TM_EXIT_OK && words->count == 0) result = add_word("ops", &types, into);
    for (int i = 0; i < words->count; i++) { /* all, so that every file's problems are shown */
        const int one = result == TM_EXIT_OK || into->count < 1000000 ? add_word(words->items[i], &types, into) : 0;
        if (result == TM_EXIT_OK) result = one;
    }
    if (result == TM_EXIT_OK && options->filter) result = apply_filter("--filter", options->filter, true, into);
    if (result == TM_EXIT_OK && options->exclude) result = apply_filter("--exclude", options->exclude, false, into);
    if (result == TM_EXIT_OK && into->count == 0) {
        result = tm_cli_complain(TM_EXIT_USAGE, "no case is left: nothing to do");
    }
    return result;
}
