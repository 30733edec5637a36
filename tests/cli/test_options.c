/* Parsing of command lines, by the table of options. */
#include "cli/options.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST_WORDS = 16 };

/* Parses NULL-terminated words; the error's text stays in `message`. */
static tm_status parse(tm_command command, const char *const *words, tm_options *into, tm_error *error)
{
    char *argv[MOST_WORDS];
    int argc = 0;
    for (; words[argc]; argc++) argv[argc] = (char *)words[argc];
    return tm_options_parse(command, argc, argv, into, error);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void every_kind_is_read(void **state)
{
    (void)state;
    tm_options got;
    tm_error error = {""};
    const char *const *words = WORDS("ops", "--filter=a=b", "--seed", "18446744073709551615", "--budget", "10m", "-v",
                                     "--cooldown=0.25", "--backend", "a=b", "-oout", "--backend=c=d");
    assert_int_equal(parse(TM_COMMAND_run, words, &got, &error), TM_OK);
    assert_string_equal(got.filter, "a=b");
    assert_true(got.seed.given && got.seed.value == UINT64_MAX);
    assert_true(got.budget == 600 && got.cooldown == 0.25 && got.verbose && !got.quiet);
    assert_int_equal(got.backend.count, 2);
    assert_string_equal(got.backend.items[1], "c=d");
    assert_null(got.backend.items[2]);
    assert_string_equal(got.output, "out");
    assert_int_equal(got.arguments.count, 1);
    assert_string_equal(got.arguments.items[0], "ops");
    tm_options_free(&got);

    assert_int_equal(parse(TM_COMMAND_run, WORDS("--", "--quick", "-"), &got, &error), TM_OK);
    assert_false(got.quick);
    assert_int_equal(got.arguments.count, 2);
    assert_true(got.budget < 0 && got.cooldown < 0 && !got.seed.given && !got.format);
    tm_options_free(&got);
}

static void resume_may_do_without_a_word(void **state)
{
    (void)state;
    tm_options got;
    tm_error error = {""};
    assert_int_equal(parse(TM_COMMAND_run, WORDS("--resume"), &got, &error), TM_OK);
    assert_string_equal(got.resume, "");
    tm_options_free(&got);
    assert_int_equal(parse(TM_COMMAND_run, WORDS("--resume", "--quiet"), &got, &error), TM_OK);
    assert_string_equal(got.resume, "");
    assert_true(got.quiet);
    tm_options_free(&got);
    assert_int_equal(parse(TM_COMMAND_run, WORDS("--resume", "20260101"), &got, &error), TM_OK);
    assert_string_equal(got.resume, "20260101");
    assert_int_equal(got.arguments.count, 0);
    tm_options_free(&got);
    assert_int_equal(parse(TM_COMMAND_run, WORDS("ops"), &got, &error), TM_OK);
    assert_null(got.resume);
    tm_options_free(&got);
}

static void the_command_line_beats_the_environment(void **state)
{
    (void)state;
    tm_options got;
    tm_error error = {""};
    setenv("TENSORMARK_FORMAT", "csv", 1);
    setenv("TENSORMARK_DRY_RUN", "yes", 1);
    setenv("TENSORMARK_QUICK", "1", 1);
    setenv("TENSORMARK_DUMP", "not an option of run", 1);
    assert_int_equal(parse(TM_COMMAND_run, WORDS("ops"), &got, &error), TM_OK);
    assert_string_equal(got.format, "csv");
    assert_true(got.dry_run && got.quick && !got.full);
    assert_null(got.dump);
    tm_options_free(&got);
    assert_int_equal(parse(TM_COMMAND_run, WORDS("--format=json", "--full"), &got, &error), TM_OK);
    assert_string_equal(got.format, "json");
    assert_true(got.full && !got.quick);
    tm_options_free(&got);
    setenv("TENSORMARK_DRY_RUN", "maybe", 1);
    assert_int_equal(parse(TM_COMMAND_run, WORDS("ops"), &got, &error), TM_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "$TENSORMARK_DRY_RUN"));
    tm_options_free(&got);
    unsetenv("TENSORMARK_FORMAT");
    unsetenv("TENSORMARK_DRY_RUN");
    unsetenv("TENSORMARK_QUICK");
    unsetenv("TENSORMARK_DUMP");
}

static void mistakes_are_named(void **state)
{
    (void)state;
    static const struct {
        tm_command command;
        const char *words[4];
        const char *message;
    } known[] = {{TM_COMMAND_run, {"--fitler", "x"}, "did you mean '--filter'"},
                 {TM_COMMAND_run, {"--dump", "x"}, "'run' has no option --dump"},
                 {TM_COMMAND_run, {"--seed"}, "--seed needs a value: N"},
                 {TM_COMMAND_run, {"--seed", "1.5"}, "'1.5' is not a number"},
                 {TM_COMMAND_run, {"--filter="}, "--filter: REGEX is empty"},
                 {TM_COMMAND_run, {"--format=j"}, "'j' is not md|csv|json|jsonl"},
                 {TM_COMMAND_run, {"--format=md|csv"}, "'md|csv' is not"},
                 {TM_COMMAND_run, {"--quick=1"}, "--quick takes no value"},
                 {TM_COMMAND_run, {"--quick", "--full"}, "exclude each other"},
                 {TM_COMMAND_run, {"--cooldown", "1.01"}, "from 0 to 1"},
                 {TM_COMMAND_run, {"--budget", "0s"}, "is not a time"},
                 {TM_COMMAND_run, {"-x"}, "unknown option '-x'"},
                 {TM_COMMAND_list, {"--zzzzzzzzzzzzzzz"}, "see `tensormark help list`"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        tm_options got;
        tm_error error = {""};
        assert_int_equal(parse(known[i].command, known[i].words, &got, &error), TM_INVALID_ARGUMENT);
        if (!strstr(error.message, known[i].message)) fail_msg("'%s' not in: %s", known[i].message, error.message);
        tm_options_free(&got);
    }
}

static void near_words_are_suggested(void **state)
{
    (void)state;
    const char *const names[] = {"run", "list", "show", "verify"};
    assert_string_equal(tm_nearest("rnu", names, 4), "run");
    assert_string_equal(tm_nearest("verfiy", names, 4), "verify");
    assert_string_equal(tm_nearest("lst", names, 4), "list");
    assert_null(tm_nearest("benchmark", names, 4));
    char longest[200];
    memset(longest, 'r', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_null(tm_nearest(longest, names, 4));
    tm_command command;
    tm_error error = {""};
    assert_true(tm_command_parse("show", &command, &error));
    assert_int_equal(command, TM_COMMAND_show);
    assert_false(tm_command_parse("", &command, &error));
    assert_false(tm_command_parse("worker", &command, &error)); /* not for users */
}

/* No two options of a command share a name or a letter, and every help text is there. */
static void the_table_is_sound(void **state)
{
    (void)state;
    int count;
    const tm_option *table = tm_option_table(&count);
    for (int i = 0; i < count; i++) {
        assert_true(table[i].commands != 0 && strlen(table[i].help) > 5);
        assert_int_equal(table[i].kind == TM_KIND_FLAG, *table[i].argument == '\0');
        for (int j = 0; j < i; j++) {
            const bool together = (table[i].commands & table[j].commands) != 0;
            assert_true(!together || strcmp(table[i].name, table[j].name) != 0);
            assert_true(!table[i].letter || table[i].letter != table[j].letter);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_is_read),
        cmocka_unit_test(resume_may_do_without_a_word),
        cmocka_unit_test(the_command_line_beats_the_environment),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(near_words_are_suggested),
        cmocka_unit_test(the_table_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
