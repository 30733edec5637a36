/* tensormark limits: what this machine can do, measured now. */
#include "cli/cli.h"
#include "measure/limits.h"
#include "measure/machine.h"
#include "report/table.h"

#include <jansson.h>
#include <string.h>

enum { MOST_COUNTS = 64, FIGURES = 12 };

static const double seconds_each = 3.0;

/* One figure of a tm_limits, in its unit. */
typedef struct figure {
    const char *key, *name, *unit;
    double value;
} figure;

static void figures_of(const tm_limits *limits, figure into[FIGURES])
{
    const figure all[FIGURES] = {{"read_gbs", "memory read", "GB/s", limits->read_gbs},
                                 {"copy_gbs", "memory copy", "GB/s", limits->copy_gbs},
                                 {"l1_gbs", "L1 read", "GB/s", limits->l1_gbs},
                                 {"l2_gbs", "L2 read", "GB/s", limits->l2_gbs},
                                 {"llc_gbs", "last-level read", "GB/s", limits->llc_gbs},
                                 {"llc_copy_gbs", "last-level copy", "GB/s", limits->llc_copy_gbs},
                                 {"f32_gflops", "f32", "GFLOP/s", limits->f32_gflops},
                                 {"bf16_gflops", "bf16", "GFLOP/s", limits->bf16_gflops},
                                 {"i8_gops", "int8", "GOP/s", limits->i8_gops},
                                 {"l1_bytes", "L1 size", "KiB", limits->l1_bytes / 1024},
                                 {"l2_bytes", "L2 size", "KiB", limits->l2_bytes / 1024},
                                 {"llc_bytes", "last-level size", "KiB", limits->llc_bytes / 1024}};
    memcpy(into, all, sizeof all);
}

static void add_table(const tm_limits *measured, int count, tm_text *into)
{
    tm_table table = {.columns = count + 1};
    tm_table_add(&table, TM_PAINT_HEAD, "limit");
    for (int i = 0; i < count; i++) {
        tm_table_format(&table, TM_PAINT_HEAD, "%d thread%s", (int)measured[i].threads,
                        measured[i].threads == 1 ? "" : "s");
    }
    for (int row = 0; row < FIGURES; row++) {
        for (int i = 0; i < count; i++) {
            figure figures[FIGURES];
            figures_of(&measured[i], figures);
            const figure *one = &figures[row];
            if (i == 0) tm_table_format(&table, TM_PAINT_NONE, "%s (%s)", one->name, one->unit);
            if (one->value > 0)
                tm_table_format(&table, TM_PAINT_NONE, one->value < 100 ? "%.3g" : "%.0f", one->value);
            else
                tm_table_add(&table, TM_PAINT_DIM, "not measured");
        }
    }
    tm_table_add(&table, TM_PAINT_NONE, "spread between passes (%)");
    for (int i = 0; i < count; i++) tm_table_format(&table, TM_PAINT_NONE, "%.1f", measured[i].spread * 100);
    tm_table_print(&table, true, false, into);
    tm_table_free(&table);
}

static int append(const char *bytes, size_t count, void *into)
{
    tm_text_add_bytes(into, bytes, count);
    return ((tm_text *)into)->failed ? -1 : 0;
}

static void add_json(const tm_limits *measured, int count, tm_text *into)
{
    json_t *root = json_array();
    bool good = root != NULL;
    for (int i = 0; i < count && good; i++) {
        figure figures[FIGURES];
        figures_of(&measured[i], figures);
        json_t *object = json_object();
        good = json_object_set_new(object, "threads", json_integer(measured[i].threads)) == 0 &&
               json_object_set_new(object, "spread", json_real(measured[i].spread)) == 0;
        for (int row = 0; row < FIGURES && good; row++) {
            const bool size = strcmp(figures[row].unit, "KiB") == 0;
            const double value = size ? figures[row].value * 1024 : figures[row].value;
            json_t *number = !(value > 0) ? json_null() : size ? json_integer((json_int_t)value) : json_real(value);
            good = json_object_set_new(object, figures[row].key, number) == 0;
        }
        good = json_array_append_new(root, object) == 0 && good;
    }
    if (!good || json_dump_callback(root, append, into, JSON_INDENT(1)) != 0) into->failed = true;
    tm_text_add(into, "\n");
    json_decref(root);
}

int tm_cmd_limits(const tm_options *options)
{
    int32_t threads[MOST_COUNTS];
    tm_limits measured[MOST_COUNTS];
    int count = 1;
    if (options->arguments.count > 0) return tm_cli_complain(TM_EXIT_USAGE, "limits takes options only");
    const char *format = options->format ? options->format : "md";
    const bool json = strcmp(format, "json") == 0;
    if (!json && strcmp(format, "md") != 0) return tm_cli_complain(TM_EXIT_USAGE, "limits: --format is md or json");
    if (options->threads) {
        const int result = tm_cli_threads(options->threads, threads, MOST_COUNTS, &count);
        if (result != TM_EXIT_OK) return result;
    } else {
        tm_machine machine;
        tm_machine_read(&machine);
        threads[0] = machine.cores;
    }
    for (int i = 0; i < count; i++) {
        tm_error error = {""};
        const tm_status status = tm_limits_measure(threads[i], seconds_each, &measured[i], &error);
        if (status != TM_OK) return tm_cli_error(status, &error);
    }
    tm_text text = {0};
    if (json)
        add_json(measured, count, &text);
    else
        add_table(measured, count, &text);
    const int result = tm_cli_write(options, &text);
    tm_text_free(&text);
    return result;
}
