/* Memory shared by pieces that are not needed at the same time. */
#ifndef TM_NATIVE_LIFETIME_H
#define TM_NATIVE_LIFETIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `bytes` that are written from moment `from` on and read until moment `to`, both included. */
typedef struct tm_piece {
    size_t bytes;
    int32_t from, to;
    size_t at; /* result: offset */
} tm_piece;

/* Finds a place for every piece, none below `start`, so that pieces which live at the same moment do not overlap.
 * Every piece starts on a cache line; pieces of a page or more start at different distances from a page boundary, so
 * that a kernel's input and output streams do not meet in the same cache sets; `staggered` counts such pieces across
 * calls. Writes the end of the last one to `end`; false when a sum overflows. */
bool tm_lifetime_place(tm_piece *pieces, int32_t count, size_t start, size_t *staggered, size_t *end);

#endif
