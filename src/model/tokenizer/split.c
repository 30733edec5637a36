/* A match is removed, stands alone, joins what is before it or after it, or joins the matches beside it. Two matches in
 * a row never join but by TM_SPLIT_CONTIGUOUS: of several, only the one beside the text in between goes with it. */
#include "model/tokenizer/split.h"

#include "model/tokenizer/utf8.h"

#include <string.h>

const char *const tm_split_behaviors[] = {"Removed",        "Isolated",   "MergedWithPrevious",
                                          "MergedWithNext", "Contiguous", NULL};

tm_split tm_split_begin(tm_split_behavior behavior, bool invert, const tm_piece *whole, tm_pieces *out)
{
    return (tm_split){.out = out, .behavior = behavior, .invert = invert, .whole = whole, .first = out->count};
}

/* Adds the range to the last piece of this split, or as a piece of its own. */
static void extend(tm_split *split, size_t begin, size_t end)
{
    if (split->out->count > split->first)
        split->out->items[split->out->count - 1].end = (uint32_t)end;
    else
        tm_pieces_add(split->out, begin, end);
}

/* An empty match is a piece that is dropped in the end, but what follows it joins nothing before it. */
static void add_or_part(tm_split *split, size_t begin, size_t end)
{
    tm_pieces_add(split->out, begin, end);
    if (begin == end) split->first = split->out->count;
}

void tm_split_add(tm_split *split, size_t begin, size_t end, bool match)
{
    if (begin == end && !match) return;
    match ^= split->invert;
    switch (split->behavior) {
    case TM_SPLIT_REMOVED:
        if (!match) tm_pieces_add(split->out, begin, end);
        break;
    case TM_SPLIT_ISOLATED: tm_pieces_add(split->out, begin, end); break;
    case TM_SPLIT_MERGED_WITH_PREVIOUS:
        if (match && !split->previous)
            extend(split, begin, end);
        else
            add_or_part(split, begin, end);
        break;
    case TM_SPLIT_CONTIGUOUS:
        if (match == split->previous)
            extend(split, begin, end);
        else
            add_or_part(split, begin, end);
        break;
    case TM_SPLIT_MERGED_WITH_NEXT:
        if (match) {
            tm_pieces_add(split->out, split->held, split->held_to);
            split->held = begin;
            split->held_to = end;
        } else {
            tm_pieces_add(split->out, split->held_to > split->held ? split->held : begin, end);
            split->held = split->held_to = 0;
        }
        break;
    }
    split->previous = match;
}

void tm_split_end(tm_split *split)
{
    tm_pieces_add(split->out, split->held, split->held_to);
}

tm_status tm_split_by_regex(tm_split split, const tm_regex *regex, tm_regex_scratch *scratch, const char *text,
                            tm_error *error)
{
    const size_t start = split.whole->begin, bytes = split.whole->end - start;
    tm_regex_walk walk = tm_regex_walk_from(regex, scratch, text + start, bytes);
    size_t last = 0;
    tm_status status = tm_regex_walk_next(&walk, error);
    while (status == TM_OK && walk.found) {
        tm_split_add(&split, start + last, start + walk.begin, false);
        tm_split_add(&split, start + walk.begin, start + walk.end, true);
        last = walk.end;
        status = tm_regex_walk_next(&walk, error);
    }
    tm_split_add(&split, start + last, start + bytes, false);
    tm_split_end(&split);
    return status;
}

void tm_split_by_text(tm_split split, const char *wanted, size_t length, const char *text)
{
    size_t at = split.whole->begin;
    const size_t end = split.whole->end;
    while (length > 0) {
        const char *const found = memmem(text + at, end - at, wanted, length);
        if (!found) break;
        const size_t begin = (size_t)(found - text);
        tm_split_add(&split, at, begin, false);
        tm_split_add(&split, begin, begin + length, true);
        at = begin + length;
    }
    tm_split_add(&split, at, end, false);
    tm_split_end(&split);
}

void tm_split_by_class(tm_split split, unsigned mask, const char *text)
{
    const tm_char_table *const classes = tm_char_classes();
    size_t last = split.whole->begin, size;
    for (size_t at = last; at < split.whole->end; at += size) {
        if (!(tm_char_class_of(classes, tm_utf8_get(text + at, &size)) & mask)) continue;
        tm_split_add(&split, last, at, false);
        tm_split_add(&split, at, at + size, true);
        last = at + size;
    }
    tm_split_add(&split, last, split.whole->end, false);
    tm_split_end(&split);
}
