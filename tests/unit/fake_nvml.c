/* A management library that knows two GPUs: one is slowed by heat, of the other little is told. */
#include <stdio.h>

int nvmlInit_v2(void);
int nvmlShutdown(void);
int nvmlDeviceGetCount_v2(unsigned *count);
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device);
int nvmlDeviceGetName(const void *device, char *name, unsigned length);
int nvmlDeviceGetClockInfo(const void *device, int type, unsigned *mhz);
int nvmlDeviceGetMaxClockInfo(const void *device, int type, unsigned *mhz);
int nvmlDeviceGetPowerManagementLimit(const void *device, unsigned *milliwatts);
int nvmlDeviceGetCurrentClocksThrottleReasons(const void *device, unsigned long long *reasons);

enum { NOT_SUPPORTED = 3, SM_CLOCK = 1, HEAT = 0x20, IDLE = 0x01 };

static int numbers[] = {0, 1};

static int number_of(const void *device)
{
    return *(const int *)device;
}

int nvmlInit_v2(void)
{
    return 0;
}

int nvmlShutdown(void)
{
    return 0;
}

int nvmlDeviceGetCount_v2(unsigned *count)
{
    *count = 2;
    return 0;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device)
{
    *device = &numbers[index];
    return 0;
}

int nvmlDeviceGetName(const void *device, char *name, unsigned length)
{
    snprintf(name, length, "Example %d", number_of(device));
    return 0;
}

int nvmlDeviceGetClockInfo(const void *device, int type, unsigned *mhz)
{
    if (type != SM_CLOCK || number_of(device) == 1) return NOT_SUPPORTED;
    *mhz = 1200;
    return 0;
}

int nvmlDeviceGetMaxClockInfo(const void *device, int type, unsigned *mhz)
{
    (void)device;
    if (type != SM_CLOCK) return NOT_SUPPORTED;
    *mhz = 1980;
    return 0;
}

int nvmlDeviceGetPowerManagementLimit(const void *device, unsigned *milliwatts)
{
    if (number_of(device) == 1) return NOT_SUPPORTED;
    *milliwatts = 350000;
    return 0;
}

int nvmlDeviceGetCurrentClocksThrottleReasons(const void *device, unsigned long long *reasons)
{
    *reasons = number_of(device) == 0 ? HEAT : IDLE;
    return 0;
}
