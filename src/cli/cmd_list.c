/* tensormark list: suites, cases, backends, ops, runs, tensors. Without a word it loads no framework and opens no
 * database. */
#include "cli/cli.h"

#include "base/dtype.h"
#include "graph/graph.h"
#include "report/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int (*lister)(const tm_options *options, const tm_words *rest, tm_text *into);

static int list_suites(const tm_options *options, const tm_words *rest, tm_text *into)
{
    (void)options;
    (void)rest;
    const tm_dtype f32 = TM_F32;
    tm_table table = {.columns = 2};
    tm_table_add(&table, TM_PAINT_HEAD, "suite");
    tm_table_add(&table, TM_PAINT_HEAD, "cases");
    int result = TM_EXIT_OK;
    for (const char *const *name = tm_suite_names(); *name && result == TM_EXIT_OK; name++) {
        tm_case_list cases = {0};
        tm_error error = {""};
        const tm_status status = tm_suite_append(*name, &f32, 1, &cases, &error);
        if (status != TM_OK) result = tm_cli_error(status, &error);
        tm_table_add(&table, TM_PAINT_NONE, *name);
        tm_table_format(&table, TM_PAINT_NONE, "%zu", cases.count);
        tm_case_list_free(&cases);
    }
    tm_table_print(&table, true, false, into);
    tm_table_free(&table);
    return result;
}

static bool is_jsonl(const tm_options *options)
{
    return options->format && strcmp(options->format, "jsonl") == 0;
}

static bool is_md(const tm_options *options)
{
    return !options->format || strcmp(options->format, "md") == 0;
}

/* What the case computes, for programs. Neither ids nor graphs hold anything that JSON would have to escape. */
static void add_graph(const tm_case *one, tm_text *into)
{
    char key[TM_GRAPH_KEY];
    if (tm_graph_key(one->graph, key) != TM_OK) into->failed = true;
    tm_text_format(into, "{\"case\":\"%s\",\"key\":\"%s\",\"graph\":", one->id, key);
    tm_graph_describe(one->graph, into);
    tm_text_add(into, "}\n");
}

static int list_cases(const tm_options *options, const tm_words *rest, tm_text *into)
{
    tm_case_list cases = {0};
    const int result = tm_cli_cases(options, rest, &cases);
    for (size_t i = 0; i < cases.count && result == TM_EXIT_OK; i++) {
        if (is_jsonl(options)) {
            add_graph(&cases.items[i], into);
            continue;
        }
        tm_text_add_visible(into, cases.items[i].id);
        tm_text_add(into, "\n");
    }
    tm_case_list_free(&cases);
    return result;
}

static void add_found(const tm_backend_found *found, tm_table *table)
{
    tm_table_add(table, TM_PAINT_NONE, found->spec.id);
    tm_table_add(table, TM_PAINT_NONE, found->usable ? "yes" : "no");
    tm_table_add(table, TM_PAINT_NONE, found->usable ? found->info.framework : "-");
    tm_table_add(table, TM_PAINT_NONE, found->usable ? found->info.device : "-");
    tm_table_add(table, TM_PAINT_NONE, found->usable ? found->info.library : found->reason);
}

static int list_asked(const tm_options *options, tm_table *table)
{
    tm_backend_spec *specs = NULL;
    int32_t count = 0, threads = 0;
    const int result = tm_cli_backends(options, &specs, &count, &threads);
    for (int32_t i = 0; result == TM_EXIT_OK && i < count; i++) {
        tm_backend_found found;
        tm_backend_probe(&specs[i], &found);
        add_found(&found, table);
    }
    free(specs);
    return result;
}

/* Those of --backends, else every device of all that can be asked for; each is probed in a process of its own. */
static int list_backends(const tm_options *options, const tm_words *rest, tm_text *into)
{
    (void)rest;
    static const char *const heads[] = {"backend", "usable", "version", "device", "library, or what is missing"};
    tm_table table = {.columns = 5};
    for (int i = 0; i < 5; i++) tm_table_add(&table, TM_PAINT_HEAD, heads[i]);
    int result = tm_cli_torch(options);
    if (options->backends && result == TM_EXIT_OK) result = list_asked(options, &table);
    const char *const *names = tm_backend_names();
    for (int i = 0; result == TM_EXIT_OK && !options->backends && names[i]; i++) {
        tm_backend_found found[TM_MOST_DEVICES];
        int32_t count = 0;
        if (tm_backend_probe_devices(names[i], found, &count, NULL) != TM_OK) continue;
        for (int32_t j = 0; j < count; j++) add_found(&found[j], &table);
    }
    tm_table_print(&table, true, false, into);
    tm_table_free(&table);
    return result;
}

static int list_ops(const tm_options *options, const tm_words *rest, tm_text *into)
{
    (void)options;
    (void)rest;
    tm_table table = {.columns = 2};
    tm_table_add(&table, TM_PAINT_HEAD, "op");
    tm_table_add(&table, TM_PAINT_HEAD, "attributes");
    for (int op = 0; op < TM_OP_COUNT; op++) {
        tm_text attributes = {0};
        for (int attribute = 0; attribute < TM_ATTRIBUTE_COUNT; attribute++) {
            static const char *const names[] = {
#define TM_ATTRIBUTE(name, kind) #name,
#include "graph/attributes.def"
#undef TM_ATTRIBUTE
            };
            if (!tm_op_has((tm_op)op, (tm_attribute)attribute)) continue;
            tm_text_format(&attributes, "%s%s", attributes.length ? ", " : "", names[attribute]);
        }
        tm_table_add(&table, TM_PAINT_NONE, tm_op_name((tm_op)op));
        tm_table_add(&table, TM_PAINT_NONE, attributes.length ? attributes.data : "-");
        tm_text_free(&attributes);
    }
    tm_table_print(&table, true, false, into);
    tm_table_free(&table);
    return TM_EXIT_OK;
}

static int list_runs(const tm_options *options, const tm_words *rest, tm_text *into)
{
    (void)rest;
    char path[4096];
    tm_error error = {""};
    tm_store *store = NULL;
    tm_store_entry *entries = NULL;
    int64_t count = 0;
    tm_status status = tm_cli_database(options, path, sizeof path, &error);
    if (status == TM_OK && !options->db && access(path, F_OK) != 0) {
        tm_cli_say("no run was recorded yet; `tensormark run` makes one");
        return TM_EXIT_OK;
    }
    if (status == TM_OK) status = tm_store_open(path, true, &store, NULL, &error);
    if (status == TM_OK) status = tm_store_list(store, &entries, &count, &error);
    tm_store_close(store);
    if (status != TM_OK) return tm_cli_error(status, &error);
    static const char *const heads[] = {"run", "started", "status", "mode", "cells"};
    tm_table table = {.columns = 5};
    for (int i = 0; i < 5; i++) tm_table_add(&table, TM_PAINT_HEAD, heads[i]);
    for (int64_t i = 0; i < count; i++) {
        const char *const texts[] = {entries[i].id, entries[i].started, entries[i].status, entries[i].mode};
        for (int j = 0; j < 4; j++) tm_table_add(&table, TM_PAINT_NONE, texts[j]);
        tm_table_format(&table, TM_PAINT_NONE, "%lld", (long long)entries[i].cells);
    }
    tm_table_print(&table, true, false, into);
    tm_table_free(&table);
    free(entries);
    return TM_EXIT_OK;
}

static int list_all(const tm_options *options, const tm_words *rest, tm_text *into)
{
    const int result = list_suites(options, rest, into);
    tm_text_add(into, "\nBackends that can be asked for (`tensormark list backends` tries them):");
    for (const char *const *name = tm_backend_names(); *name; name++) tm_text_format(into, " %s", *name);
    tm_text_format(into, "\nOps: %d (`tensormark list ops`)\n", (int)TM_OP_COUNT);
    return result;
}

static const struct {
    const char *name;
    lister list;
    bool takes_words;
} subjects[] = {{"suites", list_suites, false}, {"cases", list_cases, true}, {"backends", list_backends, false},
                {"ops", list_ops, false},       {"runs", list_runs, false},  {"tensors", tm_cli_list_tensors, false}};

enum { SUBJECTS = sizeof subjects / sizeof *subjects };

static int find_subject(const char *word, lister *list)
{
    const char *names[SUBJECTS];
    for (int i = 0; i < SUBJECTS; i++) {
        names[i] = subjects[i].name;
        if (strcmp(word, names[i]) == 0) {
            *list = subjects[i].list;
            return TM_EXIT_OK;
        }
    }
    const char *nearest = tm_nearest(word, names, SUBJECTS);
    return tm_cli_complain(TM_EXIT_USAGE,
                           "list: '%.100s' is not one of suites, cases, backends, ops, runs, tensors%s%s%s", word,
                           nearest ? " (did you mean '" : "", nearest ? nearest : "", nearest ? "'?)" : "");
}

int tm_cmd_list(const tm_options *options)
{
    lister list = list_all;
    tm_words rest = {0};
    int result = TM_EXIT_OK;
    if (options->arguments.count > 0) {
        result = find_subject(options->arguments.items[0], &list);
        rest = (tm_words){options->arguments.items + 1, options->arguments.count - 1};
    }
    if (result == TM_EXIT_OK && rest.count > 0 && list != list_cases) {
        result = tm_cli_complain(TM_EXIT_USAGE, "list %s takes no more words", options->arguments.items[0]);
    }
    const bool known = is_md(options) || list == tm_cli_list_tensors || (list == list_cases && is_jsonl(options));
    if (result == TM_EXIT_OK && !known) {
        result = tm_cli_complain(TM_EXIT_USAGE, "list: --format is md, for cases also jsonl, for tensors any");
    }
    tm_text text = {0};
    if (result == TM_EXIT_OK) result = list(options, &rest, &text);
    if (result == TM_EXIT_OK && text.length > 0) result = tm_cli_write(options, &text);
    tm_text_free(&text);
    return result;
}
