/* Regular expressions as tokenizer.json has them: Oniguruma's, with Ruby's syntax. */
#ifndef TM_MODEL_TOKENIZER_REGEX_H
#define TM_MODEL_TOKENIZER_REGEX_H

#include "model/tokenizer/json_read.h"

typedef struct tm_regex tm_regex;

/* What one thread needs to match; starts as {0}. */
typedef struct tm_regex_scratch {
    void *match, *context, *stack;
} tm_regex_scratch;
void tm_regex_scratch_free(tm_regex_scratch *scratch);

/* TM_UNSUPPORTED: something that PCRE2 would take for another thing, by its name; TM_INVALID_ARGUMENT: no regular
 * expression. */
tm_status tm_regex_make(const tm_json_place *place, const char *pattern, size_t length, tm_regex **into,
                        tm_error *error);
void tm_regex_free(tm_regex *regex); /* NULL is fine */

/* All matches in valid UTF-8, from left to right; an empty one not where another ended. */
typedef struct tm_regex_walk {
    const tm_regex *regex;
    tm_regex_scratch *scratch;
    const char *text;
    size_t bytes, from;
    size_t begin, end; /* the match */
    bool found, after; /* is there one; was there one before */
} tm_regex_walk;
tm_regex_walk tm_regex_walk_from(const tm_regex *regex, tm_regex_scratch *scratch, const char *text, size_t bytes);

/* Goes to the next match, or sets `found` to false. TM_FAILED: it takes more steps than PCRE2 allows. */
tm_status tm_regex_walk_next(tm_regex_walk *walk, tm_error *error);

/* Appends `pattern` in PCRE2's syntax. Errors as of tm_regex_make. */
tm_status tm_regex_translate(const tm_json_place *place, const char *pattern, size_t length, tm_text *into,
                             tm_error *error);

/* Does this PCRE2 know a script of this name, and tell scripts from what they are used with? */
bool tm_regex_is_script(const char *name);

#endif
