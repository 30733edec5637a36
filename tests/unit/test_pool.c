/* The pool: every member runs once, memory is handed over both ways, sleeping threads wake, shares cover everything. */
#include "native/pool.h"

#include "base/clock.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 8 };

typedef struct visit {
    int64_t input;             /* plain memory: written by the caller before, read by members */
    int64_t output[MOST * 16]; /* plain memory: written by members, read by the caller after */
    _Atomic int32_t calls;
    int32_t members;
} visit;

static void visit_body(void *context, int32_t member, int32_t members)
{
    visit *v = context;
    atomic_fetch_add(&v->calls, 1);
    v->output[member * 16] = v->input * 100 + member;
    if (member == members - 1) v->members = members;
}

static tm_pool *new_pool(int32_t threads)
{
    tm_error error;
    tm_pool *pool = NULL;
    assert_int_equal(tm_pool_new(threads, &pool, &error), TM_OK);
    assert_int_equal(tm_pool_threads(pool), threads);
    return pool;
}

static void check_visits(tm_pool *pool, int32_t members, int64_t round)
{
    visit v = {.input = round};
    tm_pool_run(pool, members, visit_body, &v);
    assert_int_equal(v.calls, members);
    assert_int_equal(v.members, members);
    for (int32_t i = 0; i < members; i++) assert_int_equal(v.output[i * 16], round * 100 + i);
    for (int32_t i = members; i < MOST; i++) assert_int_equal(v.output[i * 16], 0);
}

static void test_every_member_runs_once(void **state)
{
    (void)state;
    for (int32_t threads = 1; threads <= 4; threads++) {
        tm_pool *pool = new_pool(threads);
        for (int64_t round = 0; round < 2000; round++) check_visits(pool, 1 + (int32_t)(round % threads), round);
        tm_pool_free(pool);
    }
}

static void test_wakes_sleepers(void **state)
{
    (void)state;
    tm_pool *pool = new_pool(2);
    for (int64_t round = 0; round < 200; round++) {
        /* Around the moment of parking, which is 50 us after the last job: where a lost wake-up would show. */
        const uint64_t until = tm_now_ns() + (uint64_t)(30000 + 200 * round);
        while (tm_now_ns() < until) {}
        check_visits(pool, 2, round);
    }
    tm_sleep_ns(2000000);
    check_visits(pool, 2, 7);
    tm_pool_free(pool);
}

static void test_many_pools(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        tm_pool *pool = new_pool(3);
        if (i % 2 == 0) check_visits(pool, 3, i);
        tm_pool_free(pool);
    }
    tm_pool_free(NULL);
}

static void test_affinity_comes_back(void **state)
{
    (void)state;
    cpu_set_t before, during, after;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    tm_pool *pool = new_pool(2);
    assert_int_equal(sched_getaffinity(0, sizeof during, &during), 0);
    tm_pool_free(pool);
    assert_int_equal(sched_getaffinity(0, sizeof after, &after), 0);
    assert_true(CPU_EQUAL(&before, &after));
    if (CPU_COUNT(&before) >= 2) assert_int_equal(CPU_COUNT(&during), 1);
}

static void test_refuses_bad_counts(void **state)
{
    (void)state;
    tm_error error;
    tm_pool *pool;
    const int32_t bad[] = {0, -1, TM_POOL_MOST + 1};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(tm_pool_new(bad[i], &pool, &error), TM_INVALID_ARGUMENT);
        assert_null(pool);
        assert_non_null(strstr(error.message, "threads"));
    }
}

static void test_shares_cover(void **state)
{
    (void)state;
    const int64_t counts[] = {0, 1, 2, 15, 16, 17, 1000, 4097}, grains[] = {1, 16, 1000};
    for (size_t c = 0; c < 8; c++) {
        for (size_t g = 0; g < 3; g++) {
            for (int32_t members = 1; members <= 5; members++) {
                int64_t next = 0;
                for (int32_t member = 0; member < members; member++) {
                    int64_t begin, end;
                    tm_share(counts[c], grains[g], member, members, &begin, &end);
                    assert_int_equal(begin, next);
                    assert_true(begin <= end && (begin % grains[g] == 0 || begin == counts[c]));
                    next = end;
                }
                assert_int_equal(next, counts[c]);
            }
        }
    }
}

static void test_members_for(void **state)
{
    (void)state;
    tm_pool *pool = new_pool(4);
    assert_int_equal(tm_pool_members_for(pool, 0.0, 0.0), 1);
    assert_int_equal(tm_pool_members_for(pool, 64e3, 64e3), 1);
    assert_int_equal(tm_pool_members_for(pool, 1e12, 0.0), 4);
    assert_int_equal(tm_pool_members_for(pool, 0.0, 1e12), 4);
    int32_t last = 1;
    for (double bytes = 1e3; bytes < 1e9; bytes *= 1.5) {
        const int32_t members = tm_pool_members_for(pool, bytes, 0.0);
        assert_true(members >= last && members <= 4);
        last = members;
    }
    tm_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_member_runs_once),
        cmocka_unit_test(test_wakes_sleepers),
        cmocka_unit_test(test_many_pools),
        cmocka_unit_test(test_affinity_comes_back),
        cmocka_unit_test(test_refuses_bad_counts),
        cmocka_unit_test(test_shares_cover),
        cmocka_unit_test(test_members_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
