/* Backend names: name[:device][+option...], and what --backend NAME=SPEC adds. */
#ifndef TM_RUN_BACKEND_SPEC_H
#define TM_RUN_BACKEND_SPEC_H

#include "base/error.h"

#include <stdbool.h>

typedef struct tm_backend_spec {
    char id[128];          /* canonical ("native:cpu+threads=1") or the user's own name for it */
    char name[32];         /* "native", "torch", "mock" ... */
    char device[32];       /* "cpu" */
    char options[64];      /* "compile,tuned,isa=avx2": only what the backend itself is told */
    char location[512];    /* behind the @, "" for none */
    char library[512];     /* file to load; "" for the engine inside this program */
    int32_t threads;       /* 0: the run's default */
    int32_t delay_percent; /* +delay=PCT: added by the worker around every batch */
    bool twin;
    char definition[768]; /* the --backend NAME=SPEC behind the id, its path made absolute; "" for none */
} tm_backend_spec;

/* "native:cpu+tuned" -> spec. `definitions` are the "NAME=SPEC" of --backend options, NULL-terminated or NULL. Knows
 * the aliases of the earlier systems (cpu, mps, cuda, mlx_cpu ...). TM_INVALID_ARGUMENT for an unknown backend or
 * option. A backend is known when it is `native`, or a library named libtensormark_NAME.so lies in the program's
 * backend folder; with @PATH to a shared library any name is. A shared library that is no backend is the location of
 * the backend that is named, as a folder is. */
tm_status tm_backend_spec_parse(const char *text, const char *const *definitions, tm_backend_spec *into,
                                tm_error *error);

/* The names that can be asked for here, "native" first, NULL-terminated; valid until the process ends. */
const char *const *tm_backend_names(void);

/* What `list backends` shows of one. Runs the probe in a worker process. */
typedef struct tm_backend_found {
    tm_backend_spec spec;
    bool usable;
    tm_device_info info;
    char reason[512];  /* when not usable */
    char devices[128]; /* "cpu,cuda": all that it may be asked about, as it says itself; "" if it says nothing */
} tm_backend_found;
void tm_backend_probe(const tm_backend_spec *spec, tm_backend_found *into);

/* All devices of the backend called `name`: first the one that the name alone stands for, then the others in the
 * backend's own order; `count` of them, at least one, at most TM_MOST_DEVICES. Where the first is missing for a reason
 * that the others share, such as a framework that is not installed, it stands alone. */
enum { TM_MOST_DEVICES = 8 };
tm_status tm_backend_probe_devices(const char *name, tm_backend_found *into, int32_t *count, tm_error *error);

/* The device that a default run takes: the one that the name alone stands for, else the first usable of the others. If
 * none is usable, what was found about the first. */
tm_status tm_backend_probe_default(const char *name, tm_backend_found *into, tm_error *error);

#endif
