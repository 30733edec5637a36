/* A limit anywhere between a process's group and the root binds it, so the whole path is walked. In a container the
 * path of /proc/self/cgroup may be the host's and not exist inside: then only the part that exists is walked, at least
 * the root of the mount, which is the container's own group. */
#include "measure/cgroup.h"

#include "base/text.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 4200 };

/* The first line of root/group/name without its end; false when there is no such file. */
static bool first_line(const char *folder, const char *name, char *line, size_t capacity)
{
    tm_text path = {0};
    tm_text_format(&path, "%s/%s", folder, name);
    FILE *file = path.failed ? NULL : fopen(path.data, "re");
    tm_text_free(&path);
    if (!file) return false;
    const bool found = fgets(line, (int)capacity, file) != NULL;
    fclose(file);
    if (found) line[strcspn(line, "\n")] = '\0';
    return found;
}

static bool number_in(const char *folder, const char *name, uint64_t *into)
{
    char line[64];
    return first_line(folder, name, line, sizeof line) && tm_parse_u64(line, into);
}

/* The figure behind `key` in memory.stat; 0 when there is none. */
static uint64_t stat_figure(const char *folder, const char *key)
{
    tm_text path = {0};
    tm_text_format(&path, "%s/memory.stat", folder);
    FILE *file = path.failed ? NULL : fopen(path.data, "re");
    tm_text_free(&path);
    if (!file) return 0;
    char line[128];
    uint64_t figure = 0;
    const size_t length = strlen(key);
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, key, length) == 0 && line[length] == ' ') figure = strtoull(line + length + 1, NULL, 10);
    }
    fclose(file);
    return figure;
}

static void bind_memory(tm_cgroup *cgroup, uint64_t limit, uint64_t used, uint64_t reclaimable)
{
    const uint64_t none = UINT64_C(1) << 60; /* version 1 says "no limit" as a very large number */
    if (limit >= none) return;
    const uint64_t held = used > reclaimable ? used - reclaimable : 0;
    const uint64_t left = limit > held ? limit - held : 0;
    if (!cgroup->memory_bytes || left < cgroup->memory_left_bytes) cgroup->memory_left_bytes = left;
    if (!cgroup->memory_bytes || limit < cgroup->memory_bytes) cgroup->memory_bytes = limit;
}

static void bind_cpus(tm_cgroup *cgroup, double quota, double period)
{
    if (!(quota > 0) || !(period > 0)) return;
    const double cpus = quota / period;
    if (!(cgroup->cpus > 0) || cpus < cgroup->cpus) cgroup->cpus = cpus;
}

static void read_version_2(const char *folder, tm_cgroup *cgroup)
{
    char line[128];
    uint64_t limit = 0, used = 0;
    if (number_in(folder, "memory.max", &limit)) {
        number_in(folder, "memory.current", &used);
        bind_memory(cgroup, limit, used, stat_figure(folder, "inactive_file"));
    }
    double quota = 0, period = 0;
    if (first_line(folder, "cpu.max", line, sizeof line) && sscanf(line, "%lf %lf", &quota, &period) == 2) {
        bind_cpus(cgroup, quota, period);
    }
}

static void read_version_1(const char *folder, tm_cgroup *cgroup)
{
    char line[64];
    uint64_t limit = 0, used = 0, period = 0;
    if (number_in(folder, "memory.limit_in_bytes", &limit)) {
        number_in(folder, "memory.usage_in_bytes", &used);
        bind_memory(cgroup, limit, used, stat_figure(folder, "total_inactive_file"));
    }
    int64_t quota = 0;
    if (first_line(folder, "cpu.cfs_quota_us", line, sizeof line) && tm_parse_i64(line, &quota) &&
        number_in(folder, "cpu.cfs_period_us", &period)) {
        bind_cpus(cgroup, (double)quota, (double)period);
    }
}

/* From mount/group upwards to the mount itself. */
static void walk_up(const char *mount, const char *group, void (*read)(const char *folder, tm_cgroup *cgroup),
                    tm_cgroup *cgroup)
{
    char path[LINE];
    const size_t top = strlen(mount);
    const int length = snprintf(path, sizeof path, "%s%s", mount, group);
    if (length < 0 || (size_t)length >= sizeof path) return;
    for (;;) {
        read(path, cgroup);
        char *slash = strrchr(path, '/');
        if (!slash || (size_t)(slash - path) < top) return;
        *slash = '\0';
    }
}

static bool lists(const char *controllers, const char *name)
{
    const size_t length = strlen(name);
    for (const char *at = controllers; at; at = strchr(at, ',')) {
        if (*at == ',') at++;
        if (strncmp(at, name, length) == 0 && (at[length] == ',' || at[length] == '\0')) return true;
    }
    return false;
}

tm_cgroup tm_cgroup_read(const char *membership, const char *root)
{
    tm_cgroup cgroup = {0, 0, 0};
    FILE *file = fopen(membership, "re");
    if (!file) return cgroup;
    char line[LINE], mount[LINE];
    while (fgets(line, sizeof line, file)) {
        /* hierarchy:controllers:group; version 2 is hierarchy 0 without controllers */
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group) continue;
        *controllers++ = '\0';
        *group++ = '\0';
        if (*controllers == '\0') {
            walk_up(root, group, read_version_2, &cgroup);
            const int length = snprintf(mount, sizeof mount, "%s/unified", root); /* beside version 1 */
            if (length > 0 && (size_t)length < sizeof mount) walk_up(mount, group, read_version_2, &cgroup);
        } else if (lists(controllers, "memory") || lists(controllers, "cpu")) {
            const int length = snprintf(mount, sizeof mount, "%s/%s", root, controllers);
            if (length > 0 && (size_t)length < sizeof mount) walk_up(mount, group, read_version_1, &cgroup);
        }
    }
    fclose(file);
    return cgroup;
}
