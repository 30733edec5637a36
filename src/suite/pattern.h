/* One line of a case file: a case id in which a number may be a range and any piece a list. */
#ifndef TM_SUITE_PATTERN_H
#define TM_SUITE_PATTERN_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TM_PATTERN_PIECES = 64, TM_PATTERN_ID = 8192 };

typedef enum tm_piece_kind { TM_PIECE_LITERAL, TM_PIECE_LIST, TM_PIECE_SUM, TM_PIECE_PRODUCT } tm_piece_kind;

/* Text that stands for `count` alternatives; a literal is its only one. */
typedef struct tm_piece {
    tm_piece_kind kind;
    const char *text; /* within the line; of a list, what is between the braces */
    size_t length;
    size_t offset; /* of the piece within the line */
    int64_t first, step;
    uint64_t count;
} tm_piece;

typedef struct tm_pattern {
    tm_piece piece[TM_PATTERN_PIECES];
    size_t pieces;
    uint64_t combinations; /* saturates at UINT64_MAX */
} tm_pattern;

/* Reads `length` bytes of a line, which must outlive the pattern. On an error `*offset` is where it is. */
tm_status tm_pattern_read(const char *line, size_t length, tm_pattern *into, size_t *offset, tm_error *error);

/* Writes combination `number` (the last piece changes fastest) as a string of at most TM_PATTERN_ID - 1 bytes;
 * starts[i] is where piece i begins in it. False: it is longer. */
bool tm_pattern_expand(const tm_pattern *pattern, uint64_t number, char *into, size_t *starts);

/* The byte of the line that byte `at` of an expansion came from; alternatives map to the begin of their piece. */
size_t tm_pattern_origin(const tm_pattern *pattern, const size_t *starts, size_t at);

#endif
