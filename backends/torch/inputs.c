/* Addresses for the inputs of a session's programs, set aside once; pages come when they are first written and stay
 * until they are given back. The range is as large as all of memory, so that it never has to move: addresses cost
 * nothing. Huge pages are asked for, as NumPy does for the arrays that most data arrives in. */
#include "torch.h"

#include <sys/mman.h>
#include <unistd.h>

static const size_t huge_page = (size_t)2 << 20;

static bool map_range(tm_torch_inputs *inputs, size_t bytes)
{
    void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED) return false;
    *inputs = (tm_torch_inputs){map, bytes};
    return true;
}

char *tm_torch_inputs_take(tm_torch_inputs *inputs, size_t bytes)
{
    if (inputs->base && bytes <= inputs->bytes) return inputs->base;
    tm_torch_inputs_free(inputs);
    const long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
    const size_t all = pages > 0 && page_bytes > 0 ? (size_t)pages * (size_t)page_bytes : 0;
    const size_t needed = (bytes / huge_page + 1) * huge_page;
    if (!map_range(inputs, all > needed ? all : needed) && !map_range(inputs, needed)) return NULL;
#ifdef MADV_HUGEPAGE
    (void)madvise(inputs->base, inputs->bytes, MADV_HUGEPAGE);
#endif
    return inputs->base;
}

void tm_torch_inputs_free(tm_torch_inputs *inputs)
{
    if (inputs->base) munmap(inputs->base, inputs->bytes);
    *inputs = (tm_torch_inputs){0};
}
