/* A user's case file, checked whole before anything is taken from it.
 *
 * Bounded work whatever the bytes: a line has at most TM_CASE_ID_LIMIT of them, its combinations are counted before any
 * is made, and the combinations of all lines together, good or bad, may not exceed MOST_CASES. Beyond that nothing
 * more is read. */
#include "base/hash.h"
#include "suite/case_build.h"
#include "suite/pattern.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CASES = 100000, MOST_PROBLEMS = 100, COLUMNS = 16, TABLE = 1 << 18 };

typedef struct case_file {
    const char *name;
    const tm_dtype *dtypes;
    size_t dtype_count;
    tm_case_list *list;
    size_t first;    /* cases of the list before this one are not from this file */
    uint32_t *table; /* open addressing by id: number in the list + 1, 0 is free */
    tm_text *problems;
    uint64_t problem_count, shown;
    uint64_t made; /* combinations so far */
    size_t line;
    size_t reported[COLUMNS]; /* columns of this line that have a problem already */
    size_t reported_count;
    bool full;
} case_file;

static void add_problem(case_file *file, size_t column, const char *what)
{
    file->problem_count++;
    if (file->shown >= MOST_PROBLEMS && !file->full) return;
    file->shown++;
    tm_text_add_visible(file->problems, file->name);
    tm_text_format(file->problems, ":%zu:%zu: ", file->line, column + 1);
    tm_text_add_visible(file->problems, what);
    tm_text_add(file->problems, "\n");
}

/* One problem per column: the combinations of a line mostly fail alike. */
static void add_problem_once(case_file *file, size_t column, const char *what)
{
    for (size_t i = 0; i < file->reported_count; i++) {
        if (file->reported[i] == column) return;
    }
    if (file->reported_count == COLUMNS) return;
    file->reported[file->reported_count++] = column;
    add_problem(file, column, what);
}

/* Appends the case unless its id is there already. */
static tm_status keep(case_file *file, tm_case *one, tm_error *error)
{
    size_t place = (size_t)tm_hash_text(one->id) % TABLE;
    while (file->table[place] != 0) {
        if (strcmp(file->list->items[file->table[place] - 1 + file->first].id, one->id) == 0) {
            tm_case_free(one);
            return TM_OK;
        }
        place = (place + 1) % TABLE;
    }
    const tm_status status = tm_case_list_take(file->list, one, error);
    if (status == TM_OK) file->table[place] = (uint32_t)(file->list->count - file->first);
    return status;
}

static bool over_limit(case_file *file, size_t column, uint64_t more)
{
    if (more <= MOST_CASES - file->made) {
        file->made += more;
        return false;
    }
    tm_error what;
    tm_fail(&what, TM_INVALID_ARGUMENT, "more than %d cases with this line's %" PRIu64 " combinations; reading ends",
            MOST_CASES, more);
    file->full = true; /* and so this problem is shown, however many there were */
    add_problem(file, column, what.message);
    return true;
}

/* One combination, in its own dtype or in each of the run's. */
static tm_status add_case(case_file *file, const tm_pattern *pattern, const char *id, const size_t *starts,
                          size_t indent, tm_error *error)
{
    static const tm_dtype usual[] = {TM_F32};
    const tm_dtype *const dtypes = file->dtype_count > 0 ? file->dtypes : usual;
    const size_t count = file->dtype_count > 0 ? file->dtype_count : 1;
    bool named = false;
    for (size_t i = 0; i < count && !named; i++) {
        tm_case one;
        size_t offset = 0;
        tm_error what = {""};
        if (i > 0 && over_limit(file, indent, 1)) return TM_OK;
        tm_status status = tm_case_parse_at(id, file->name, dtypes[i], &one, &named, &offset, &what);
        if (status == TM_OUT_OF_MEMORY) return tm_fail(error, status, "%s", what.message);
        if (status != TM_OK) {
            add_problem_once(file, indent + tm_pattern_origin(pattern, starts, offset), what.message);
            return TM_OK;
        }
        status = keep(file, &one, error);
        if (status != TM_OK) return status;
    }
    return TM_OK;
}

static tm_status add_pattern(case_file *file, const char *text, size_t length, size_t indent, tm_error *error)
{
    tm_pattern pattern;
    size_t starts[TM_PATTERN_PIECES] = {0};
    size_t offset = 0;
    tm_error what = {""};
    if (tm_pattern_read(text, length, &pattern, &offset, &what) != TM_OK) {
        add_problem(file, indent + offset, what.message);
        return TM_OK;
    }
    if (over_limit(file, indent, pattern.combinations)) return TM_OK;
    tm_status status = TM_OK;
    for (uint64_t i = 0; status == TM_OK && !file->full && i < pattern.combinations; i++) {
        char id[TM_PATTERN_ID];
        if (!tm_pattern_expand(&pattern, i, id, starts)) {
            add_problem_once(file, indent, "a case id becomes too long");
            break;
        }
        status = add_case(file, &pattern, id, starts, indent, error);
    }
    return status;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Takes off comment and blanks; false when a byte is not allowed. */
static bool trim(case_file *file, const char *line, size_t *begin, size_t *end)
{
    const char *const comment = memchr(line, '#', *end);
    if (comment) *end = (size_t)(comment - line);
    while (*end > 0 && is_blank(line[*end - 1])) (*end)--;
    while (*begin < *end && is_blank(line[*begin])) (*begin)++;
    if (*end - *begin > TM_CASE_ID_LIMIT) {
        tm_error what;
        tm_fail(&what, TM_INVALID_ARGUMENT, "this line is longer than %d bytes", TM_CASE_ID_LIMIT);
        add_problem(file, *begin, what.message);
        return false;
    }
    for (size_t i = *begin; i < *end; i++) {
        if (line[i] >= 0x20 && line[i] < 0x7F) continue;
        tm_error what;
        tm_fail(&what, TM_INVALID_ARGUMENT, "byte 0x%02X has no place in a case id", (unsigned)(unsigned char)line[i]);
        add_problem(file, i, what.message);
        return false;
    }
    return true;
}

static tm_status read_lines(case_file *file, const char *text, size_t length, tm_error *error)
{
    static const char mark[] = "\xEF\xBB\xBF"; /* some editors begin a file with it */
    const char *at = text;
    const char *const end = text + length;
    if (length >= 3 && memcmp(at, mark, 3) == 0) at += 3;
    tm_status status = TM_OK;
    while (status == TM_OK && at < end && !file->full) {
        const char *const newline = memchr(at, '\n', (size_t)(end - at));
        size_t line_begin = 0;
        size_t line_end = (size_t)((newline ? newline : end) - at);
        file->line++;
        file->reported_count = 0;
        if (trim(file, at, &line_begin, &line_end) && line_begin < line_end) {
            status = add_pattern(file, at + line_begin, line_end - line_begin, line_begin, error);
        }
        at = newline ? newline + 1 : end;
    }
    return status;
}

tm_status tm_case_file_append(const char *name, const char *text, size_t length, const tm_dtype *dtypes,
                              size_t dtype_count, tm_case_list *into, tm_text *problems, tm_error *error)
{
    case_file file = {.name = name,
                      .dtypes = dtypes,
                      .dtype_count = dtype_count,
                      .list = into,
                      .first = into->count,
                      .problems = problems};
    file.table = calloc(TABLE, sizeof *file.table);
    if (!file.table) return tm_fail_memory(error, "a case file");
    tm_status status = read_lines(&file, text, length, error);
    free(file.table);
    if (file.problem_count > file.shown) {
        tm_text_format(problems, "and %" PRIu64 " more\n", file.problem_count - file.shown);
    }
    if (status == TM_OK && file.problem_count > 0) {
        status = tm_fail(error, TM_INVALID_ARGUMENT, "%.200s: %" PRIu64 " error%s", name, file.problem_count,
                         file.problem_count == 1 ? "" : "s");
    }
    if (status == TM_OK && problems->failed) status = tm_fail_memory(error, "a case file");
    if (status != TM_OK) tm_case_list_cut(into, file.first);
    return status;
}
