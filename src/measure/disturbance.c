/* The canary is a fixed piece of work: half dependent arithmetic (sees a lower clock and a shared core), half a triad
 * over arrays beyond L2 (sees a neighbour's traffic). The least of three runs is robust against a single interruption,
 * which the kernel's own counters report anyway. */
#include "measure/disturbance.h"

#include "base/clock.h"
#include "measure/stats.h"

#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ELEMENTS = 1 << 19 }; /* three arrays of 2 MiB */

struct tm_canary {
    float *a, *b, *c;
    int64_t steps, sweep; /* arithmetic steps and triad elements that take half a millisecond each; 0: not calibrated */
    volatile float sink;
};

tm_canary *tm_canary_new(void)
{
    tm_canary *canary = calloc(1, sizeof *canary);
    if (!canary) return NULL;
    canary->a = malloc(3 * ELEMENTS * sizeof(float));
    if (!canary->a) {
        free(canary);
        return NULL;
    }
    canary->b = canary->a + ELEMENTS;
    canary->c = canary->b + ELEMENTS;
    for (int64_t i = 0; i < ELEMENTS; i++) {
        canary->a[i] = 0;
        canary->b[i] = (float)(i & 1023);
        canary->c[i] = 1.0f;
    }
    return canary;
}

void tm_canary_free(tm_canary *canary)
{
    if (canary) free(canary->a);
    free(canary);
}

static void work(tm_canary *canary, int64_t steps, int64_t sweep)
{
    float x = canary->sink * 0.0f + 0.5f;
    for (int64_t i = 0; i < steps; i++) x = x * 0.999f + 0.001f;
    for (int64_t done = 0; done < sweep; done += ELEMENTS) {
        const int64_t count = sweep - done < ELEMENTS ? sweep - done : ELEMENTS;
        for (int64_t i = 0; i < count; i++) canary->a[i] = canary->b[i] + x * canary->c[i];
    }
    canary->sink = x + canary->a[0];
}

static double time_work(tm_canary *canary, int64_t steps, int64_t sweep)
{
    double least = INFINITY;
    for (int i = 0; i < 3; i++) {
        const uint64_t start = tm_now_ns();
        work(canary, steps, sweep);
        least = fmin(least, (double)(tm_now_ns() - start));
    }
    return fmax(least, 1);
}

static void calibrate(tm_canary *canary)
{
    const int64_t probe_steps = 50000, probe_sweep = ELEMENTS;
    const double half_ms = 5e5;
    time_work(canary, probe_steps, probe_sweep); /* the first run pays for pages and the clock's ramp */
    const double per_step = time_work(canary, probe_steps, 0) / (double)probe_steps;
    const double per_element = time_work(canary, 0, probe_sweep) / (double)probe_sweep;
    canary->steps = (int64_t)fmax(1, half_ms / per_step);
    canary->sweep = (int64_t)fmax(1, half_ms / per_element);
}

double tm_canary_run(tm_canary *canary)
{
    if (canary->steps == 0) calibrate(canary);
    return time_work(canary, canary->steps, canary->sweep);
}

bool tm_canary_is_off(const double *history_ns, size_t count, double now_ns)
{
    if (count < 5) return false;
    const double median = tm_median(history_ns, count), mad = tm_mad(history_ns, count);
    return !(fabs(now_ns - median) <= fmax(0.05 * median, 5 * mad));
}

/* Second field of a schedstat file: nanoseconds spent waiting on a run queue. */
static bool read_run_delay(const char *path, uint64_t *delay)
{
    FILE *file = fopen(path, "re");
    if (!file) return false;
    uint64_t on_cpu = 0;
    const bool found = fscanf(file, "%" SCNu64 " %" SCNu64, &on_cpu, delay) == 2;
    fclose(file);
    return found;
}

uint64_t tm_run_delay_of_thread(void)
{
    uint64_t delay = 0;
    return read_run_delay("/proc/thread-self/schedstat", &delay) ? delay : 0;
}

static bool sum_run_delay(int32_t pid, uint64_t *sum)
{
    char folder[64], path[384];
    if (pid)
        snprintf(folder, sizeof folder, "/proc/%" PRId32 "/task", pid);
    else
        snprintf(folder, sizeof folder, "/proc/self/task");
    DIR *tasks = opendir(folder);
    if (!tasks) return false;
    bool any = false;
    *sum = 0;
    for (const struct dirent *entry = readdir(tasks); entry; entry = readdir(tasks)) {
        if (!isdigit((unsigned char)entry->d_name[0])) continue;
        snprintf(path, sizeof path, "%s/%s/schedstat", folder, entry->d_name);
        uint64_t delay = 0;
        if (!read_run_delay(path, &delay)) continue; /* the thread may just have ended */
        *sum += delay;
        any = true;
    }
    closedir(tasks);
    return any;
}

/* Eighth figure of the first line of /proc/stat; 0 where there is none. */
static uint64_t read_steal(void)
{
    FILE *file = fopen("/proc/stat", "re");
    if (!file) return 0;
    uint64_t field[8] = {0};
    const int found =
        fscanf(file, "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
               &field[0], &field[1], &field[2], &field[3], &field[4], &field[5], &field[6], &field[7]);
    fclose(file);
    return found == 8 ? field[7] : 0;
}

tm_noise tm_noise_of_process(int32_t pid)
{
    tm_noise noise = {0, read_steal(), false};
    noise.valid = sum_run_delay(pid, &noise.run_delay_ns);
    return noise;
}

/* At 1 %, one lost time slice in a visit of 60 ms was enough: an otherwise idle 2-core virtual machine had 101 of about
 * 900 visits repeated and nearly every cell labelled, while a median over hundreds of samples does not move with it. */
static const double disturbed_share = 0.04;

const char *tm_noise_judge(tm_noise before, tm_noise after, double elapsed_ns, int32_t threads)
{
    if (!before.valid || !after.valid || !(elapsed_ns > 0)) return NULL;
    const double allowed = disturbed_share * elapsed_ns * (threads > 1 ? threads : 1);
    /* Sums over threads may shrink when one ends: that says nothing about waiting. */
    if (after.run_delay_ns > before.run_delay_ns && (double)(after.run_delay_ns - before.run_delay_ns) > allowed) {
        return "run-queue delay";
    }
    const double tick_ns = 1e9 / (double)sysconf(_SC_CLK_TCK);
    if (after.steal_ticks > before.steal_ticks &&
        (double)(after.steal_ticks - before.steal_ticks) * tick_ns > allowed) {
        return "steal time";
    }
    return NULL;
}
