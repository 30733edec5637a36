/* Between fork and exec the child makes only async-signal-safe calls: everything it needs (argv, environment, limits,
 * CPU mask) is prepared before. The child ends with its parent (PR_SET_PDEATHSIG, and a look at getppid for the moment
 * before that call), leads a process group of its own, and is the kernel's first victim when memory is short.
 *
 * A process is reaped only after its group was killed: until then its pid, which names the group, cannot be reused. */
#include "run/spawn.h"
#include "base/clock.h"
#include "run/protocol.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { ENVIRONMENT_CAPACITY = 16 };

typedef struct child_plan {
    const char *program;
    char **environment;
    int socket, log, inputs, outputs; /* all above the numbers that the worker gets */
    pid_t parent;
    cpu_set_t cpus;
    struct rlimit processes;
} child_plan;

static uint64_t oom_kills_now(void)
{
    FILE *file = fopen("/proc/vmstat", "re");
    if (!file) return 0;
    char line[128];
    unsigned long long count = 0;
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "oom_kill %llu", &count) == 1) break;
    }
    fclose(file);
    return count;
}

/* The first `threads` CPUs that this process may use. */
static cpu_set_t first_cpus(int32_t threads)
{
    cpu_set_t usable, chosen;
    CPU_ZERO(&chosen);
    if (sched_getaffinity(0, sizeof usable, &usable) != 0) return chosen;
    for (size_t cpu = 0; cpu < CPU_SETSIZE && threads > 0; cpu++) {
        if (!CPU_ISSET(cpu, &usable)) continue;
        CPU_SET(cpu, &chosen);
        threads--;
    }
    return chosen;
}

/* `own`, followed by the parent's environment without the names that `own` sets. Freed by the caller; the strings are
 * not owned. NULL: out of memory. */
static char **merged_environment(char *const *own, size_t count)
{
    size_t inherited = 0;
    while (environ && environ[inherited]) inherited++;
    char **merged = malloc((inherited + count + 1) * sizeof *merged);
    if (!merged) return NULL;
    size_t used = 0;
    for (size_t j = 0; j < count; j++) merged[used++] = own[j];
    for (size_t i = 0; i < inherited; i++) {
        bool replaced = false;
        for (size_t j = 0; j < count && !replaced; j++) {
            const size_t name = strcspn(own[j], "=") + 1;
            replaced = strncmp(environ[i], own[j], name) == 0;
        }
        if (!replaced) merged[used++] = environ[i];
    }
    merged[used] = NULL;
    return merged;
}

/* Fills `own` with "NAME=value" strings, each freed by the caller. Returns how many; fewer when memory is short. */
static size_t own_environment(const tm_process_setup *setup, const char *mark, char **own)
{
    static const char *const pools[] = {"OMP_NUM_THREADS",       "OMP_THREAD_LIMIT", "MKL_NUM_THREADS",
                                        "OPENBLAS_NUM_THREADS",  "BLIS_NUM_THREADS", "NUMEXPR_NUM_THREADS",
                                        "VECLIB_MAXIMUM_THREADS"};
    size_t used = 0;
    own[used] = strdup(mark); /* first, see orphans.c */
    if (own[used]) used++;
    for (size_t i = 0; i < sizeof pools / sizeof *pools; i++) {
        if (asprintf(&own[used], "%s=%d", pools[i], (int)setup->threads) >= 0) used++;
    }
    if (asprintf(&own[used], "TENSORMARK_OFFSET=%d", (int)setup->offset) >= 0) used++;
    if (setup->scratch[0] && asprintf(&own[used], "TMPDIR=%s", setup->scratch) >= 0) used++;
    if (setup->scratch[0] && asprintf(&own[used], "XDG_CACHE_HOME=%s", setup->scratch) >= 0) used++;
    const size_t padding = setup->padding > 0 ? (size_t)setup->padding : 0;
    static const char name[] = "TENSORMARK_PADDING=";
    own[used] = malloc(sizeof name + padding);
    if (own[used]) {
        memcpy(own[used], name, sizeof name - 1);
        memset(own[used] + sizeof name - 1, 'x', padding);
        own[used][sizeof name - 1 + padding] = '\0';
        used++;
    }
    return used;
}

static struct rlimit lowered(struct rlimit limit, rlim_t most)
{
    if (limit.rlim_max > most) limit.rlim_max = most;
    if (limit.rlim_cur > limit.rlim_max) limit.rlim_cur = limit.rlim_max;
    return limit;
}

/* No core files, 4096 open files, 4 GiB in a file, and the prepared number of processes. */
static void set_limits(const child_plan *plan)
{
    const struct rlimit none = {0, 0};
    struct rlimit limit;
    setrlimit(RLIMIT_CORE, &none);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit = lowered(limit, 4096);
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0) {
        limit = lowered(limit, (rlim_t)4 << 30);
        setrlimit(RLIMIT_FSIZE, &limit);
    }
    setrlimit(RLIMIT_NPROC, &plan->processes);
}

static void write_small(const char *path, const char *text)
{
    const int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0) return;
    const ssize_t written = write(file, text, strlen(text));
    (void)written; /* a system that refuses leaves the worker with its parent's score */
    close(file);
}

/* Runs in the child. */
static void child_run(const child_plan *plan)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != plan->parent) _exit(126);
    write_small("/proc/self/oom_score_adj", "1000");
    set_limits(plan);
    if (CPU_COUNT(&plan->cpus) > 0) sched_setaffinity(0, sizeof plan->cpus, &plan->cpus);

    const int nothing = open("/dev/null", O_RDONLY);
    if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0) _exit(126);
    if (dup2(plan->log, STDOUT_FILENO) < 0 || dup2(plan->log, STDERR_FILENO) < 0) _exit(126);
    if (dup2(plan->socket, TM_WORKER_SOCKET) < 0) _exit(126);
    if (dup2(plan->inputs, TM_WORKER_INPUTS) < 0 || dup2(plan->outputs, TM_WORKER_OUTPUTS) < 0) _exit(126);
    syscall(SYS_close_range, (unsigned)TM_WORKER_OUTPUTS + 1u, ~0u, 0u);

    struct sigaction usual = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++) sigaction(number, &usual, NULL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    char name[] = "tensormark", command[] = "worker";
    char *arguments[] = {name, command, NULL};
    execve(plan->program, arguments, plan->environment);
    _exit(127);
}

/* So many more processes than the system has now: stops a fork bomb, not a thread pool. */
static struct rlimit process_limit(void)
{
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    struct sysinfo info;
    if (getrlimit(RLIMIT_NPROC, &limit) != 0 || sysinfo(&info) != 0) return limit;
    return lowered(limit, (rlim_t)info.procs + 1024);
}

/* A copy of `file` out of the way of the numbers that the worker gets. */
static int moved_up(int file)
{
    return fcntl(file, F_DUPFD_CLOEXEC, 16);
}

static tm_status start_child(const tm_process_setup *setup, child_plan *plan, tm_process *into, tm_error *error)
{
    plan->inputs = moved_up(tm_shared_inputs_fd(setup->shared));
    plan->outputs = moved_up(tm_shared_outputs_fd(setup->shared));
    tm_status status = TM_OK;
    if (plan->socket < 0 || plan->log < 0 || plan->inputs < 0 || plan->outputs < 0) {
        status = tm_fail(error, TM_FAILED, "no worker: %s", strerror(errno));
    } else {
        into->pid = fork();
        if (into->pid == 0) child_run(plan);
        if (into->pid < 0) status = tm_fail(error, TM_FAILED, "no worker: %s", strerror(errno));
    }
    if (plan->inputs >= 0) close(plan->inputs);
    if (plan->outputs >= 0) close(plan->outputs);
    if (status != TM_OK) return status;
    setpgid(into->pid, into->pid); /* here and in the child: whoever comes first */
    into->alive = (int)syscall(SYS_pidfd_open, into->pid, 0);
    return TM_OK;
}

/* The channels: a socket pair and a pipe; the child's ends go into `plan`. */
static tm_status open_channels(tm_process *into, child_plan *plan, tm_error *error)
{
    int pair[2], pipe_ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        return tm_fail(error, TM_FAILED, "no channel to a worker: %s", strerror(errno));
    }
    if (pipe2(pipe_ends, O_CLOEXEC) != 0) {
        close(pair[0]);
        close(pair[1]);
        return tm_fail(error, TM_FAILED, "no channel to a worker: %s", strerror(errno));
    }
    into->socket = pair[0];
    into->log = pipe_ends[0];
    plan->socket = moved_up(pair[1]);
    plan->log = moved_up(pipe_ends[1]);
    close(pair[1]);
    close(pipe_ends[1]);
    fcntl(into->socket, F_SETFL, O_NONBLOCK);
    fcntl(into->log, F_SETFL, O_NONBLOCK);
    return TM_OK;
}

tm_status tm_process_start(const tm_process_setup *setup, tm_process *into, tm_error *error)
{
    memset(into, 0, sizeof *into);
    into->pid = into->alive = into->socket = into->log = -1;
    const char *program = getenv("TENSORMARK_PROGRAM");
    child_plan plan = {.program = program && *program ? program : "/proc/self/exe", .parent = getpid()};
    plan.cpus = first_cpus(setup->threads);
    plan.processes = process_limit();

    tm_orphans_adopt();
    tm_orphans_mark(into->mark, sizeof into->mark);
    char *own[ENVIRONMENT_CAPACITY];
    const size_t count = own_environment(setup, into->mark, own);
    plan.environment = merged_environment(own, count);
    tm_status status = plan.environment ? open_channels(into, &plan, error) : tm_fail_memory(error, "a worker");
    if (status == TM_OK) {
        into->oom_kills = oom_kills_now();
        status = start_child(setup, &plan, into, error);
        if (plan.socket >= 0) close(plan.socket);
        if (plan.log >= 0) close(plan.log);
    }
    free(plan.environment);
    for (size_t i = 0; i < count; i++) free(own[i]);
    if (status != TM_OK) tm_process_close(into);
    return status;
}

void tm_process_drain(tm_process *process)
{
    /* Bounded, so that a flood cannot hold the parent; what is left waits in the pipe. */
    for (int round = 0; round < 16 && process->log >= 0; round++) {
        char piece[8192];
        const ssize_t got = read(process->log, piece, sizeof piece);
        if (got < 0) return;
        if (got == 0) {
            close(process->log);
            process->log = -1;
            return;
        }
        for (ssize_t i = 0; i < got; i++) process->log_ring[process->log_total++ % TM_LOG_CAPACITY] = piece[i];
    }
}

/* Is there an end to be reaped? Leaves the zombie, so that its pid stays taken. */
static bool has_ended(const tm_process *process)
{
    siginfo_t info = {0};
    const int got = waitid(P_PID, (id_t)process->pid, &info, WEXITED | WNOHANG | WNOWAIT);
    return (got == 0 && info.si_pid == process->pid) || (got < 0 && errno == ECHILD);
}

bool tm_process_ended(tm_process *process, double seconds)
{
    if (process->reaped || process->pid <= 0) return true;
    const uint64_t deadline = tm_now_ns() + (uint64_t)(seconds * 1e9);
    while (!has_ended(process)) {
        const uint64_t now = tm_now_ns();
        if (now >= deadline) return false;
        /* Without a pidfd, look every 10 ms. A full log pipe may be all that keeps the process from ending. */
        struct pollfd waits[] = {{process->alive, POLLIN, 0}, {process->log, POLLIN, 0}};
        const uint64_t left_ms = (deadline - now) / 1000000u + 1u;
        poll(waits, 2, process->alive < 0 ? 10 : (int)(left_ms < 1000 ? left_ms : 1000));
        tm_process_drain(process);
    }
    kill(-process->pid, SIGKILL);
    while (waitpid(process->pid, &process->wait_status, 0) < 0 && errno == EINTR) {}
    process->reaped = true;
    tm_orphans_end(process->pid, process->mark);
    tm_process_drain(process);
    return true;
}

bool tm_process_end(tm_process *process)
{
    if (process->wedged) return false;
    if (tm_process_ended(process, 0.0)) return true;
    process->ended_by_us = true;
    kill(-process->pid, SIGTERM);
    kill(-process->pid, SIGCONT); /* a stopped process takes no TERM, whoever stopped it */
    process->paused = false;
    if (tm_process_ended(process, 2.0)) return true;
    kill(-process->pid, SIGKILL);
    process->wedged = !tm_process_ended(process, 10.0);
    return !process->wedged;
}

void tm_process_pause(tm_process *process)
{
    if (process->reaped || process->pid <= 0 || process->paused) return;
    if (kill(-process->pid, SIGSTOP) != 0) return;
    process->paused = true;
    const uint64_t deadline = tm_now_ns() + 2000000000u;
    while (tm_now_ns() < deadline) {
        siginfo_t info = {0};
        const int got = waitid(P_PID, (id_t)process->pid, &info, WSTOPPED | WEXITED | WNOHANG | WNOWAIT);
        if (got != 0 || info.si_pid == process->pid) return;
        tm_sleep_ns(50000);
    }
}

void tm_process_wake(tm_process *process)
{
    if (process->reaped || process->pid <= 0) return;
    if (!process->paused) return;
    kill(-process->pid, SIGCONT);
    process->paused = false;
}

void tm_process_close(tm_process *process)
{
    int *const files[] = {&process->alive, &process->socket, &process->log};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (*files[i] >= 0) close(*files[i]);
        *files[i] = -1;
    }
}

bool tm_process_was_out_of_memory(const tm_process *process)
{
    return process->reaped && WIFSIGNALED(process->wait_status) && WTERMSIG(process->wait_status) == SIGKILL &&
           !process->ended_by_us && oom_kills_now() > process->oom_kills;
}
