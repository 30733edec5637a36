/* A case: a graph, how its inputs are made, and its cache state, under a stable id. */
#ifndef TM_SUITE_CASE_H
#define TM_SUITE_CASE_H

#include "graph/graph.h"

typedef struct tm_case {
    char *id;          /* canonical, fully spelled: "softmax/1000x1001/axis=-1/f32" */
    char *suite;       /* "ops", or the name of the user's file */
    const char *group; /* row of the average table: the op's or layer's name */
    tm_graph *graph;
    tm_dtype dtype;
    bool layer; /* of suite/layers.def: weights and biases are scaled by 1/sqrt(fan-in) */
    bool cold;
} tm_case;

typedef struct tm_case_list {
    tm_case *items;
    size_t count;
    size_t capacity;
} tm_case_list;

/* One case from its id; dtype, default attributes and /cold may be left out. Errors name the part that is wrong. */
tm_status tm_case_parse(const char *id, const char *suite, tm_case *into, tm_error *error);
void tm_case_free(tm_case *one);
void tm_case_list_free(tm_case_list *list);

/* Appends the id of the case that is node `node` of this one by itself: the same op on the same shapes. */
void tm_case_part_id(const tm_case *one, int32_t node, tm_text *into);

/* Appends every such case of the list's cases of several nodes that the list does not hold yet, as suite "breakdown".
 */
tm_status tm_case_list_add_parts(tm_case_list *list, tm_error *error);

/* True if `name` is a built-in suite; its cases in each of `dtypes` (suite order, dtype innermost). */
bool tm_suite_exists(const char *name);
tm_status tm_suite_append(const char *name, const tm_dtype *dtypes, size_t dtype_count, tm_case_list *into,
                          tm_error *error);
const char *const *tm_suite_names(void); /* NULL-terminated */

/* A user's case file (suites.md). The whole text is checked; every error becomes a line "name:line:column: what" in
 * `problems` (at most 100, then "and N more"). Duplicate ids are kept once. TM_INVALID_ARGUMENT if there was any
 * error, or more than 100,000 cases; nothing is appended then. */
tm_status tm_case_file_append(const char *name, const char *text, size_t length, const tm_dtype *dtypes,
                              size_t dtype_count, tm_case_list *into, tm_text *problems, tm_error *error);

#endif
