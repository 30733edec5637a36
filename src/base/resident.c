/* The kernel keeps the peak of everything resident (VmHWM); tensors on their way between processes lie in shared memory
 * and are taken off. */
#include "base/resident.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static void path_of(int32_t pid, const char *name, char into[64])
{
    if (pid)
        snprintf(into, 64, "/proc/%d/%s", (int)pid, name);
    else
        snprintf(into, 64, "/proc/self/%s", name);
}

uint64_t tm_resident_peak(int32_t pid)
{
    char path[64], line[256];
    path_of(pid, "status", path);
    FILE *file = fopen(path, "re");
    if (!file) return 0;
    unsigned long long peak = 0, shared = 0;
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "VmHWM: %llu kB", &peak) != 1) sscanf(line, "RssShmem: %llu kB", &shared);
    }
    fclose(file);
    return peak > shared ? (uint64_t)(peak - shared) * 1024 : 0;
}

bool tm_resident_reset(int32_t pid)
{
    char path[64];
    path_of(pid, "clear_refs", path);
    const int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0) return false;
    const bool written = write(file, "5", 1) == 1; /* 5: the peak, see proc(5) */
    close(file);
    return written;
}
