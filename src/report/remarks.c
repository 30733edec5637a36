/* What stands around the tables of a run: above them what was run, on what and when; below them what did not complete,
 * and how to measure again. */
#include "report/format.h"
#include "report/table.h"

#include <math.h>
#include <string.h>

static void add_backends(const tm_record *record, tm_text *into)
{
    for (int64_t i = 0; i < record->backend_count; i++) {
        const tm_record_backend *backend = &record->backends[i];
        const char *const parts[] = {tm_report_text(backend->id), tm_report_text(backend->framework_version),
                                     tm_report_text(backend->device)};
        tm_text_add(into, "- backend ");
        for (int part = 0; part < 3; part++) {
            if (!*parts[part]) continue;
            if (part) tm_text_add(into, part == 1 ? ": " : ", ");
            tm_markdown_add(into, parts[part]);
        }
        if (backend->threads > 0 && !strstr(parts[2], "thread")) {
            tm_text_format(into, ", %lld thread%s", (long long)backend->threads, backend->threads == 1 ? "" : "s");
        }
        tm_text_add(into, "\n");
    }
}

/* What equal programs differed by. */
static void add_twins(const tm_record *record, tm_text *into)
{
    int64_t told_apart = 0, judged = 0;
    for (int64_t i = 0; i < record->aa_count; i++) {
        const char *verdict = tm_report_text(record->aa[i].verdict);
        judged += *verdict != '\0';
        told_apart += strcmp(verdict, "FASTER") == 0 || strcmp(verdict, "SLOWER") == 0;
    }
    if (record->aa_count > 0) {
        tm_text_format(into, "- A/A: %lld of %lld pairs of equal programs told apart by more than 1 %%",
                       (long long)told_apart, (long long)judged);
    } else if (isfinite(record->aa_floor)) {
        tm_text_add(into, "- A/A: from earlier runs on this machine");
    } else {
        return;
    }
    if (isfinite(record->aa_floor)) {
        tm_text_format(into, "; differences below %.2g %% may be chance", 100 * record->aa_floor);
    }
    tm_text_add(into, "\n");
}

void tm_report_caption(const tm_record *record, tm_text *into)
{
    const char *status = tm_report_text(record->status);
    tm_text_add(into, "# Run ");
    tm_markdown_add(into, tm_report_text(record->id));
    if (strcmp(status, "NOISY") == 0) {
        tm_text_add(into, " (NOISY: equal programs were told apart, so small differences mean nothing here)");
    } else if (strcmp(status, "COMPLETE") != 0) {
        tm_text_add(into, " (provisional: the run has not been completed)");
    }
    tm_text_add(into, "\n\n- started ");
    tm_markdown_add(into, tm_report_text(record->started));
    tm_text_add(into, ", mode ");
    tm_markdown_add(into, tm_report_text(record->mode));
    tm_text_format(into, ", seed %llu, version ", (unsigned long long)record->seed);
    tm_markdown_add(into, tm_report_text(record->version));
    tm_text_add(into, "\n- machine ");
    tm_markdown_add(into, tm_report_text(record->machine.cpu));
    tm_text_format(into, ", %lld cores, %.1f GB memory, ", (long long)record->machine.cores,
                   (double)record->machine.memory_bytes / 1e9);
    tm_markdown_add(into, tm_report_text(record->machine.os));
    tm_text_add(into, "\n");
    tm_report_limits(record, into);
    add_backends(record, into);
    add_twins(record, into);
}

static void add_discards(const tm_record *record, tm_text *into)
{
    int64_t discarded = 0;
    for (int64_t i = 0; i < record->cell_count; i++) discarded += record->cells[i].discarded;
    if (discarded == 0) return;
    tm_text_format(into, "\nVisits repeated because something else used the machine: %lld\n", (long long)discarded);
}

/* What did not complete, with the whole reason. */
static void add_failures(const tm_record *record, tm_text *into)
{
    bool any = false;
    for (int64_t i = 0; i < record->cell_count; i++) {
        const tm_record_cell *cell = &record->cells[i];
        const bool lowacc = cell->status == TM_CELL_OK && *tm_report_text(cell->reason);
        if (cell->status == TM_CELL_OK && !lowacc) continue;
        if (!any) tm_text_add(into, "\n## Not completed, or with a remark\n\n");
        any = true;
        tm_text_add(into, "- ");
        tm_markdown_add(into, tm_report_text(cell->case_id));
        tm_text_add(into, " on ");
        tm_markdown_add(into, tm_report_text(cell->backend));
        tm_text_format(into, ": %s", tm_cell_status_name(cell->status));
        if (*tm_report_text(cell->reason)) {
            tm_text_add(into, ": ");
            tm_markdown_add(into, cell->reason);
        }
        tm_text_add(into, "\n");
    }
}

static void add_repeat(const tm_record *record, tm_text *into)
{
    tm_text backends = {0}, command = {0};
    for (int64_t i = 0; i < record->backend_count; i++) {
        tm_text_format(&backends, "%s%s", i ? "," : "", tm_report_text(record->backends[i].id));
    }
    tm_report_repeat(record, "CASE", tm_report_text(backends.data), &command);
    tm_report_given(record, "--base", &command);
    tm_text_add(into, "\nTo measure one row again: ");
    tm_markdown_add(into, tm_report_text(command.data));
    tm_text_add(into, "\n");
    tm_text_free(&backends);
    tm_text_free(&command);
}

void tm_report_remarks(const tm_record *record, tm_text *into)
{
    add_discards(record, into);
    add_failures(record, into);
    add_repeat(record, into);
}
