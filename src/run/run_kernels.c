/* Kernels are measured on one pinned thread, one after the other; all sets of a trial follow each other, so that a
 * change of the machine meets them alike. The limits are measured before and after on the same CPU. */
#include "run/run_kernels.h"

#include "base/clock.h"
#include "measure/caches.h"
#include "measure/sampling.h"
#include "measure/stats.h"
#include "measure/team.h"
#include "run/run_state.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_SAMPLES = 1000 };
static const double limits_seconds = 2.0, warm_up_ns = 5e6;
static const double least_memory = 64 << 20, most_memory = 512 << 20; /* of a trial beyond the caches, in bytes */

typedef struct kernel_run {
    const tm_kernels_options *options;
    tm_trial_space space;
    tm_timer timer;
    tm_kernel_result *results;
    tm_trial trial;
    int64_t count;
    tm_status status;
    tm_error *error;
} kernel_run;

void tm_kernel_set_limit(const tm_limits *limits, tm_kernel_result *result)
{
    const double by_level[TM_TRIAL_LEVELS] = {limits->l1_gbs, limits->l2_gbs,
                                              result->read_only ? limits->read_gbs : limits->copy_gbs};
    const double moving = result->bytes / by_level[result->level];
    const double peak = result->bf16_peak ? fmax(limits->bf16_gflops, limits->f32_gflops) : limits->f32_gflops;
    const double computing = (result->flop + 4 * result->comparators) / peak;
    if (computing > moving)
        result->basis = result->comparators > 0 ? "comparators" : "flop";
    else if (result->level == TM_TRIAL_MEMORY)
        result->basis = result->read_only ? "memory-read" : "memory-copy";
    else
        result->basis = tm_trial_level_name(result->level);
    const bool known = by_level[result->level] > 0 && limits->f32_gflops > 0;
    result->limit_ns = known ? fmax(moving, computing) : (double)NAN;
    result->efficiency = result->limit_ns / result->median_ns;
}

static double time_of(const tm_trial *trial, const tm_kernels *table, int64_t calls)
{
    const uint64_t begin = tm_now_ns();
    tm_trial_run(trial, table, calls);
    return (double)(tm_now_ns() - begin);
}

static void sample(kernel_run *run, const tm_kernels *table, tm_kernel_result *into)
{
    const tm_trial *trial = &run->trial;
    double samples[MOST_SAMPLES];
    tm_trial_poison(trial);
    double call_ns = time_of(trial, table, 1);
    for (double spent = call_ns; spent < warm_up_ns;) {
        const int64_t calls = (int64_t)fmax(1, fmin(warm_up_ns / 4 / fmax(call_ns, 1), 1e6));
        const double all = time_of(trial, table, calls);
        call_ns = all / (double)calls;
        spent += fmax(all, 1);
    }
    const int64_t batch = tm_batch_size(call_ns, run->timer, false);
    const tm_visit_rule rule = tm_visit_rule_for(call_ns);
    int32_t taken = rule.discard_first ? -1 : 0;
    for (double spent = 0; taken < MOST_SAMPLES && (taken < rule.samples || spent < rule.time_ns); taken++) {
        const double all = time_of(trial, table, batch);
        spent += all;
        if (taken >= 0) samples[taken] = all / (double)batch;
    }
    into->median_ns = tm_median(samples, (size_t)taken);
    into->min_ns = tm_quantile(samples, (size_t)taken, 0);
    into->p95_ns = tm_quantile(samples, (size_t)taken, 0.95);
}

static bool is_wanted(const kernel_run *run, int number)
{
    tm_trial named;
    char name[64];
    tm_trial_describe(number, &named);
    snprintf(name, sizeof name, "%s%s%s", named.kernel, *named.part ? " " : "", named.part);
    return !run->options->wanted || run->options->wanted(run->options->context, name);
}

static tm_isa best_isa(void)
{
    int best = TM_ISA_COUNT - 1;
    while (best > 0 && !tm_kernels_for((tm_isa)best)) best--;
    return (tm_isa)best;
}

static void tell(void *context, const char *line)
{
    const tm_kernels_options *options = context;
    if (options->notice) options->notice(options->context, line);
}

/* One kernel of one set: prepared, timed, checked. */
static tm_status measure_one(kernel_run *run, int number, tm_isa isa)
{
    const tm_kernels *table = tm_kernels_for(isa);
    tm_kernel_result *into = &run->results[run->count];
    const tm_status status = tm_trial_prepare(number, table, &run->space, &run->trial, run->error);
    if (status == TM_UNSUPPORTED) {
        tell((void *)(uintptr_t)run->options, run->error->message);
        return TM_OK;
    }
    if (status != TM_OK) return status;
    const tm_trial *trial = &run->trial;
    *into = (tm_kernel_result){.isa = tm_isa_name(isa),
                               .level = trial->level,
                               .bytes = trial->bytes,
                               .flop = trial->flop,
                               .comparators = trial->comparators,
                               .read_only = trial->read_only,
                               .bf16_peak = trial->bf16_peak,
                               .first_choice = tm_trial_origin(number, best_isa()) == isa};
    snprintf(into->kernel, sizeof into->kernel, "%s%s%s", trial->kernel, *trial->part ? " " : "", trial->part);
    snprintf(into->size, sizeof into->size, "%s", trial->size);
    sample(run, table, into);
    tm_error wrong = {""};
    into->right = tm_trial_check(trial, table, &wrong) == TM_OK;
    if (!into->right) {
        snprintf(into->reason, sizeof into->reason, "%.250s", wrong.message);
        into->median_ns = into->min_ns = into->p95_ns = NAN;
    }
    run->count++;
    return TM_OK;
}

static void measure_all(tm_team *team, void *context)
{
    (void)team;
    kernel_run *run = context;
    run->timer = tm_timer_measure();
    for (int number = 0; number < tm_trial_count() && run->status == TM_OK; number++) {
        if (!is_wanted(run, number)) continue;
        for (int isa = 0; isa < TM_ISA_COUNT && run->status == TM_OK; isa++) {
            /* A set that leaves the slot to a lesser one has no kernel of its own. */
            if (!run->options->isa[isa] || tm_trial_origin(number, (tm_isa)isa) != (tm_isa)isa) continue;
            run->status = measure_one(run, number, (tm_isa)isa);
        }
    }
}

/* Waits like a run for whoever measures on this machine. -1 when memory is short. */
static int lock(const tm_kernels_options *options)
{
    tm_run_options run_options = {.events = {.context = (void *)(uintptr_t)options, .notice = tell}};
    tm_run *run = calloc(1, sizeof *run);
    if (!run) return -1;
    run->options = &run_options;
    const int fd = tm_run_lock_machine(run);
    free(run);
    return fd;
}

tm_status tm_run_kernels(const tm_kernels_options *options, tm_limits *limits, tm_kernel_result **results,
                         int64_t *count, tm_error *error)
{
    kernel_run *run = calloc(1, sizeof *run);
    tm_kernel_result *all = calloc((size_t)tm_trial_count() * TM_ISA_COUNT + 1, sizeof *all);
    const int machine = run && all ? lock(options) : -1;
    tm_status status = machine < 0 ? tm_fail_memory(error, "measuring kernels") : TM_OK;
    int32_t cpu;
    tm_limits after;
    tm_first_cpus(1, &cpu);
    if (status == TM_OK) status = tm_limits_measure(1, limits_seconds, limits, error);
    if (status != TM_OK) goto done;
    *run = (kernel_run){.options = options, .results = all, .error = error};
    const double memory = fmin(fmax(4 * limits->llc_bytes, least_memory), most_memory);
    status = tm_trial_space_new(limits->l1_bytes, limits->l2_bytes, memory, &run->space, error);
    if (status == TM_OK) status = tm_team_run(&cpu, 1, measure_all, run, error);
    if (status == TM_OK) status = run->status;
    tm_trial_space_free(&run->space);
    if (status == TM_OK) status = tm_limits_measure(1, limits_seconds, &after, error);
    if (status != TM_OK) goto done;
    *limits = tm_limits_best(limits, &after);
    *count = run->count;
    for (int64_t i = 0; i < *count; i++) tm_kernel_set_limit(limits, &all[i]);
done:
    if (machine >= 0) close(machine);
    *results = status == TM_OK ? all : NULL;
    if (status != TM_OK) free(all);
    free(run);
    return status;
}
