/* Container limits from made-up group trees, facts of this machine against the system's own words, and advice. */
#include "measure/machine.h"

#include "base/file.h"
#include "measure/cgroup.h"
#include "measure/gpu_clocks.h"
#include "measure/power.h"

#include <ftw.h>
#include <inttypes.h>
#include <math.h>
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

/* A virtio device of the made-up machine: its features and the driver that it is bound to. */
static void put_virtio(const char *name, const char *features, const char *driver)
{
    char folder[128], link[256], target[128];
    snprintf(folder, sizeof folder, "sys/bus/virtio/devices/%s", name);
    put(folder, "features", features);
    snprintf(link, sizeof link, "%s/%s/driver", root, folder);
    snprintf(target, sizeof target, "../../../../bus/virtio/drivers/%s", driver);
    unlink(link);
    assert_int_equal(symlink(target, link), 0);
}

static void a_made_up_machine(void **state)
{
    (void)state;
    put("proc", "cpuinfo", "model name\t: Example 9000\nflags\t\t: fpu avx2 avx512f hypervisor\n");
    put("proc", "meminfo", "MemTotal: 2097152 kB\nMemAvailable: 1048576 kB\nSwapTotal: 3072 kB\nSwapFree: 1024 kB\n");
    put("proc", "loadavg", "1.75 0.60 0.20 2/345 6789\n");
    put("proc/self", "cgroup", "0::/box\n");
    put("sys/fs/cgroup/box", "cpu.max", "150000 100000\n");
    put("sys/fs/cgroup/box", "memory.max", "1073741824\n");
    put("sys/fs/cgroup/box", "memory.current", "805306368\n");
    put("sys/devices/system/cpu/cpu0/cpufreq", "scaling_governor", "powersave\n");
    put("sys/devices/system/cpu/intel_pstate", "no_turbo", "0\n");
    put("sys/devices/system/cpu/smt", "active", "1\n");
    put("sys/kernel/mm/transparent_hugepage", "enabled", "always madvise [never]\n");
    put("sys/devices/system/clocksource/clocksource0", "current_clocksource", "hpet\n");
    put("proc/driver/nvidia/gpus/0000:01:00.0", "information", "Model: \t Example GPU\n");
    tm_machine got;
    tm_machine_read_below(root, &got);
    assert_string_equal(got.cpu, "Example 9000");
    assert_string_equal(got.isa, "avx2 avx512");
    assert_string_equal(got.governor, "powersave");
    assert_string_equal(got.turbo, "on");
    assert_string_equal(got.smt, "on");
    assert_string_equal(got.huge_pages, "never");
    assert_string_equal(got.clock_source, "hpet");
    assert_string_equal(got.virtual_machine, "yes");
    assert_string_equal(got.gpus, "Example GPU");
    assert_string_equal(got.page_reporting, "none");
    assert_string_equal(got.container, "cgroup quota 1.5 CPUs, 1024 MiB");
    assert_true(got.load == 1.75 && got.cpu_quota == 1.5 && got.swap_bytes == 2048 * 1024);
    assert_true(got.memory_bytes == 1073741824 && got.available_bytes == 268435456);
}

static void free_page_reporting(void **state)
{
    (void)state;
    tm_machine got;
    put_virtio("virtio0", "00000100000000000000000000000000\n", "virtio_net"); /* bit 5 of another driver */
    tm_machine_read_below(root, &got);
    assert_string_equal(got.page_reporting, "none");
    put_virtio("virtio1", "01100101000000000000000000000000\n", "virtio_balloon");
    tm_machine_read_below(root, &got);
    assert_string_equal(got.page_reporting, "on");
    put_virtio("virtio1", "01100001000000000000000000000000\n", "virtio_balloon");
    tm_machine_read_below(root, &got);
    assert_string_equal(got.page_reporting, "off");
    put_virtio("virtio1", "01\n", "virtio_balloon");
    tm_machine_read_below(root, &got);
    assert_string_equal(got.page_reporting, "?");
}

static void fresh_memory(void **state)
{
    (void)state;
    const tm_first_touch measured = tm_first_touch_measure(UINT64_C(48) << 20, 5);
    assert_true(measured.bytes == 48 << 20 && measured.gbs > 0.001 && measured.gbs < 1000);
    assert_true(measured.slowest_gbs <= measured.gbs * 1.0001);
    assert_true(tm_first_touch_measure(UINT64_C(1) << 30, 0.001).bytes < (double)(1 << 30)); /* the time ends it */
    const tm_advice none = tm_first_touch_advice(tm_first_touch_measure(1, 1));
    assert_string_equal(none.finding, "unknown");
    assert_int_equal(none.level, TM_ADVICE_OK);
    assert_int_equal(tm_first_touch_advice((tm_first_touch){5, 4, 1e9}).level, TM_ADVICE_OK);
    const tm_advice slow = tm_first_touch_advice((tm_first_touch){5, 0.3, 1e9});
    assert_int_equal(slow.level, TM_ADVICE_WARNING);
    assert_non_null(strstr(slow.finding, "slowest 16 MiB 0.30 GB/s"));
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
                          .page_reporting = "none",
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
    for (int i = 0; i < count; i++) {
        assert_string_equal(list[i].action, "");
        assert_int_equal(list[i].level, TM_ADVICE_OK);
    }
    assert_int_equal(tm_machine_advice(&machine, list, 3), 3);
    assert_int_equal(tm_machine_advice(&unknown, list, 32), count);
    for (int i = 0; i < count; i++) assert_string_equal(list[i].action, "");
    assert_string_equal(find(list, count, "governor")->finding, "unknown");
}

static void each_trouble_has_its_advice(void **state)
{
    (void)state;
    static const char *const subjects[] = {
        "governor", "turbo", "smt",       "clock source", "huge pages",      "swap",
        "memory",   "load",  "container", "numa nodes",   "virtual machine", "free page reporting"};
    tm_machine machine = quiet();
    snprintf(machine.governor, sizeof machine.governor, "powersave");
    snprintf(machine.turbo, sizeof machine.turbo, "on");
    snprintf(machine.smt, sizeof machine.smt, "on");
    snprintf(machine.clock_source, sizeof machine.clock_source, "hpet");
    snprintf(machine.huge_pages, sizeof machine.huge_pages, "never");
    snprintf(machine.virtual_machine, sizeof machine.virtual_machine, "yes");
    snprintf(machine.page_reporting, sizeof machine.page_reporting, "on");
    machine.swap_bytes = 1 << 20;
    machine.available_bytes = 1 << 30;
    machine.load = 0.51;
    machine.cpu_quota = 1.5;
    machine.numa_nodes = 2;
    tm_advice list[32];
    const int count = tm_machine_advice(&machine, list, 32);
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
        const tm_advice *one = find(list, count, subjects[i]);
        if (!one->action[0] || one->level == TM_ADVICE_OK) fail_msg("nothing to do about %s", subjects[i]);
    }
    assert_int_equal(find(list, count, "governor")->level, TM_ADVICE_WARNING);
    assert_int_equal(find(list, count, "smt")->level, TM_ADVICE_ADVICE);
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

static void clocks_of_gpus(void **state)
{
    (void)state;
    tm_gpu_clock got[4];
    assert_int_equal(tm_gpu_clocks_read("/nonexistent/libnvidia-ml.so.1", got, 4), -1);
    assert_int_equal(tm_gpu_clocks_read("libm.so.6", got, 4), -1); /* another library */
    assert_int_equal(tm_gpu_clocks_read(FAKE_NVML, got, 1), 1);
    assert_int_equal(tm_gpu_clocks_read(FAKE_NVML, got, 4), 2);
    assert_string_equal(got[0].name, "Example 0");
    assert_true(got[0].mhz == 1200 && got[0].most_mhz == 1980 && got[0].power_limit_w == 350 && got[0].slowed);
    assert_true(got[1].mhz == 0 && got[1].most_mhz == 1980 && got[1].power_limit_w == 0 && !got[1].slowed);
    const tm_advice hot = tm_gpu_clock_advice(&got[0]);
    assert_int_equal(hot.level, TM_ADVICE_WARNING);
    assert_string_equal(hot.finding, "Example 0: 1200 of 1980 MHz now, power limit 350 W, slowed by heat or power");
    const tm_advice idle = tm_gpu_clock_advice(&got[1]);
    assert_int_equal(idle.level, TM_ADVICE_ADVICE);
    assert_string_equal(idle.finding, "Example 1: ? of 1980 MHz now, power limit ? W");
}

static void energy(void **state)
{
    (void)state;
    tm_energy then;
    tm_energy_read(root, &then);
    assert_true(then.packages == 0 && isnan(tm_energy_since(root, &then))); /* not known is not 0 */
    put("class/powercap/intel-rapl:0", "energy_uj", "1000000\n");
    put("class/powercap/intel-rapl:0:0", "energy_uj", "77\n"); /* a part of the package */
    put("class/powercap/intel-rapl:1", "energy_uj", "9000000\n");
    tm_energy_read(root, &then);
    assert_int_equal(then.packages, 2);
    put("class/powercap/intel-rapl:0", "energy_uj", "3500000\n");
    put("class/powercap/intel-rapl:1", "energy_uj", "500000\n"); /* began anew */
    assert_true(isnan(tm_energy_since(root, &then)));
    put("class/powercap/intel-rapl:1", "max_energy_range_uj", "10000000\n");
    assert_true(fabs(tm_energy_since(root, &then) - 4.0) < 1e-9);
    put("class/powercap/intel-rapl:2", "energy_uj", "1\n");
    assert_true(isnan(tm_energy_since(root, &then)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(version_2, make_root, remove_root),
        cmocka_unit_test_setup_teardown(version_1, make_root, remove_root),
        cmocka_unit_test_setup_teardown(no_groups, make_root, remove_root),
        cmocka_unit_test_setup_teardown(a_made_up_machine, make_root, remove_root),
        cmocka_unit_test_setup_teardown(free_page_reporting, make_root, remove_root),
        cmocka_unit_test(fresh_memory),
        cmocka_unit_test(clocks_of_gpus),
        cmocka_unit_test_setup_teardown(energy, make_root, remove_root),
        cmocka_unit_test_setup_teardown(heat_and_battery, make_root, remove_root),
        cmocka_unit_test(this_machine),
        cmocka_unit_test(quiet_machine_needs_nothing),
        cmocka_unit_test(each_trouble_has_its_advice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
