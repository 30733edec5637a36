/* JUnit's XML, as CI systems read it: a test case per cell. Whatever a name or message holds is text: what XML cannot
 * carry is shown as '?', what would be markup is escaped. */
#include "report/format.h"

#include <math.h>
#include <string.h>

static const char *entity_of(char c)
{
    switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\'': return "&apos;";
    default: return NULL;
    }
}

/* U+FFFE and U+FFFF are no characters of XML, whatever they are elsewhere. */
static bool is_noncharacter(const char *c)
{
    return memcmp(c, "\xef\xbf\xbe", 3) == 0 || memcmp(c, "\xef\xbf\xbf", 3) == 0;
}

static void add_escaped(const char *text, tm_text *into)
{
    tm_text visible = {0};
    tm_text_add_visible(&visible, text);
    if (visible.failed) into->failed = true;
    for (const char *c = tm_report_text(visible.data); *c; c++) {
        const char *entity = entity_of(*c);
        if (entity) {
            tm_text_add(into, entity);
        } else if (strnlen(c, 3) == 3 && is_noncharacter(c)) {
            tm_text_add(into, "?");
            c += 2;
        } else {
            tm_text_add_bytes(into, c, 1);
        }
    }
    tm_text_free(&visible);
}

static void add_attribute(const char *name, const char *value, tm_text *into)
{
    tm_text_format(into, " %s=\"", name);
    add_escaped(tm_report_text(value), into);
    tm_text_add(into, "\"");
}

typedef enum result { PASSED, SKIPPED, FAILED, ERRORED, RESULTS } result;

/* What a cell's test case says: nothing for one that passed. */
typedef struct outcome {
    result result;
    const char *kind; /* its type; NULL for none */
    tm_text sentence;
} outcome;

static outcome of_status(const tm_record_cell *cell)
{
    const bool skipped = cell->status == TM_CELL_UNSUPPORTED || cell->status == TM_CELL_SKIPPED;
    outcome found = {.result = skipped                           ? SKIPPED
                               : cell->status == TM_CELL_INVALID ? FAILED
                                                                 : ERRORED,
                     .kind = tm_cell_status_name(cell->status)};
    const char *reason = tm_report_text(cell->reason);
    tm_text_format(&found.sentence, ": %s%s%s", found.kind, *reason ? ": " : "", reason);
    return found;
}

/* The caller frees the sentence. */
static outcome outcome_of(const tm_record_cell *cell, const tm_gate *gate)
{
    const tm_regression *finding = tm_gate_find(gate, cell->case_id, cell->backend);
    outcome found = {.result = PASSED};
    if (cell->status != TM_CELL_OK) return of_status(cell);
    if (finding && (finding->confirmed || finding->unknown)) {
        found = finding->confirmed ? (outcome){.result = FAILED, .kind = "REGRESSION"}
                                   : (outcome){.result = ERRORED, .kind = "UNKNOWN"};
        tm_text_format(&found.sentence, " %s", finding->sentence);
    } else if (!tm_gate_could_compare(gate, cell)) {
        found.result = SKIPPED;
        tm_text_format(&found.sentence, " has no time %s%s to be compared with",
                       gate->comparison->unpaired ? "" : "of ", gate->against);
    }
    return found;
}

static void add_outcome(const tm_record_cell *cell, const outcome *found, tm_text *into)
{
    static const char *const elements[RESULTS] = {NULL, "skipped", "failure", "error"};
    tm_text sentence = {0};
    tm_text_format(&sentence, "%s on %s%s", tm_report_text(cell->case_id), tm_report_text(cell->backend),
                   tm_report_text(found->sentence.data));
    if (sentence.failed || found->sentence.failed) into->failed = true;
    tm_text_format(into, "      <%s", elements[found->result]);
    if (found->result != SKIPPED) add_attribute("type", found->kind, into);
    add_attribute("message", sentence.data, into);
    tm_text_add(into, "/>\n");
    tm_text_free(&sentence);
}

static void add_cell(const tm_record_cell *cell, const tm_gate *gate, tm_text *into)
{
    outcome found = outcome_of(cell, gate);
    tm_text_add(into, "    <testcase");
    add_attribute("classname", cell->backend, into);
    add_attribute("name", cell->case_id, into);
    if (tm_cell_completed(cell)) tm_text_format(into, " time=\"%.9f\"", cell->median_ns * 1e-9);
    if (found.result == PASSED) {
        tm_text_add(into, "/>\n");
    } else {
        tm_text_add(into, ">\n");
        add_outcome(cell, &found, into);
        tm_text_add(into, "    </testcase>\n");
    }
    tm_text_free(&found.sentence);
}

void tm_report_junit(const tm_record *record, const tm_gate *gate, tm_text *into)
{
    long long counts[RESULTS] = {0};
    for (int64_t i = 0; i < record->cell_count; i++) {
        outcome found = outcome_of(&record->cells[i], gate);
        counts[found.result]++;
        tm_text_free(&found.sentence);
    }
    tm_text_add(into, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\"tensormark\"");
    tm_text_format(into, " tests=\"%lld\" failures=\"%lld\" errors=\"%lld\" skipped=\"%lld\"",
                   (long long)record->cell_count, counts[FAILED], counts[ERRORED], counts[SKIPPED]);
    add_attribute("id", record->id, into);
    add_attribute("timestamp", record->started, into);
    tm_text_add(into, ">\n");
    for (int64_t i = 0; i < record->cell_count; i++) add_cell(&record->cells[i], gate, into);
    tm_text_add(into, "  </testsuite>\n</testsuites>\n");
}
