/* Addresses for the inputs of a session's programs, set aside once; pages come when they are first written and stay
 * until they are given back. The range is as large as all of memory, so that it never has to move: addresses cost
 * nothing. Huge pages are asked for, as NumPy does for the arrays that most data arrives in. */
#include "adapter.h"

#include <sys/mman.h>
#include <unistd.h>

static const size_t huge_page = (size_t)2 << 20;

static bool map_range(tm_pages *pages, size_t bytes)
{
    void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED) return false;
    *pages = (tm_pages){map, bytes};
    return true;
}

char *tm_pages_take(tm_pages *pages, size_t bytes)
{
    if (pages->base && bytes <= pages->bytes) return pages->base;
    tm_pages_free(pages);
    const long count = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
    const size_t all = count > 0 && page_bytes > 0 ? (size_t)count * (size_t)page_bytes : 0;
    const size_t needed = (bytes / huge_page + 1) * huge_page;
    if (!map_range(pages, all > needed ? all : needed) && !map_range(pages, needed)) return NULL;
#ifdef MADV_HUGEPAGE
    (void)madvise(pages->base, pages->bytes, MADV_HUGEPAGE);
#endif
    return pages->base;
}

void tm_pages_free(tm_pages *pages)
{
    if (pages->base) munmap(pages->base, pages->bytes);
    *pages = (tm_pages){0};
}
