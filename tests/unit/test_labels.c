/* Labels in words: every one that an adapter's source holds has a sentence, and what no one knows has none. */
#include "report/explain.h"

#include <glob.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const sources[] = {PROJECT "/backends/*/*.c", PROJECT "/backends/*/*.cc", PROJECT "/backends/*/*.h"};

/* The file's text; the caller frees. */
static char *read_all(const char *path)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    const long size = ftell(file);
    assert_true(size >= 0);
    rewind(file);
    char *text = calloc((size_t)size + 1, 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, (size_t)size, file), (size_t)size);
    fclose(file);
    return text;
}

/* Every "WORD=value" that stands in the text as a string, or begins one to which the value is added ("THREADS=%s"). */
static int64_t look_through(const char *path, const regex_t *label)
{
    char *text = read_all(path);
    int64_t found = 0;
    regmatch_t match[2];
    for (const char *at = text; regexec(label, at, 2, match, 0) == 0; at += match[0].rm_eo) {
        char word[64];
        snprintf(word, sizeof word, "%.*s", (int)(match[1].rm_eo - match[1].rm_so), at + match[1].rm_so);
        if (!tm_label_meaning(word)) fail_msg("%s: nothing explains the label %s", path, word);
        found++;
    }
    free(text);
    return found;
}

static void adapters_are_explained(void **state)
{
    (void)state;
    regex_t label;
    assert_int_equal(regcomp(&label, "\"([A-Z]+=[A-Za-z0-9_-]*)(\"|%s)", REG_EXTENDED), 0);
    int64_t found = 0;
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        glob_t files;
        assert_int_equal(glob(sources[i], 0, NULL, &files), 0);
        for (size_t k = 0; k < files.gl_pathc; k++) found += look_through(files.gl_pathv[k], &label);
        globfree(&files);
    }
    regfree(&label);
    assert_true(found >= 20); /* the pattern still finds them */
}

/* The run's own are written down in one list. */
static void the_runs_labels_are_explained(void **state)
{
    (void)state;
#define LABEL(text, holds, back) assert_non_null(tm_label_meaning(text));
#include "run/cell_labels.def"
#undef LABEL
}

static void what_nobody_knows_has_no_sentence(void **state)
{
    (void)state;
    static const char *const unknown[] = {"", "FOO=bar", "ALSO", "LAYOUT", "quick", "QUICKER", "B=", "THREAD=1", "="};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) assert_null(tm_label_meaning(unknown[i]));
}

/* The exact word goes before the key's general sentence. */
static void values_have_sentences_of_their_own(void **state)
{
    (void)state;
    assert_non_null(strstr(tm_label_meaning("ALSO=indices"), "sort"));
    assert_string_equal(tm_label_meaning("ALSO=sums"), tm_label_meaning("ALSO=histograms"));
    assert_string_not_equal(tm_label_meaning("ALSO=sums"), tm_label_meaning("ALSO=indices"));
    assert_string_equal(tm_label_meaning("OPERATORS=5"), tm_label_meaning("OPERATORS=11"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adapters_are_explained),
        cmocka_unit_test(the_runs_labels_are_explained),
        cmocka_unit_test(what_nobody_knows_has_no_sentence),
        cmocka_unit_test(values_have_sentences_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
