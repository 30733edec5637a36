/* The built-in suites: plain tables of lines, each read like one of a case file. */
#include "suite/case_build.h"
#include "suite/pattern.h"

#include <string.h>

static const char *const ops[] = {
#define TM_CASE(id) id,
#include "suite/suite_ops.def"
#undef TM_CASE
};

/* Batch x sequence, features 768. */
#define TOKENS "{64,32,16,8,1}x{512,256,128,64}x768"
#define SEEN   "heads={1,8},mask={none,causal}"
static const char *const layers[] = {
    "layer_norm/" TOKENS,
    "linear/" TOKENS,
    "softmax/" TOKENS "/axis=-1",
    "sdpa/{64,32,16,8,1}x1x{512,256,128,64}x768/mask={none,causal}",
    "sdpa/{64,32,16,8,1}x8x{512,256,128,64}x96/mask={none,causal}",
    "mhsa/" TOKENS "/" SEEN,
    "encoder_layer/" TOKENS "/" SEEN,
    "decoder_layer/" TOKENS "/" SEEN,
};

typedef struct suite_row {
    const char *name;
    const char *const *lines;
    size_t count;
} suite_row;

static const suite_row suites[] = {{"ops", ops, sizeof ops / sizeof *ops},
                                   {"layers", layers, sizeof layers / sizeof *layers}};
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
    static const char *const names[] = {"ops", "layers", NULL};
    return names;
}

/* Every combination of the line, dtype innermost. */
static tm_status append_line(const char *line, const char *suite, const tm_dtype *dtypes, size_t dtype_count,
                             tm_case_list *into, tm_error *error)
{
    tm_pattern pattern;
    char id[TM_PATTERN_ID];
    size_t offset = 0, starts[TM_PATTERN_PIECES];
    tm_status status = tm_pattern_read(line, strlen(line), &pattern, &offset, error);
    for (uint64_t i = 0; status == TM_OK && i < pattern.combinations * dtype_count; i++) {
        tm_case one;
        if (!tm_pattern_expand(&pattern, i / dtype_count, id, starts)) {
            return tm_fail(error, TM_INVALID_ARGUMENT, "%s: a case id becomes too long", line);
        }
        status = tm_case_parse_at(id, suite, dtypes[i % dtype_count], &one, NULL, &offset, error);
        if (status == TM_OK) status = tm_case_list_take(into, &one, error);
    }
    return status;
}

tm_status tm_suite_append(const char *name, const tm_dtype *dtypes, size_t dtype_count, tm_case_list *into,
                          tm_error *error)
{
    const suite_row *const suite = find(name);
    if (!suite) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "there is no suite '%.64s'; there are ops and layers", name);
    }
    const size_t before = into->count;
    tm_status status = TM_OK;
    for (size_t i = 0; status == TM_OK && i < suite->count; i++) {
        status = append_line(suite->lines[i], name, dtypes, dtype_count, into, error);
    }
    if (status != TM_OK) tm_case_list_cut(into, before);
    return status;
}
