/* An automaton after Aho and Corasick over the texts spelt backwards, run from the end of a text to its start. So its
 * state at a byte is the longest beginning of any text that begins there, and the longest whole text is known with no
 * look ahead. A forward search for the longest would read on and come back, in time the product of both lengths. */
#include "model/tokenizer/finder.h"

#include <stdlib.h>
#include <string.h>

enum { NONE = -1, SLOTS_PER_NODE = 2 };

typedef struct edge {
    uint32_t from; /* a node; the root is 0 */
    uint8_t byte;
    uint32_t to; /* 0: this slot is free */
} edge;

typedef struct node {
    uint32_t fail;    /* the longest proper end of this node's text that is a node too */
    int32_t wanted;   /* the longest of the set that this node's text ends with (read backwards: begins), or NONE */
    uint32_t sibling; /* while it is made: the next in breadth-first order's parent list */
    uint32_t child;
    uint8_t byte; /* on the edge to here */
} node;

struct tm_finder {
    node *nodes;
    size_t count;
    edge *edges; /* open addressing */
    size_t slots;
    uint32_t root[256];
};

static size_t slot_of(const tm_finder *finder, uint32_t from, uint8_t byte)
{
    const uint64_t mixed = ((uint64_t)from << 8 | byte) * 0x9E3779B97F4A7C15u;
    size_t slot = (size_t)(mixed >> 20) & (finder->slots - 1);
    while (finder->edges[slot].to && (finder->edges[slot].from != from || finder->edges[slot].byte != byte)) {
        slot = (slot + 1) & (finder->slots - 1);
    }
    return slot;
}

/* The node behind an edge; 0 if there is no such edge. */
static uint32_t follow(const tm_finder *finder, uint32_t from, uint8_t byte)
{
    return from == 0 ? finder->root[byte] : finder->edges[slot_of(finder, from, byte)].to;
}

/* Adds one text backwards; false if it is there already. */
static bool add(tm_finder *finder, const tm_wanted *wanted, size_t index)
{
    uint32_t at = 0;
    for (size_t i = wanted->length; i-- > 0;) {
        const uint8_t byte = (uint8_t)wanted->text[i];
        uint32_t next = follow(finder, at, byte);
        if (next == 0) {
            next = (uint32_t)finder->count++;
            finder->nodes[next] = (node){.wanted = NONE, .sibling = finder->nodes[at].child, .byte = byte};
            finder->nodes[at].child = next;
            if (at == 0)
                finder->root[byte] = next;
            else
                finder->edges[slot_of(finder, at, byte)] = (edge){at, byte, next};
        }
        at = next;
    }
    if (finder->nodes[at].wanted != NONE) return false;
    finder->nodes[at].wanted = (int32_t)index;
    return true;
}

static uint32_t step(const tm_finder *finder, uint32_t at, uint8_t byte)
{
    uint32_t next = follow(finder, at, byte);
    while (next == 0 && at != 0) {
        at = finder->nodes[at].fail;
        next = follow(finder, at, byte);
    }
    return next;
}

/* Breadth first, so that the end a node falls back to is complete before the node is. */
static bool link_nodes(tm_finder *finder)
{
    uint32_t *const queue = malloc(finder->count * sizeof *queue);
    if (!queue) return false;
    size_t head = 0, tail = 0;
    queue[tail++] = 0;
    while (head < tail) {
        const uint32_t at = queue[head++];
        for (uint32_t child = finder->nodes[at].child; child; child = finder->nodes[child].sibling) {
            node *const one = &finder->nodes[child];
            one->fail = at == 0 ? 0 : step(finder, finder->nodes[at].fail, one->byte);
            if (one->wanted == NONE) one->wanted = finder->nodes[one->fail].wanted;
            queue[tail++] = child;
        }
    }
    free(queue);
    return true;
}

tm_finder *tm_finder_make(const tm_wanted *wanted, size_t count, size_t *twice)
{
    size_t nodes = 1;
    *twice = SIZE_MAX;
    for (size_t i = 0; i < count; i++) nodes += wanted[i].length;
    tm_finder *const finder = calloc(1, sizeof *finder);
    if (!finder) return NULL;
    for (finder->slots = 16; finder->slots < nodes * SLOTS_PER_NODE;) finder->slots *= 2;
    finder->nodes = calloc(nodes, sizeof *finder->nodes);
    finder->edges = calloc(finder->slots, sizeof *finder->edges);
    finder->count = 1;
    bool good = nodes < INT32_MAX && finder->nodes && finder->edges;
    if (good) finder->nodes[0].wanted = NONE;
    for (size_t i = 0; i < count && good; i++) {
        good = add(finder, &wanted[i], i);
        if (!good) *twice = i;
    }
    if (!good || !link_nodes(finder)) {
        tm_finder_free(finder);
        return NULL;
    }
    return finder;
}

void tm_finder_free(tm_finder *finder)
{
    if (!finder) return;
    free(finder->nodes);
    free(finder->edges);
    free(finder);
}

static bool record(tm_found_list *into, size_t begin, int32_t wanted)
{
    if (into->count == into->capacity) {
        const size_t capacity = into->capacity ? into->capacity * 2 : 64;
        tm_found *const items = realloc(into->items, capacity * sizeof *items);
        if (!items) return false;
        into->items = items;
        into->capacity = capacity;
    }
    into->items[into->count++] = (tm_found){(uint32_t)begin, (uint32_t)wanted};
    return true;
}

bool tm_finder_run(const tm_finder *finder, const char *text, size_t bytes, tm_found_list *into)
{
    uint32_t at = 0;
    into->count = 0;
    for (size_t i = bytes; i-- > 0;) {
        const uint8_t byte = (uint8_t)text[i];
        at = at == 0 ? finder->root[byte] : step(finder, at, byte);
        if (at != 0 && finder->nodes[at].wanted != NONE && !record(into, i, finder->nodes[at].wanted)) return false;
    }
    return true;
}
