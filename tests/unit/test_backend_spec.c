/* Backend names, canonical ids, definitions with paths and URLs, and the refusals. */
#include "run/backend_spec.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64]; /* with libraries called torch, mlx, openai, mock */
static char library[128];

static void write_file(const char *name, const char *content, size_t length, char *path, size_t capacity)
{
    snprintf(path, capacity, "%s/%s", folder, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(content, 1, length, file), length);
    fclose(file);
}

static int make_folder(void **state)
{
    (void)state;
    static const char *const names[] = {"torch", "mlx", "openai", "mock"};
    snprintf(folder, sizeof folder, "/tmp/tm-backends-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char name[64];
        snprintf(name, sizeof name, "libtensormark_%s.so", names[i]);
        write_file(name,
                   "\x7f"
                   "ELF....",
                   8, library, sizeof library);
    }
    char other[128];
    write_file("libtensormark_text.so", "no library", 10, other, sizeof other);
    write_file("script+tuned", "x", 1, other, sizeof other);
    return setenv("TENSORMARK_BACKEND_FOLDER", folder, 1);
}

static int remove_folder(void **state)
{
    (void)state;
    static const char *const names[] = {"libtensormark_torch.so", "libtensormark_mlx.so",  "libtensormark_openai.so",
                                        "libtensormark_mock.so",  "libtensormark_text.so", "script+tuned"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

static tm_backend_spec parsed(const char *text, const char *definition)
{
    tm_backend_spec spec;
    tm_error error = {{0}};
    const char *const definitions[] = {"first=native", definition, NULL};
    if (tm_backend_spec_parse(text, definitions, &spec, &error) != TM_OK) fail_msg("%s: %s", text, error.message);
    return spec;
}

static void refused(const char *text, const char *definition, const char *reason)
{
    tm_backend_spec spec;
    tm_error error = {{0}};
    const char *const definitions[] = {"first=native", definition, NULL};
    assert_int_equal(tm_backend_spec_parse(text, definitions, &spec, &error), TM_INVALID_ARGUMENT);
    if (!strstr(error.message, reason)) fail_msg("%s: %s; expected: %s", text, error.message, reason);
}

/* Defined again from its own definition, whatever folder one is in, a name means the same. */
static void definitions_can_be_repeated(void **state)
{
    (void)state;
    static const char *const written[][3] = {
        {"m+threads=2", "m=mock@libtensormark_text.so+tuned", "m=mock@%s/libtensormark_text.so:cpu+tuned"},
        {"m", "m=mock@./libtensormark_mock.so+isa=avx2+delay=3",
         "m=mock@%s/./libtensormark_mock.so:cpu+isa=avx2+delay=3"},
        {"m", "m=torch@no-such-file:cuda", "m=torch@no-such-file:cuda"},
        {"m", "m=openai@http://127.0.0.1:8080", "m=openai@http://127.0.0.1:8080"},
        {"m+tuned", "m=native+isa=portable", "m=native:cpu+isa=portable"},
    };
    char here[PATH_MAX], wanted[2 * PATH_MAX];
    assert_non_null(getcwd(here, sizeof here));
    for (size_t i = 0; i < sizeof written / sizeof *written; i++) {
        assert_int_equal(chdir(folder), 0);
        const tm_backend_spec first = parsed(written[i][0], written[i][1]);
        assert_int_equal(chdir("/"), 0);
        snprintf(wanted, sizeof wanted, written[i][2], folder);
        assert_string_equal(first.definition, wanted);
        const tm_backend_spec again = parsed(written[i][0], first.definition);
        assert_string_equal(again.definition, first.definition);
        assert_string_equal(again.id, first.id);
        assert_string_equal(again.name, first.name);
        assert_string_equal(again.device, first.device);
        assert_string_equal(again.options, first.options);
        assert_true(again.threads == first.threads && again.delay_percent == first.delay_percent);
    }
    assert_string_equal(parsed("native+tuned", "m=native").definition, "");
    assert_int_equal(chdir(here), 0);
}

static void ids_are_canonical(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"native", "native:cpu"},
        {"native:cpu", "native:cpu"},
        {"native+threads=2", "native:cpu+threads=2"},
        {"native+twin+tuned", "native:cpu+tuned+twin"},
        {"native+delay=8", "native:cpu+delay=8"},
        {"native+threads=1+isa=avx2", "native:cpu+isa=avx2+threads=1"},
        {"torch:cuda+tf32+compile", "torch:cuda+compile+tf32"},
        {"cpu", "torch:cpu"},
        {"mps", "torch:mps"},
        {"cuda", "torch:cuda"},
        {"cuda+tf32", "torch:cuda+tf32"},
        {"mlx_cpu", "mlx:cpu"},
        {"mlx_gpu", "mlx:gpu"},
        {"mlx_gpu_compile", "mlx:gpu+compile"},
        {"mlx", "mlx:gpu"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        assert_string_equal(parsed(pairs[i][0], NULL).id, pairs[i][1]);
    }
}

static void options_reach_their_fields(void **state)
{
    (void)state;
    const tm_backend_spec spec = parsed("torch+twin+tuned+compile+threads=3+delay=5", NULL);
    assert_string_equal(spec.options, "compile,tuned");
    assert_int_equal(spec.threads, 3);
    assert_int_equal(spec.delay_percent, 5);
    assert_true(spec.twin);
    assert_non_null(strstr(spec.library, "libtensormark_torch.so"));
    const tm_backend_spec forced = parsed("native+threads=1+isa=avx512_bf16+tuned", NULL);
    assert_string_equal(forced.options, "tuned,isa=avx512_bf16");
    assert_int_equal(forced.threads, 1);
    const tm_backend_spec plain = parsed("native", NULL);
    assert_true(!plain.twin && plain.threads == 0 && plain.delay_percent == 0);
    assert_string_equal(plain.options, "");
    assert_string_equal(plain.library, "");
}

static void definitions_locate(void **state)
{
    (void)state;
    char definition[256];
    snprintf(definition, sizeof definition, "old=native@%s", library);
    tm_backend_spec spec = parsed("old", definition);
    assert_string_equal(spec.id, "old");
    assert_string_equal(spec.name, "native");
    assert_string_equal(spec.device, "cpu");
    assert_string_equal(spec.library, library);
    spec = parsed("old+twin", definition);
    assert_string_equal(spec.id, "old+twin");
    assert_true(spec.twin);

    spec = parsed("srv", "srv=openai@http://127.0.0.1:8080");
    assert_string_equal(spec.location, "http://127.0.0.1:8080");
    assert_string_equal(spec.device, "");
    assert_non_null(strstr(spec.library, "openai"));

    spec = parsed("t2", "t2=torch@/path/to/env:cpu+tuned");
    assert_string_equal(spec.location, "/path/to/env");
    assert_string_equal(spec.device, "cpu");
    assert_string_equal(spec.options, "tuned");
    spec = parsed("t2", "t2=torch@/a:b/c+d/env+threads=2");
    assert_string_equal(spec.location, "/a:b/c+d/env");
    assert_string_equal(spec.device, "cpu");
    assert_int_equal(spec.threads, 2);
    spec = parsed("slow", "slow=native+delay=8");
    assert_string_equal(spec.id, "slow");
    assert_int_equal(spec.delay_percent, 8);

    snprintf(definition, sizeof definition, "narrow=native@%s+isa=avx2", library);
    spec = parsed("narrow", definition);
    assert_string_equal(spec.id, "narrow");
    assert_string_equal(spec.library, library);
    assert_string_equal(spec.options, "isa=avx2");
    assert_string_equal(parsed("narrow+isa=portable", definition).options, "isa=portable");

    snprintf(definition, sizeof definition, "mine=anything@%s:gpu", library);
    spec = parsed("mine", definition);
    assert_string_equal(spec.name, "anything");
    assert_string_equal(spec.device, "gpu");
    assert_string_equal(spec.library, library);
}

/* The location is a shared library that exports the entry of a backend, or does not. */
static void a_framework_is_no_backend(void **state)
{
    (void)state;
    static const char framework[] = "\x7f"
                                    "ELF....some_function\0",
                      backend[] = "\x7f"
                                  "ELF....some_function\0tensormark_backend\0";
    char path[256], definition[300];
    write_file("libblas.so.3", framework, sizeof framework, path, sizeof path);
    snprintf(definition, sizeof definition, "b2=torch@%s:cpu+tuned", path);
    tm_backend_spec spec = parsed("b2", definition);
    assert_string_equal(spec.location, path);
    assert_non_null(strstr(spec.library, "libtensormark_torch.so"));
    write_file("libblas.so.3", backend, sizeof backend, path, sizeof path);
    spec = parsed("b2", definition);
    assert_string_equal(spec.location, "");
    assert_string_equal(spec.library, path);
    remove(path);
}

static void mistakes_are_named(void **state)
{
    (void)state;
    char long_text[700] = "m=mock@/";
    refused("natve", NULL, "unknown backend 'natve'");
    refused("text", NULL, "unknown backend");
    refused("native+fast", NULL, "unknown option '+fast'");
    refused("native+threads=0", NULL, "threads");
    refused("native+threads=x", NULL, "unknown option '+threads=x'");
    refused("native+delay=-1", NULL, "delay");
    refused("native+isa=", NULL, "unknown option '+isa='");
    refused("native+isa=AVX2", NULL, "unknown option '+isa=AVX2'");
    refused("native+isa=a_name_that_is_far_too_long", NULL, "unknown option");
    refused("native+", NULL, "unknown option");
    refused("native:", NULL, "device");
    refused("", NULL, "no backend name");
    refused("native@/x", NULL, "--backend NAME=");
    refused("../x", NULL, "no backend name");
    refused("old", "old=native@/does/not/exist.so", "no shared library");
    refused("old", "old=nothing@/does/not/exist", "no shared library");
    refused("old", "old=native@", "nothing behind");
    memset(long_text + 8, 'a', 650);
    refused("m", long_text, "too long");
    memset(long_text, 'a', 600);
    long_text[600] = '\0';
    refused(long_text, NULL, "too long");
}

static void names_leave_out_test_doubles(void **state)
{
    (void)state;
    const char *const *names = tm_backend_names();
    const char *const expected[] = {"native", "mlx", "openai", "torch", NULL};
    for (size_t i = 0; expected[i]; i++) assert_string_equal(names[i], expected[i]);
    assert_null(names[4]);
    assert_string_equal(parsed("mock", NULL).id, "mock:cpu");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_canonical),
        cmocka_unit_test(options_reach_their_fields),
        cmocka_unit_test(definitions_locate),
        cmocka_unit_test(definitions_can_be_repeated),
        cmocka_unit_test(a_framework_is_no_backend),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(names_leave_out_test_doubles),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
