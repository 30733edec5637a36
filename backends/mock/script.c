/* A script is lines of words; '#' begins a comment. `when OP` holds for the lines after it, `when *` ends it. */
#include "mock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const moments[MOCK_MOMENTS] = {"probe", "open", "compile", "bind", "run", "read"};

/* What stands behind each word: m a moment, n at which time, a an amount, t text to the end of the line. Small letters
 * must be there, capitals may. */
static const struct {
    const char *word;
    const char *form;
    mock_fault fault;
} words[] = {
    {"call_ns", "a", MOCK_CALL_NS},
    {"later_ns", "an", MOCK_LATER_NS},
    {"batch_ns", "a", MOCK_BATCH_NS},
    {"spoil", "n", MOCK_SPOIL},
    {"crash", "mN", MOCK_CRASH},
    {"abort", "mN", MOCK_ABORT},
    {"exit0", "mN", MOCK_EXIT0},
    {"hang", "mN", MOCK_HANG},
    {"stop", "mN", MOCK_STOP},
    {"oom", "mN", MOCK_OOM},
    {"device_oom", "mN", MOCK_DEVICE_OOM},
    {"device_error", "mN", MOCK_DEVICE_ERROR},
    {"fail", "mT", MOCK_FAIL},
    {"flood", "maN", MOCK_FLOOD},
    {"garbage", "mN", MOCK_GARBAGE},
    {"fork", "mN", MOCK_FORK},
    {"escape", "mN", MOCK_ESCAPE},
    {"network", "m", MOCK_NETWORK},
    {"write", "mt", MOCK_WRITE},
    {"wrong", "", MOCK_WRONG},
    {"nothing", "", MOCK_NOTHING},
    {"unsupported", "t", MOCK_UNSUPPORTED},
};

tm_status mock_fail(tm_error *error, tm_status status, const char *message, const char *about)
{
    snprintf(error->message, sizeof error->message, "%s%s", message, about);
    return status;
}

/* The next word of *line, cut out in place; NULL at the end. */
static char *next_word(char **line)
{
    return strtok_r(NULL, " \t", line);
}

static bool read_moment(const char *word, mock_moment *into)
{
    for (int i = 0; word && i < MOCK_MOMENTS; i++) {
        if (strcmp(word, moments[i]) == 0) {
            *into = (mock_moment)i;
            return true;
        }
    }
    return false;
}

/* One part of a line's form; false if it has to be there and is not. */
static bool read_part(char part, char **line, mock_rule *rule)
{
    if (part == 't' || part == 'T') {
        snprintf(rule->text, sizeof rule->text, "%s", *line ? *line : "");
        return part == 'T' || rule->text[0];
    }
    char *word = next_word(line);
    if (!word) return part == 'N';
    char *end = NULL;
    errno = 0;
    if (part == 'm') return read_moment(word, &rule->moment);
    if (part == 'a') rule->amount = strtod(word, &end);
    if (part == 'n' || part == 'N') rule->at = strtoll(word, &end, 10);
    return errno == 0 && end && *end == '\0';
}

static bool read_line(char *line, const char *op, mock_script *into)
{
    char *rest = line, *word = strtok_r(line, " \t", &rest);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(words[i].word, word) != 0) continue;
        if (into->rules == MOCK_MAX_RULES) return false;
        mock_rule *rule = &into->rule[into->rules++];
        *rule = (mock_rule){.fault = words[i].fault, .moment = MOCK_RUN};
        snprintf(rule->op, sizeof rule->op, "%s", op);
        for (const char *part = words[i].form; *part; part++) {
            if (!read_part(*part, &rest, rule)) return false;
        }
        return true;
    }
    return false;
}

tm_status mock_script_read(const char *path, mock_script *into, tm_error *error)
{
    memset(into, 0, sizeof *into);
    if (!path[0]) return TM_OK;
    FILE *file = fopen(path, "re");
    if (!file) return mock_fail(error, TM_FAILED, "no such script: ", path);
    char line[256], copy[256], op[32] = "";
    tm_status status = TM_OK;
    while (status == TM_OK && fgets(line, sizeof line, file)) {
        line[strcspn(line, "#\n")] = '\0';
        snprintf(copy, sizeof copy, "%s", line);
        char only[32];
        if (strspn(line, " \t") == strlen(line)) continue;
        if (sscanf(line, " when %31s", only) == 1) {
            snprintf(op, sizeof op, "%s", strcmp(only, "*") == 0 ? "" : only);
        } else if (!read_line(line, op, into)) {
            status = mock_fail(error, TM_INVALID_ARGUMENT, "mock script: cannot read: ", copy);
        }
    }
    fclose(file);
    return status;
}
