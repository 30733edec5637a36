/* The peak of this process's own memory: it sees what was touched, forgets it when told, and leaves out what is shared.
 */
#include "base/resident.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

enum { BLOCK = 64 << 20, NEARLY = 60 << 20 };

static void touch_and_give_back(int flags)
{
    unsigned char *block = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
    assert_true(block != MAP_FAILED);
    memset(block, 1, BLOCK);
    munmap(block, BLOCK);
}

static void peak_counts_anew(void **state)
{
    (void)state;
    const uint64_t before = tm_resident_peak(0);
    if (before == 0 || !tm_resident_reset(0)) skip();
    touch_and_give_back(MAP_PRIVATE);
    const uint64_t during = tm_resident_peak(0);
    assert_true(during >= before + NEARLY);
    assert_true(tm_resident_peak((int32_t)getpid()) >= before + NEARLY);
    assert_true(tm_resident_reset((int32_t)getpid()));
    assert_true(tm_resident_peak(0) <= during - NEARLY);
}

static void shared_memory_is_left_out(void **state)
{
    (void)state;
    if (!tm_resident_reset(0)) skip();
    const uint64_t before = tm_resident_peak(0);
    unsigned char *block = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(block != MAP_FAILED);
    memset(block, 1, BLOCK);
    assert_true(tm_resident_peak(0) < before + (BLOCK - NEARLY));
    munmap(block, BLOCK);
}

static void no_such_process(void **state)
{
    (void)state;
    assert_int_equal(tm_resident_peak(INT32_MAX), 0);
    assert_false(tm_resident_reset(INT32_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peak_counts_anew),
        cmocka_unit_test(shared_memory_is_left_out),
        cmocka_unit_test(no_such_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
