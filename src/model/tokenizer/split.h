/* Splitting one piece of text at matches, with the behaviours that tokenizer.json knows. */
#ifndef TM_MODEL_TOKENIZER_SPLIT_H
#define TM_MODEL_TOKENIZER_SPLIT_H

#include "model/tokenizer/pieces.h"
#include "model/tokenizer/regex.h"
#include "model/tokenizer/scanner.h"

typedef enum tm_split_behavior {
    TM_SPLIT_REMOVED,
    TM_SPLIT_ISOLATED,
    TM_SPLIT_MERGED_WITH_PREVIOUS,
    TM_SPLIT_MERGED_WITH_NEXT,
    TM_SPLIT_CONTIGUOUS
} tm_split_behavior;

/* The words of the behaviours, in their order, NULL at the end. */
extern const char *const tm_split_behaviors[];

/* How the matches of one piece become pieces: tm_split_begin, tm_split_add for what matches and what does not, from
 * left to right without a gap, tm_split_end. */
typedef struct tm_split {
    tm_pieces *out;
    tm_split_behavior behavior;
    bool invert;
    const tm_piece *whole;
    size_t first;         /* pieces of `out` before this one are not from `whole` */
    bool previous;        /* did the last one match */
    size_t held, held_to; /* a match that waits for what follows it; empty if none does */
} tm_split;

tm_split tm_split_begin(tm_split_behavior behavior, bool invert, const tm_piece *whole, tm_pieces *out);
void tm_split_add(tm_split *split, size_t begin, size_t end, bool match);
void tm_split_end(tm_split *split);

/* The same for whole pieces: at every match of a regular expression, at every occurrence of a text, at every character
 * with one of the class bits of `mask`. */
tm_status tm_split_by_regex(tm_split split, const tm_regex *regex, tm_regex_scratch *scratch, const char *text,
                            tm_error *error);
void tm_split_by_text(tm_split split, const char *wanted, size_t length, const char *text);
void tm_split_by_class(tm_split split, unsigned mask, const char *text);

#endif
