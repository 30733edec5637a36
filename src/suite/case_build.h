/* Between the files of suite/: cases from ids with the place of an error, and lists that take them. */
#ifndef TM_SUITE_CASE_BUILD_H
#define TM_SUITE_CASE_BUILD_H

#include "suite/case.h"

enum { TM_CASE_ID_LIMIT = 4096 }; /* bytes of an id or of a line in a case file */

/* tm_case_parse with the dtype to take when the id names none, and with `*offset` set to the byte of `id` at which the
 * wrong part begins. `*named` (may be NULL) tells whether the id named a dtype. */
tm_status tm_case_parse_at(const char *id, const char *suite, tm_dtype dtype, tm_case *into, bool *named,
                           size_t *offset, tm_error *error);

/* Moves `one` to the list's end; on failure it is freed. */
tm_status tm_case_list_take(tm_case_list *list, tm_case *one, tm_error *error);

/* Frees the cases from number `count` on. */
void tm_case_list_cut(tm_case_list *list, size_t count);

#endif
