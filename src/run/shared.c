/* Two memory files, one written by the parent and one by workers. They only ever grow (sealed against shrinking, so a
 * worker cannot make the parent's mapping fault), and only the parent sizes them. Workers get the inputs through a
 * second, read-only description of the same file. */
#include "run/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct tm_region {
    int file;   /* -1 before it exists */
    void *view; /* NULL while empty */
    size_t bytes;
} tm_region;

struct tm_shared {
    tm_region inputs, outputs;
    int inputs_for_workers;
};

static tm_status region_open(tm_region *region, const char *name, tm_error *error)
{
    region->file = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (region->file < 0) return tm_fail(error, TM_FAILED, "no shared memory: %s", strerror(errno));
    if (fcntl(region->file, F_ADD_SEALS, F_SEAL_SHRINK) != 0) {
        return tm_fail(error, TM_FAILED, "shared memory cannot be sealed: %s", strerror(errno));
    }
    return TM_OK;
}

static void region_close(tm_region *region)
{
    if (region->view) munmap(region->view, region->bytes);
    if (region->file >= 0) close(region->file);
}

static void *region_grow(tm_region *region, size_t bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (bytes == 0) bytes = 1;
    if (bytes > SIZE_MAX / 2) return NULL;
    if (bytes <= region->bytes) return region->view;
    const size_t whole = (bytes + page - 1) / page * page;
    if (ftruncate(region->file, (off_t)whole) != 0) return NULL;
    void *view = region->view ? mremap(region->view, region->bytes, whole, MREMAP_MAYMOVE)
                              : mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_SHARED, region->file, 0);
    if (view == MAP_FAILED) return NULL;
    region->view = view;
    region->bytes = whole;
    return view;
}

tm_status tm_shared_new(tm_shared **into, tm_error *error)
{
    *into = NULL;
    tm_shared *shared = malloc(sizeof *shared);
    if (!shared) return tm_fail_memory(error, "shared memory");
    *shared = (tm_shared){.inputs = {.file = -1}, .outputs = {.file = -1}, .inputs_for_workers = -1};
    tm_status status = region_open(&shared->inputs, "tensormark-inputs", error);
    if (status == TM_OK) status = region_open(&shared->outputs, "tensormark-outputs", error);
    if (status == TM_OK) {
        char path[64];
        snprintf(path, sizeof path, "/proc/self/fd/%d", shared->inputs.file);
        shared->inputs_for_workers = open(path, O_RDONLY | O_CLOEXEC);
        if (shared->inputs_for_workers < 0) status = tm_fail(error, TM_FAILED, "%s: %s", path, strerror(errno));
    }
    if (status != TM_OK) {
        tm_shared_free(shared);
        return status;
    }
    *into = shared;
    return TM_OK;
}

void tm_shared_free(tm_shared *shared)
{
    if (!shared) return;
    region_close(&shared->inputs);
    region_close(&shared->outputs);
    if (shared->inputs_for_workers >= 0) close(shared->inputs_for_workers);
    free(shared);
}

void *tm_shared_inputs(tm_shared *shared, size_t bytes)
{
    return region_grow(&shared->inputs, bytes);
}

void *tm_shared_outputs(tm_shared *shared, size_t bytes)
{
    return region_grow(&shared->outputs, bytes);
}

void tm_shared_release(tm_shared *shared)
{
    tm_region *const all[] = {&shared->inputs, &shared->outputs};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (all[i]->view) madvise(all[i]->view, all[i]->bytes, MADV_REMOVE);
    }
}

int tm_shared_inputs_fd(const tm_shared *shared)
{
    return shared->inputs_for_workers;
}

int tm_shared_outputs_fd(const tm_shared *shared)
{
    return shared->outputs.file;
}
