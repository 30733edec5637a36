/* Radix sort in place, highest byte first (McIlroy, Bostic, McIlroy: Engineering radix sort, 1993): count the buckets,
 * then swap every item to its bucket's next free place. Small buckets are sorted by insertion. */
#include "model/checkpoint/sort.h"

#include <stdbool.h>

enum { BYTES = 12, SMALL = 24 };

static unsigned byte_of(const tm_sort_item *item, int position)
{
    return position < 8 ? (unsigned)(item->key >> (56 - 8 * position)) & 0xffu
                        : item->more >> (24 - 8 * (position - 8)) & 0xffu;
}

static bool before(const tm_sort_item *a, const tm_sort_item *b)
{
    return a->key != b->key ? a->key < b->key : a->more < b->more;
}

static void sort_small(tm_sort_item *items, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        const tm_sort_item one = items[i];
        size_t at = i;
        for (; at > 0 && before(&one, &items[at - 1]); at--) items[at] = items[at - 1];
        items[at] = one;
    }
}

static bool is_sorted(const tm_sort_item *items, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (before(&items[i], &items[i - 1])) return false;
    }
    return true;
}

static void sort_from(tm_sort_item *items, size_t count, int position)
{
    if (count <= SMALL) {
        sort_small(items, count);
        return;
    }
    if (position == BYTES) return;
    size_t next[256] = {0}, ends[256];
    for (size_t i = 0; i < count; i++) next[byte_of(&items[i], position)]++;
    size_t sum = 0;
    for (int b = 0; b < 256; b++) {
        const size_t here = next[b];
        next[b] = sum;
        sum += here;
        ends[b] = sum;
    }
    for (int b = 0; b < 256; b++) {
        while (next[b] < ends[b]) {
            const tm_sort_item one = items[next[b]];
            const unsigned home = byte_of(&one, position);
            items[next[b]] = items[next[home]];
            items[next[home]++] = one;
        }
    }
    for (int b = 0; b < 256; b++) {
        const size_t begin = b == 0 ? 0 : ends[b - 1];
        sort_from(items + begin, ends[b] - begin, position + 1);
    }
}

void tm_sort(tm_sort_item *items, size_t count)
{
    if (!is_sorted(items, count)) sort_from(items, count, 0);
}
