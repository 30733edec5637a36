/* The growing part of the list of pieces. */
#include "model/tokenizer/pieces.h"

#include <stdlib.h>

bool tm_pieces_grow(tm_pieces *pieces)
{
    if (pieces->failed) return false;
    const size_t capacity = pieces->capacity ? pieces->capacity * 2 : 256;
    tm_piece *const items = realloc(pieces->items, capacity * sizeof *items);
    pieces->failed = !items;
    if (!items) return false;
    pieces->items = items;
    pieces->capacity = capacity;
    return true;
}

void tm_pieces_free(tm_pieces *pieces)
{
    free(pieces->items);
    *pieces = (tm_pieces){0};
}
