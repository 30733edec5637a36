/* Finds any of a set of texts in another one: of those that begin first, the longest. */
#ifndef TM_MODEL_TOKENIZER_FINDER_H
#define TM_MODEL_TOKENIZER_FINDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct tm_finder tm_finder;

typedef struct tm_wanted {
    const char *text; /* at least one byte */
    size_t length;
} tm_wanted;

typedef struct tm_found {
    uint32_t begin, wanted; /* where, and which of the set */
} tm_found;

/* Growable; starts as {0}. */
typedef struct tm_found_list {
    tm_found *items; /* freed by the owner */
    size_t count, capacity;
} tm_found_list;

/* NULL without memory. `*twice` gets a text that is in the set twice, which is refused with NULL too, or SIZE_MAX. */
tm_finder *tm_finder_make(const tm_wanted *wanted, size_t count, size_t *twice);
void tm_finder_free(tm_finder *finder); /* NULL is fine */

/* For every byte where one of the texts begins, the longest of those, from the last to the first; in time linear in the
 * text, whatever the set. False without memory. */
bool tm_finder_run(const tm_finder *finder, const char *text, size_t bytes, tm_found_list *into);

#endif
