/* The part of cmocka that the engine's tests use, for machines and targets without it: the same names, the same
 * meaning. A failure ends its test by a jump; the group goes on. */
#ifndef TM_TESTS_CMOCKA_H
#define TM_TESTS_CMOCKA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef struct CMUnitTest {
    const char *name;
    void (*test_func)(void **state);
    void *initial_state;
} CMUnitTest;

enum { TEST_FAILED = 1, TEST_SKIPPED = 2 };
static jmp_buf test_end;

static inline _Noreturn __attribute__((format(printf, 3, 4))) void test_fail(const char *file, int line,
                                                                             const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s:%d: ", file, line);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    longjmp(test_end, TEST_FAILED);
}

#define fail_msg(...) test_fail(__FILE__, __LINE__, __VA_ARGS__)
#define skip()        longjmp(test_end, TEST_SKIPPED)
#define assert_true(condition)                                                                                         \
    do {                                                                                                               \
        if (!(condition)) fail_msg("%s", #condition);                                                                  \
    } while (0)
#define assert_null(pointer)     assert_true((pointer) == NULL)
#define assert_non_null(pointer) assert_true((pointer) != NULL)
#define assert_int_equal(a, b)                                                                                         \
    do {                                                                                                               \
        const long long test_a = (long long)(a), test_b = (long long)(b);                                              \
        if (test_a != test_b) fail_msg("%s is %lld, not %lld", #a, test_a, test_b);                                    \
    } while (0)
#define assert_memory_equal(a, b, size) assert_true(memcmp(a, b, size) == 0)

#define cmocka_unit_test(function)                                                                                     \
    {                                                                                                                  \
        .name = #function, .test_func = function                                                                       \
    }
#define cmocka_run_group_tests(tests, setup, teardown) test_run_group(tests, sizeof(tests) / sizeof *(tests))

/* The number of tests that failed. */
static inline int test_run_group(const CMUnitTest *tests, size_t count)
{
    volatile int failed = 0;
    for (volatile size_t i = 0; i < count; i++) {
        void *volatile state = tests[i].initial_state;
        const int end = setjmp(test_end);
        if (end == 0) tests[i].test_func((void **)&state);
        failed += end == TEST_FAILED;
        printf("[ %s ] %s\n", end == 0 ? "OK" : end == TEST_FAILED ? "FAILED" : "SKIPPED", tests[i].name);
        fflush(stdout);
    }
    return failed;
}

#endif
