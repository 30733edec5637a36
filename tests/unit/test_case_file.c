/* Users' case files: expansion, every error with its place, and bounded work on hostile bytes. */
#include "base/clock.h"
#include "suite/case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const tm_dtype f32_only[] = {TM_F32};

/* The ids of the file's cases, a line each, or its problems. */
static tm_text read_file(const char *text, size_t length, const tm_dtype *dtypes, size_t dtype_count)
{
    tm_case_list list = {0};
    tm_text problems = {0};
    tm_text ids = {0};
    tm_error error = {""};
    tm_text_add(&ids, "");
    const tm_status status =
        tm_case_file_append("my.cases", text, length, dtypes, dtype_count, &list, &problems, &error);
    assert_int_equal(status, problems.length > 0 ? TM_INVALID_ARGUMENT : TM_OK);
    if (status != TM_OK) assert_int_equal(list.count, 0);
    for (size_t i = 0; i < list.count; i++) tm_text_format(&ids, "%s\n", list.items[i].id);
    tm_case_list_free(&list);
    if (problems.length == 0) return ids;
    tm_text_free(&ids);
    return problems;
}

static void expect(const char *text, const char *want)
{
    tm_text got = read_file(text, strlen(text), f32_only, 1);
    assert_string_equal(got.data, want);
    tm_text_free(&got);
}

static void test_plain_lines(void **state)
{
    (void)state;
    expect("", "");
    expect("# nothing\n\n   \t\n", "");
    expect("relu/3", "relu/3/f32\n");
    expect("  relu/3 # why\r\n\trelu/4\r\n", "relu/3/f32\nrelu/4/f32\n");
    expect("\xEF\xBB\xBFrelu/3\n", "relu/3/f32\n");
    expect("relu/3\nrelu/3/f32\nrelu/03\n", "relu/3/f32\n");
}

static void test_ranges_and_lists(void **state)
{
    (void)state;
    expect("relu/256..4096*2", "relu/256/f32\nrelu/512/f32\nrelu/1024/f32\nrelu/2048/f32\nrelu/4096/f32\n");
    expect("relu/64..200+64", "relu/64/f32\nrelu/128/f32\nrelu/192/f32\n");
    expect("relu/0..1+1x5..5*2", "relu/0x5/f32\nrelu/1x5/f32\n");
    expect("softmax/3x4/axis={0,1}/{f32,bf16}", "softmax/3x4/axis=0/f32\nsoftmax/3x4/axis=0/bf16\n"
                                                "softmax/3x4/axis=1/f32\nsoftmax/3x4/axis=1/bf16\n");
    expect("{relu,selu}/{3,4x4}", "relu/3/f32\nrelu/4x4/f32\nselu/3/f32\nselu/4x4/f32\n");
    expect("sum/3x4/axis=0..1+1", "sum/3x4/axis=0/f32\nsum/3x4/axis=1/f32\n");
    expect("leaky_relu/3/slope=0.5", "leaky_relu/3/slope=0.5/f32\n");
    expect("relu/4611686018427387903..9223372036854775807*2x0",
           "my.cases:1:6: input: the product of the sizes overflows\n");
    expect("relu/9223372036854775806..9223372036854775807+1x{0}",
           "my.cases:1:6: input: the product of the sizes overflows\n");
}

static void test_dtypes_fill_in(void **state)
{
    (void)state;
    static const char text[] = "relu/3\nrelu/4/f16\n";
    const tm_dtype both[] = {TM_F32, TM_BF16};
    tm_text got = read_file(text, strlen(text), both, 2);
    assert_string_equal(got.data, "relu/3/f32\nrelu/3/bf16\nrelu/4/f16\n");
    tm_text_free(&got);
}

static void test_every_error_has_its_place(void **state)
{
    (void)state;
    expect("relu/3\n  nope/3\nrelu/3x\n\nsoftmax/{3,4}/axis={0,7}\n",
           "my.cases:2:3: there is no op or layer 'nope'\n"
           "my.cases:3:6: '' is not a size\n"
           "my.cases:5:15: softmax: axis 7 is out of range for rank 1\n");
    expect("matmul/3x{4,5},4x2", "my.cases:1:8: matmul: inner sizes 5 and 4 differ\n");
    expect("relu/{3", "my.cases:1:6: this '{' has no '}'\n");
    expect("relu/3}", "my.cases:1:7: this '}' has no '{'\n");
    expect("relu/{3,}", "my.cases:1:9: a list with an empty item\n");
    expect("relu/{}", "my.cases:1:7: a list with an empty item\n");
    expect("relu/{3,{4}}", "my.cases:1:9: a list cannot hold a list\n");
    expect("relu/3..9", "my.cases:1:10: a range is written as in 256..4096*2 or 64..512+64\n");
    expect("relu/3..*2", "my.cases:1:9: a range is written as in 256..4096*2 or 64..512+64\n");
    expect("relu/9..3+1", "my.cases:1:6: this range ends before it begins\n");
    expect("relu/3..9+0", "my.cases:1:6: this range has no step\n");
    expect("relu/3..9*1", "my.cases:1:6: a range of products begins at 1 or more and has a factor of 2 or more\n");
    expect("relu/0..9*2", "my.cases:1:6: a range of products begins at 1 or more and has a factor of 2 or more\n");
    expect("leaky_relu/3/slope=nan", "my.cases:1:14: leaky_relu: slope must be a number, not 'nan'\n");
    expect("leaky_relu/3/slope=1e999", "my.cases:1:14: leaky_relu: slope must be a number, not '1e999'\n");
    expect("relu/\xE2\x80\xAE"
           "3",
           "my.cases:1:6: byte 0xE2 has no place in a case id\n");
    tm_text got = read_file("relu/3\0x4", 9, f32_only, 1);
    assert_string_equal(got.data, "my.cases:1:7: byte 0x00 has no place in a case id\n");
    tm_text_free(&got);
}

static void test_problems_are_capped(void **state)
{
    (void)state;
    tm_text text = {0};
    for (int i = 0; i < 150; i++) tm_text_add(&text, "nope/3\n");
    tm_text got = read_file(text.data, text.length, f32_only, 1);
    size_t lines = 0;
    for (const char *at = got.data; *at; at++) lines += *at == '\n';
    assert_int_equal(lines, 101);
    assert_non_null(strstr(got.data, "\nand 50 more\n"));
    tm_text_free(&got);
    tm_text_free(&text);
}

static void test_the_limit_is_exact(void **state)
{
    (void)state;
    tm_case_list list = {0};
    tm_text problems = {0};
    tm_error error = {""};
    static const char most[] = "relu/1..1000+1x1..100+1";
    static const char over[] = "relu/1..1000+1x1..100+1\nrelu/7/f16\n";
    assert_int_equal(tm_case_file_append("f", most, strlen(most), f32_only, 1, &list, &problems, &error), TM_OK);
    assert_int_equal(list.count, 100000);
    assert_string_equal(list.items[99999].id, "relu/1000x100/f32");
    assert_int_equal(tm_case_file_append("f", over, strlen(over), f32_only, 1, &list, &problems, &error),
                     TM_INVALID_ARGUMENT);
    assert_int_equal(list.count, 100000);
    assert_string_equal(problems.data, "f:2:1: more than 100000 cases with this line's 1 combinations; reading ends\n");
    tm_text_free(&problems);
    tm_case_list_free(&list);
}

static void test_dtypes_count_towards_the_limit(void **state)
{
    (void)state;
    static const char text[] = "relu/1..50001+1";
    const tm_dtype both[] = {TM_F32, TM_BF16};
    tm_text got = read_file(text, strlen(text), both, 2);
    assert_non_null(strstr(got.data, "more than 100000 cases"));
    tm_text_free(&got);
}

static void expect_quick_refusal(const char *text, size_t length, const char *part)
{
    const uint64_t start = tm_now_ns();
    tm_text got = read_file(text, length, f32_only, 1);
    assert_non_null(strstr(got.data, part));
    tm_text_free(&got);
    assert_true(tm_now_ns() - start < UINT64_C(10000000000));
}

static void test_hostile_files_fail_quickly(void **state)
{
    (void)state;
    static const char product[] = "relu/1..1000+1x1..1000+1x1..1000+1";
    static const char huge[] = "relu/1..9223372036854775807+1x1..9223372036854775807+1x1..9223372036854775807+1";
    expect_quick_refusal(product, strlen(product), "1000000000 combinations");
    expect_quick_refusal(huge, strlen(huge), "18446744073709551615 combinations");
    const size_t length = 10 << 20;
    char *const text = malloc(length);
    static const char fillers[] = "x1{},.#\n/\0";
    for (size_t f = 0; f < sizeof fillers; f++) {
        memset(text, fillers[f], length);
        memcpy(text, "relu/3x", 7);
        expect_quick_refusal(text, length, fillers[f] == '\n' || fillers[f] == '#' ? ":1:" : "my.cases:1:1: this line");
    }
    for (size_t i = 0; i < length; i++) text[i] = "nope/1\n"[i % 7];
    expect_quick_refusal(text, length, "reading ends");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_lines),
        cmocka_unit_test(test_ranges_and_lists),
        cmocka_unit_test(test_dtypes_fill_in),
        cmocka_unit_test(test_every_error_has_its_place),
        cmocka_unit_test(test_problems_are_capped),
        cmocka_unit_test(test_the_limit_is_exact),
        cmocka_unit_test(test_dtypes_count_towards_the_limit),
        cmocka_unit_test(test_hostile_files_fail_quickly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
