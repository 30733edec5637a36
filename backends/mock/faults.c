/* The misdeeds. Each is done the way a broken framework would do it: by a bad pointer, a loop, an exit. */
#include "mock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WORKER_SOCKET = 3 }; /* the descriptor through which a worker talks to its parent */

static _Noreturn void crash(void)
{
    /* Back to the default first, so that a sanitizer's handler does not turn the signal into an exit. */
    signal(SIGSEGV, SIG_DFL);
    raise(SIGSEGV);
    _exit(1);
}

static _Noreturn void hang(void)
{
    signal(SIGTERM, SIG_IGN);
    for (;;) sleep(1000);
}

static void put(int file, const void *bytes, size_t count)
{
    const char *at = bytes;
    while (count > 0) {
        const ssize_t written = write(file, at, count);
        if (written < 0 && errno != EINTR) return;
        if (written > 0) {
            at += written;
            count -= (size_t)written;
        }
    }
}

static void flood(double bytes)
{
    char line[1024];
    memset(line, 'f', sizeof line);
    line[sizeof line - 1] = '\n';
    for (double done = 0.0; done < bytes; done += sizeof line) put(STDERR_FILENO, line, sizeof line);
}

static void garbage(void)
{
    unsigned char bytes[4096];
    uint32_t state = 12345;
    for (size_t i = 0; i < sizeof bytes; i++) {
        state = state * 1664525u + 1013904223u;
        bytes[i] = (unsigned char)(state >> 24);
    }
    put(WORKER_SOCKET, bytes, sizeof bytes);
}

static void leave_child(bool escaping)
{
    const pid_t pid = fork();
    if (pid > 0) fprintf(stderr, "child %d\n", (int)pid);
    if (pid != 0) return;
    if (escaping) setsid();
    signal(SIGTERM, SIG_IGN);
    for (;;) sleep(1000);
}

static tm_status try_network(tm_error *error)
{
    const int file = socket(AF_INET, SOCK_STREAM, 0);
    if (file < 0 && errno == EACCES) return TM_OK;
    if (file >= 0) close(file);
    return mock_fail(error, TM_FAILED, "an internet socket was not refused", "");
}

static tm_status try_write(const char *path, tm_error *error)
{
    const int file = open(path, O_WRONLY | O_CREAT, 0600);
    if (file < 0 && errno == EACCES) return TM_OK;
    if (file >= 0) close(file);
    return mock_fail(error, TM_FAILED, "writing was not refused: ", path);
}

static tm_status commit_fault(const mock_rule *rule, tm_error *error)
{
    switch (rule->fault) {
    case MOCK_CRASH: crash();
    case MOCK_ABORT: abort();
    case MOCK_EXIT0: _exit(0);
    case MOCK_HANG: hang();
    case MOCK_STOP: raise(SIGSTOP); return TM_OK;
    case MOCK_OOM: return mock_fail(error, TM_OUT_OF_MEMORY, "mock: no memory", "");
    case MOCK_DEVICE_OOM: return mock_fail(error, TM_DEVICE_OUT_OF_MEMORY, "mock: no device memory", "");
    case MOCK_DEVICE_ERROR: return mock_fail(error, TM_DEVICE_ERROR, "mock: the device fell off the bus", "");
    case MOCK_FAIL: return mock_fail(error, TM_FAILED, rule->text[0] ? rule->text : "mock: refused", "");
    case MOCK_FLOOD: flood(rule->amount); return TM_OK;
    case MOCK_GARBAGE: garbage(); return TM_OK;
    case MOCK_FORK: leave_child(false); return TM_OK;
    case MOCK_ESCAPE: leave_child(true); return TM_OK;
    case MOCK_NETWORK: return try_network(error);
    case MOCK_WRITE: return try_write(rule->text, error);
    default: return TM_OK; /* those that last, see mock.c */
    }
}

static bool holds(const mock_rule *rule, const tm_host *host, const tm_graph *graph)
{
    return !rule->op[0] || (graph && mock_graph_has(host, graph, rule->op));
}

tm_status mock_strike(const mock_script *script, mock_moment moment, int64_t time, const tm_host *host,
                      const tm_graph *graph, tm_error *error)
{
    tm_status status = TM_OK;
    for (int32_t i = 0; i < script->rules && status == TM_OK; i++) {
        const mock_rule *rule = &script->rule[i];
        if (rule->moment != moment || (rule->at != 0 && rule->at != time) || !holds(rule, host, graph)) continue;
        status = commit_fault(rule, error);
    }
    return status;
}

const mock_rule *mock_find(const mock_script *script, mock_fault fault, const tm_host *host, const tm_graph *graph)
{
    for (int32_t i = 0; i < script->rules; i++) {
        if (script->rule[i].fault == fault && holds(&script->rule[i], host, graph)) return &script->rule[i];
    }
    return NULL;
}
