/* What NVIDIA's management library says of each GPU's clock, without touching the GPU. */
#ifndef TM_MEASURE_GPU_CLOCKS_H
#define TM_MEASURE_GPU_CLOCKS_H

#include "measure/machine.h"

typedef struct tm_gpu_clock {
    char name[96];
    uint32_t mhz, most_mhz; /* of the multiprocessors, now and at most; 0: not told */
    double power_limit_w;   /* 0: not told */
    bool slowed;            /* by heat, power or its supply, now */
} tm_gpu_clock;

/* Returns how many were written, -1 where `library` ("libnvidia-ml.so.1") is not there or cannot be used. */
int tm_gpu_clocks_read(const char *library, tm_gpu_clock *into, int capacity);

/* Without a subject: the caller numbers the GPUs. */
tm_advice tm_gpu_clock_advice(const tm_gpu_clock *clock);

#endif
