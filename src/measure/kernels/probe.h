/* The patterns whose best speed counts as this machine's limit. Each instruction set's folder gives one list, ended by
 * an entry without a name; probes.c joins those that this CPU can run. */
#ifndef TM_MEASURE_KERNELS_PROBE_H
#define TM_MEASURE_KERNELS_PROBE_H

#include <stddef.h>
#include <stdint.h>

typedef enum tm_probe_kind {
    TM_PROBE_READ,  /* counts the bytes read */
    TM_PROBE_COPY,  /* counts bytes read plus bytes written, whatever the hardware really moves */
    TM_PROBE_WRITE, /* counts the bytes written */
    TM_PROBE_ADD,   /* two streams read, one written: the mix that uses every port of a first-level cache */
    TM_PROBE_F32,
    TM_PROBE_BF16,
    TM_PROBE_I8
} tm_probe_kind;

/* Works on `bytes` at `data` (64-byte aligned, a multiple of TM_PROBE_GRAIN): reads all of it; writes all of it; copies
 * the first half to the second; or adds the first two thirds into the last. */
enum { TM_PROBE_GRAIN = 3072 };

typedef struct tm_probe {
    const char *name; /* "read 4 streams avx512" */
    tm_probe_kind kind;
    int memory_only; /* non-temporal: pointless inside a cache */
    uint64_t (*stream)(void *data, size_t bytes);
    double (*arithmetic)(int64_t rounds); /* TM_PROBE_F32 and below; the result keeps the work alive */
    double operations;                    /* of one round of `arithmetic`, a multiply-add being two */
} tm_probe;

extern const tm_probe tm_probes_portable[], tm_probes_avx2[], tm_probes_avx512[], tm_probes_avx512_bf16[],
    tm_probes_avx512_vnni[], tm_probes_neon[];

/* Copies the probes worth trying on this CPU into `into`: the widest instruction set's, and the C library's copy. */
size_t tm_probes_usable(const tm_probe **into, size_t capacity);

#endif
