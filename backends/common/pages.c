/* Addresses for the inputs of a session's programs, set aside once; pages come when they are first written and stay
 * until they are given back. The range is as large as all of memory, so that it never has to move: addresses cost
 * nothing. Huge pages are asked for, as NumPy does for the arrays that most data arrives in. */
#include "adapter.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

static const size_t huge_page = (size_t)2 << 20;

/* A thread's share of pages that are to be made present. */
typedef struct share {
    pthread_t thread;
    bool started;
    char *base;
    size_t bytes;
} share;

static void *make_present(void *argument)
{
#ifdef MADV_POPULATE_WRITE
    const share *own = argument;
    (void)madvise(own->base, own->bytes, MADV_POPULATE_WRITE); /* where it fails, the first write does the same */
#endif
    return argument;
}

/* New pages cost the system much more than what is written into them, most of all on virtual machines. */
static void fetch_pages(tm_pages *pages, size_t bytes)
{
    enum { MOST_THREADS = 16 };
    static const size_t worth_a_thread = (size_t)16 << 20;
    if (bytes <= pages->present) return;
    share shares[MOST_THREADS] = {0};
    const size_t from = pages->present / huge_page * huge_page;
    const size_t end =
        bytes < pages->bytes / huge_page * huge_page ? (bytes / huge_page + 1) * huge_page : pages->bytes;
    size_t count = (end - from) / worth_a_thread, threads = pages->threads > 0 ? (size_t)pages->threads : 1;
    if (threads > MOST_THREADS) threads = MOST_THREADS;
    if (count > threads) count = threads;
    if (count == 0) count = 1;
    const size_t each = (end - from) / count / huge_page * huge_page;
    for (size_t i = 0; i < count; i++) {
        share *one = &shares[i];
        one->base = pages->base + from + i * each;
        one->bytes = i + 1 < count ? each : end - from - i * each;
        one->started = i > 0 && pthread_create(&one->thread, NULL, make_present, one) == 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (shares[i].started)
            pthread_join(shares[i].thread, NULL);
        else
            make_present(&shares[i]);
    }
    pages->present = end;
}

static bool map_range(tm_pages *pages, size_t bytes)
{
    void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED) return false;
    pages->base = map;
    pages->bytes = bytes;
    pages->present = 0;
    return true;
}

char *tm_pages_take(tm_pages *pages, size_t bytes)
{
    if (pages->base && bytes <= pages->bytes) {
        fetch_pages(pages, bytes);
        return pages->base;
    }
    tm_pages_free(pages);
    const long count = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
    const size_t all = count > 0 && page_bytes > 0 ? (size_t)count * (size_t)page_bytes : 0;
    const size_t needed = (bytes / huge_page + 1) * huge_page;
    if (!map_range(pages, all > needed ? all : needed) && !map_range(pages, needed)) return NULL;
#ifdef MADV_HUGEPAGE
    (void)madvise(pages->base, pages->bytes, MADV_HUGEPAGE);
#endif
    fetch_pages(pages, bytes);
    return pages->base;
}

void tm_pages_free(tm_pages *pages)
{
    if (pages->base) munmap(pages->base, pages->bytes);
    *pages = (tm_pages){.threads = pages->threads};
}
