/* A page of markdown for a CI job: the answer first, then what it rests on. */
#include "report/format.h"
#include "report/table.h"

#include <string.h>

static void add_answer(const tm_record *record, const tm_gate *gate, tm_text *into)
{
    const bool failed = tm_report_exit_status(record, false) != 0;
    tm_text_add(into, "# Tensormark: ");
    if (gate && gate->confirmed > 0)
        tm_text_format(into, "%lld regression%s", (long long)gate->confirmed, gate->confirmed == 1 ? "" : "s");
    else if (gate && tm_gate_compared(gate) == 0)
        tm_text_add(into, "nothing could be compared");
    else if (gate)
        tm_text_add(into, gate->unknown ? "no regression is known" : "no regression");
    else
        tm_text_add(into, failed ? "some cells failed" : "all cells completed");
    if (gate && gate->unknown > 0)
        tm_text_format(into, ", %lld cell%s without an answer", (long long)gate->unknown,
                       gate->unknown == 1 ? "" : "s");
    if (gate && failed) tm_text_add(into, ", and some cells failed");
    tm_text_add(into, "\n\n");
    if (!gate) return;
    tm_text_format(into, "- %lld of %lld cells take more than %.3g %% longer than ", (long long)gate->confirmed,
                   (long long)gate->comparison->row_count, 100 * gate->allowed);
    tm_markdown_add(into, gate->against);
    tm_text_add(into, "\n");
}

static void add_findings(const tm_gate *gate, bool confirmed, bool unknown, const char *title, tm_text *into)
{
    bool any = false;
    for (int64_t i = 0; i < gate->count; i++) {
        const tm_regression *one = &gate->items[i];
        if (one->confirmed != confirmed || one->unknown != unknown) continue;
        if (!any) tm_text_format(into, "\n## %s\n\n", title);
        any = true;
        tm_text_add(into, "- ");
        tm_markdown_add(into, one->case_id);
        tm_text_add(into, " on ");
        tm_markdown_add(into, one->backend);
        tm_text_add(into, " ");
        tm_markdown_add(into, one->sentence);
        tm_text_add(into, "\n");
    }
}

void tm_report_summary(const tm_record *record, const tm_gate *gate, tm_text *into)
{
    const tm_report_style plain = {0};
    add_answer(record, gate, into);
    if (gate) {
        add_findings(gate, true, false, "Regressions", into);
        add_findings(gate, false, true, "Seemed slower, and not measured again", into);
        add_findings(gate, false, false, "Measured again, and not found slower than allowed", into);
        tm_text_add(into, "\n");
        tm_report_compare_markdown(gate->comparison, &plain, into);
        tm_text_add(into, "\n");
    }
    tm_report_markdown(record, &plain, into);
}
