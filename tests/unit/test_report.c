/* Reports from made-up records: figures, statuses, averages, and text that means mischief. */
#include "report/report.h"
#include "report/rows.h"
#include "report/table.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BACKENDS = 2 };

static tm_record_backend backends[BACKENDS] = {
    {.id = (char *)"native:cpu",
     .framework_version = (char *)"Tensormark 0.1.0",
     .device = (char *)"cpu",
     .threads = 2},
    {.id = (char *)"torch:cpu", .framework_version = (char *)"PyTorch 2.13.0", .device = (char *)"cpu", .threads = 2}};

static tm_record_cell cell(const char *case_id, const char *group, int backend, double median_ns, double efficiency)
{
    return (tm_record_cell){.case_id = (char *)case_id,
                            .suite = (char *)"ops",
                            .group = (char *)group,
                            .backend = backends[backend].id,
                            .status = TM_CELL_OK,
                            .reason = (char *)"",
                            .median_ns = median_ns,
                            .ci_low_ns = median_ns * 0.99,
                            .ci_high_ns = median_ns * 1.01,
                            .p5_ns = median_ns,
                            .p95_ns = median_ns,
                            .min_ns = median_ns,
                            .samples = 50,
                            .first_call_ns = NAN,
                            .verify = (char *)"pass",
                            .probe = (char *)"none",
                            .freivalds = NAN,
                            .flop = 1e6,
                            .bytes = 8e6,
                            .limit_ns = median_ns * efficiency,
                            .limit_basis = (char *)"memory-copy",
                            .floor_ns = 1,
                            .efficiency = efficiency,
                            .labels = (char *)"QUICK",
                            .metrics = (char *)"{\"tokens_per_s\": 2.5}"};
}

static tm_record record_of(tm_record_cell *cells, int64_t count)
{
    return (tm_record){.id = (char *)"20260101-000000-abcd",
                       .started = (char *)"2026-01-01T00:00:00Z",
                       .finished = (char *)"",
                       .mode = (char *)"quick",
                       .command = (char *)"tensormark run",
                       .version = (char *)"0.1.0",
                       .status = (char *)"COMPLETE",
                       .seed = 7,
                       .machine = {.cpu = (char *)"Some CPU",
                                   .os = (char *)"Linux",
                                   .gpus = (char *)"A,B",
                                   .cores = 2,
                                   .memory_bytes = 8000000000,
                                   .read_gbs = 12.5,
                                   .copy_gbs = NAN},
                       .backends = backends,
                       .cells = cells,
                       .aa_floor = NAN,
                       .backend_count = BACKENDS,
                       .cell_count = count};
}

static const tm_report_style plain = {0};

static void times_have_three_digits(void **state)
{
    (void)state;
    static const struct {
        double ns;
        const char *text;
    } known[] = {{0.5, "0.50 ns"},   {1, "1.00 ns"},        {999.4, "999 ns"},    {999.6, "1.00 us"},
                 {12345, "12.3 us"}, {412000, "412 us"},    {1234567, "1.23 ms"}, {999949999, "1.00 s"},
                 {3.1e9, "3.10 s"},  {1.2345e12, "1234 s"}, {NAN, "?"},           {INFINITY, "?"},
                 {99960, "100 us"},  {9.996e3, "10.0 us"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        char text[32];
        tm_report_time(known[i].ns, text, sizeof text);
        assert_string_equal(text, known[i].text);
    }
}

static void averages_take_common_cases_only(void **state)
{
    (void)state;
    tm_record_cell cells[] = {cell("softmax/a", "softmax", 0, 1e6, 0.5), cell("softmax/a", "softmax", 1, 4e6, 0.125),
                              cell("softmax/b", "softmax", 0, 4e6, 4.0), cell("softmax/b", "softmax", 1, 4e6, 4.0),
                              cell("softmax/c", "softmax", 0, 9e9, 0.1), cell("softmax/c", "softmax", 1, 1e6, 0.9),
                              cell("relu/a", "relu", 0, 10e3, 0.5),      cell("relu/a", "relu", 1, 90e3, 0.5)};
    cells[5].status = TM_CELL_CRASHED;
    const tm_record record = record_of(cells, 8);
    tm_average got[BACKENDS];
    int64_t cases = 0, of = 0;
    assert_true(tm_average_rows(&record, 0, (tm_average_filter){"softmax", 0}, got, &cases, &of));
    assert_int_equal(cases, 2);
    assert_int_equal(of, 3);
    assert_float_equal(got[0].median_ns, 2e6, 1);
    assert_float_equal(got[1].median_ns, 4e6, 1);
    assert_float_equal(got[1].ratio, 0.5, 1e-9);
    assert_float_equal(got[0].efficiency, sqrt(0.5 * 1.0), 1e-9); /* 4.0 counts as 1 */
    assert_true(tm_average_rows(&record, 1, (tm_average_filter){NULL, 50e3}, got, &cases, &of));
    assert_int_equal(of, 3); /* relu's limit is 45 us at most */
    assert_float_equal(got[0].ratio, 2.0, 1e-9);
    cells[0].labels = (char *)"QUICK,NO STEADY STATE"; /* completed all the same */
    assert_true(tm_average_rows(&record, 0, (tm_average_filter){"softmax", 0}, got, &cases, &of));
    assert_int_equal(cases, 2);
    cells[0].status = TM_CELL_FAILED;
    cells[2].status = TM_CELL_HUNG;
    assert_true(tm_average_rows(&record, 0, (tm_average_filter){"softmax", 0}, got, &cases, &of));
    assert_int_equal(cases, 0);
    assert_true(isnan(got[0].median_ns));
}

/* A backend of a few ops leaves the others their averages, and has one where its ops are. */
static void averages_leave_out_who_does_little(void **state)
{
    (void)state;
    tm_record_cell cells[] = {cell("matmul/a", "matmul", 0, 1e6, 0.5), cell("matmul/a", "matmul", 1, 2e6, 0.5),
                              cell("relu/a", "relu", 0, 4e6, 0.5),     cell("relu/a", "relu", 1, 1e6, 0.5),
                              cell("relu/b", "relu", 0, 2e6, 0.5),     cell("relu/b", "relu", 1, 1e6, 0.5)};
    cells[3].status = cells[5].status = TM_CELL_UNSUPPORTED;
    const tm_record record = record_of(cells, 6);
    tm_average got[BACKENDS];
    int64_t cases = 0, of = 0;
    assert_true(tm_average_rows(&record, 0, (tm_average_filter){NULL, 0}, got, &cases, &of));
    assert_true(cases == 3 && of == 3);
    assert_float_equal(got[0].median_ns, 2e6, 1);
    assert_true(!got[1].takes_part && got[1].completed == 1 && isnan(got[1].median_ns) && isnan(got[1].ratio));
    assert_true(tm_average_rows(&record, 0, (tm_average_filter){"matmul", 0}, got, &cases, &of));
    assert_true(cases == 1 && got[1].takes_part);
    assert_float_equal(got[1].ratio, 0.5, 1e-9);
    cells[3].status = TM_CELL_OK; /* two of three are enough, and then count alone */
    assert_true(tm_average_rows(&record, 0, (tm_average_filter){NULL, 0}, got, &cases, &of));
    assert_true(cases == 2 && got[1].takes_part);
}

/* The line of `text` that starts with `start`. */
static char *line_of(const char *text, const char *start)
{
    const char *at = text;
    while (at && strncmp(at, start, strlen(start)) != 0) {
        at = strchr(at, '\n');
        if (at) at++;
    }
    if (!at) fail_msg("no line starts with '%s' in:\n%s", start, text);
    return strndup(at, strcspn(at, "\n"));
}

static void assert_line(const char *text, const char *start, const char *const *parts)
{
    char *line = line_of(text, start);
    for (; *parts; parts++) {
        if (!strstr(line, *parts)) fail_msg("'%s' is not in: %s", *parts, line);
    }
    free(line);
}

static void markdown_shows_every_cell(void **state)
{
    (void)state;
    tm_record_cell cells[] = {cell("softmax/a", "softmax", 0, 1e6, 0.5), cell("softmax/a", "softmax", 1, 4e6, NAN),
                              cell("softmax/b", "softmax", 0, 4e6, 1.2), cell("softmax/b", "softmax", 1, NAN, NAN),
                              cell("relu/a", "relu", 0, NAN, NAN),       cell("relu/a", "relu", 1, 2e6, 0.5),
                              cell("relu/b", "relu", 0, 2e6, 0.5)};
    cells[1].labels = (char *)"QUICK,NONLINEAR";
    cells[1].ci_low_ns = cells[1].ci_high_ns = NAN;
    cells[3].status = TM_CELL_CRASHED;
    cells[3].reason = (char *)"signal 11, and a long tale of what happened before it happened | more";
    cells[4].status = TM_CELL_UNSUPPORTED;
    tm_record record = record_of(cells, 7);
    tm_text text = {0};
    tm_report_markdown(&record, &plain, &text);
    assert_false(text.failed);
    assert_null(strstr(text.data, "nan"));
    assert_null(strstr(text.data, "provisional"));
    assert_null(strstr(text.data, "\033"));
    assert_non_null(strstr(text.data, "Labels of every row: QUICK\n"));
    assert_non_null(strstr(text.data, "memory read 12.5 GB/s"));
    assert_line(
        text.data, "| softmax/a",
        (const char *[]){"1.00 ms \u00b1 1.0 % |", "50 % |", "4.00 ms \u00b1 ? NONLINEAR |", " ? |", "0.25x", NULL});
    assert_line(text.data, "| softmax/b",
                (const char *[]){"120 %", "CRASHED: signal 11, and a long tale", "... |", NULL});
    assert_line(text.data, "| relu/a", (const char *[]){"UNSUPPORTED", "no base", NULL});
    assert_line(text.data, "| relu/b", (const char *[]){"not measured", NULL});
    assert_line(text.data, "| softmax  ", (const char *[]){"1 of 2", "1.00 ms", "0.25x", NULL});
    assert_line(text.data, "| relu  ", (const char *[]){"0 of 2", "none completed by all", NULL});
    assert_line(text.data, "| all  ", (const char *[]){"1 of 4", NULL});
    assert_line(text.data, "- softmax/b on torch:cpu: CRASHED", (const char *[]){"happened \\| more", NULL});
    /* All lines of the case table are equally wide in a terminal. */
    char *rule = line_of(text.data, "|--"), *row = line_of(text.data, "| softmax/b"),
         *head = line_of(text.data, "| case");
    assert_int_equal(tm_display_width(rule), tm_display_width(row));
    assert_int_equal(tm_display_width(rule), tm_display_width(head));
    free(rule);
    free(row);
    free(head);
    tm_text_free(&text);

    record.status = (char *)"INTERRUPTED";
    const tm_report_style colored = {.color = true, .base = "torch:cpu"};
    tm_report_markdown(&record, &colored, &text);
    assert_non_null(strstr(text.data, "provisional"));
    assert_non_null(strstr(text.data, "\033[31m"));
    assert_non_null(strstr(text.data, "4.00x"));
    assert_non_null(strstr(text.data, "x faster than torch:cpu"));
    tm_text_free(&text);
}

static void a_paired_ratio_beats_the_quotient(void **state)
{
    (void)state;
    tm_record_cell cells[] = {cell("softmax/a", "softmax", 0, 1e6, 0.5), cell("softmax/a", "softmax", 1, 4e6, 0.1)};
    tm_record_comparison pair = {
        (char *)"softmax/a", (char *)"torch:cpu", (char *)"native:cpu", (char *)"SLOWER", 0.26, 0.25, 0.27, 0.03, 0.01};
    tm_record record = record_of(cells, 2);
    tm_ratio ratio = tm_cell_ratio(&record, &cells[1], &cells[0]);
    assert_float_equal(ratio.value, 0.25, 1e-12);
    assert_true(isnan(ratio.half_width));
    assert_string_equal(ratio.verdict, "");
    record.comparisons = &pair;
    record.comparison_count = 1;
    ratio = tm_cell_ratio(&record, &cells[1], &cells[0]);
    assert_float_equal(ratio.value, 0.26, 1e-12);
    assert_float_equal(ratio.half_width, log(0.27 / 0.25) / 2, 1e-12);
    assert_string_equal(ratio.verdict, "SLOWER");
    tm_average got[BACKENDS];
    int64_t cases = 0, of = 0;
    assert_true(tm_average_rows(&record, 0, (tm_average_filter){NULL, 0}, got, &cases, &of));
    assert_float_equal(got[1].ratio_half_width, ratio.half_width, 1e-12);
}

/* What verdicts are about, what an undecided pair would have shown, and what equal programs did. */
static void verdicts_come_with_their_margin(void **state)
{
    (void)state;
    tm_record_cell cells[] = {cell("softmax/a", "softmax", 0, 1e6, 0.5), cell("softmax/a", "softmax", 1, 1e6, 0.1)};
    tm_record_comparison pair = {
        (char *)"softmax/a", (char *)"torch:cpu", (char *)"native:cpu", (char *)"UNDECIDED", 1, 0.9, 1.1, 0.123, 0.034};
    tm_record_comparison twins[] = {pair, pair, pair};
    twins[0].verdict = (char *)"FASTER";
    twins[1].verdict = (char *)""; /* not ranked */
    tm_record record = record_of(cells, 2);
    record.comparisons = &pair;
    record.comparison_count = 1;
    record.aa_floor = 0.034;
    tm_text text = {0};
    tm_report_markdown(&record, &plain, &text);
    assert_non_null(strstr(text.data, "UNDECIDED (sees 12 %)"));
    assert_non_null(strstr(text.data, "differences of 3.4 %, beyond"));
    assert_non_null(strstr(text.data, "A/A: from earlier runs on this machine; differences below 3.4 % may be chance"));
    tm_text_free(&text);
    record.aa = twins;
    record.aa_count = 3;
    cells[1].labels = (char *)"QUICK,LOWACC";
    tm_report_markdown(&record, &plain, &text);
    assert_non_null(strstr(text.data, "A/A: 1 of 2 pairs of equal programs told apart"));
    assert_non_null(strstr(text.data, "not ranked"));
    tm_text_free(&text);
    tm_report_json(&record, &plain, &text);
    json_t *root = json_loads(text.data, 0, NULL);
    const json_t *aa = json_object_get(root, "aa");
    assert_int_equal(json_array_size(aa), 3);
    assert_true(json_is_null(json_object_get(json_array_get(aa, 1), "verdict")));
    assert_true(json_real_value(json_object_get(json_array_get(aa, 0), "margin")) == 0.034);
    assert_true(json_real_value(json_object_get(root, "aa_floor")) == 0.034);
    json_decref(root);
    tm_text_free(&text);
}

static void rows_stream_aligned(void **state)
{
    (void)state;
    tm_record_cell cells[] = {cell("softmax/a", "softmax", 0, 1e6, 0.5), cell("softmax/a", "softmax", 1, 4e6, 0.5)};
    const tm_record empty = record_of(cells, 0), record = record_of(cells, 2);
    tm_text head = {0}, row = {0};
    tm_report_row_header(&empty, &plain, &head);
    tm_report_row(&record, &plain, "softmax/a", &row);
    assert_non_null(strstr(row.data, "4.00 ms"));
    assert_int_equal((int)strcspn(head.data, "|"), 0);
    *strchr(head.data, '\n') = '\0';
    *strchr(row.data, '\n') = '\0';
    assert_int_equal(tm_display_width(head.data), tm_display_width(row.data));
    tm_text_free(&head);
    tm_text_free(&row);
}

static const char mischief[] = "=cmd|' /C calc'!A0\"\033[31m\r\n</SCRIPT><!--\u2028\u202e,";

static void csv_is_plain_data(void **state)
{
    (void)state;
    tm_record_cell cells[] = {cell("softmax/a", "softmax", 0, 1e6, 0.5), cell("softmax/a", "softmax", 1, NAN, NAN)};
    cells[1].status = TM_CELL_FAILED;
    cells[1].reason = (char *)mischief;
    const tm_record record = record_of(cells, 2);
    tm_text text = {0};
    tm_report_csv(&record, &plain, &text);
    assert_null(strstr(text.data, "nan"));
    assert_null(strstr(text.data, "\033"));
    assert_null(strstr(text.data, ",=cmd"));
    assert_null(strstr(text.data, "\"=cmd"));
    assert_non_null(strstr(text.data, "\"'=cmd|' /C calc'!A0\"\"?[31m?"
                                      "?</SCRIPT><!--??,\""));
    assert_non_null(strstr(text.data, ",softmax/a,ops,softmax,native:cpu,OK,,1000000,990000,1010000,"));
    int lines = 0;
    size_t fields[3] = {0};
    bool quoted = false;
    for (const char *c = text.data; *c; c++) {
        if (*c == '"')
            quoted = !quoted;
        else if (*c == ',' && !quoted)
            fields[lines]++;
        else if (*c == '\n') {
            assert_true(c[-1] == '\r');
            lines++;
        }
    }
    assert_int_equal(lines, 3);
    assert_int_equal(fields[0], fields[1]);
    assert_int_equal(fields[0], fields[2]);
    tm_text_free(&text);
}

static void json_follows_the_schema(void **state)
{
    (void)state;
    tm_record_cell cells[] = {cell("softmax/a", "softmax", 0, 1e6, 0.5),
                              cell("softmax/a/cold", "softmax", 1, NAN, NAN)};
    double ns[] = {0.1, 1e9 / 3};
    tm_record_sample sample = {.cell = 0, .incarnation = 2, .round = 1, .ns = ns, .count = 2};
    cells[1].status = TM_CELL_FAILED;
    cells[1].reason = (char *)mischief;
    cells[1].metrics = (char *)"not json";
    cells[1].suite = (char *)"bad \xff utf-8";
    cells[1].labels = (char *)"QUICK, NO STEADY STATE";
    tm_record record = record_of(cells, 2);
    record.samples = &sample;
    record.sample_count = 1;
    record.seed = UINT64_MAX;
    const tm_report_style style = {.samples = true};
    tm_text text = {0};
    tm_report_json(&record, &style, &text);
    assert_false(text.failed);
    for (const char *c = text.data; *c; c++) assert_true(*c == '\n' || (*c >= 0x20 && *c < 0x7f));
    json_t *root = json_loads(text.data, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    assert_string_equal(json_string_value(json_object_get(root, "schema")), "tensormark.run/1");
    const json_t *run = json_object_get(root, "run");
    assert_string_equal(json_string_value(json_object_get(run, "seed")), "18446744073709551615");
    assert_true(json_is_null(json_object_get(run, "finished")));
    const json_t *machine = json_object_get(root, "machine"), *limits = json_object_get(machine, "limits");
    assert_int_equal(json_array_size(json_object_get(machine, "gpus")), 2);
    assert_true(json_real_value(json_object_get(limits, "read_gbs")) == 12.5);
    assert_true(json_is_null(json_object_get(limits, "copy_gbs")));
    assert_true(json_is_null(json_object_get(limits, "i8_gops")));
    const json_t *first = json_array_get(json_object_get(root, "cells"), 0);
    const json_t *other = json_array_get(json_object_get(root, "cells"), 1);
    assert_true(json_real_value(json_object_get(json_object_get(first, "time_ns"), "median")) == 1e6);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(first, "time_ns"), "samples")), 50);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(first, "work"), "flop")), 1000000);
    assert_true(json_real_value(json_object_get(json_object_get(first, "metrics"), "tokens_per_s")) == 2.5);
    assert_true(json_is_null(json_object_get(json_object_get(other, "time_ns"), "median")));
    assert_int_equal(json_object_size(json_object_get(other, "metrics")), 0);
    assert_string_equal(json_string_value(json_object_get(other, "reason")), mischief);
    assert_string_equal(json_string_value(json_object_get(other, "cache")), "cold");
    assert_string_equal(json_string_value(json_object_get(other, "suite")), "bad ? utf-8");
    assert_string_equal(json_string_value(json_array_get(json_object_get(other, "labels"), 1)), "NO STEADY STATE");
    assert_true(json_is_null(json_object_get(root, "aa_floor")));
    const json_t *values = json_object_get(json_array_get(json_object_get(root, "samples"), 0), "ns");
    assert_true(json_real_value(json_array_get(values, 0)) == 0.1);
    assert_true(json_real_value(json_array_get(values, 1)) == 1e9 / 3);
    json_decref(root);
    tm_text_free(&text);

    tm_report_jsonl(&record, &plain, &text);
    char *rest = text.data;
    for (int i = 0; i < 2; i++) {
        char *end = strchr(rest, '\n');
        *end = '\0';
        json_t *line = json_loads(rest, 0, NULL);
        assert_string_equal(json_string_value(json_object_get(line, "case")), cells[i].case_id);
        assert_string_equal(json_string_value(json_object_get(line, "run")), record.id);
        json_decref(line);
        rest = end + 1;
    }
    assert_true(*rest == '\0');
    tm_text_free(&text);
}

/* The allocation that fails, counted down; never when negative. */
static int until_failure;

static void *failing_allocation(size_t size)
{
    return until_failure-- == 0 ? NULL : malloc(size);
}

static void failing_allocations_are_noticed(void **state)
{
    (void)state;
    tm_record_cell cells[] = {cell("softmax/a", "softmax", 0, 1e6, 0.5), cell("softmax/a", "softmax", 1, 2e6, NAN)};
    const tm_record record = record_of(cells, 2);
    tm_text whole = {0};
    tm_report_json(&record, &plain, &whole);
    json_set_alloc_funcs(failing_allocation, free);
    int n = -1, failures = 0;
    do {
        tm_text text = {0};
        until_failure = ++n;
        tm_report_json(&record, &plain, &text);
        if (text.failed)
            failures++;
        else
            assert_string_equal(text.data, whole.data);
        tm_text_free(&text);
    } while (until_failure < 0); /* until there are fewer than n */
    json_set_alloc_funcs(malloc, free);
    assert_true(n > 100 && failures > n / 2);
    tm_text_free(&whole);
}

/* Every case with its limit, failures by their status, and a head that can be followed; limits of each thread count. */
static void efficiency_is_a_page(void **state)
{
    (void)state;
    tm_record_cell cells[] = {cell("softmax/a", "softmax", 0, 1e6, 0.5), cell("softmax/a", "softmax", 1, 4e6, 0.125),
                              cell("sum/b", "sum", 0, 1e3, 1.2), cell("sum/b", "sum", 1, 1e3, 1.2)};
    cells[3].status = TM_CELL_INVALID;
    tm_record record = record_of(cells, 4);
    record.command = (char *)"tensormark run --db /a/path";
    record.machine.facts =
        (char *)"{\"limits\": [{\"threads\": 2, \"read_gbs\": 80.5}, {\"threads\": 1, \"read_gbs\": 3}]}";
    tm_text text = {0};
    tm_report_efficiency(&record, &plain, &text);
    assert_false(text.failed);
    static const char *const wanted[] = {"    tensormark run ops --backends native:cpu,torch:cpu --quick",
                                         "    tensormark show --db efficiency.db --efficiency -o docs/efficiency.md\n",
                                         "- machine Some CPU, 2 cores, 8.0 GB memory\n",
                                         "- limits measured, 2 threads: memory read 80.5 GB/s\n",
                                         "500 us memory-copy | ",
                                         " 1.00 ms |       50 % | ",
                                         " 4.00 ms |       12 % |\n",
                                         " 120 % | ",
                                         " INVALID |",
                                         "| geometric mean (1 of 2 cases)",
                                         "| geometric mean, limit above 50 us (1 of 1 cases) "};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        if (!strstr(text.data, wanted[i])) fail_msg("'%s' is not in\n%s", wanted[i], text.data);
    }
    assert_null(strstr(text.data, "/a/path"));
    assert_null(strstr(text.data, "1 thread"));
    assert_null(strstr(text.data, "nan"));
    tm_text_free(&text);
}

static void names_are_shown_as_text(void **state)
{
    (void)state;
    tm_record_cell cells[] = {cell("softmax/a", "softmax", 0, 1e6, 0.5)};
    cells[0].status = TM_CELL_FAILED;
    cells[0].reason = (char *)mischief;
    const tm_record record = record_of(cells, 1);
    tm_text text = {0};
    tm_report_markdown(&record, &plain, &text);
    assert_null(strstr(text.data, "\033"));
    assert_null(strstr(text.data, "\u202e"));
    assert_null(strstr(text.data, "\r"));
    assert_non_null(strstr(text.data, "=cmd\\|' /C calc'!A0\"?\\[31m??\\</SCRIPT>\\<!--??,"));
    tm_text_free(&text);
}

static void exit_status_follows_the_cells(void **state)
{
    (void)state;
    static const struct {
        tm_cell_status status;
        const char *reason;
        int lax, strict;
    } known[] = {{TM_CELL_OK, "", 0, 0},
                 {TM_CELL_UNSUPPORTED, "no sort", 0, 3},
                 {TM_CELL_SKIPPED, "memory: needs 9 GB", 0, 3},
                 {TM_CELL_SKIPPED, "filter", 0, 3},
                 {TM_CELL_SKIPPED, "budget", 3, 3},
                 {TM_CELL_SKIPPED, NULL, 3, 3},
                 {TM_CELL_INVALID, "", 3, 3},
                 {TM_CELL_OOM, "", 3, 3},
                 {TM_CELL_DENIED, "", 3, 3}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        tm_record_cell cells[] = {cell("a", "a", 0, 1, 1), cell("a", "a", 1, 1, 1)};
        cells[1].status = known[i].status;
        cells[1].reason = (char *)known[i].reason;
        const tm_record record = record_of(cells, 2);
        assert_int_equal(tm_report_exit_status(&record, false), known[i].lax);
        assert_int_equal(tm_report_exit_status(&record, true), known[i].strict);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_have_three_digits),
        cmocka_unit_test(averages_take_common_cases_only),
        cmocka_unit_test(averages_leave_out_who_does_little),
        cmocka_unit_test(markdown_shows_every_cell),
        cmocka_unit_test(a_paired_ratio_beats_the_quotient),
        cmocka_unit_test(verdicts_come_with_their_margin),
        cmocka_unit_test(rows_stream_aligned),
        cmocka_unit_test(csv_is_plain_data),
        cmocka_unit_test(json_follows_the_schema),
        cmocka_unit_test(names_are_shown_as_text),
        cmocka_unit_test(failing_allocations_are_noticed),
        cmocka_unit_test(exit_status_follows_the_cells),
        cmocka_unit_test(efficiency_is_a_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
