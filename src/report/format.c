/* Times, the exit status, the command that repeats a cell. */
#include "report/format.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *tm_report_text(const char *text)
{
    return text ? text : "";
}

void tm_report_time(double nanoseconds, char *into, size_t capacity)
{
    static const struct {
        const char *name;
        double ns;
    } units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};
    if (!isfinite(nanoseconds)) {
        snprintf(into, capacity, "?");
        return;
    }
    /* Rounded first, so that 999.9 us becomes 1.00 ms and not 1000 us. */
    char digits[32];
    snprintf(digits, sizeof digits, "%.2e", nanoseconds);
    const double rounded = strtod(digits, NULL);
    size_t unit = 0;
    while (unit + 1 < sizeof units / sizeof *units && rounded >= units[unit + 1].ns) unit++;
    const double value = rounded / units[unit].ns;
    const int decimals = value >= 100 ? 0 : value >= 10 ? 1 : 2;
    snprintf(into, capacity, "%.*f %s", decimals, value >= 1000 ? nanoseconds / units[unit].ns : value,
             units[unit].name);
}

void tm_report_ratio(double ratio, char *into, size_t capacity)
{
    int decimals = ratio < 0.0995 ? 3 : ratio >= 99.5 ? 0 : ratio >= 9.95 ? 1 : 2;
    for (double least = 0.00995; ratio > 0 && ratio < least && decimals < 12; least /= 10) decimals++;
    snprintf(into, capacity, "%.*fx", decimals, ratio);
}

const char *tm_report_cache(const char *case_id)
{
    static const char cold[] = "/cold";
    const size_t length = strlen(case_id);
    return length >= sizeof cold - 1 && strcmp(case_id + length - (sizeof cold - 1), cold) == 0 ? "cold" : "hot";
}

void tm_shell_quote(const char *word, tm_text *into)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=:,./@%";
    if (*word && strspn(word, plain) == strlen(word)) {
        tm_text_add(into, word);
        return;
    }
    tm_text_add(into, "'");
    for (const char *c = word; *c; c++) {
        if (*c == '\'')
            tm_text_add(into, "'\\''");
        else
            tm_text_add_bytes(into, c, 1);
    }
    tm_text_add(into, "'");
}

/* Does the comma-separated list hold a name that this definition gave, options behind it or not? */
static bool is_used(const char *definition, const char *backends)
{
    const size_t name = strcspn(definition, "=");
    if (!definition[name]) return false;
    for (const char *at = backends; *at; at += strcspn(at, ","), at += *at == ',') {
        if (strncmp(at, definition, name) == 0 && strchr(",+", at[name])) return true;
    }
    return false;
}

/* The next word of a command line that tm_shell_quote wrote, as the shell reads it; returns where it ends, NULL when
 * there is none. */
static const char *next_word(const char *at, tm_text *word)
{
    at += strspn(at, " ");
    if (!*at) return NULL;
    bool quoted = false;
    for (; *at && (quoted || *at != ' '); at++) {
        if (*at == '\'') {
            quoted = !quoted;
            continue;
        }
        if (*at == '\\' && !quoted && at[1]) at++;
        tm_text_add_bytes(word, at, 1);
    }
    return at;
}

void tm_report_given(const tm_record *record, const char *option, tm_text *into)
{
    const size_t length = strlen(option);
    tm_text value = {0};
    bool given = false;
    for (const char *at = tm_report_text(record->command); at;) {
        tm_text word = {0};
        at = next_word(at, &word);
        const char *text = tm_report_text(word.data);
        if (strncmp(text, option, length) == 0 && text[length] == '=' && text[length + 1]) {
            tm_text_free(&value);
            tm_text_add(&value, text + length + 1);
            given = true;
        }
        if (word.failed) into->failed = true;
        tm_text_free(&word);
    }
    if (value.failed) into->failed = true;
    if (given && !(strcmp(option, "--threads") == 0 && strchr(tm_report_text(value.data), ','))) {
        tm_text_format(into, " %s ", option);
        tm_shell_quote(tm_report_text(value.data), into);
    }
    tm_text_free(&value);
}

void tm_report_backends(const tm_record *record, const char *backends, tm_text *into)
{
    for (int64_t i = 0; i < record->backend_count; i++) {
        const char *definition = tm_report_text(record->backends[i].definition);
        bool first = true;
        for (int64_t k = 0; k < i && first; k++) {
            first = strcmp(definition, tm_report_text(record->backends[k].definition)) != 0;
        }
        if (!first || !is_used(definition, backends)) continue;
        tm_text_add(into, " --backend ");
        tm_shell_quote(definition, into);
    }
    tm_text_add(into, " --backends ");
    tm_shell_quote(backends, into);
    tm_report_given(record, "--threads", into);
    tm_report_given(record, "--torch", into);
    tm_report_given(record, "--isa", into);
}

void tm_report_repeat(const tm_record *record, const char *case_id, const char *backends, tm_text *into)
{
    const char *mode = tm_report_text(record->mode);
    tm_text_add(into, "tensormark run ");
    tm_shell_quote(case_id, into);
    tm_report_backends(record, backends, into);
    if (strcmp(mode, "quick") == 0 || strcmp(mode, "full") == 0) tm_text_format(into, " --%s", mode);
    tm_report_given(record, "--cooldown", into);
    tm_text_format(into, " --seed %llu", (unsigned long long)record->seed);
}

int tm_report_exit_status(const tm_record *record, bool strict)
{
    for (int64_t i = 0; i < record->cell_count; i++) {
        const tm_record_cell *cell = &record->cells[i];
        if (cell->status == TM_CELL_OK) continue;
        const char *reason = tm_report_text(cell->reason);
        const bool expected = cell->status == TM_CELL_UNSUPPORTED ||
                              (cell->status == TM_CELL_SKIPPED &&
                               (strncmp(reason, "memory", 6) == 0 || strncmp(reason, "filter", 6) == 0));
        if (strict || !expected) return 3;
    }
    return 0;
}
