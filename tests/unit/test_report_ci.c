/* Comparisons and files for CI from made-up records: what they say, and text that means mischief. */
#include "report/report.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Markup, quotes, a line separator, a bidi mark, an escape sequence, no UTF-8, no character of XML, a formula. */
static const char mischief[] =
    "=cmd()</testcase><SCRIPT>alert('x')</SCRIPT><!-- ]]> &amp; \"q\" | `c` [l](u)\n\xe2\x80\xa8"
    "\xe2\x80\xae\033[31m\xff\xef\xbf\xbf";

enum { CELLS = 7 };

typedef struct scene {
    tm_record record;
    tm_record_backend backend;
    tm_record_cell cells[CELLS];
    tm_comparison comparison;
    tm_compared rows[4];
    tm_compared_pair pair;
    tm_gate gate;
    tm_regression findings[3];
} scene;

static tm_record_cell cell(const char *case_id, const char *backend, tm_cell_status status, const char *reason)
{
    return (tm_record_cell){.case_id = (char *)case_id,
                            .backend = (char *)backend,
                            .suite = (char *)"ops",
                            .group = (char *)"relu",
                            .status = status,
                            .reason = (char *)reason,
                            .median_ns = status == TM_CELL_OK ? 1500 : (double)NAN,
                            .efficiency = NAN,
                            .limit_ns = NAN,
                            .labels = (char *)"QUICK"};
}

/* A run of seven cells on a backend of that name; two of them slower than in a run of the same name, one perhaps, and
 * one that has no time there. */
static void set(scene *s, const char *name)
{
    *s = (scene){.backend = {.id = (char *)name, .framework_version = (char *)name, .threads = 2}};
    s->cells[0] = cell("relu/1/f32", name, TM_CELL_OK, "");
    s->cells[1] = cell("relu/2/f32", name, TM_CELL_OK, "");
    s->cells[2] = cell(name, name, TM_CELL_INVALID, name);
    s->cells[3] = cell("relu/4/f32", name, TM_CELL_UNSUPPORTED, "no such op");
    s->cells[4] = cell("relu/5/f32", name, TM_CELL_CRASHED, "signal 11 (SIGSEGV)");
    s->cells[5] = cell("relu/6/f32", name, TM_CELL_OK, "");
    s->cells[6] = cell("relu/7/f32", name, TM_CELL_OK, "");
    s->record = (tm_record){.id = (char *)name,
                            .started = (char *)"2026-01-01T00:00:00Z",
                            .mode = (char *)"quick",
                            .version = (char *)"0.1.0",
                            .status = (char *)"COMPLETE",
                            .machine = {.key = (char *)name, .cpu = (char *)name},
                            .backends = &s->backend,
                            .cells = s->cells,
                            .backend_count = 1,
                            .cell_count = CELLS,
                            .aa_floor = NAN};
    s->rows[0] = (tm_compared){&s->cells[0], &s->cells[0], 0.5, 0.45, 0.55, 0.07, "SLOWER", 0, 0.05};
    s->rows[1] = (tm_compared){&s->cells[2], &s->cells[2], NAN, NAN, NAN, NAN, "", 0, 0.05};
    s->rows[2] = (tm_compared){&s->cells[1], &s->cells[1], 0.9, 0.85, 0.95, 0.07, "UNDECIDED", 0, 0.05};
    s->rows[3] = (tm_compared){&s->cells[5], &s->cells[5], 0.8, 0.75, 0.85, 0.07, "UNDECIDED", 0, 0.05};
    s->pair = (tm_compared_pair){&s->backend, &s->backend, 0, 1, 0, 0, 1, 1, 0.5, 0.45, 0.55};
    s->comparison = (tm_comparison){.base = &s->record,
                                    .other = &s->record,
                                    .unpaired = true,
                                    .machines_differ = true,
                                    .margin = 0.05,
                                    .rows = s->rows,
                                    .pairs = &s->pair,
                                    .row_count = 4,
                                    .pair_count = 1,
                                    .only_other = 3};
    s->findings[0] = (tm_regression){s->cells[0].case_id, s->cells[0].backend, true, false, "takes 99 % longer"};
    s->findings[1] =
        (tm_regression){s->cells[1].case_id, s->cells[1].backend, false, false, "seemed to take 7 % longer"};
    s->findings[2] = (tm_regression){s->cells[5].case_id, s->cells[5].backend, false, true,
                                     "seems to take 25 % longer, but CRASHED"};
    s->gate = (tm_gate){0.05, "in run x", &s->comparison, s->findings, 3, 1, 1};
    snprintf(s->gate.against, sizeof s->gate.against, "in run %.100s", name);
    snprintf(s->findings[0].sentence + 17, 200, " than in run %.100s", name);
}

static void holds(const tm_text *text, const char *words)
{
    assert_false(text->failed);
    if (!strstr(text->data, words)) fail_msg("'%s' is not in:\n%s", words, text->data);
}

static void lacks(const tm_text *text, const char *words)
{
    assert_false(text->failed);
    if (strstr(text->data, words)) fail_msg("'%s' is in:\n%s", words, text->data);
}

static void a_test_case_per_cell(void **state)
{
    (void)state;
    static scene s;
    tm_text text = {0};
    set(&s, "native:cpu");
    tm_report_junit(&s.record, &s.gate, &text);
    holds(&text, "tests=\"7\" failures=\"2\" errors=\"2\" skipped=\"2\"");
    holds(&text, "<testcase classname=\"native:cpu\" name=\"relu/1/f32\" time=\"0.000001500\">\n"
                 "      <failure type=\"REGRESSION\" message=\"relu/1/f32 on native:cpu takes 99 % longer than in run "
                 "native:cpu\"/>\n    </testcase>");
    holds(&text, "name=\"relu/2/f32\" time=\"0.000001500\"/>");
    holds(&text, "<skipped message=\"relu/4/f32 on native:cpu: UNSUPPORTED: no such op\"/>");
    holds(&text,
          "<error type=\"UNKNOWN\" message=\"relu/6/f32 on native:cpu seems to take 25 % longer, but CRASHED\"/>");
    holds(&text, "<skipped message=\"relu/7/f32 on native:cpu has no time in run native:cpu to be compared with\"/>");
    holds(&text, "<error type=\"CRASHED\" message=\"relu/5/f32 on native:cpu: CRASHED: signal 11 (SIGSEGV)\"/>");
    tm_text_free(&text);
    tm_report_junit(&s.record, NULL, &text);
    holds(&text, "tests=\"7\" failures=\"1\" errors=\"1\" skipped=\"1\"");
    lacks(&text, "REGRESSION");
    lacks(&text, "compared with");
    tm_text_free(&text);
}

/* Within one run only what is compared with the base is asked about. */
static void another_framework_passes(void **state)
{
    (void)state;
    static scene s;
    tm_text text = {0};
    set(&s, "native:cpu");
    s.comparison.unpaired = false;
    s.cells[6].backend = (char *)"torch:cpu";
    tm_report_junit(&s.record, &s.gate, &text);
    holds(&text, "<testcase classname=\"torch:cpu\" name=\"relu/7/f32\" time=\"0.000001500\"/>");
    tm_text_free(&text);
    s.cells[6].backend = s.backend.id;
    snprintf(s.gate.against, sizeof s.gate.against, "old");
    tm_report_junit(&s.record, &s.gate, &text);
    holds(&text, "<skipped message=\"relu/7/f32 on native:cpu has no time of old to be compared with\"/>");
    tm_text_free(&text);
}

static void the_answer_comes_first(void **state)
{
    (void)state;
    static scene s;
    tm_text text = {0};
    set(&s, "native:cpu");
    tm_report_summary(&s.record, &s.gate, &text);
    assert_int_equal(
        strncmp(text.data, "# Tensormark: 1 regression, 1 cell without an answer, and some cells failed\n", 76), 0);
    holds(&text, "- 1 of 4 cells take more than 5 % longer than in run native:cpu\n");
    holds(&text, "## Regressions\n\n- relu/1/f32 on native:cpu takes 99 % longer");
    holds(&text, "not found slower than allowed\n\n- relu/2/f32 on native:cpu seemed to take 7 % longer");
    holds(&text, "## Seemed slower, and not measured again\n\n- relu/6/f32 on native:cpu seems to take 25 % longer");
    holds(&text, "| SLOWER |");
    tm_text_free(&text);
    s.record.cell_count = 2;
    tm_report_summary(&s.record, NULL, &text);
    assert_int_equal(strncmp(text.data, "# Tensormark: all cells completed\n", 34), 0);
    lacks(&text, "regression");
    tm_text_free(&text);
    s.gate.confirmed = 0;
    tm_report_summary(&s.record, &s.gate, &text);
    holds(&text, "# Tensormark: no regression is known, 1 cell without an answer\n");
    tm_text_free(&text);
    s.gate.count = s.gate.unknown = 0;
    tm_report_summary(&s.record, &s.gate, &text);
    holds(&text, "# Tensormark: no regression\n");
    tm_text_free(&text);
}

/* Every '<' of the XML is one of ours, and nothing but text is in between. */
static void names_are_text_in_xml(void **state)
{
    (void)state;
    static const char *const ours[] = {"?xml ",     "testsuites>", "/testsuites>", "testsuite ", "/testsuite>",
                                       "testcase ", "/testcase>",  "failure ",     "error ",     "skipped "};
    static scene s;
    tm_text text = {0};
    set(&s, mischief);
    tm_report_junit(&s.record, &s.gate, &text);
    assert_false(text.failed);
    int open = 0, cases = 0;
    for (const char *c = text.data; *c; c++) {
        assert_true((unsigned char)*c >= 0x20 || *c == '\n');
        if (*c != '<') continue;
        bool known = false;
        for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) known |= strncmp(c + 1, ours[i], strlen(ours[i])) == 0;
        if (!known) fail_msg("markup from a name: %.60s", c);
        open += strncmp(c, "<testcase ", 10) == 0 ? 1 : 0;
        cases += strncmp(c, "</testcase>", 11) == 0 ? 1 : 0;
    }
    assert_int_equal(open, CELLS);
    assert_int_equal(cases, CELLS - 1); /* one passed */
    holds(&text, "name=\"=cmd()&lt;/testcase&gt;&lt;SCRIPT&gt;alert(&apos;x&apos;)");
    holds(&text, "]]&gt; &amp;amp; &quot;q&quot; | `c` [l](u)???");
    lacks(&text, "\xe2\x80");
    lacks(&text, "\xef\xbf\xbf");
    lacks(&text, "\xff");
    tm_text_free(&text);
}

static void names_are_text_in_markdown_and_csv(void **state)
{
    (void)state;
    static scene s;
    const tm_report_style plain = {0};
    tm_text text = {0};
    set(&s, mischief);
    tm_report_summary(&s.record, &s.gate, &text);
    for (const char *c = text.data; *c; c++) {
        assert_true((unsigned char)*c >= 0x20 || *c == '\n');
        if (*c == '<' || *c == '`' || *c == '[') assert_true(c > text.data && c[-1] == '\\');
    }
    tm_text_free(&text);
    tm_report_compare_markdown(&s.comparison, &plain, &text);
    lacks(&text, " <SCRIPT");
    holds(&text, "\\<SCRIPT");
    holds(&text, "3 of the other");
    holds(&text, "- MACHINES DIFFER");
    lacks(&text, "nan");
    tm_text_free(&text);
    tm_report_compare_csv(&s.comparison, &text);
    holds(&text, "\"'=cmd()");
    lacks(&text, ",=cmd");
    lacks(&text, "\033");
    holds(&text, "\"UNPAIRED,MACHINES DIFFER\"\r\n");
    tm_text_free(&text);
}

static void comparisons_are_json(void **state)
{
    (void)state;
    static scene s;
    tm_text text = {0};
    set(&s, mischief);
    tm_report_compare_json(&s.comparison, &text);
    assert_false(text.failed);
    for (const char *c = text.data; *c; c++) assert_true(*c == '\n' || (*c >= 0x20 && *c < 0x7f));
    json_t *root = json_loads(text.data, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    const json_t *rows = json_object_get(root, "comparisons"), *first = json_array_get(rows, 0);
    assert_int_equal(json_array_size(rows), 4);
    assert_true(json_real_value(json_object_get(first, "ratio")) == 0.5);
    assert_string_equal(json_string_value(json_object_get(first, "verdict")), "SLOWER");
    assert_true(json_is_null(json_object_get(json_array_get(rows, 1), "verdict")));
    assert_true(json_is_null(json_object_get(json_array_get(rows, 1), "ci_low")));
    assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 1), "status")), "INVALID");
    const json_t *sum = json_array_get(json_object_get(root, "summary"), 0);
    assert_int_equal(json_integer_value(json_object_get(sum, "slower")), 1);
    assert_int_equal(json_integer_value(json_object_get(root, "only_other")), 3);
    json_decref(root);
    tm_text_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_test_case_per_cell),
        cmocka_unit_test(another_framework_passes),
        cmocka_unit_test(the_answer_comes_first),
        cmocka_unit_test(names_are_text_in_xml),
        cmocka_unit_test(names_are_text_in_markdown_and_csv),
        cmocka_unit_test(comparisons_are_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
