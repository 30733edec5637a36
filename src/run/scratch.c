/* Folders are called tensormark-PID-XXXXXX, PID being the parent's. One that was killed leaves its folders behind;
 * whoever makes the next folder removes those that are empty and whose process is gone. */
#include "run/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void sweep(const char *base)
{
    DIR *listing = opendir(base);
    if (!listing) return;
    for (struct dirent *entry = readdir(listing); entry; entry = readdir(listing)) {
        int pid;
        char rest[8];
        if (sscanf(entry->d_name, "tensormark-%d-%7s", &pid, rest) != 2 || pid <= 0) continue;
        if (kill(pid, 0) == 0 || errno != ESRCH) continue;
        char path[512];
        if ((size_t)snprintf(path, sizeof path, "%s/%s", base, entry->d_name) < sizeof path) rmdir(path);
    }
    closedir(listing);
}

void tm_scratch_make(char *into, size_t capacity)
{
    const char *asked = getenv("TMPDIR");
    const char *base = asked && asked[0] == '/' ? asked : "/tmp";
    sweep(base);
    const int length = snprintf(into, capacity, "%s/tensormark-%d-XXXXXX", base, (int)getpid());
    if (length < 0 || (size_t)length >= capacity || !mkdtemp(into)) into[0] = '\0';
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info;
    (void)type;
    (void)where;
    remove(path);
    return 0;
}

void tm_scratch_remove(const char *path)
{
    if (path[0]) nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}
