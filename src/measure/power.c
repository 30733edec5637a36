/* Figures of sysfs: a file per core, a folder per power supply. Where the first core has no counter none has. */
#include "measure/power.h"

#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* The first line of a file, without its end; false if there is none. */
static bool read_line(const char *path, char *into, int capacity)
{
    FILE *file = fopen(path, "re");
    if (!file) return false;
    const bool found = fgets(into, capacity, file) != NULL;
    fclose(file);
    if (found) into[strcspn(into, "\n")] = '\0';
    return found;
}

static bool add_count(const char *sys, int cpu, const char *name, uint64_t *sum)
{
    char path[512], line[32];
    uint64_t count = 0;
    snprintf(path, sizeof path, "%s/devices/system/cpu/cpu%d/thermal_throttle/%s", sys, cpu, name);
    if (!read_line(path, line, sizeof line) || sscanf(line, "%" SCNu64, &count) != 1) return false;
    *sum += count;
    return true;
}

uint64_t tm_throttle_count(const char *sys)
{
    enum { MOST_CPUS = 4096 };
    uint64_t sum = 0;
    for (int cpu = 0; cpu < MOST_CPUS && add_count(sys, cpu, "core_throttle_count", &sum); cpu++) {
        add_count(sys, cpu, "package_throttle_count", &sum);
    }
    return sum;
}

bool tm_on_battery(const char *sys)
{
    char path[512], type[32], status[32];
    snprintf(path, sizeof path, "%s/class/power_supply", sys);
    DIR *folder = opendir(path);
    if (!folder) return false;
    bool emptied = false;
    for (const struct dirent *entry = readdir(folder); entry && !emptied; entry = readdir(folder)) {
        if (entry->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/class/power_supply/%.200s/type", sys, entry->d_name);
        if (!read_line(path, type, sizeof type) || strcmp(type, "Battery") != 0) continue;
        snprintf(path, sizeof path, "%s/class/power_supply/%.200s/status", sys, entry->d_name);
        emptied = read_line(path, status, sizeof status) && strcmp(status, "Discharging") == 0;
    }
    closedir(folder);
    return emptied;
}

/* A figure of a package's counter: "energy_uj", or "max_energy_range_uj", where it begins anew. */
static bool package_figure(const char *sys, int package, const char *name, uint64_t *into)
{
    char path[512], line[32];
    snprintf(path, sizeof path, "%s/class/powercap/intel-rapl:%d/%s", sys, package, name);
    return read_line(path, line, sizeof line) && sscanf(line, "%" SCNu64, into) == 1;
}

void tm_energy_read(const char *sys, tm_energy *into)
{
    into->packages = 0;
    while (into->packages < TM_MOST_PACKAGES &&
           package_figure(sys, into->packages, "energy_uj", &into->microjoules[into->packages])) {
        into->packages++;
    }
}

double tm_energy_since(const char *sys, const tm_energy *then)
{
    tm_energy now;
    if (then->packages == 0) return NAN;
    tm_energy_read(sys, &now);
    if (now.packages != then->packages) return NAN;
    double sum = 0;
    for (int package = 0; package < now.packages; package++) {
        uint64_t range = 0;
        const bool wrapped = now.microjoules[package] < then->microjoules[package];
        if (wrapped && !package_figure(sys, package, "max_energy_range_uj", &range)) return NAN;
        sum += (double)range + (double)now.microjoules[package] - (double)then->microjoules[package];
    }
    return sum * 1e-6;
}
