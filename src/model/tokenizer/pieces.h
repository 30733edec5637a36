/* Pieces of a text on its way to tokens: ranges of bytes, some of which are a token already. */
#ifndef TM_MODEL_TOKENIZER_PIECES_H
#define TM_MODEL_TOKENIZER_PIECES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No text may become longer than this on its way; what would is an error. */
enum { TM_LONGEST_WORK = 1 << 28 };

#define TM_PIECE_TEXT UINT32_MAX /* what tm_piece.token is where there is none */

typedef struct tm_piece {
    uint32_t begin, end;
    uint32_t token; /* the id of an added token, or TM_PIECE_TEXT */
} tm_piece;

/* Growable; starts as {0}. After an allocation failed, `failed` is set and nothing more is added. */
typedef struct tm_pieces {
    tm_piece *items; /* freed by tm_pieces_free */
    size_t count, capacity;
    bool failed;
} tm_pieces;

bool tm_pieces_grow(tm_pieces *pieces);
void tm_pieces_free(tm_pieces *pieces);

static inline bool tm_piece_is_token(const tm_piece *piece)
{
    return piece->token != TM_PIECE_TEXT;
}

static inline void tm_pieces_push(tm_pieces *pieces, tm_piece piece)
{
    if (pieces->count < pieces->capacity || tm_pieces_grow(pieces)) pieces->items[pieces->count++] = piece;
}

/* Adds a piece of text unless it is empty. */
static inline void tm_pieces_add(tm_pieces *pieces, size_t begin, size_t end)
{
    if (begin != end) tm_pieces_push(pieces, (tm_piece){(uint32_t)begin, (uint32_t)end, TM_PIECE_TEXT});
}

#endif
