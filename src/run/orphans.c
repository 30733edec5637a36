/* A worker's children either stay in its process group, and die with it, or leave it (setsid). Those that left are
 * adopted by this process once their parent has ended, and are known by a mark in their environment; a process that
 * wipes its environment as well gets away. */
#include "run/orphans.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

void tm_orphans_adopt(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

void tm_orphans_mark(char *into, size_t capacity)
{
    snprintf(into, capacity, "TENSORMARK_WORKER=%d.%llu", (int)getpid(), (unsigned long long)tm_now_ns());
}

/* Does the process carry the mark as one whole entry of its environment? */
static bool is_marked(int32_t pid, const char *mark)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    /* The mark is put first, so that the start of the environment is enough. */
    char start[4096];
    const ssize_t got = read(file, start, sizeof start);
    close(file);
    const size_t length = strlen(mark) + 1;
    return got >= (ssize_t)length && memcmp(start, mark, length) == 0;
}

static void end_one(int32_t pid, uint64_t deadline)
{
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, WNOHANG) == 0 && tm_now_ns() < deadline) tm_sleep_ns(1000000);
}

/* Ends every marked child of this process. Returns how many there were: their own children are adopted in turn. */
static int end_marked(const char *mark, uint64_t deadline)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *file = fopen(path, "re");
    if (!file) return 0;
    int pid, ended = 0;
    while (fscanf(file, "%d", &pid) == 1) {
        if (!is_marked(pid, mark)) continue;
        end_one(pid, deadline);
        ended++;
    }
    fclose(file);
    return ended;
}

void tm_orphans_end(int32_t group, const char *mark)
{
    const uint64_t deadline = tm_now_ns() + 1000000000u;
    while (tm_now_ns() < deadline) {
        kill(-group, SIGKILL);
        const pid_t got = waitpid(-group, NULL, WNOHANG);
        if (got < 0 && errno == ECHILD) break;
        if (got == 0) tm_sleep_ns(1000000);
    }
    while (end_marked(mark, deadline) > 0 && tm_now_ns() < deadline) {}
}
