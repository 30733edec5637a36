/* Sorts numbered keys in place and in linear time, whatever the keys. */
#ifndef TM_MODEL_CHECKPOINT_SORT_H
#define TM_MODEL_CHECKPOINT_SORT_H

#include <stddef.h>
#include <stdint.h>

typedef struct tm_sort_item {
    uint64_t key;
    uint32_t more; /* decides between equal keys */
    uint32_t number;
} tm_sort_item;

void tm_sort(tm_sort_item *items, size_t count);

#endif
