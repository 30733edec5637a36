/* tensormark limits: what this machine can do, measured now; and what the engine's threads cost. */
#include "cli/cli.h"
#include "base/clock.h"
#include "measure/limits.h"
#include "measure/machine.h"
#include "measure/stats.h"
#include "native/pool.h"
#include "report/table.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

enum { MOST_COUNTS = 64, FIGURES = 15, FORK_JOINS = 4000, FORK_JOINS_BEFORE = 400 };

static const double seconds_each = 3.0;

/* What was measured with one number of threads. */
typedef struct measurement {
    tm_limits limits;
    double fork_join_ns, fork_join_p95_ns; /* of the engine's pool; NaN for one thread, which has none */
} measurement;

/* One figure of a measurement, in its unit. */
typedef struct figure {
    const char *key, *name, *unit;
    double value;
} figure;

static void do_nothing(void *context, int32_t member, int32_t members)
{
    (void)context;
    (void)member;
    (void)members;
}

/* The time of tm_pool_run with an empty body on all threads, while they spin: each one timed by itself, so that a
 * reading of the clock (some 20 ns) is in it. */
static tm_status measure_fork_join(int32_t threads, measurement *into, tm_error *error)
{
    into->fork_join_ns = into->fork_join_p95_ns = NAN;
    if (threads < 2) return TM_OK;
    tm_pool *pool = NULL;
    const tm_status status = tm_pool_new(threads, &pool, error);
    if (status != TM_OK) return status;
    double times[FORK_JOINS];
    for (int i = -FORK_JOINS_BEFORE; i < FORK_JOINS; i++) {
        const uint64_t begin = tm_now_ns();
        tm_pool_run(pool, threads, do_nothing, NULL);
        const uint64_t end = tm_now_ns();
        if (i >= 0) times[i] = (double)(end - begin);
    }
    tm_pool_free(pool);
    into->fork_join_ns = tm_median(times, FORK_JOINS);
    into->fork_join_p95_ns = tm_quantile(times, FORK_JOINS, 0.95);
    return TM_OK;
}

static void figures_of(const measurement *measured, figure into[FIGURES])
{
    const tm_limits *limits = &measured->limits;
    const figure all[FIGURES] = {{"read_gbs", "memory read", "GB/s", limits->read_gbs},
                                 {"copy_gbs", "memory copy", "GB/s", limits->copy_gbs},
                                 {"write_gbs", "memory write", "GB/s", limits->write_gbs},
                                 {"l1_gbs", "L1 read", "GB/s", limits->l1_gbs},
                                 {"l2_gbs", "L2 read", "GB/s", limits->l2_gbs},
                                 {"llc_gbs", "last-level read", "GB/s", limits->llc_gbs},
                                 {"llc_copy_gbs", "last-level copy", "GB/s", limits->llc_copy_gbs},
                                 {"f32_gflops", "f32", "GFLOP/s", limits->f32_gflops},
                                 {"bf16_gflops", "bf16", "GFLOP/s", limits->bf16_gflops},
                                 {"i8_gops", "int8", "GOP/s", limits->i8_gops},
                                 {"l1_bytes", "L1 size", "KiB", limits->l1_bytes / 1024},
                                 {"l2_bytes", "L2 size", "KiB", limits->l2_bytes / 1024},
                                 {"llc_bytes", "last-level size", "KiB", limits->llc_bytes / 1024},
                                 {"fork_join_ns", "fork-join, median", "ns", measured->fork_join_ns},
                                 {"fork_join_p95_ns", "fork-join, 95 % below", "ns", measured->fork_join_p95_ns}};
    memcpy(into, all, sizeof all);
}

static void add_table(const measurement *measured, int count, tm_text *into)
{
    tm_table table = {.columns = count + 1};
    tm_table_add(&table, TM_PAINT_HEAD, "limit");
    for (int i = 0; i < count; i++) {
        tm_table_format(&table, TM_PAINT_HEAD, "%d thread%s", (int)measured[i].limits.threads,
                        measured[i].limits.threads == 1 ? "" : "s");
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
    for (int i = 0; i < count; i++) tm_table_format(&table, TM_PAINT_NONE, "%.1f", measured[i].limits.spread * 100);
    tm_table_print(&table, true, false, into);
    tm_table_free(&table);
}

/* What depends on how the host places the processors: a row per placement that was met. */
static void add_placements(const measurement *measured, int count, tm_text *into)
{
    static const char *const heads[] = {"threads", "core to core", "turns",           "memory read",
                                        "copy",    "write",        "last-level read", "last-level copy"};
    tm_table table = {.columns = 8};
    bool any = false;
    for (int i = 0; i < 8; i++) tm_table_add(&table, TM_PAINT_HEAD, heads[i]);
    for (int i = 0; i < count; i++) {
        const tm_limits *limits = &measured[i].limits;
        for (int32_t p = 0; p < limits->placed_count; p++) {
            const tm_placed_limits *one = &limits->placed[p];
            const double rates[] = {one->read_gbs, one->copy_gbs, one->write_gbs, one->llc_gbs, one->llc_copy_gbs};
            tm_table_format(&table, TM_PAINT_NONE, "%d", (int)limits->threads);
            tm_table_format(&table, TM_PAINT_NONE, "%.0f ns", one->core_to_core_ns);
            tm_table_format(&table, TM_PAINT_NONE, "%lld", (long long)one->turns);
            for (int k = 0; k < 5; k++) tm_table_format(&table, TM_PAINT_NONE, "%.3g GB/s", rates[k]);
            any = true;
        }
    }
    if (any) {
        tm_text_add(into,
                    "\nBy the placement of the processors, known by the time a cache line takes between them:\n\n");
        tm_table_print(&table, true, false, into);
    }
    tm_table_free(&table);
}

static int append(const char *bytes, size_t count, void *into)
{
    tm_text_add_bytes(into, bytes, count);
    return ((tm_text *)into)->failed ? -1 : 0;
}

static json_t *placements_of(const tm_limits *limits)
{
    json_t *all = json_array();
    for (int32_t p = 0; p < limits->placed_count; p++) {
        const tm_placed_limits *one = &limits->placed[p];
        json_t *object =
            json_pack("{s:f, s:I, s:f, s:f, s:f, s:f, s:f}", "core_to_core_ns", one->core_to_core_ns, "turns",
                      (json_int_t)one->turns, "read_gbs", one->read_gbs, "copy_gbs", one->copy_gbs, "write_gbs",
                      one->write_gbs, "llc_gbs", one->llc_gbs, "llc_copy_gbs", one->llc_copy_gbs);
        if (json_array_append_new(all, object) != 0) {
            json_decref(all);
            return NULL;
        }
    }
    return all;
}

static void add_json(const measurement *measured, int count, tm_text *into)
{
    json_t *root = json_array();
    bool good = root != NULL;
    for (int i = 0; i < count && good; i++) {
        figure figures[FIGURES];
        figures_of(&measured[i], figures);
        json_t *object = json_object();
        good = json_object_set_new(object, "threads", json_integer(measured[i].limits.threads)) == 0 &&
               json_object_set_new(object, "spread", json_real(measured[i].limits.spread)) == 0;
        for (int row = 0; row < FIGURES && good; row++) {
            const bool size = strcmp(figures[row].unit, "KiB") == 0;
            const double value = size ? figures[row].value * 1024 : figures[row].value;
            json_t *number = !(value > 0) ? json_null() : size ? json_integer((json_int_t)value) : json_real(value);
            good = json_object_set_new(object, figures[row].key, number) == 0;
        }
        good = good && json_object_set_new(object, "placements", placements_of(&measured[i].limits)) == 0;
        good = json_array_append_new(root, object) == 0 && good;
    }
    if (!good || json_dump_callback(root, append, into, JSON_INDENT(1)) != 0) into->failed = true;
    tm_text_add(into, "\n");
    json_decref(root);
}

static void add_tables(const measurement *measured, int count, tm_text *into)
{
    add_table(measured, count, into);
    add_placements(measured, count, into);
}

int tm_cmd_limits(const tm_options *options)
{
    int32_t threads[MOST_COUNTS];
    measurement measured[MOST_COUNTS];
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
        tm_status status = tm_limits_measure(threads[i], seconds_each, &measured[i].limits, &error);
        if (status == TM_OK) status = measure_fork_join(threads[i], &measured[i], &error);
        if (status != TM_OK) return tm_cli_error(status, &error);
    }
    tm_text text = {0};
    if (json)
        add_json(measured, count, &text);
    else
        add_tables(measured, count, &text);
    const int result = tm_cli_write(options, &text);
    tm_text_free(&text);
    return result;
}
