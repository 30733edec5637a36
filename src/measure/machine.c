/* Facts from /proc and /sys below a root, and the topology. Every file may be missing (containers, other kernels): then
 * the fact is "?", and nothing fails. */
#include "measure/machine.h"

#include "base/parallel.h"
#include "measure/cgroup.h"

#include <ctype.h>
#include <dirent.h>
#include <hwloc.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

static FILE *open_below(const char *root, const char *path)
{
    char whole[640];
    const int length = snprintf(whole, sizeof whole, "%s%s", root, path);
    return length > 0 && (size_t)length < sizeof whole ? fopen(whole, "re") : NULL;
}

/* The first line of a file without its end, or "?". */
static void first_line(const char *root, const char *path, char *into, size_t capacity)
{
    snprintf(into, capacity, "?");
    FILE *file = open_below(root, path);
    if (!file) return;
    if (!fgets(into, (int)capacity, file)) snprintf(into, capacity, "?");
    into[strcspn(into, "\n")] = '\0';
    fclose(file);
}

/* The text behind "key :" in a file of such lines, without leading blanks; false when it is not there. */
static bool value_of(const char *root, const char *path, const char *key, char *into, size_t capacity)
{
    FILE *file = open_below(root, path);
    if (!file) return false;
    char *line = NULL;
    size_t room = 0;
    bool found = false;
    const size_t length = strlen(key);
    while (!found && getline(&line, &room, file) > 0) {
        const char *rest = line + length;
        if (strncmp(line, key, length) != 0) continue;
        rest += strspn(rest, " \t");
        if (*rest != ':') continue;
        rest++;
        rest += strspn(rest, " \t");
        snprintf(into, capacity, "%.*s", (int)strcspn(rest, "\n"), rest);
        found = true;
    }
    free(line);
    fclose(file);
    return found;
}

/* A figure of /proc/meminfo in bytes; 0 when it is not there. */
static uint64_t memory_figure(const char *root, const char *key)
{
    char text[64];
    return value_of(root, "/proc/meminfo", key, text, sizeof text) ? strtoull(text, NULL, 10) * 1024 : 0;
}

static tm_cgroup container(const char *root)
{
    char membership[640], groups[640];
    snprintf(membership, sizeof membership, "%s/proc/self/cgroup", root);
    snprintf(groups, sizeof groups, "%s/sys/fs/cgroup", root);
    return tm_cgroup_read(membership, groups);
}

static uint64_t available_below(const char *root)
{
    const tm_cgroup limits = container(root);
    const uint64_t available = memory_figure(root, "MemAvailable");
    return limits.memory_bytes && limits.memory_left_bytes < available ? limits.memory_left_bytes : available;
}

uint64_t tm_memory_available(void)
{
    return available_below("");
}

static bool has_word(const char *words, const char *word)
{
    const size_t length = strlen(word);
    for (const char *at = strstr(words, word); at; at = strstr(at + 1, word)) {
        const bool begins = at == words || at[-1] == ' ';
        if (begins && (at[length] == ' ' || at[length] == '\0')) return true;
    }
    return false;
}

static void read_processor(const char *root, tm_machine *into)
{
    static const char *const known[] = {"avx2",     "avx512f",  "avx512_bf16", "avx512_vnni", "avx_vnni",
                                        "amx_tile", "amx_int8", "amx_bf16",    "asimd",       "asimddp",
                                        "bf16",     "i8mm",     "avx512_fp16", "sve"};
    const char *path = "/proc/cpuinfo";
    char flags[8192] = "";
    snprintf(into->cpu, sizeof into->cpu, "?");
    if (!value_of(root, path, "model name", into->cpu, sizeof into->cpu)) {
        value_of(root, path, "Hardware", into->cpu, sizeof into->cpu);
    }
    if (!value_of(root, path, "flags", flags, sizeof flags)) value_of(root, path, "Features", flags, sizeof flags);
    size_t length = 0;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!has_word(flags, known[i])) continue;
        const char *name = strcmp(known[i], "avx512f") == 0 ? "avx512" : known[i];
        if (length + strlen(name) + 2 > sizeof into->isa) break;
        length += (size_t)snprintf(into->isa + length, sizeof into->isa - length, "%s%s", length ? " " : "", name);
    }
    if (!length) snprintf(into->isa, sizeof into->isa, "?");
    snprintf(into->virtual_machine, sizeof into->virtual_machine, "%s",
             !*flags                         ? "?"
             : has_word(flags, "hypervisor") ? "yes"
                                             : "no");
}

/* "on" or "off" from a file that holds one digit, where `on` is the one for on. */
static bool read_switch(const char *root, const char *path, char on, char *into, size_t capacity)
{
    char line[16];
    first_line(root, path, line, sizeof line);
    if (line[0] != '0' && line[0] != '1') return false;
    snprintf(into, capacity, "%s", line[0] == on ? "on" : "off");
    return true;
}

static void read_settings(const char *root, tm_machine *into)
{
    char line[128];
    snprintf(into->turbo, sizeof into->turbo, "?");
    snprintf(into->smt, sizeof into->smt, "?");
    first_line(root, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", into->governor, sizeof into->governor);
    if (!read_switch(root, "/sys/devices/system/cpu/intel_pstate/no_turbo", '0', into->turbo, sizeof into->turbo)) {
        read_switch(root, "/sys/devices/system/cpu/cpufreq/boost", '1', into->turbo, sizeof into->turbo);
    }
    read_switch(root, "/sys/devices/system/cpu/smt/active", '1', into->smt, sizeof into->smt);
    first_line(root, "/sys/devices/system/clocksource/clocksource0/current_clocksource", into->clock_source,
               sizeof into->clock_source);
    first_line(root, "/sys/kernel/mm/transparent_hugepage/enabled", line, sizeof line);
    const char *open = strchr(line, '['), *close = open ? strchr(open, ']') : NULL;
    if (close)
        snprintf(into->huge_pages, sizeof into->huge_pages, "%.*s", (int)(close - open - 1), open + 1);
    else
        snprintf(into->huge_pages, sizeof into->huge_pages, "?");
}

static void read_topology(tm_machine *into)
{
    into->cores_total = into->numa_nodes = 1;
    hwloc_topology_t topology;
    if (hwloc_topology_init(&topology) != 0) return;
    hwloc_topology_set_flags(topology, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
    if (hwloc_topology_load(topology) == 0) {
        into->cores_total = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PU);
        into->numa_nodes = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_NUMANODE);
    }
    hwloc_topology_destroy(topology);
}

int32_t tm_cores_within(int32_t usable, double quota)
{
    if (!(quota > 0)) return usable;
    return (int32_t)fmax(1, fmin(usable, floor(quota + 1e-6)));
}

static void read_container(const char *root, tm_machine *into)
{
    const tm_cgroup limits = container(root);
    into->cpu_quota = limits.cpus;
    into->cores = tm_cores_within(tm_usable_threads(), limits.cpus);
    into->memory_bytes = memory_figure(root, "MemTotal");
    const bool bound = limits.memory_bytes && limits.memory_bytes < into->memory_bytes;
    if (bound) into->memory_bytes = limits.memory_bytes;
    const double mib = (double)into->memory_bytes / 1048576;
    char *text = into->container;
    if (limits.cpus > 0 && bound) {
        snprintf(text, sizeof into->container, "cgroup quota %.4g CPUs, %.0f MiB", limits.cpus, mib);
    } else if (limits.cpus > 0) {
        snprintf(text, sizeof into->container, "cgroup quota %.4g CPUs", limits.cpus);
    } else if (bound) {
        snprintf(text, sizeof into->container, "cgroup %.0f MiB", mib);
    } else {
        snprintf(text, sizeof into->container, "none");
    }
}

static void add_gpu(tm_machine *into, const char *name)
{
    const size_t length = strlen(into->gpus);
    if (length + strlen(name) + 3 > sizeof into->gpus) return;
    snprintf(into->gpus + length, sizeof into->gpus - length, "%s%s", length ? ", " : "", name);
}

/* Calls `take` with the full path of every entry of a folder whose name begins with `prefix`, in alphabetical order. */
static void for_entries(const char *root, const char *below, const char *prefix,
                        void (*take)(tm_machine *into, const char *path), tm_machine *into)
{
    struct dirent **entries = NULL;
    char folder[256];
    snprintf(folder, sizeof folder, "%s%s", root, below);
    const int count = scandir(folder, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char path[512];
        const char *name = entries[i]->d_name;
        const int length = snprintf(path, sizeof path, "%s/%s", folder, name);
        if (name[0] != '.' && strncmp(name, prefix, strlen(prefix)) == 0 && (size_t)length < sizeof path) {
            take(into, path);
        }
        free(entries[i]);
    }
    free(entries);
}

static void take_nvidia(tm_machine *into, const char *path)
{
    char file[560], name[128];
    snprintf(file, sizeof file, "%s/information", path);
    if (value_of("", file, "Model", name, sizeof name)) add_gpu(into, name);
}

/* Display adapters of makers of GPUs; the adapters of virtual machines are none. */
static void take_display(tm_machine *into, const char *path)
{
    char file[560], vendor[16], device[16], name[64];
    const char *number = strrchr(path, '/') + strlen("/card");
    if (!*number || number[strspn(number, "0123456789")]) return; /* card0-HDMI-1 is a socket of card0 */
    snprintf(file, sizeof file, "%s/device/vendor", path);
    first_line("", file, vendor, sizeof vendor);
    snprintf(file, sizeof file, "%s/device/device", path);
    first_line("", file, device, sizeof device);
    const char *maker = strcmp(vendor, "0x10de") == 0   ? "NVIDIA"
                        : strcmp(vendor, "0x1002") == 0 ? "AMD"
                        : strcmp(vendor, "0x8086") == 0 ? "Intel"
                                                        : NULL;
    if (!maker) return;
    snprintf(name, sizeof name, "%s %s", maker, device);
    add_gpu(into, name);
}

/* A balloon that tells the host of free pages (feature bit 5, counted from the left) gives them away. */
static void take_balloon(tm_machine *into, const char *path)
{
    enum { REPORTING = 5 };
    char file[560], driver[256], features[128];
    snprintf(file, sizeof file, "%s/driver", path);
    const ssize_t length = readlink(file, driver, sizeof driver - 1);
    driver[length > 0 ? length : 0] = '\0';
    const char *name = strrchr(driver, '/');
    if (strcmp(name ? name + 1 : driver, "virtio_balloon") != 0) return;
    snprintf(file, sizeof file, "%s/features", path);
    first_line("", file, features, sizeof features);
    const bool told = strlen(features) > REPORTING;
    snprintf(into->page_reporting, sizeof into->page_reporting, "%s",
             !told                        ? "?"
             : features[REPORTING] == '1' ? "on"
                                          : "off");
}

void tm_machine_read(tm_machine *into)
{
    tm_machine_read_below("", into);
}

void tm_machine_read_below(const char *root, tm_machine *into)
{
    memset(into, 0, sizeof *into);
    read_processor(root, into);
    read_settings(root, into);
    read_topology(into);
    read_container(root, into);
    snprintf(into->page_reporting, sizeof into->page_reporting, "none");
    for_entries(root, "/sys/bus/virtio/devices", "virtio", take_balloon, into);
    for_entries(root, "/proc/driver/nvidia/gpus", "", take_nvidia, into);
    if (!into->gpus[0]) for_entries(root, "/sys/class/drm", "card", take_display, into);
    into->available_bytes = available_below(root);
    const uint64_t swap = memory_figure(root, "SwapTotal"), swap_free = memory_figure(root, "SwapFree");
    into->swap_bytes = swap > swap_free ? swap - swap_free : 0;
    char load[64];
    first_line(root, "/proc/loadavg", load, sizeof load);
    into->load = strtod(load, NULL);

    struct utsname system;
    if (uname(&system) != 0) memset(&system, 0, sizeof system);
    snprintf(into->os, sizeof into->os, "%.40s %.70s %.40s", system.sysname, system.release, system.machine);
    /* Whole GiB and no kernel release: what a reboot or an update changes is no other machine. */
    snprintf(into->key, sizeof into->key, "%.80s, %" PRId32 " of %" PRId32 " cores, %.0f GiB, %.20s %.20s", into->cpu,
             into->cores, into->cores_total, round((double)into->memory_bytes / 1073741824), system.sysname,
             system.machine);
}
