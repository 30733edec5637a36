/* The command that measures a cell again: what its run was told of backends and conditions is in it, quoted so that a
 * shell reads it back, whatever the recorded command line holds. */
#include "report/format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static tm_record_backend backends[] = {{.id = (char *)"native:cpu", .definition = (char *)""},
                                       {.id = (char *)"t2+compile", .definition = (char *)"t2=torch@/a b/env"}};

static const struct {
    const char *mode, *command, *backend, *again;
} known[] = {
    {"default", "tensormark run ops", "native:cpu", "tensormark run relu/1000/f32 --backends native:cpu --seed 7"},
    {"quick", "tensormark run relu --backends=native --threads=3 --quick --db=r.db", "native:cpu",
     "tensormark run relu/1000/f32 --backends native:cpu --threads 3 --quick --seed 7"},
    {"full", "tensormark run --torch='/a b/env' --threads=1 --cooldown=0.2 --isa=avx2 --samples", "t2+compile",
     "tensormark run relu/1000/f32 --backend 't2=torch@/a b/env' --backends t2+compile --threads 1 --torch '/a b/env' "
     "--isa avx2 --full --cooldown 0.2 --seed 7"},
    /* The names of a sweep's backends hold their count. */
    {"default", "tensormark run --threads=1,2 --torch=env", "native:cpu+threads=2",
     "tensormark run relu/1000/f32 --backends native:cpu+threads=2 --torch env --seed 7"},
    /* What only looks like an option, and quotes within quotes. */
    {"default", "tensormark run '--threads=9 x' --filter='--isa=avx2' --torch='it'\\''s; rm -rf $HOME'", "native:cpu",
     "tensormark run relu/1000/f32 --backends native:cpu --threads '9 x' --torch 'it'\\''s; rm -rf $HOME' --seed 7"},
    /* What somebody else wrote is quoted again; what is cut off ends where it ends. */
    {"default", "tensormark run --torch=$(reboot)  --threads= --isa", "native:cpu",
     "tensormark run relu/1000/f32 --backends native:cpu --torch '$(reboot)' --seed 7"},
    {"default", "--torch='cut off\\", "native:cpu",
     "tensormark run relu/1000/f32 --backends native:cpu --torch 'cut off\\' --seed 7"},
    {"default", "--torch=cut\\", "native:cpu",
     "tensormark run relu/1000/f32 --backends native:cpu --torch 'cut\\' --seed 7"},
    {"default", NULL, "native:cpu", "tensormark run relu/1000/f32 --backends native:cpu --seed 7"},
};

static void what_was_given_is_given_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const tm_record record = {.mode = (char *)known[i].mode,
                                  .command = (char *)(uintptr_t)known[i].command,
                                  .seed = 7,
                                  .backends = backends,
                                  .backend_count = sizeof backends / sizeof *backends};
        tm_text text = {0};
        tm_report_repeat(&record, "relu/1000/f32", known[i].backend, &text);
        assert_false(text.failed);
        assert_string_equal(text.data, known[i].again);
        tm_text_free(&text);
    }
}

/* A shell reads the quoted words as they were: the command as written by one run is read for the next. */
static void quoting_can_be_read_back(void **state)
{
    (void)state;
    static const char *const paths[] = {"plain/path", "with blank", "it's", "'''", "a\\b", "\"$x\"", "\xc3\xa9", "*"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        tm_text command = {0}, again = {0}, wanted = {0};
        tm_text_add(&command, "tensormark run --torch=");
        tm_shell_quote(paths[i], &command);
        tm_text_add(&command, " --quick");
        tm_record record = {.mode = (char *)"quick", .command = command.data, .seed = 7};
        tm_report_backends(&record, "native", &again);
        tm_text_add(&wanted, " --backends native --torch ");
        tm_shell_quote(paths[i], &wanted);
        assert_string_equal(again.data, wanted.data);
        tm_text_free(&command);
        tm_text_free(&again);
        tm_text_free(&wanted);
    }
}

/* Below the tables stand all backends, and the base among them. */
static void all_backends_have_their_base(void **state)
{
    (void)state;
    const tm_record record = {.mode = (char *)"default",
                              .command = (char *)"tensormark run --base=t2+compile --threads=2",
                              .seed = 7,
                              .backends = backends,
                              .backend_count = sizeof backends / sizeof *backends};
    tm_text text = {0};
    tm_report_remarks(&record, &text);
    assert_false(text.failed);
    assert_non_null(strstr(text.data, "tensormark run CASE --backend 't2=torch@/a b/env' --backends "
                                      "native:cpu,t2+compile --threads 2 --seed 7 --base t2+compile\n"));
    tm_text_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_given_is_given_again),
        cmocka_unit_test(all_backends_have_their_base),
        cmocka_unit_test(quoting_can_be_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
