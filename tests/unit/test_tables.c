/* Tables of many backends: in one line as long as no terminal limits them, else a row for each backend, with the same
 * figures. */
#include "report/format.h"
#include "report/table.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 8, CASES = 3, MOST_FIELDS = 32, FIELD = 64 };

static const char *const cases[CASES] = {"softmax/1000x64/axis=-1/f32", "relu/1000/f32", "relu/7/f32"};

typedef struct fixture {
    tm_record record;
    tm_record_backend backends[MOST];
    tm_record_cell cells[MOST * CASES];
    char names[MOST][32];
} fixture;

/* Every cell has a time of its own; on each case but the first one backend failed. */
static void make(fixture *f, int backends)
{
    *f = (fixture){.record = {.id = (char *)"20260101-000000-abcd",
                              .mode = (char *)"quick",
                              .status = (char *)"COMPLETE",
                              .backend_count = backends,
                              .cell_count = (int64_t)backends * CASES,
                              .aa_floor = NAN}};
    f->record.backends = f->backends;
    f->record.cells = f->cells;
    for (int b = 0; b < backends; b++) {
        snprintf(f->names[b], sizeof f->names[b], "framework%d:cpu+tuned", b);
        f->backends[b] = (tm_record_backend){.id = f->names[b], .definition = (char *)""};
        for (int c = 0; c < CASES; c++) {
            const double ns = 1e3 * (b + 1) + 10 * c;
            const bool failed = c > 0 && b == c;
            f->cells[c * backends + b] = (tm_record_cell){.case_id = (char *)(uintptr_t)cases[c],
                                                          .suite = (char *)"ops",
                                                          .group = (char *)(c ? "relu" : "softmax"),
                                                          .backend = f->names[b],
                                                          .status = failed ? TM_CELL_CRASHED : TM_CELL_OK,
                                                          .reason = (char *)(failed ? "signal 11" : ""),
                                                          .median_ns = failed ? NAN : ns,
                                                          .ci_low_ns = ns * 0.99,
                                                          .ci_high_ns = ns * 1.01,
                                                          .limit_ns = 500,
                                                          .efficiency = failed ? NAN : 500 / ns,
                                                          .verify = (char *)"pass",
                                                          .labels = (char *)"QUICK"};
        }
    }
}

static char *shown(fixture *f, int width)
{
    const tm_report_style style = {.width = width, .base = f->names[1]};
    tm_text text = {0};
    tm_report_markdown(&f->record, &style, &text);
    assert_false(text.failed);
    return text.data;
}

/* The cells of a table's line, blanks taken off; their number. */
static int fields_of(const char *line, char into[MOST_FIELDS][FIELD])
{
    int count = 0;
    for (const char *at = line + 1; *at && *at != '\n'; count++) {
        const size_t length = strcspn(at, "|\n");
        size_t from = 0, to = length;
        while (from < to && at[from] == ' ') from++;
        while (to > from && at[to - 1] == ' ') to--;
        assert_true(count < MOST_FIELDS);
        snprintf(into[count], FIELD, "%.*s", (int)(to - from), at + from);
        at += length + (at[length] == '|');
    }
    return count;
}

/* The line of a table whose first cell is `first` and, unless NULL, one of whose next two is `second`. */
static const char *find_line(const char *text, const char *first, const char *second)
{
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        char fields[MOST_FIELDS][FIELD];
        if (*line != '|' || fields_of(line, fields) < 4 || strcmp(fields[0], first) != 0) continue;
        if (!second || strcmp(fields[1], second) == 0 || strcmp(fields[2], second) == 0) return line;
    }
    fail_msg("no line of %s and %s in\n%s", first, second ? second : "any", text);
    return NULL;
}

static int widest_line(const char *text)
{
    int widest = 0;
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        char copy[4096];
        snprintf(copy, sizeof copy, "%.*s", (int)strcspn(line, "\n"), line);
        if (*line == '|' && tm_display_width(copy) > widest) widest = tm_display_width(copy);
    }
    return widest;
}

/* What stands in the wide table for backend `b` stands in its own row of the tall one; `keys` cells come before. */
static void same_figures(fixture *f, const char *wide, const char *tall, const char *first, int keys)
{
    char all[MOST_FIELDS][FIELD], one[MOST_FIELDS][FIELD];
    const int backends = (int)f->record.backend_count;
    assert_int_equal(fields_of(find_line(wide, first, NULL), all), keys + 3 * backends - 1);
    int at = keys;
    for (int b = 0; b < backends; b++) {
        assert_int_equal(fields_of(find_line(tall, first, f->names[b]), one), keys + 4);
        if (keys == 2) assert_string_equal(one[1], all[1]);
        assert_string_equal(one[keys + 1], all[at++]);
        assert_string_equal(one[keys + 2], all[at++]);
        assert_string_equal(one[keys + 3], b == 1 ? "base" : all[at++]);
    }
}

static void many_backends_have_rows_of_their_own(void **state)
{
    (void)state;
    fixture f;
    make(&f, MOST);
    char *wide = shown(&f, 0), *tall = shown(&f, 150);
    assert_true(widest_line(wide) > 400);
    assert_true(widest_line(tall) <= 150);
    for (int c = 0; c < CASES; c++) same_figures(&f, wide, tall, cases[c], 1);
    static const char *const averages[] = {"softmax", "relu", "all", "all with a limit above 50 us"};
    for (size_t i = 0; i < 4; i++) same_figures(&f, wide, tall, averages[i], 2);
    /* What fits is left as it is, to the column. */
    char *fitting = shown(&f, widest_line(wide));
    assert_string_equal(fitting, wide);
    free(wide);
    free(tall);
    free(fitting);
}

/* A case in a row is better wrapped than cut up, as long as it is one of few backends. */
static void few_backends_are_tall_only_where_that_fits(void **state)
{
    (void)state;
    fixture f;
    make(&f, 3);
    char *wide = shown(&f, 0), *narrow = shown(&f, 40);
    assert_string_equal(narrow, wide);
    char *tall = shown(&f, widest_line(wide) - 1);
    assert_true(widest_line(tall) < widest_line(wide));
    same_figures(&f, wide, tall, cases[0], 1);
    free(wide);
    free(narrow);
    free(tall);
}

static void streamed_rows_follow_their_header(void **state)
{
    (void)state;
    fixture f;
    make(&f, MOST);
    static const int widths[] = {0, 150};
    for (int i = 0; i < 2; i++) {
        const tm_report_style style = {.width = widths[i]};
        tm_text text = {0};
        tm_report_row_header(&f.record, &style, &text);
        for (int c = 0; c < CASES; c++) tm_report_row(&f.record, &style, cases[c], &text);
        assert_false(text.failed);
        int lines = 0;
        const int first = (int)strcspn(text.data, "\n");
        char head[4096];
        snprintf(head, sizeof head, "%.*s", first, text.data);
        for (const char *line = text.data; *line; line += strcspn(line, "\n") + 1, lines++) {
            char copy[4096];
            snprintf(copy, sizeof copy, "%.*s", (int)strcspn(line, "\n"), line);
            assert_int_equal(tm_display_width(copy), tm_display_width(head));
        }
        assert_int_equal(lines, 2 + CASES * (i ? MOST : 1));
        assert_true(i == 0 || tm_display_width(head) <= 150);
        tm_text_free(&text);
    }
}

/* Nothing to show is no table that fails. */
static void no_backend_is_no_table(void **state)
{
    (void)state;
    fixture f;
    make(&f, 0);
    char *text = shown(&f, 20);
    assert_non_null(strstr(text, "| case |"));
    free(text);
}

/* However small, a ratio is never shown as nothing. */
static void ratios_keep_their_digits(void **state)
{
    (void)state;
    static const struct {
        double ratio;
        const char *text;
    } known[] = {{1, "1.00x"},
                 {12.34, "12.3x"},
                 {1234, "1234x"},
                 {0.5, "0.50x"},
                 {0.0994, "0.099x"},
                 {0.00996, "0.010x"},
                 {0.00994, "0.0099x"},
                 {0.000267, "0.00027x"},
                 {0.000996, "0.0010x"},
                 {1e-9, "0.0000000010x"},
                 {1e-30, "0.000000000000x"},
                 {0, "0.000x"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        char text[32];
        tm_report_ratio(known[i].ratio, text, sizeof text);
        assert_string_equal(text, known[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_backends_have_rows_of_their_own),
        cmocka_unit_test(few_backends_are_tall_only_where_that_fits),
        cmocka_unit_test(streamed_rows_follow_their_header),
        cmocka_unit_test(ratios_keep_their_digits),
        cmocka_unit_test(no_backend_is_no_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
