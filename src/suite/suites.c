/* The built-in suites: plain tables of ids, each parsed like any other id. */
#include "suite/case_build.h"

#include <string.h>

static const char *const ops[] = {
#define TM_CASE(id) id,
#include "suite/suite_ops.def"
#undef TM_CASE
};

typedef struct suite_row {
    const char *name;
    const char *const *ids;
    size_t count;
} suite_row;

static const suite_row suites[] = {{"ops", ops, sizeof ops / sizeof *ops}};
enum { SUITES = sizeof suites / sizeof *suites };

static const suite_row *find(const char *name)
{
    for (size_t i = 0; i < SUITES; i++) {
        if (strcmp(suites[i].name, name) == 0) return &suites[i];
    }
    return NULL;
}

bool tm_suite_exists(const char *name)
{
    return find(name) != NULL;
}

const char *const *tm_suite_names(void)
{
    static const char *const names[] = {"ops", NULL};
    return names;
}

tm_status tm_suite_append(const char *name, const tm_dtype *dtypes, size_t dtype_count, tm_case_list *into,
                          tm_error *error)
{
    const suite_row *const suite = find(name);
    if (!suite) return tm_fail(error, TM_INVALID_ARGUMENT, "there is no suite '%.64s'; there is ops", name);
    const size_t before = into->count;
    tm_status status = TM_OK;
    for (size_t i = 0; status == TM_OK && i < suite->count * dtype_count; i++) {
        tm_case one;
        size_t offset = 0;
        status =
            tm_case_parse_at(suite->ids[i / dtype_count], name, dtypes[i % dtype_count], &one, NULL, &offset, error);
        if (status == TM_OK) status = tm_case_list_take(into, &one, error);
    }
    if (status != TM_OK) tm_case_list_cut(into, before);
    return status;
}
