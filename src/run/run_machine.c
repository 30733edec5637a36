/* What belongs to the machine rather than to a cell: its lock, its limits per thread count, its facts. */
#include "run/run_state.h"

#include "base/clock.h"
#include "base/parallel.h"
#include "measure/caches.h"
#include "measure/power.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

bool tm_run_cancelled(const tm_run *run)
{
    return run->options->cancel && *run->options->cancel;
}

void tm_run_notice(const tm_run *run, const char *format, ...)
{
    if (!run->options->events.notice) return;
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    run->options->events.notice(run->options->events.context, line);
}

double tm_run_spend(tm_run *run, tm_phase phase, double begun_ns)
{
    const double now_ns = (double)tm_now_ns();
    run->spent_ns[phase] += now_ns - begun_ns;
    return now_ns;
}

void tm_run_tell_time(const tm_run *run)
{
    static const char *const names[TM_PHASE_COUNT] = {"limits",  "inputs",   "binding", "checks",
                                                      "warm-up", "sampling", "canary",  "store"};
    const double all_ns = (double)tm_now_ns() - run->process_started_ns;
    tm_text line = {0};
    tm_text_format(&line, "%.1f s:", all_ns * 1e-9);
    double rest_ns = all_ns;
    for (int phase = 0; phase < TM_PHASE_COUNT; phase++) {
        tm_text_format(&line, " %s %.0f %%,", names[phase], 100 * run->spent_ns[phase] / all_ns);
        rest_ns -= run->spent_ns[phase];
    }
    tm_text_format(&line, " the rest %.0f %%", 100 * rest_ns / all_ns);
    if (!line.failed) tm_run_notice(run, "%s", line.data);
    tm_text_free(&line);
}

bool tm_run_was_throttled(tm_run *run)
{
    const uint64_t before = run->throttle_count;
    run->throttle_count = tm_throttle_count("/sys");
    if (run->throttle_count <= before) return false;
    if (!run->throttled && run->options->cooldown < 0) {
        tm_run_notice(run, "the machine slowed its clock down because of heat: resting after each case from here on");
    }
    run->throttled = true;
    return true;
}

void tm_run_rest(tm_run *run, double case_ns)
{
    static const double needed = 0.2;
    double share = run->options->cooldown;
    if (share < 0) share = run->throttled || tm_on_battery("/sys") ? needed : 0;
    if (share > 0) tm_sleep_ns((uint64_t)(share * case_ns));
}

/* /tmp is sticky: a lock file of another user must be opened without O_CREAT. */
static int open_lock(void)
{
    static const char path[] = "/tmp/tensormark.lock";
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT) {
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (fd >= 0 && fchmod(fd, 0666) != 0) return fd; /* still good for this user */
    }
    if (fd < 0) fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return fd;
}

int tm_run_lock_machine(tm_run *run)
{
    const int fd = open_lock();
    if (fd < 0) {
        tm_run_notice(run, "the machine's lock could not be opened; another run would disturb this one");
        return open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    bool said = false;
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (tm_run_cancelled(run)) {
            close(fd);
            return -1;
        }
        if (!said) tm_run_notice(run, "another run is measuring on this machine; waiting for it to end");
        said = true;
        tm_sleep_ns(100000000);
    }
    return fd;
}

int32_t tm_run_threads(const tm_run *run, int32_t backend)
{
    const int32_t own = run->options->backends[backend].threads;
    return own > 0 ? own : run->options->threads;
}

const tm_limits *tm_run_limits(const tm_run *run, int32_t backend)
{
    const int32_t threads = tm_run_threads(run, backend);
    for (int32_t i = 0; i < run->limit_count; i++) {
        if (run->limits[i].threads == threads) return &run->limits[i];
    }
    return &run->limits[0];
}

double tm_run_core_to_core(const tm_run *run)
{
    int32_t cpus[TM_MOST_TEAM];
    const int32_t threads = run->options->threads < TM_MOST_TEAM ? run->options->threads : TM_MOST_TEAM;
    tm_first_cpus(threads, cpus);
    return tm_core_to_core_of(cpus, threads);
}

tm_status tm_run_know_placement(tm_run *run, double core_to_core_ns, tm_error *error)
{
    enum { MOST_LOOKS = 6 };
    static const double seconds = 0.5;
    const bool unknown = !isfinite(core_to_core_ns) || !(core_to_core_ns > 0);
    if (unknown || run->more_looks == MOST_LOOKS || tm_limits_placed(&run->limits[0], core_to_core_ns)) return TM_OK;
    run->more_looks++;
    return tm_run_measure_limits(run, seconds, error);
}

static tm_limits *limits_slot(tm_run *run, int32_t threads)
{
    for (int32_t i = 0; i < run->limit_count; i++) {
        if (run->limits[i].threads == threads) return &run->limits[i];
    }
    if (run->limit_count == TM_MOST_THREAD_COUNTS) return &run->limits[0];
    run->limits[run->limit_count] = (tm_limits){.threads = threads, .spread = 1, .waited = 1};
    return &run->limits[run->limit_count++];
}

static json_t *placements_of(const tm_limits *limits)
{
    json_t *all = json_array();
    for (int32_t p = 0; p < limits->placed_count; p++) {
        const tm_placed_limits *one = &limits->placed[p];
        if (!tm_limits_placed(limits, one->core_to_core_ns)) continue;
        json_array_append_new(all,
                              json_pack("{s:f, s:f, s:f, s:f, s:f, s:f}", "core_to_core_ns", one->core_to_core_ns,
                                        "read_gbs", one->read_gbs, "copy_gbs", one->copy_gbs, "write_gbs",
                                        one->write_gbs, "llc_gbs", one->llc_gbs, "llc_copy_gbs", one->llc_copy_gbs));
    }
    return all;
}

/* The limits of every thread count into the machine's facts: efficiencies refer to their backend's own. */
static tm_status tell_limits(tm_run *run, tm_error *error)
{
    tm_record_machine *machine = &run->record->machine;
    json_t *facts = machine->facts ? json_loads(machine->facts, 0, NULL) : json_object(), *all = json_array();
    bool good = facts && all;
    for (int32_t i = 0; i < run->limit_count && good; i++) {
        const tm_limits *one = &run->limits[i];
        good = json_array_append_new(all, json_pack("{s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:o}",
                                                    "threads", (int)one->threads, "read_gbs", one->read_gbs, "copy_gbs",
                                                    one->copy_gbs, "write_gbs", one->write_gbs, "l1_gbs", one->l1_gbs,
                                                    "l2_gbs", one->l2_gbs, "llc_gbs", one->llc_gbs, "f32_gflops",
                                                    one->f32_gflops, "bf16_gflops", one->bf16_gflops, "i8_gops",
                                                    one->i8_gops, "placements", placements_of(one))) == 0;
    }
    good = good && json_object_set(facts, "limits", all) == 0;
    char *text = good ? json_dumps(facts, JSON_COMPACT) : NULL;
    json_decref(all);
    json_decref(facts);
    if (!text) return tm_fail_memory(error, "the machine's limits");
    free(machine->facts);
    machine->facts = text;
    return TM_OK;
}

tm_status tm_run_measure_limits(tm_run *run, double seconds, tm_error *error)
{
    const double begun_ns = (double)tm_now_ns();
    bool done[TM_MOST_THREAD_COUNTS] = {false};
    for (int32_t backend = -1; backend < run->options->backend_count; backend++) {
        const int32_t threads = backend < 0 ? run->options->threads : tm_run_threads(run, backend);
        tm_limits *slot = limits_slot(run, threads);
        if (done[slot - run->limits]) continue;
        done[slot - run->limits] = true;
        tm_limits now;
        const tm_status status = tm_limits_measure(threads, seconds, &now, error);
        if (status != TM_OK) return status;
        *slot = tm_limits_best(slot, &now);
        slot->threads = threads;
    }
    tm_run_spend(run, TM_PHASE_LIMITS, begun_ns);
    const tm_limits *own = &run->limits[0];
    tm_record_machine *machine = &run->record->machine;
    machine->read_gbs = own->read_gbs;
    machine->copy_gbs = own->copy_gbs;
    machine->write_gbs = own->write_gbs;
    machine->l1_gbs = own->l1_gbs;
    machine->l2_gbs = own->l2_gbs;
    machine->llc_gbs = own->llc_gbs;
    machine->f32_gflops = own->f32_gflops;
    machine->bf16_gflops = own->bf16_gflops;
    machine->i8_gops = own->i8_gops;
    return tell_limits(run, error);
}

tm_status tm_run_describe_machine(tm_run *run, tm_error *error)
{
    tm_machine facts;
    tm_machine_read(&facts);
    run->throttle_count = tm_throttle_count("/sys");
    if (run->options->threads <= 0) run->options->threads = facts.cores > 0 ? facts.cores : tm_usable_threads();

    tm_record_machine *machine = &run->record->machine;
    json_t *more = json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:I, s:f}", "isa", facts.isa, "turbo", facts.turbo,
                             "huge_pages", facts.huge_pages, "clock_source", facts.clock_source, "container",
                             facts.container, "cores_total", facts.cores_total, "numa_nodes", facts.numa_nodes,
                             "available_bytes", (json_int_t)facts.available_bytes, "load", facts.load);
    machine->facts = more ? json_dumps(more, JSON_COMPACT) : NULL;
    json_decref(more);
    machine->key = strdup(facts.key);
    machine->cpu = strdup(facts.cpu);
    machine->os = strdup(facts.os);
    machine->governor = strdup(facts.governor);
    machine->smt = strdup(facts.smt);
    machine->gpus = strdup(facts.gpus);
    machine->cores = facts.cores;
    machine->memory_bytes = (int64_t)facts.memory_bytes;
    if (!machine->facts || !machine->key || !machine->cpu || !machine->os || !machine->governor || !machine->smt ||
        !machine->gpus) {
        return tm_fail_memory(error, "the machine's description");
    }
    return TM_OK;
}
