/* Container limits from made-up group trees, facts of this machine against the system's own words, and advice. */
#include "measure/machine.h"

#include "base/file.h"
#include "measure/cgroup.h"
#include "measure/power.h"

#include <ftw.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static char root[64];

static int make_root(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "/tmp/tm_machine_XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int take_away(const char *path, const struct stat *facts, int type, struct FTW *where)
{
    (void)facts;
    (void)type;
    (void)where;
    return remove(path);
}

static int remove_root(void **state)
{
    (void)state;
    return nftw(root, take_away, 16, FTW_DEPTH | FTW_PHYS);
}

static void put(const char *folder, const char *name, const char *content)
{
    char path[256];
    tm_error error;
    snprintf(path, sizeof path, "%s/%s", root, folder);
    assert_int_equal(tm_make_folders(path, &error), TM_OK);
    snprintf(path, sizeof path, "%s/%s/%s", root, folder, name);
    assert_int_equal(tm_file_write(path, content, strlen(content), &error), TM_OK);
}

static void version_2(void **state)
{
    (void)state;
    put(".", "membership", "0::/slice/box\n");
    put("v2/slice", "cpu.max", "150000 100000\n");
    put("v2/slice", "memory.max", "4294967296\n");
    put("v2/slice", "memory.current", "4000000000\n");
    put("v2/slice", "memory.stat", "anon 5\ninactive_file 1000000000\n");
    put("v2/slice/box", "cpu.max", "max 100000\n");
    put("v2/slice/box", "memory.max", "8589934592\n");
    put("v2/slice/box", "memory.current", "100\n");
    char path[256], folder[256];
    snprintf(path, sizeof path, "%s/membership", root);
    snprintf(folder, sizeof folder, "%s/v2", root);
    tm_cgroup got = tm_cgroup_read(path, folder);
    assert_true(got.cpus == 1.5); /* the parent's */
    assert_int_equal(tm_cores_within(8, got.cpus), 1);
    assert_true(got.memory_bytes == 4294967296u);
    assert_true(got.memory_left_bytes == 4294967296u - 3000000000u);

    put("v2/slice/box", "cpu.max", "50000 100000\n");
    put("v2/slice/box", "memory.max", "max\n");
    got = tm_cgroup_read(path, folder);
    assert_true(got.cpus == 0.5);
    assert_int_equal(tm_cores_within(8, got.cpus), 1); /* never none */

    put(".", "membership", "0::/of/the/host\n"); /* inside a container: only the mount's own files exist */
    put("v2", "cpu.max", "200000 100000\n");
    got = tm_cgroup_read(path, folder);
    assert_true(got.cpus == 2 && got.memory_bytes == 0);
}

static void version_1(void **state)
{
    (void)state;
    put(".", "membership", "5:memory:/a/b\n3:cpu,cpuacct:/a\n1:name=systemd:/\n0::/\n");
    put("v1/memory/a/b", "memory.limit_in_bytes", "9223372036854771712\n"); /* none */
    put("v1/memory/a", "memory.limit_in_bytes", "1073741824\n");
    put("v1/memory/a", "memory.usage_in_bytes", "73741824\n");
    put("v1/cpu,cpuacct/a", "cpu.cfs_quota_us", "300000\n");
    put("v1/cpu,cpuacct/a", "cpu.cfs_period_us", "100000\n");
    put("v1/cpu,cpuacct", "cpu.cfs_quota_us", "-1\n");
    put("v1/cpu,cpuacct", "cpu.cfs_period_us", "100000\n");
    char path[256], folder[256];
    snprintf(path, sizeof path, "%s/membership", root);
    snprintf(folder, sizeof folder, "%s/v1", root);
    const tm_cgroup got = tm_cgroup_read(path, folder);
    assert_true(got.cpus == 3);
    assert_int_equal(tm_cores_within(8, got.cpus), 3);
    assert_int_equal(tm_cores_within(2, got.cpus), 2);
    assert_true(got.memory_bytes == 1073741824 && got.memory_left_bytes == 1000000000);
}

static void no_groups(void **state)
{
    (void)state;
    const tm_cgroup got = tm_cgroup_read("/nonexistent", "/nonexistent");
    assert_true(got.cpus == 0 && got.memory_bytes == 0);
    assert_int_equal(tm_cores_within(8, got.cpus), 8);
    put(".", "membership", "nonsense\n:\n::\n\n7:memory\n0:::::\n");
    char path[256];
    snprintf(path, sizeof path, "%s/membership", root);
    assert_true(tm_cgroup_read(path, root).memory_bytes == 0);
}

static void this_machine(void **state)
{
    (void)state;
    tm_machine first, second;
    tm_machine_read(&first);
    tm_machine_read(&second);
    assert_string_equal(first.key, second.key);
    assert_non_null(strstr(first.key, first.cpu));
    assert_in_range(first.cores, 1, first.cores_total);
    assert_int_equal(first.cores_total, sysconf(_SC_NPROCESSORS_CONF));
    const uint64_t physical = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    assert_true(first.memory_bytes <= physical + physical / 50 && first.memory_bytes > 0);
    assert_true(first.available_bytes <= first.memory_bytes && first.available_bytes > 0);
    assert_true(tm_memory_available() > 0);
    assert_true(first.numa_nodes >= 1);
    assert_true(first.cpu[0] && first.isa[0] && first.os[0] && first.governor[0] && first.huge_pages[0]);
    assert_true(strlen(first.container) > 0);
    /* A kernel update is not another machine. */
    FILE *file = fopen("/proc/sys/kernel/osrelease", "re");
    char release[128] = "";
    if (file && fgets(release, sizeof release, file)) {
        release[strcspn(release, "\n")] = '\0';
        assert_null(strstr(first.key, release));
        assert_non_null(strstr(first.os, release));
    }
    if (file) fclose(file);
}

static const tm_advice *find(const tm_advice *list, int count, const char *subject)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(list[i].subject, subject) == 0) return &list[i];
    }
    fail_msg("no advice on %s", subject);
    return NULL;
}

static tm_machine quiet(void)
{
    tm_machine machine = {.governor = "performance",
                          .turbo = "off",
                          .smt = "off",
                          .huge_pages = "madvise",
                          .clock_source = "tsc",
                          .container = "none",
                          .virtual_machine = "no",
                          .cores = 8,
                          .cores_total = 8,
                          .numa_nodes = 1,
                          .memory_bytes = UINT64_C(32) << 30,
                          .available_bytes = UINT64_C(30) << 30,
                          .load = 0.1};
    return machine;
}

static void quiet_machine_needs_nothing(void **state)
{
    (void)state;
    const tm_machine machine = quiet();
    tm_machine unknown = quiet();
    snprintf(unknown.governor, sizeof unknown.governor, "?");
    snprintf(unknown.turbo, sizeof unknown.turbo, "?");
    snprintf(unknown.clock_source, sizeof unknown.clock_source, "?");
    tm_advice list[32];
    const int count = tm_machine_advice(&machine, list, 32);
    assert_true(count >= 10);
    for (int i = 0; i < count; i++) assert_string_equal(list[i].action, "");
    assert_int_equal(tm_machine_advice(&machine, list, 3), 3);
    assert_int_equal(tm_machine_advice(&unknown, list, 32), count);
    for (int i = 0; i < count; i++) assert_string_equal(list[i].action, "");
    assert_string_equal(find(list, count, "governor")->finding, "unknown");
}

static void each_trouble_has_its_advice(void **state)
{
    (void)state;
    static const char *const subjects[] = {"governor", "turbo", "smt",       "clock source", "huge pages",     "swap",
                                           "memory",   "load",  "container", "numa nodes",   "virtual machine"};
    tm_machine machine = quiet();
    snprintf(machine.governor, sizeof machine.governor, "powersave");
    snprintf(machine.turbo, sizeof machine.turbo, "on");
    snprintf(machine.smt, sizeof machine.smt, "on");
    snprintf(machine.clock_source, sizeof machine.clock_source, "hpet");
    snprintf(machine.huge_pages, sizeof machine.huge_pages, "never");
    snprintf(machine.virtual_machine, sizeof machine.virtual_machine, "yes");
    machine.swap_bytes = 1 << 20;
    machine.available_bytes = 1 << 30;
    machine.load = 0.51;
    machine.cpu_quota = 1.5;
    machine.numa_nodes = 2;
    tm_advice list[32];
    const int count = tm_machine_advice(&machine, list, 32);
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
        if (!find(list, count, subjects[i])->action[0]) fail_msg("nothing to do about %s", subjects[i]);
    }
    assert_string_equal(find(list, count, "governor")->finding, "powersave");
    machine.cpu_quota = 2;
    tm_machine_advice(&machine, list, 32);
    assert_string_equal(find(list, count, "container")->action, "");
}

static void heat_and_battery(void **state)
{
    (void)state;
    assert_true(tm_throttle_count(root) == 0 && !tm_on_battery(root)); /* nothing is told there */
    put("devices/system/cpu/cpu0/thermal_throttle", "core_throttle_count", "3\n");
    put("devices/system/cpu/cpu0/thermal_throttle", "package_throttle_count", "10\n");
    put("devices/system/cpu/cpu1/thermal_throttle", "core_throttle_count", "4\n");
    put("devices/system/cpu/cpu3/thermal_throttle", "core_throttle_count", "100\n"); /* behind a gap: not looked for */
    assert_true(tm_throttle_count(root) == 17);
    put("class/power_supply/AC", "type", "Mains\n");
    put("class/power_supply/AC", "status", "Discharging\n");
    put("class/power_supply/BAT0", "type", "Battery\n");
    put("class/power_supply/BAT0", "status", "Charging\n");
    assert_false(tm_on_battery(root));
    put("class/power_supply/BAT0", "status", "Discharging\n");
    assert_true(tm_on_battery(root));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(version_2, make_root, remove_root),
        cmocka_unit_test_setup_teardown(version_1, make_root, remove_root),
        cmocka_unit_test_setup_teardown(no_groups, make_root, remove_root),
        cmocka_unit_test_setup_teardown(heat_and_battery, make_root, remove_root),
        cmocka_unit_test(this_machine),
        cmocka_unit_test(quiet_machine_needs_nothing),
        cmocka_unit_test(each_trouble_has_its_advice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
