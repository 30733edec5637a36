/* tensormark run kernels: a row for each kernel of the engine, alone on one thread, against its own limit. */
#include "cli/cli.h"

#include "measure/machine.h"
#include "native/isa.h"
#include "report/table.h"
#include "run/run_kernels.h"

#include <jansson.h>
#include <math.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORST = 8 };

typedef struct kernels {
    const tm_options *options;
    regex_t pattern;
    bool has_pattern;
    tm_kernels_options request;
    tm_limits limits;
    tm_kernel_result *results;
    int64_t count;
} kernels;

static bool matches(void *context, const char *kernel)
{
    const kernels *self = context;
    return !self->has_pattern || regexec(&self->pattern, kernel, 0, NULL, 0) == 0;
}

static void notice(void *context, const char *line)
{
    const kernels *self = context;
    if (!self->options->quiet) tm_cli_say("%s", line);
}

/* "portable,avx2"; all that there are without a list. */
static int choose_sets(const char *list, bool isa[TM_ISA_COUNT])
{
    for (int i = 0; i < TM_ISA_COUNT; i++) isa[i] = !list && tm_isa_available((tm_isa)i);
    for (const char *at = list; at && *at;) {
        const size_t length = strcspn(at, ",");
        char name[32];
        tm_isa one;
        tm_error error = {""};
        snprintf(name, sizeof name, "%.*s", (int)(length < sizeof name ? length : sizeof name - 1), at);
        const tm_status status = tm_isa_named(name, "--isa ", &one, &error);
        if (status != TM_OK) return tm_cli_error(status, &error);
        isa[one] = true;
        at += length + (at[length] == ',');
    }
    return TM_EXIT_OK;
}

static int prepare(kernels *self)
{
    const tm_options *o = self->options;
    const bool foreign = o->backends || o->backend.count || o->base || o->filter || o->exclude || o->quick || o->full ||
                         o->budget > 0 || o->threads || o->dtype || o->seed.given || o->resume || o->dry_run ||
                         o->samples || o->db;
    if (foreign || o->arguments.count > 2) {
        return tm_cli_complain(TM_EXIT_USAGE, "run kernels takes one pattern, --isa, --format, --output, --color and "
                                              "--quiet");
    }
    if (o->format && strcmp(o->format, "jsonl") == 0) {
        return tm_cli_complain(TM_EXIT_USAGE, "run kernels: --format is md, csv or json");
    }
    const char *pattern = o->arguments.count > 1 ? o->arguments.items[1] : NULL;
    if (pattern) {
        const int code =
            strlen(pattern) > 1000 ? REG_ESPACE : regcomp(&self->pattern, pattern, REG_EXTENDED | REG_NOSUB);
        char why[128];
        if (code != 0) {
            regerror(code, &self->pattern, why, sizeof why);
            return tm_cli_complain(TM_EXIT_USAGE, "run kernels: '%.200s': %s", pattern, why);
        }
        self->has_pattern = true;
    }
    bool any = false;
    for (int i = 0; i < tm_trial_count(); i++) {
        tm_trial trial;
        tm_trial_describe(i, &trial);
        any = any || matches(self, trial.kernel);
    }
    if (!any) return tm_cli_complain(TM_EXIT_USAGE, "run kernels: no kernel's name matches '%.200s'", pattern);
    self->request.wanted = matches;
    self->request.notice = notice;
    self->request.context = self;
    return choose_sets(o->isa, self->request.isa);
}

/* The work that binds, per time. */
static double rate_of(const tm_kernel_result *result, const char **unit)
{
    *unit = "GB/s";
    if (strcmp(result->basis, "comparators") == 0) {
        *unit = "G comparators/s";
        return result->comparators / result->median_ns;
    }
    if (strcmp(result->basis, "flop") != 0) return result->bytes / result->median_ns;
    *unit = "GFLOP/s";
    return result->flop / result->median_ns;
}

static void add_row(const tm_kernel_result *result, tm_table *table)
{
    char time[32];
    const char *unit;
    tm_table_add(table, TM_PAINT_NONE, result->kernel);
    tm_table_add(table, TM_PAINT_NONE, result->isa);
    tm_table_add(table, TM_PAINT_NONE, result->size);
    tm_table_add(table, TM_PAINT_NONE, tm_trial_level_name(result->level));
    if (!result->right) {
        tm_table_add(table, TM_PAINT_BAD, "INVALID");
        for (int i = 0; i < 3; i++) tm_table_add(table, TM_PAINT_DIM, "-");
        return;
    }
    const double rate = rate_of(result, &unit), share = result->efficiency;
    tm_report_time(result->median_ns, time, sizeof time);
    tm_table_add(table, TM_PAINT_NONE, time);
    tm_table_format(table, TM_PAINT_NONE, rate < 100 ? "%.3g %s" : "%.0f %s", rate, unit);
    if (isfinite(share))
        tm_table_format(table, share < 0.5 && result->first_choice ? TM_PAINT_BAD : TM_PAINT_NONE,
                        share < 0.0995 ? "%.1f %%" : "%.0f %%", share * 100);
    else
        tm_table_add(table, TM_PAINT_DIM, "?");
    tm_table_add(table, TM_PAINT_NONE, result->basis);
}

static int by_efficiency(const void *a, const void *b)
{
    const double first = (*(const tm_kernel_result *const *)a)->efficiency,
                 second = (*(const tm_kernel_result *const *)b)->efficiency;
    return (first > second) - (first < second);
}

/* Those of the kernels in use that leave most on the table. */
static void add_worst(const kernels *self, tm_text *into)
{
    const tm_kernel_result **rows = calloc((size_t)self->count + 1, sizeof *rows);
    size_t count = 0;
    for (int64_t i = 0; rows && i < self->count; i++) {
        const tm_kernel_result *one = &self->results[i];
        if (one->first_choice && one->right && isfinite(one->efficiency)) rows[count++] = one;
    }
    if (count > 1) {
        qsort(rows, count, sizeof *rows, by_efficiency);
        tm_text_add(into, "\nFurthest from their limits, of the kernels that the engine takes here: ");
        for (size_t i = 0; i < count && i < WORST; i++) {
            tm_text_format(into, "%s%s in %s %.0f %%", i ? ", " : "", rows[i]->kernel,
                           tm_trial_level_name(rows[i]->level), rows[i]->efficiency * 100);
        }
        tm_text_add(into, "\n");
    }
    if (!rows) into->failed = true;
    free(rows);
}

static void add_table(const kernels *self, tm_text *into)
{
    static const char *const heads[] = {"kernel", "isa", "size", "data in", "median", "rate", "% of limit", "limit"};
    const bool to_file = self->options->output && strcmp(self->options->output, "-") != 0;
    const tm_limits *l = &self->limits;
    tm_machine machine;
    tm_machine_read(&machine);
    tm_text_add(into, "# Kernels\n\n- machine ");
    tm_markdown_add(into, machine.cpu);
    tm_text_format(into,
                   "\n- limits of one thread: L1 %.0f GB/s, L2 %.0f GB/s, memory read %.1f GB/s, memory copy %.1f "
                   "GB/s, f32 %.0f GFLOP/s\n\n",
                   l->l1_gbs, l->l2_gbs, l->read_gbs, l->copy_gbs, l->f32_gflops);
    tm_table table = {.columns = sizeof heads / sizeof *heads};
    for (int i = 0; i < table.columns; i++) tm_table_add(&table, TM_PAINT_HEAD, heads[i]);
    for (int64_t i = 0; i < self->count; i++) add_row(&self->results[i], &table);
    tm_table_print(&table, true, !to_file && tm_cli_color(self->options, STDOUT_FILENO), into);
    tm_table_free(&table);
    for (int64_t i = 0; i < self->count; i++) {
        if (self->results[i].right) continue;
        tm_text_format(into, "\n- %s, %s: ", self->results[i].kernel, self->results[i].isa);
        tm_markdown_add(into, self->results[i].reason);
    }
    add_worst(self, into);
}

static json_t *known(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *row_object(const tm_kernel_result *r)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:f, s:f, s:f, s:o, s:o, s:o, s:s, s:o, s:b}",
                     "kernel", r->kernel, "isa", r->isa, "size", r->size, "data_in", tm_trial_level_name(r->level),
                     "status", r->right ? "OK" : "INVALID", "reason", r->reason, "median_ns", known(r->median_ns),
                     "min_ns", known(r->min_ns), "p95_ns", known(r->p95_ns), "bytes", r->bytes, "flop", r->flop,
                     "comparators", r->comparators, "gbs", known(r->bytes / r->median_ns), "gflops",
                     known(r->flop / r->median_ns), "limit_ns", known(r->limit_ns), "limit_basis", r->basis,
                     "efficiency", known(r->efficiency), "first_choice", r->first_choice);
}

static int append(const char *bytes, size_t count, void *into)
{
    tm_text_add_bytes(into, bytes, count);
    return ((tm_text *)into)->failed ? -1 : 0;
}

static void add_json(const kernels *self, tm_text *into)
{
    const tm_limits *l = &self->limits;
    tm_machine machine;
    tm_machine_read(&machine);
    json_t *rows = json_array();
    bool good = rows != NULL;
    for (int64_t i = 0; i < self->count && good; i++) {
        good = json_array_append_new(rows, row_object(&self->results[i])) == 0;
    }
    json_t *root = json_pack("{s:s, s:{s:s, s:s}, s:{s:i, s:f, s:f, s:f, s:f, s:f}, s:o}", "schema",
                             "tensormark.kernels/1", "machine", "key", machine.key, "cpu", machine.cpu, "limits",
                             "threads", 1, "l1_gbs", l->l1_gbs, "l2_gbs", l->l2_gbs, "read_gbs", l->read_gbs,
                             "copy_gbs", l->copy_gbs, "f32_gflops", l->f32_gflops, "kernels", rows);
    if (!good || !root || json_dump_callback(root, append, into, JSON_INDENT(1)) != 0) into->failed = true;
    tm_text_add(into, "\n");
    json_decref(root);
}

static void add_number(double value, tm_text *into)
{
    tm_text_add(into, ",");
    if (isfinite(value)) tm_text_format(into, "%.6g", value);
}

/* No name in it holds a comma or a quote. */
static void add_csv(const kernels *self, tm_text *into)
{
    tm_text_add(into, "kernel,isa,size,data_in,status,median_ns,min_ns,p95_ns,bytes,flop,comparators,gbs,gflops,"
                      "limit_ns,limit_basis,efficiency\n");
    for (int64_t i = 0; i < self->count; i++) {
        const tm_kernel_result *r = &self->results[i];
        const double numbers[] = {
            r->median_ns,           r->min_ns,  r->p95_ns, r->bytes, r->flop, r->comparators, r->bytes / r->median_ns,
            r->flop / r->median_ns, r->limit_ns};
        tm_text_format(into, "%s,%s,%s,%s,%s", r->kernel, r->isa, r->size, tm_trial_level_name(r->level),
                       r->right ? "OK" : "INVALID");
        for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++) add_number(numbers[k], into);
        tm_text_format(into, ",%s", r->basis);
        add_number(r->efficiency, into);
        tm_text_add(into, "\n");
    }
}

static int show(const kernels *self)
{
    const char *format = self->options->format ? self->options->format : "md";
    tm_text text = {0};
    if (strcmp(format, "json") == 0)
        add_json(self, &text);
    else if (strcmp(format, "csv") == 0)
        add_csv(self, &text);
    else
        add_table(self, &text);
    int result = tm_cli_write(self->options, &text);
    for (int64_t i = 0; i < self->count && result == TM_EXIT_OK; i++) {
        if (!self->results[i].right) result = TM_EXIT_CELLS;
    }
    tm_text_free(&text);
    return result;
}

int tm_cli_run_kernels(const tm_options *options)
{
    kernels self = {.options = options};
    tm_error error = {""};
    int result = prepare(&self);
    if (result == TM_EXIT_OK) {
        const tm_status status = tm_run_kernels(&self.request, &self.limits, &self.results, &self.count, &error);
        result = status == TM_OK ? show(&self) : tm_cli_error(status, &error);
    }
    if (self.has_pattern) regfree(&self.pattern);
    free(self.results);
    return result;
}
