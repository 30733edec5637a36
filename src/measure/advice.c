/* What makes numbers noisy, as a function of the machine's facts. A subject whose fact is unknown is reported as such
 * and asks for nothing. */
#include "measure/machine.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct advice_list {
    tm_advice *entries;
    int count, capacity;
} advice_list;

/* `level` counts where there is something to do. */
static void advise(advice_list *list, tm_advice_level level, const char *subject, const char *finding,
                   const char *action)
{
    if (list->count >= list->capacity) return;
    tm_advice *entry = &list->entries[list->count++];
    entry->level = *action ? level : TM_ADVICE_OK;
    snprintf(entry->subject, sizeof entry->subject, "%s", subject);
    snprintf(entry->finding, sizeof entry->finding, "%s", strcmp(finding, "?") == 0 ? "unknown" : finding);
    snprintf(entry->action, sizeof entry->action, "%s", action);
}

static bool is(const char *text, const char *word)
{
    return strcmp(text, word) == 0;
}

static void advise_clock(const tm_machine *machine, advice_list *list)
{
    const bool governed = is(machine->governor, "performance") || is(machine->governor, "?");
    advise(list, TM_ADVICE_WARNING, "governor", machine->governor,
           governed ? "" : "hold the clock up: sudo cpupower frequency-set -g performance");
    advise(list, TM_ADVICE_ADVICE, "turbo", machine->turbo,
           is(machine->turbo, "on")
               ? "the clock depends on temperature and on how many cores are busy; for the steadiest "
                 "numbers switch turbo off in the firmware or under /sys/devices/system/cpu"
               : "");
    advise(list, TM_ADVICE_ADVICE, "smt", machine->smt,
           is(machine->smt, "on")
               ? "two threads share each core; use at most as many threads as cores (--threads), or: "
                 "echo off | sudo tee /sys/devices/system/cpu/smt/control"
               : "");
    /* Guests read the host's counter through their own clock source, which is as cheap. */
    const bool cheap = is(machine->clock_source, "tsc") || is(machine->clock_source, "?") ||
                       is(machine->clock_source, "kvm-clock") || is(machine->clock_source, "arch_sys_counter");
    advise(list, TM_ADVICE_WARNING, "clock source", machine->clock_source,
           cheap ? "" : "reading the time is slow; boot with clocksource=tsc tsc=reliable if the CPU allows it");
}

static void advise_memory(const tm_machine *machine, advice_list *list)
{
    char finding[160];
    advise(list, TM_ADVICE_ADVICE, "huge pages", machine->huge_pages,
           is(machine->huge_pages, "never") ? "large arrays lose time in page tables: echo madvise | sudo tee "
                                              "/sys/kernel/mm/transparent_hugepage/enabled"
                                            : "");
    snprintf(finding, sizeof finding, "%.0f MiB in use", (double)machine->swap_bytes / 1048576);
    advise(list, TM_ADVICE_WARNING, "swap", finding,
           machine->swap_bytes > 0 ? "pages may come from disk while measuring; end other programs, or: sudo swapoff -a"
                                   : "");
    const double gib = (double)machine->available_bytes / 1073741824;
    snprintf(finding, sizeof finding, "%.1f of %.1f GiB available", gib, (double)machine->memory_bytes / 1073741824);
    advise(list, TM_ADVICE_WARNING, "memory", finding,
           gib < 2 ? "large cases will be skipped; end other programs or give the container more memory" : "");
    snprintf(finding, sizeof finding, "%d", machine->numa_nodes);
    advise(list, TM_ADVICE_ADVICE, "numa nodes", finding,
           machine->numa_nodes > 1 ? "where memory lies changes the figures; keep to one node: numactl -N 0 -m 0" : "");
}

static void advise_sharing(const tm_machine *machine, advice_list *list)
{
    char finding[160];
    snprintf(finding, sizeof finding, "%.2f", machine->load);
    advise(list, TM_ADVICE_WARNING, "load", finding,
           machine->load > 0.5 ? "something else is running (or was within the last minute): end it, or wait" : "");
    const bool broken = machine->cpu_quota > 0 && fabs(machine->cpu_quota - round(machine->cpu_quota)) > 1e-6;
    advise(list, TM_ADVICE_WARNING, "container", machine->container,
           broken
               ? "a quota that is no whole number of CPUs stops threads in mid-sample; give the container whole CPUs, "
                 "or pin it to some (cpuset)"
               : "");
    advise(list, TM_ADVICE_ADVICE, "virtual machine", machine->virtual_machine,
           is(machine->virtual_machine, "yes")
               ? "neighbours on the host share caches and memory; compare backends only "
                 "within one run, and prefer --full"
               : "");
    advise(list, TM_ADVICE_WARNING, "free page reporting", machine->page_reporting,
           is(machine->page_reporting, "on")
               ? "freed memory goes back to the host and is dear to have again: results that allocate large fresh "
                 "outputs are noisy; let the host switch it off (free-page-reporting=off of the balloon)"
               : "");
}

tm_advice tm_first_touch_advice(tm_first_touch measured)
{
    static const double slow_gbs = 1; /* a page fault with a page to clear costs some 0.5 us: 8 GB/s */
    tm_advice advice = {0};
    advice_list list = {&advice, 0, 1};
    char finding[160] = "?";
    if (isfinite(measured.gbs)) {
        snprintf(finding, sizeof finding, "%.2f GB/s at first touch, slowest 16 MiB %.2f GB/s, %.0f MiB touched",
                 measured.gbs, measured.slowest_gbs, measured.bytes / 1048576);
    }
    advise(&list, TM_ADVICE_WARNING, "fresh memory", finding,
           measured.slowest_gbs < slow_gbs
               ? "large fresh outputs cost more than the work on them: trust results of backends that keep their "
                 "memory, and run long enough for the others (--full)"
               : "");
    return advice;
}

const char *tm_advice_level_name(tm_advice_level level)
{
    static const char *const names[] = {"OK", "ADVICE", "WARNING"};
    return names[level];
}

int tm_machine_advice(const tm_machine *machine, tm_advice *into, int capacity)
{
    advice_list list = {into, 0, capacity};
    advise_clock(machine, &list);
    advise_memory(machine, &list);
    advise_sharing(machine, &list);
    return list.count;
}
