/* Rows appear once, when their first pass is done, marked provisional by the line above them; the final tables follow
 * on stdout. The progress line is erased before anything else is written. */
#include "cli/progress.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

tm_progress tm_progress_new(const tm_options *options)
{
    return (tm_progress){
        .options = options, .rows = !options->quiet, .terminal = !options->quiet && isatty(STDERR_FILENO) != 0};
}

static void erase(tm_progress *progress)
{
    if (progress->line_up) fputs("\r\033[K", stderr);
    progress->line_up = false;
}

void tm_progress_end(tm_progress *progress)
{
    erase(progress);
    fflush(stderr);
}

/* "about 4 min": as exact as an estimate can be. */
static void show_duration(double seconds, char *into, size_t capacity)
{
    if (!isfinite(seconds) || seconds < 0)
        snprintf(into, capacity, "an unknown time");
    else if (seconds < 90)
        snprintf(into, capacity, "about %.0f s", ceil(seconds));
    else if (seconds < 5400)
        snprintf(into, capacity, "about %.0f min", ceil(seconds / 60));
    else
        snprintf(into, capacity, "about %.1f h", seconds / 3600);
}

static void planned(void *context, const tm_record *record, int64_t cases, double estimate_s)
{
    tm_progress *progress = context;
    progress->cases = cases;
    if (progress->options->quiet) return;
    char time[48];
    show_duration(estimate_s, time, sizeof time);
    tm_cli_say("run %s: %lld case%s on %lld backend%s, %s", record->id ? record->id : "", (long long)cases,
               cases == 1 ? "" : "s", (long long)record->backend_count, record->backend_count == 1 ? "" : "s", time);
}

static void print_row(tm_progress *progress, const tm_record *record, const char *case_id)
{
    const tm_report_style style = {.color = tm_cli_color(progress->options, STDERR_FILENO),
                                   .base = progress->options->base,
                                   .width = tm_cli_width(STDERR_FILENO)};
    tm_text text = {0};
    if (!progress->headed) {
        tm_text_add(&text, "Provisional rows; the tables at the end count:\n\n");
        tm_report_row_header(record, &style, &text);
    }
    progress->headed = true;
    tm_report_row(record, &style, case_id, &text);
    if (text.data && !text.failed) fputs(text.data, stderr);
    tm_text_free(&text);
}

static void case_done(void *context, const tm_record *record, const char *case_id, int64_t done, int64_t of,
                      double remaining_s)
{
    tm_progress *progress = context;
    erase(progress);
    const bool first_pass = progress->cases == 0 || done <= progress->cases;
    if (progress->rows && first_pass) print_row(progress, record, case_id);
    if (progress->terminal && done < of) {
        char time[48];
        show_duration(remaining_s, time, sizeof time);
        fprintf(stderr, "%lld of %lld, %s left", (long long)done, (long long)of, time);
        progress->line_up = true;
    }
    fflush(stderr);
}

static void notice(void *context, const char *line)
{
    tm_progress *progress = context;
    erase(progress);
    if (!progress->options->quiet) tm_cli_say("%s", line);
}

tm_run_events tm_progress_events(tm_progress *progress)
{
    return (tm_run_events){.context = progress, .planned = planned, .case_done = case_done, .notice = notice};
}
