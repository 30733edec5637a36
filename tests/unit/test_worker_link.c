/* Real worker processes with the mock backend: what each fault becomes, and that nothing is left behind. This program
 * is its own worker program: a worker is a fresh exec of it. */
#include "base/clock.h"
#include "base/dtype.h"
#include "native/native.h"
#include "run/worker_link.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { ROWS = 3, COLUMNS = 5, COUNT = ROWS * COLUMNS, SLOTS = 2 };
static const size_t tensor_bytes = COUNT * sizeof(float);

/* A worker with the mock backend under a script. */
typedef struct test_rig {
    char script[64];
    tm_backend_spec spec;
    tm_shared *shared;
    tm_graph *graph;
    tm_worker *worker;
    tm_device_info info;
} test_rig;

static tm_graph *relu_graph(void)
{
    tm_error error;
    tm_graph *graph = tm_graph_new();
    const tm_shape shape = {TM_F32, 2, {ROWS, COLUMNS}};
    const int32_t input = tm_graph_input(graph, shape, &error);
    const int32_t result = tm_graph_op(graph, "relu", &input, 1, "", &error);
    assert_int_equal(tm_graph_output(graph, result, &error), TM_OK);
    return graph;
}

/* Input of slot s: element i is i - 7 + s. */
static void fill_inputs(tm_shared *shared)
{
    float *data = tm_shared_inputs(shared, SLOTS * tensor_bytes);
    assert_non_null(data);
    for (int s = 0; s < SLOTS; s++) {
        for (int i = 0; i < COUNT; i++) data[s * COUNT + i] = (float)(i - 7 + s);
    }
}

static tm_hash128 expected_hash(int32_t slot)
{
    float output[COUNT];
    for (int i = 0; i < COUNT; i++) output[i] = i - 7 + slot > 0 ? (float)(i - 7 + slot) : 0.0f;
    return tm_chunk_hash(output, sizeof output, 1);
}

static tm_outcome rig_start(test_rig *rig, const char *backend, const char *lines, int32_t threads)
{
    memset(rig, 0, sizeof *rig);
    tm_error error = {{0}};
    char definition[256];
    snprintf(rig->script, sizeof rig->script, "/tmp/tm-mock-XXXXXX");
    const int file = mkstemp(rig->script);
    assert_true(file >= 0);
    assert_int_equal(write(file, lines, strlen(lines)), (ssize_t)strlen(lines));
    close(file);
    snprintf(definition, sizeof definition, "m=mock@%s", rig->script);
    const char *const definitions[] = {definition, NULL};
    if (tm_backend_spec_parse(backend, definitions, &rig->spec, &error) != TM_OK) fail_msg("%s", error.message);
    assert_int_equal(tm_shared_new(&rig->shared, &error), TM_OK);
    fill_inputs(rig->shared);
    rig->graph = relu_graph();
    const tm_worker_setup setup = {
        .spec = &rig->spec, .threads = threads, .seed = 1, .shared = rig->shared, .open_timeout_s = 30.0};
    return tm_worker_start(&setup, &rig->worker, &rig->info);
}

static void rig_end(test_rig *rig)
{
    const int32_t pid = rig->worker ? tm_worker_pid(rig->worker) : 0;
    tm_worker_free(rig->worker);
    if (pid > 0) assert_int_not_equal(kill(pid, 0), 0); /* reaped, so the pid is free */
    tm_graph_free(rig->graph);
    tm_shared_free(rig->shared);
    unlink(rig->script);
}

static void assert_ok(tm_outcome outcome)
{
    if (outcome.status != TM_CELL_OK) fail_msg("%s: %s", tm_cell_status_name(outcome.status), outcome.reason);
}

/* Starts, compiles and binds both slots; all must go well. */
static void rig_prepare(test_rig *rig, const char *lines)
{
    tm_declared declared;
    assert_ok(rig_start(rig, "m", lines, 1));
    assert_ok(tm_worker_compile(rig->worker, rig->graph, SLOTS, &declared));
    for (int32_t s = 0; s < SLOTS; s++) {
        assert_ok(tm_worker_bind(rig->worker, s, 0, (size_t)s * tensor_bytes, tensor_bytes));
    }
}

static void assert_outcome(tm_outcome outcome, tm_cell_status status, bool lost, const char *reason)
{
    if (outcome.status != status || outcome.lost != lost || !strstr(outcome.reason, reason)) {
        fail_msg("%s (lost %d): %s; expected %s: %s", tm_cell_status_name(outcome.status), outcome.lost, outcome.reason,
                 tm_cell_status_name(status), reason);
    }
}

/* One call under a script, and what it must become. */
static void check_call(const char *lines, tm_cell_status status, bool lost, const char *reason)
{
    test_rig rig;
    double ns;
    rig_prepare(&rig, lines);
    assert_outcome(tm_worker_call(rig.worker, 0, 0.5, &ns), status, lost, reason);
    if (lost) assert_outcome(tm_worker_unbind(rig.worker), TM_CELL_FAILED, true, "gone");
    rig_end(&rig);
}

static void good_worker_measures(void **state)
{
    (void)state;
    test_rig rig;
    tm_calibration calibration;
    tm_hash128 hash;
    bool known;
    double ns, samples[64];
    rig_prepare(&rig, "call_ns 20000\n");
    assert_string_equal(rig.info.framework, "mock 1");
    for (int32_t s = 0; s < SLOTS; s++) {
        assert_ok(tm_worker_call(rig.worker, s, 5.0, &ns));
        assert_true(ns >= 20000.0 && ns < 1e9);
        assert_ok(tm_worker_hash_output(rig.worker, tensor_bytes, &hash));
        assert_true(tm_hash128_equal(hash, expected_hash(s)));
        assert_ok(tm_worker_hash_input(rig.worker, s, 0, tensor_bytes, &hash, &known));
        const float *inputs = tm_shared_inputs(rig.shared, SLOTS * tensor_bytes);
        assert_true(known && tm_hash128_equal(hash, tm_chunk_hash(inputs + s * COUNT, tensor_bytes, 1)));
    }
    assert_ok(tm_worker_read(rig.worker, tensor_bytes));
    const float *outputs = tm_shared_outputs(rig.shared, tensor_bytes);
    assert_true(outputs[COUNT - 1] == (float)(COUNT - 8 + SLOTS - 1));

    const tm_calibration_setup setup = {.first_call_ns = ns, .linearity = true};
    assert_ok(tm_worker_calibrate(rig.worker, &setup, 20.0, &calibration));
    assert_true(calibration.call_ns >= 20000.0 && calibration.batch >= 2 && calibration.ratios == 9);
    const tm_visit_rule rule = {.samples = 5, .time_ns = 1e6, .discard_first = true};
    tm_visit_result visit = {.sample_ns = samples, .capacity = 64};
    assert_ok(tm_worker_visit(rig.worker, 3, &rule, tensor_bytes, 5.0, &visit));
    assert_true(visit.samples >= 5 && visit.end_ns > visit.start_ns && visit.first_ns >= 20000.0);
    for (int32_t i = 0; i < visit.samples; i++) assert_true(samples[i] >= 20000.0);
    assert_true(tm_hash128_equal(visit.hash, expected_hash(visit.last_slot)));
    assert_false(tm_hash128_equal(visit.hash, expected_hash(1 - visit.last_slot)));
    rig_end(&rig);
}

static void visit_stops_at_capacity(void **state)
{
    (void)state;
    test_rig rig;
    double samples[3];
    rig_prepare(&rig, "call_ns 10000\n");
    const tm_visit_rule rule = {.samples = 5, .time_ns = 1e9, .discard_first = false};
    tm_visit_result visit = {.sample_ns = samples, .capacity = 3};
    assert_ok(tm_worker_visit(rig.worker, 1, &rule, tensor_bytes, 5.0, &visit));
    assert_int_equal(visit.samples, 3);
    assert_true(isnan(visit.first_ns));
    rig_end(&rig);
}

static void delay_is_added(void **state)
{
    (void)state;
    test_rig rig;
    tm_declared declared;
    double ns;
    assert_ok(rig_start(&rig, "m+delay=100", "call_ns 2000000\n", 1));
    assert_ok(tm_worker_compile(rig.worker, rig.graph, 1, &declared));
    assert_ok(tm_worker_bind(rig.worker, 0, 0, 0, tensor_bytes));
    assert_ok(tm_worker_call(rig.worker, 0, 5.0, &ns));
    assert_true(ns >= 4000000.0);
    rig_end(&rig);
}

static void native_engine_runs(void **state)
{
    (void)state;
    test_rig rig;
    tm_declared declared;
    tm_hash128 hash;
    double ns;
    assert_ok(rig_start(&rig, "native", "", 1));
    assert_ok(tm_worker_compile(rig.worker, rig.graph, 1, &declared));
    assert_ok(tm_worker_bind(rig.worker, 0, 0, 0, tensor_bytes));
    assert_ok(tm_worker_call(rig.worker, 0, 5.0, &ns));
    assert_ok(tm_worker_hash_output(rig.worker, tensor_bytes, &hash));
    assert_true(tm_hash128_equal(hash, expected_hash(0)));
    rig_end(&rig);
}

static void deaths_have_causes(void **state)
{
    (void)state;
    check_call("crash run 1\n", TM_CELL_CRASHED, true, "signal 11 (SIGSEGV)");
    check_call("abort run 1\n", TM_CELL_CRASHED, true, "signal 6 (SIGABRT)");
    check_call("exit0 run 1\n", TM_CELL_PROTOCOL, true, "exited with status 0 without answering");
}

static void refusals_keep_the_worker(void **state)
{
    (void)state;
    check_call("oom run 1\n", TM_CELL_OOM, false, "no memory");
    check_call("fail run the words of the framework\n", TM_CELL_FAILED, false, "the words of the framework");
    check_call("device_error run 1\n", TM_CELL_DEVICE_ERROR, true, "fell off the bus");
    check_call("device_oom run 1\n", TM_CELL_OOM_DEVICE, true, "no device memory");
}

static void silence_is_a_hang(void **state)
{
    (void)state;
    const uint64_t begin = tm_now_ns();
    check_call("hang run 1\n", TM_CELL_HUNG, true, "no answer within 0.5 s");
    const double seconds = 1e-9 * (double)(tm_now_ns() - begin);
    assert_true(seconds > 2.4 && seconds < 6.0); /* 0.5 s, then TERM is ignored for 2 s, then KILL */
    check_call("stop run 1\n", TM_CELL_HUNG, true, "no answer");
}

static void nonsense_is_a_protocol_error(void **state)
{
    (void)state;
    check_call("garbage run 1\n", TM_CELL_PROTOCOL, true, "magic");
}

static void flood_blocks_nobody(void **state)
{
    (void)state;
    test_rig rig;
    double ns;
    rig_prepare(&rig, "flood run 5000000 1\n");
    assert_ok(tm_worker_call(rig.worker, 0, 10.0, &ns));
    const char *log = tm_worker_stderr(rig.worker);
    assert_true(strlen(log) > 60000 && strlen(log) <= 65536 && strstr(log, "fff\nfff"));
    rig_end(&rig);
}

static void failures_of_compile_and_bind(void **state)
{
    (void)state;
    test_rig rig;
    tm_declared declared;
    assert_ok(rig_start(&rig, "m", "unsupported relu\n", 1));
    assert_outcome(tm_worker_compile(rig.worker, rig.graph, 1, &declared), TM_CELL_UNSUPPORTED, false, "relu");
    rig_end(&rig);
    assert_ok(rig_start(&rig, "m", "crash bind 1\nfail compile 1 too odd\n", 1));
    assert_outcome(tm_worker_compile(rig.worker, rig.graph, 1, &declared), TM_CELL_FAILED, false, "too odd");
    rig_end(&rig);
    assert_ok(rig_start(&rig, "m", "crash bind 1\n", 1));
    assert_ok(tm_worker_compile(rig.worker, rig.graph, 1, &declared));
    assert_outcome(tm_worker_bind(rig.worker, 0, 0, 0, tensor_bytes), TM_CELL_CRASHED, true, "SIGSEGV");
    rig_end(&rig);
    assert_outcome(rig_start(&rig, "m", "nonsense\n", 1), TM_CELL_FAILED, false, "nonsense");
    assert_null(rig.worker);
    rig_end(&rig);
}

static void kill_from_outside(void **state)
{
    (void)state;
    test_rig rig;
    double ns;
    rig_prepare(&rig, "");
    kill(tm_worker_pid(rig.worker), SIGKILL);
    assert_outcome(tm_worker_call(rig.worker, 0, 5.0, &ns), TM_CELL_CRASHED, true, "signal 9 (SIGKILL)");
    rig_end(&rig);
}

/* User and system time of a process, in clock ticks; -1 when it is gone, or its state letter by `letter`. */
static long cpu_ticks(int32_t pid, char *letter)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    unsigned long user, system_time;
    if (!file) return -1;
    const int got =
        fscanf(file, "%*d (%*[^)]) %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", letter, &user, &system_time);
    fclose(file);
    return got == 3 ? (long)(user + system_time) : -1;
}

static void pause_stops_the_process(void **state)
{
    (void)state;
    test_rig rig;
    double ns;
    char letter = '?';
    rig_prepare(&rig, "");
    const int32_t pid = tm_worker_pid(rig.worker);
    tm_worker_pause(rig.worker);
    const long before = cpu_ticks(pid, &letter);
    assert_int_equal(letter, 'T');
    tm_sleep_ns(100000000);
    assert_int_equal(cpu_ticks(pid, &letter), before);
    tm_worker_wake(rig.worker);
    assert_ok(tm_worker_call(rig.worker, 0, 5.0, &ns));
    tm_worker_pause(rig.worker);
    cpu_ticks(pid, &letter);
    assert_int_equal(letter, 'T');
    rig_end(&rig); /* free wakes it */
}

/* In a process of its own: starts a worker, tells its pid, and waits to be killed. */
static void be_a_doomed_parent(int report, bool paused)
{
    test_rig rig;
    tm_outcome outcome = rig_start(&rig, "m", "", 1);
    int32_t pid = outcome.status == TM_CELL_OK ? tm_worker_pid(rig.worker) : -1;
    if (pid > 0 && paused) tm_worker_pause(rig.worker);
    const ssize_t written = write(report, &pid, sizeof pid);
    (void)written;
    unlink(rig.script);
    for (;;) sleep(1000);
}

static void workers_die_with_their_parent(void **state)
{
    (void)state;
    for (int paused = 0; paused < 2; paused++) {
        int report[2];
        assert_int_equal(pipe(report), 0);
        const pid_t parent = fork();
        assert_true(parent >= 0);
        if (parent == 0) be_a_doomed_parent(report[1], paused == 1);
        int32_t pid = -1;
        assert_int_equal(read(report[0], &pid, sizeof pid), (ssize_t)sizeof pid);
        assert_true(pid > 0);
        kill(parent, SIGKILL);
        waitpid(parent, NULL, 0);
        char letter = '?';
        const uint64_t deadline = tm_now_ns() + 2000000000u;
        while (cpu_ticks(pid, &letter) >= 0 && letter != 'Z' && tm_now_ns() < deadline) tm_sleep_ns(5000000);
        assert_true(cpu_ticks(pid, &letter) < 0 || letter == 'Z');
        close(report[0]);
        close(report[1]);
    }
}

/* The child that the mock says it has started. */
static int32_t child_of_log(tm_worker *worker)
{
    int pid = -1;
    const char *line = strstr(tm_worker_stderr(worker), "child ");
    assert_non_null(line);
    assert_int_equal(sscanf(line, "child %d", &pid), 1);
    assert_int_equal(kill(pid, 0), 0);
    return pid;
}

/* Neither a process nor a zombie is left of what a worker started, whether the worker crashed or was freed. */
static void children_of_a_worker_go_with_it(void **state)
{
    (void)state;
    static const char *const scripts[] = {"fork run 1\ncrash run 2\n", "escape run 1\ncrash run 2\n", "fork run 1\n",
                                          "escape run 1\n"};
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        test_rig rig;
        double ns;
        rig_prepare(&rig, scripts[i]);
        assert_ok(tm_worker_call(rig.worker, 0, 5.0, &ns));
        const int32_t child = child_of_log(rig.worker);
        if (i < 2) assert_outcome(tm_worker_call(rig.worker, 0, 5.0, &ns), TM_CELL_CRASHED, true, "SIGSEGV");
        rig_end(&rig);
        assert_int_not_equal(kill(child, 0), 0);
    }
}

/* An execution that writes nothing leaves NaN, not the result of the one before. */
static void outputs_are_poisoned(void **state)
{
    (void)state;
    test_rig rig;
    double ns;
    rig_prepare(&rig, "nothing\n");
    assert_ok(tm_worker_call(rig.worker, 0, 5.0, &ns));
    assert_ok(tm_worker_read(rig.worker, tensor_bytes));
    const float *outputs = tm_shared_outputs(rig.shared, tensor_bytes);
    for (int i = 0; i < COUNT; i++) assert_true(isnan(outputs[i]));
    rig_end(&rig);
}

/* A file of /proc/PID, zero bytes as line ends. */
static void read_proc(int32_t pid, const char *name, char *into, size_t capacity)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    const size_t got = fread(into, 1, capacity - 1, file);
    fclose(file);
    for (size_t i = 0; i < got; i++) into[i] = into[i] ? into[i] : '\n';
    into[got] = '\0';
}

/* What follows `name` in a text of lines. */
static const char *after(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    if (!at) fail_msg("no %s", name);
    return at + strlen(name);
}

static void process_is_set_up(void **state)
{
    (void)state;
    enum { INCARNATIONS = 4 };
    static char text[1 << 17];
    size_t padding[INCARNATIONS];
    long offset[INCARNATIONS];
    test_rig rig;
    assert_ok(rig_start(&rig, "m", "", 1));
    for (int32_t i = 0; i < INCARNATIONS; i++) {
        tm_worker *worker;
        const tm_worker_setup setup = {
            .spec = &rig.spec, .threads = 1, .incarnation = i, .shared = rig.shared, .open_timeout_s = 30.0};
        assert_ok(tm_worker_start(&setup, &worker, &rig.info));
        const int32_t pid = tm_worker_pid(worker);
        read_proc(pid, "environ", text, sizeof text);
        padding[i] = strcspn(after(text, "TENSORMARK_PADDING="), "\n");
        offset[i] = strtol(after(text, "TENSORMARK_OFFSET="), NULL, 10);
        assert_true(padding[i] < 4096 && offset[i] >= 0 && offset[i] < 4096 && offset[i] % 64 == 0);
        assert_int_equal(strtol(after(text, "OMP_NUM_THREADS="), NULL, 10), 1);
        read_proc(pid, "oom_score_adj", text, sizeof text);
        assert_string_equal(text, "1000\n");
        read_proc(pid, "limits", text, sizeof text);
        assert_int_equal(strtol(after(text, "Max core file size"), NULL, 10), 0);
        assert_int_equal(strtol(after(text, "Max file size"), NULL, 10), 4294967296);
        read_proc(pid, "status", text, sizeof text);
        assert_null(strpbrk(strtok(strstr(text, "Cpus_allowed_list:"), "\n"), ",-")); /* one CPU */
        assert_int_equal(getpgid(pid), pid);
        tm_worker_free(worker);
    }
    assert_true(padding[0] != padding[1] || padding[1] != padding[2]);
    assert_true(offset[0] != offset[1] || offset[1] != offset[2] || offset[2] != offset[3]);
    rig_end(&rig);
}

/* The folder of a living worker is there; those of a dead process are removed by the next worker. */
static void scratch_folders_come_and_go(void **state)
{
    (void)state;
    static char text[1 << 17];
    char left[64];
    test_rig rig;
    const pid_t gone = fork();
    if (gone == 0) _exit(0);
    waitpid(gone, NULL, 0);
    snprintf(left, sizeof left, "/tmp/tensormark-%d-abcdef", (int)gone);
    assert_int_equal(mkdir(left, 0700), 0);
    setenv("TMPDIR", "/tmp", 1);
    assert_ok(rig_start(&rig, "m", "", 1));
    assert_int_not_equal(access(left, F_OK), 0);
    read_proc(tm_worker_pid(rig.worker), "environ", text, sizeof text);
    char *own = strtok(strstr(text, "TMPDIR=/tmp/tensormark-"), "\n") + strlen("TMPDIR=");
    assert_int_equal(access(own, F_OK), 0);
    rig_end(&rig);
    assert_int_not_equal(access(own, F_OK), 0);
}

static void library_is_held_back(void **state)
{
    (void)state;
    test_rig rig;
    double ns;
    char lines[128];
    rig_prepare(&rig, "");
    char level[64];
    snprintf(level, sizeof level, "%s", tm_worker_sandbox(rig.worker));
    rig_end(&rig);
    if (strstr(level, "seccomp")) check_call("network run\n", TM_CELL_OK, false, "");
    if (strstr(level, "landlock")) {
        snprintf(lines, sizeof lines, "write run /tmp/tm-not-allowed-%d\n", (int)getpid());
        check_call(lines, TM_CELL_OK, false, "");
    }
    assert_ok(rig_start(&rig, "native", "", 1));
    assert_string_equal(tm_worker_sandbox(rig.worker), "");
    rig_end(&rig);
    (void)ns;
    print_message("sandbox: %s\n", level[0] ? level : "none on this system");
}

static void probe_tells(void **state)
{
    (void)state;
    tm_backend_spec spec;
    tm_backend_found found;
    tm_error error;
    assert_int_equal(tm_backend_spec_parse("mock", NULL, &spec, &error), TM_OK);
    tm_backend_probe(&spec, &found);
    assert_true(found.usable);
    assert_string_equal(found.info.framework, "mock 1");
    assert_int_equal(tm_backend_spec_parse("mock:gpu", NULL, &spec, &error), TM_OK);
    tm_backend_probe(&spec, &found);
    assert_false(found.usable);
    assert_non_null(strstr(found.reason, "gpu"));
}

static void shared_memory_cannot_shrink(void **state)
{
    (void)state;
    tm_shared *shared;
    tm_error error;
    assert_int_equal(tm_shared_new(&shared, &error), TM_OK);
    char *data = tm_shared_inputs(shared, 10);
    data[9] = 'x';
    data = tm_shared_inputs(shared, 10000000);
    assert_int_equal(data[9], 'x');
    data[9999999] = 'y';
    tm_shared_release(shared);
    data = tm_shared_inputs(shared, 10000000);
    assert_int_equal(data[9] + data[9999999], 0);
    tm_shared_free(shared);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "worker") == 0) return tm_worker_main(argc, argv);
    /* The build puts backend libraries beside the folder of the tests. */
    char path[4096];
    const ssize_t length = readlink("/proc/self/exe", path, sizeof path - 32);
    if (length <= 0) return 1;
    path[length] = '\0';
    char *slash = strrchr(path, '/');
    snprintf(slash, 32, "/../backends");
    setenv("TENSORMARK_BACKEND_FOLDER", path, 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shared_memory_cannot_shrink),
        cmocka_unit_test(good_worker_measures),
        cmocka_unit_test(visit_stops_at_capacity),
        cmocka_unit_test(delay_is_added),
        cmocka_unit_test(native_engine_runs),
        cmocka_unit_test(deaths_have_causes),
        cmocka_unit_test(refusals_keep_the_worker),
        cmocka_unit_test(silence_is_a_hang),
        cmocka_unit_test(nonsense_is_a_protocol_error),
        cmocka_unit_test(flood_blocks_nobody),
        cmocka_unit_test(failures_of_compile_and_bind),
        cmocka_unit_test(kill_from_outside),
        cmocka_unit_test(pause_stops_the_process),
        cmocka_unit_test(workers_die_with_their_parent),
        cmocka_unit_test(children_of_a_worker_go_with_it),
        cmocka_unit_test(outputs_are_poisoned),
        cmocka_unit_test(process_is_set_up),
        cmocka_unit_test(scratch_folders_come_and_go),
        cmocka_unit_test(library_is_held_back),
        cmocka_unit_test(probe_tells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
