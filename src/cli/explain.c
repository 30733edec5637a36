/* show --explain CELL: finds the cell CASE@BACKEND, gathers what the store has of it, hands it to the renderer. The
 * ending of an id that only one case has may be left out, as may the device of a backend; and the backend altogether
 * where the run has only one. */
#include "cli/cli.h"

#include "measure/stats.h"
#include "report/explain.h"
#include "report/format.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Is `word` the whole of `name`, or its beginning up to `mark`? */
static bool begins(const char *name, const char *word, char mark)
{
    const size_t length = strlen(word);
    return strncmp(name, word, length) == 0 && (name[length] == '\0' || name[length] == mark);
}

/* The backend `word`, or the only one that begins so; "" begins all of them. */
static const char *only_backend(const tm_record *record, const char *word, bool with_options)
{
    const char *found = NULL;
    int64_t count = 0;
    for (int64_t i = 0; i < record->backend_count; i++) {
        const char *id = tm_report_text(record->backends[i].id);
        if (strcmp(id, word) == 0) return id;
        if ((*word && !begins(id, word, ':')) || (!with_options && strchr(id, '+'))) continue;
        found = id;
        count++;
    }
    return count == 1 ? found : NULL;
}

/* `native` is native:cpu, whatever other devices and options there are. */
static const char *find_backend(const tm_record *record, const char *word)
{
    const char *plain = *word ? only_backend(record, word, false) : NULL;
    return plain ? plain : only_backend(record, word, true);
}

/* The cell of that backend whose case is `word`, or the only one whose case begins so. */
static const tm_record_cell *find_case(const tm_record *record, const char *word, const char *backend)
{
    const tm_record_cell *found = NULL;
    int64_t count = 0;
    for (int64_t i = 0; i < record->cell_count; i++) {
        const tm_record_cell *cell = &record->cells[i];
        if (strcmp(tm_report_text(cell->backend), backend) != 0) continue;
        if (strcmp(tm_report_text(cell->case_id), word) == 0) return cell;
        if (!begins(tm_report_text(cell->case_id), word, '/')) continue;
        found = cell;
        count++;
    }
    return count == 1 ? found : NULL;
}

static int find_cell(const tm_record *record, const char *name, const tm_record_cell **into)
{
    const char *at = strrchr(name, '@');
    char *word = strndup(name, at ? (size_t)(at - name) : strlen(name));
    if (!word) return tm_cli_complain(TM_EXIT_FAILED, "out of memory for --explain");
    int result = TM_EXIT_OK;
    const char *backend = find_backend(record, at ? at + 1 : "");
    if (!backend) {
        result = tm_cli_complain(TM_EXIT_USAGE, "--explain: '%.200s' names no backend of this run; write CASE@BACKEND",
                                 name);
    } else {
        *into = find_case(record, word, backend);
        if (!*into) {
            result = tm_cli_complain(TM_EXIT_USAGE,
                                     "--explain: '%.200s' is no case of this run, or the start of several", word);
        }
    }
    free(word);
    return result;
}

typedef struct gathering {
    tm_explained *into;
    int64_t case_position, backend_position;
    bool failed; /* memory is short */
} gathering;

/* One more item of `size` bytes behind `count`, zeroed; NULL when memory is short. */
static void *one_more(void *items, int64_t count, size_t size)
{
    char *wider = realloc(items, ((size_t)count + 1) * size);
    if (wider) memset(wider + (size_t)count * size, 0, size);
    return wider;
}

static bool take_visit(void *context, const tm_store_visit *stored)
{
    gathering *gather = context;
    tm_explained *into = gather->into;
    tm_explained_visit *wider = one_more(into->visits, into->visit_count, sizeof *wider);
    gather->failed = !wider;
    if (!wider) return false;
    into->visits = wider;
    const size_t count = (size_t)stored->samples;
    tm_explained_visit *visit = &into->visits[into->visit_count++];
    *visit = (tm_explained_visit){.incarnation = stored->incarnation,
                                  .round = stored->round,
                                  .attempt = stored->attempt,
                                  .start_ns = stored->start_ns,
                                  .median_ns = tm_median(stored->sample_ns, count),
                                  .least_ns = tm_quantile(stored->sample_ns, count, 0),
                                  .most_ns = tm_quantile(stored->sample_ns, count, 1),
                                  .core_to_core_ns = stored->core_to_core_ns,
                                  .samples = stored->samples,
                                  .kept = stored->kept};
    snprintf(visit->reason, sizeof visit->reason, "%s", stored->reason);
    return true;
}

static bool take_note(void *context, int64_t case_position, int64_t backend_position, int32_t incarnation,
                      const char *note)
{
    gathering *gather = context;
    tm_explained *into = gather->into;
    if (case_position != gather->case_position || backend_position != gather->backend_position) return true;
    char *copy = strdup(note);
    tm_explained_note *wider = copy ? one_more(into->notes, into->note_count, sizeof *wider) : NULL;
    gather->failed = !wider;
    if (!wider) {
        free(copy);
        return false;
    }
    into->notes = wider;
    into->notes[into->note_count++] = (tm_explained_note){incarnation, copy};
    return true;
}

static tm_status gather_cell(const char *database, tm_explained *into, tm_error *error)
{
    gathering gather = {.into = into};
    const char *run = into->record->id;
    tm_store *store = NULL;
    tm_status status = tm_store_open(database, true, &store, NULL, error);
    if (status == TM_OK) {
        status = tm_store_find_cell(store, run, into->cell->case_id, into->cell->backend, &gather.case_position,
                                    &gather.backend_position, error);
    }
    if (status == TM_OK) {
        status =
            tm_store_cell_visits(store, run, gather.case_position, gather.backend_position, take_visit, &gather, error);
    }
    if (status == TM_OK) status = tm_store_notes(store, run, take_note, &gather, error);
    tm_store_close(store);
    return status == TM_OK && gather.failed ? tm_fail_memory(error, "a cell's visits") : status;
}

int tm_cli_explain(const tm_options *options, const char *database, const tm_record *record)
{
    tm_explained explained = {.record = record};
    tm_error error = {""};
    tm_text text = {0};
    int result = find_cell(record, options->explain, &explained.cell);
    if (result != TM_EXIT_OK) return result;
    const tm_status status = gather_cell(database, &explained, &error);
    if (status == TM_OK) {
        tm_report_explain(&explained, &text);
        result = tm_cli_write(options, &text);
    } else {
        result = tm_cli_error(status, &error);
    }
    for (int64_t i = 0; i < explained.note_count; i++) free(explained.notes[i].json);
    free(explained.notes);
    free(explained.visits);
    tm_text_free(&text);
    return result;
}
