/* What a page costs that the process never had: a fault, a page to clear, and, where a virtual machine has given its
 * free memory back to the host, a page that the host must find first. A byte of every small page is written, in blocks,
 * until the time is over; the memory is given back at the end, so that no block is one that was had before. */
#include "measure/machine.h"

#include "base/clock.h"

#include <math.h>
#include <sys/mman.h>
#include <unistd.h>

tm_first_touch tm_first_touch_measure(uint64_t most_bytes, double most_seconds)
{
    enum { BLOCK = 16 << 20 };
    tm_first_touch result = {NAN, NAN, 0};
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = (size_t)most_bytes / BLOCK * BLOCK;
    if (bytes == 0) return result;
    unsigned char *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) return result;
    const uint64_t begin = tm_now_ns();
    uint64_t now = begin, slowest = 0;
    size_t touched = 0;
    while (touched < bytes && (double)(now - begin) < most_seconds * 1e9) {
        const uint64_t before = now;
        for (size_t at = 0; at < BLOCK; at += page) ((volatile unsigned char *)base)[touched + at] = 1;
        touched += BLOCK;
        now = tm_now_ns();
        if (now - before > slowest) slowest = now - before;
    }
    munmap(base, bytes);
    if (touched == 0) return result;
    return (tm_first_touch){(double)touched / (double)(now - begin), (double)BLOCK / (double)slowest, (double)touched};
}
