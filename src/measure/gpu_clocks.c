/* The library is loaded at run time, since most machines have none. Each figure may be refused (virtual GPUs, old
 * drivers): then it stays 0. */
#include "measure/gpu_clocks.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

enum { SM_CLOCK = 1 };

/* Reasons for a lower clock: software power cap, hardware slowdown, heat seen by software and hardware, power brake. */
static const unsigned long long slowing = 0x04 | 0x08 | 0x20 | 0x40 | 0x80;

typedef struct nvml_device nvml_device;

typedef struct nvml {
    int (*init)(void);
    int (*shutdown)(void);
    int (*count)(unsigned *count);
    int (*device)(unsigned index, nvml_device **device);
    int (*name)(nvml_device *device, char *name, unsigned length);
    int (*clock)(nvml_device *device, int type, unsigned *mhz);
    int (*most_clock)(nvml_device *device, int type, unsigned *mhz);
    int (*power_limit)(nvml_device *device, unsigned *milliwatts);
    int (*reasons)(nvml_device *device, unsigned long long *reasons);
} nvml;

static bool look_up(void *library, nvml *into)
{
    const struct {
        const char *name;
        void *at;
    } symbols[] = {{"nvmlInit_v2", &into->init},
                   {"nvmlShutdown", &into->shutdown},
                   {"nvmlDeviceGetCount_v2", &into->count},
                   {"nvmlDeviceGetHandleByIndex_v2", &into->device},
                   {"nvmlDeviceGetName", &into->name},
                   {"nvmlDeviceGetClockInfo", &into->clock},
                   {"nvmlDeviceGetMaxClockInfo", &into->most_clock},
                   {"nvmlDeviceGetPowerManagementLimit", &into->power_limit},
                   {"nvmlDeviceGetCurrentClocksThrottleReasons", &into->reasons}};
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
        void *symbol = dlsym(library, symbols[i].name);
        if (!symbol) return false;
        memcpy(symbols[i].at, &symbol, sizeof symbol);
    }
    return true;
}

static void read_one(const nvml *api, nvml_device *device, tm_gpu_clock *into)
{
    unsigned mhz = 0, milliwatts = 0;
    unsigned long long reasons = 0;
    *into = (tm_gpu_clock){.name = "GPU"};
    if (api->name(device, into->name, sizeof into->name) != 0) snprintf(into->name, sizeof into->name, "GPU");
    if (api->clock(device, SM_CLOCK, &mhz) == 0) into->mhz = mhz;
    if (api->most_clock(device, SM_CLOCK, &mhz) == 0) into->most_mhz = mhz;
    if (api->power_limit(device, &milliwatts) == 0) into->power_limit_w = milliwatts * 1e-3;
    if (api->reasons(device, &reasons) == 0) into->slowed = (reasons & slowing) != 0;
}

int tm_gpu_clocks_read(const char *library, tm_gpu_clock *into, int capacity)
{
    nvml api;
    unsigned devices = 0;
    int written = -1;
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (!handle) return -1;
    if (!look_up(handle, &api) || api.init() != 0) goto done;
    written = 0;
    if (api.count(&devices) != 0) devices = 0;
    for (unsigned i = 0; i < devices && written < capacity; i++) {
        nvml_device *device = NULL;
        if (api.device(i, &device) == 0) read_one(&api, device, &into[written++]);
    }
    api.shutdown();
done:
    dlclose(handle);
    return written;
}

/* "?" for a figure that was not told. */
static void figure(double value, char into[16])
{
    if (value > 0)
        snprintf(into, 16, "%.0f", value);
    else
        snprintf(into, 16, "?");
}

tm_advice tm_gpu_clock_advice(const tm_gpu_clock *clock)
{
    tm_advice advice = {.level = clock->slowed ? TM_ADVICE_WARNING : TM_ADVICE_ADVICE};
    snprintf(advice.subject, sizeof advice.subject, "clock of %.32s", clock->name);
    char now[16], most[16], watts[16];
    figure(clock->mhz, now);
    figure(clock->most_mhz, most);
    figure(clock->power_limit_w, watts);
    snprintf(advice.finding, sizeof advice.finding, "%.60s: %s of %s MHz now, power limit %s W%s", clock->name, now,
             most, watts, clock->slowed ? ", slowed by heat or power" : "");
    snprintf(advice.action, sizeof advice.action, "%s",
             clock->slowed ? "let it cool, or raise its power limit, before anything is measured on it"
                           : "a clock that varies shows in the times; hold it: sudo nvidia-smi -lgc MHZ");
    return advice;
}
