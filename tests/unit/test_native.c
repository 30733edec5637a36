/* The backend table of native:cpu: what it promises the host, and that it refuses what is wrong instead of reading or
 * writing out of bounds. */
#include "native/native.h"

#include "base/dtype.h"
#include "graph/graph.h"
#include "native/isa.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct fixture {
    const tm_backend *native;
    tm_session *session;
    tm_program *program;
    tm_graph *graph;
} fixture;

static tm_error error;

static tm_shape vector(tm_dtype dtype, int64_t n)
{
    return (tm_shape){.dtype = dtype, .rank = 1, .dim = {n}};
}

static tm_session *open_native_as(const char *options, int32_t threads)
{
    tm_session *session = NULL;
    assert_int_equal(tm_native_backend()->open("cpu", "", options, threads, tm_graph_host(), &session, &error), TM_OK);
    return session;
}

static tm_session *open_native(int32_t threads)
{
    return open_native_as("", threads);
}

/* input -> ops[0] -> ops[1] ... -> output */
static tm_graph *chain(tm_shape shape, const char *const *ops, int count)
{
    tm_graph *graph = tm_graph_new();
    int32_t value = tm_graph_input(graph, shape, &error);
    for (int i = 0; i < count; i++) {
        value = tm_graph_op(graph, ops[i], &value, 1, "", &error);
        assert_true(value >= 0);
    }
    assert_int_equal(tm_graph_output(graph, value, &error), TM_OK);
    return graph;
}

static fixture start(tm_shape shape, const char *const *ops, int count, int32_t slots, int32_t threads)
{
    fixture f = {.native = tm_native_backend(), .session = open_native(threads), .graph = chain(shape, ops, count)};
    assert_int_equal(f.native->supports(f.session, f.graph, &error), TM_OK);
    assert_int_equal(f.native->compile(f.session, f.graph, slots, &f.program, &error), TM_OK);
    return f;
}

static void stop(fixture *f)
{
    f->native->discard(f->program);
    f->native->close(f->session);
    tm_graph_free(f->graph);
}

static const char *const relu[] = {"relu", "relu"};

static void bind_sequence(fixture *f, int32_t slot, int64_t n, float first)
{
    for (int64_t i = 0; i < n; i++) {
        const float value = first + (float)i;
        assert_int_equal(f->native->bind(f->program, slot, 0, (size_t)i * 4, &value, 4, &error), TM_OK);
    }
}

static float read_one(fixture *f, int64_t i)
{
    float value = 0.0f;
    assert_int_equal(f->native->read(f->program, 0, (size_t)i * 4, 4, &value, &error), TM_OK);
    return value;
}

static void test_probe(void **state)
{
    (void)state;
    tm_device_info info;
    const tm_backend *native = tm_native_backend();
    assert_int_equal(native->abi, TM_BACKEND_ABI);
    assert_int_equal(native->size, sizeof *native);
    assert_ptr_equal(tensormark_backend(), native);
    assert_int_equal(native->probe("", "", &info, &error), TM_OK);
    assert_int_equal(native->probe("cpu", "", &info, &error), TM_OK);
    assert_non_null(strstr(info.framework, tm_version()));
    assert_non_null(strstr(info.framework, tm_native_isa(&error)));
    assert_true(strlen(info.device) > 0);
    assert_int_equal(native->probe("cuda", "", &info, &error), TM_UNSUPPORTED);
    assert_non_null(strstr(error.message, "cuda"));
}

static void test_open_refuses(void **state)
{
    (void)state;
    const tm_backend *native = tm_native_backend();
    tm_session *session;
    const tm_host *host = tm_graph_host();
    assert_int_equal(native->open("gpu", "", "", 1, host, &session, &error), TM_UNSUPPORTED);
    assert_int_equal(native->open("cpu", "", "compile,tuned", 1, host, &session, &error), TM_UNSUPPORTED);
    assert_non_null(strstr(error.message, "native: no option tuned"));
    assert_int_equal(native->open("cpu", "", "isa=sse9", 1, host, &session, &error), TM_UNSUPPORTED);
    assert_non_null(strstr(error.message, "native+isa=sse9: no such instruction set (portable, avx2, avx512"));
    assert_int_equal(native->open("cpu", "", "isa=portable,fuse", 1, host, &session, &error), TM_UNSUPPORTED);
    assert_int_equal(native->open("cpu", "", "", 0, host, &session, &error), TM_INVALID_ARGUMENT);
    assert_null(session);
    setenv("TENSORMARK_ISA", "sse9", 1);
    assert_int_equal(native->open("cpu", "", "", 1, host, &session, &error), TM_UNSUPPORTED);
    assert_non_null(strstr(error.message, "sse9"));
    assert_null(tm_native_isa(&error));
    unsetenv("TENSORMARK_ISA");
    const char *const offsets[] = {"63", "4096", "-64", "x"};
    for (size_t i = 0; i < 4; i++) {
        setenv("TENSORMARK_OFFSET", offsets[i], 1);
        assert_int_equal(native->open("cpu", "", "", 1, host, &session, &error), TM_INVALID_ARGUMENT);
    }
    unsetenv("TENSORMARK_OFFSET");
}

/* Sessions of several sets side by side, whatever the environment says: each one runs its own kernels. */
static void test_isa_option(void **state)
{
    (void)state;
    const tm_backend *native = tm_native_backend();
    setenv("TENSORMARK_ISA", "portable", 1);
    for (int isa = 0; isa < TM_ISA_COUNT; isa++) {
        const char *name = tm_isa_name((tm_isa)isa);
        char option[32];
        snprintf(option, sizeof option, "isa=%s", name);
        if (!tm_isa_available((tm_isa)isa)) continue;
        tm_device_info info = {.device = "kept"};
        fixture f = {
            .native = native, .session = open_native_as(option, 1), .graph = chain(vector(TM_F32, 40), relu, 2)};
        native->describe(f.session, &info);
        assert_non_null(strstr(info.framework, name));
        assert_string_equal(info.device, "kept");
        assert_int_equal(native->compile(f.session, f.graph, 1, &f.program, &error), TM_OK);
        bind_sequence(&f, 0, 40, -20.0f);
        uint64_t before[TM_ISA_COUNT];
        for (int i = 0; i < TM_ISA_COUNT; i++) before[i] = tm_native_kernel_calls(tm_isa_name((tm_isa)i));
        assert_int_equal(f.native->run(f.program, 0, 1, &error), TM_OK);
        for (int i = 0; i < TM_ISA_COUNT; i++) {
            const uint64_t calls = tm_native_kernel_calls(tm_isa_name((tm_isa)i)) - before[i];
            assert_true((calls > 0) == (i == (int)tm_kernels_for((tm_isa)isa)->isa.relu_f32));
        }
        assert_true(read_one(&f, 39) == 19.0f);
        stop(&f);
    }
    unsetenv("TENSORMARK_ISA");
}

/* A 16-bit intermediate of fused ops is not rounded, and the program says so. */
static void test_compile_option(void **state)
{
    (void)state;
    const tm_backend *native = tm_native_backend();
    for (int fused = 0; fused < 2; fused++) {
        fixture f = {.native = native,
                     .session = open_native_as(fused ? "isa=portable,compile" : "", 1),
                     .graph = chain(vector(TM_BF16, 40), relu, 2)};
        assert_int_equal(native->compile(f.session, f.graph, 1, &f.program, &error), TM_OK);
        tm_declared declared;
        native->declared(f.program, &declared);
        assert_int_equal(declared.rounds_between_ops, !fused);
        uint16_t data[40];
        for (int i = 0; i < 40; i++) data[i] = tm_bf16_from_f32((float)(i - 20));
        assert_int_equal(native->bind(f.program, 0, 0, 0, data, sizeof data, &error), TM_OK);
        native->poison(f.program);
        assert_int_equal(native->run(f.program, 0, 1, &error), TM_OK);
        assert_int_equal(native->read(f.program, 0, 0, sizeof data, data, &error), TM_OK);
        for (int i = 0; i < 40; i++) assert_true(tm_f32_from_bf16(data[i]) == (i > 20 ? (float)(i - 20) : 0.0f));
        stop(&f);
    }
}

static void test_slots_rotate(void **state)
{
    (void)state;
    fixture f = start(vector(TM_F32, 100), relu, 1, 3, 1);
    for (int32_t slot = 0; slot < 3; slot++) bind_sequence(&f, slot, 100, (float)(slot * 1000 - 50));
    for (int32_t first = 0; first < 3; first++) {
        for (int64_t count = 1; count <= 4; count++) {
            f.native->poison(f.program);
            assert_true(isnan(read_one(&f, 0)) && isnan(read_one(&f, 99)));
            assert_int_equal(f.native->run(f.program, first, count, &error), TM_OK);
            assert_int_equal(f.native->sync(f.session, &error), TM_OK);
            const float base = (float)((first + count - 1) % 3 * 1000 - 50);
            assert_true(read_one(&f, 0) == fmaxf(base, 0.0f));
            assert_true(read_one(&f, 99) == fmaxf(base + 99.0f, 0.0f));
        }
    }
    float back[100];
    assert_int_equal(f.native->read_input(f.program, 1, 0, 0, sizeof back, back, &error), TM_OK);
    for (int i = 0; i < 100; i++) assert_true(back[i] == (float)(950 + i));
    stop(&f);
}

/* A lent input is read where it lies, by every slot, until unbind; what is not lent is bound beside it. */
static void test_lent(void **state)
{
    (void)state;
    enum { ROWS = 300, COLUMNS = 40 };
    static _Alignas(64) float weights[ROWS * COLUMNS], other[ROWS * COLUMNS];
    const tm_shape shape = {.dtype = TM_F32, .rank = 2, .dim = {ROWS, COLUMNS}};
    fixture f = {.native = tm_native_backend(), .session = open_native(2), .graph = tm_graph_new()};
    const tm_backend *n = f.native;
    const int32_t in[] = {tm_graph_input(f.graph, shape, &error), tm_graph_input(f.graph, shape, &error)};
    assert_int_equal(tm_graph_output(f.graph, tm_graph_op(f.graph, "add", in, 2, "", &error), &error), TM_OK);
    assert_int_equal(n->compile(f.session, f.graph, 2, &f.program, &error), TM_OK);
    for (int32_t i = 0; i < ROWS * COLUMNS; i++) weights[i] = (float)i, other[i] = 0.5f;
    assert_int_equal(n->lend(f.program, 0, (char *)weights + 4, &error), TM_INVALID_ARGUMENT);
    assert_int_equal(n->lend(f.program, 2, weights, &error), TM_INVALID_ARGUMENT);
    assert_int_equal(n->lend(f.program, 0, weights, &error), TM_OK);
    assert_int_equal(n->bind(f.program, 0, 0, 0, other, 4, &error), TM_INVALID_ARGUMENT);
    for (int32_t slot = 0; slot < 2; slot++) {
        assert_int_equal(n->run(f.program, slot, 1, &error), TM_INVALID_ARGUMENT);
        assert_int_equal(n->bind(f.program, slot, 1, 0, other, sizeof other, &error), TM_OK);
        n->poison(f.program);
        assert_int_equal(n->run(f.program, slot, 1, &error), TM_OK);
        for (int32_t i = 0; i < ROWS * COLUMNS; i += 37) assert_true(read_one(&f, i) == (float)i + 0.5f);
    }
    assert_int_equal(n->lend(f.program, 1, other, &error), TM_INVALID_ARGUMENT);
    weights[37] = 1000.0f;
    assert_int_equal(n->run(f.program, 1, 1, &error), TM_OK);
    assert_true(read_one(&f, 37) == 1000.5f);
    n->unbind(f.program);
    assert_int_equal(n->run(f.program, 0, 1, &error), TM_INVALID_ARGUMENT);
    assert_int_equal(n->bind(f.program, 0, 0, 0, other, sizeof other, &error), TM_OK);
    assert_int_equal(n->bind(f.program, 0, 1, 0, other, sizeof other, &error), TM_OK);
    assert_int_equal(n->run(f.program, 0, 1, &error), TM_OK);
    assert_true(read_one(&f, 37) == 1.0f && weights[37] == 1000.0f);
    stop(&f);
}

static void test_ranges(void **state)
{
    (void)state;
    fixture f = start(vector(TM_F32, 16), relu, 1, 2, 1);
    float data[17] = {0.0f};
    const tm_backend *n = f.native;
    assert_int_equal(n->run(f.program, 0, 1, &error), TM_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "not bound"));
    assert_int_equal(n->read(f.program, 0, 0, 4, data, &error), TM_INVALID_ARGUMENT);
    assert_int_equal(n->bind(f.program, 0, 0, 0, data, 64, &error), TM_OK);
    assert_int_equal(n->run(f.program, 0, 1, &error), TM_OK);
    assert_int_equal(n->run(f.program, 0, 2, &error), TM_INVALID_ARGUMENT); /* slot 1 is not bound */
    assert_int_equal(n->run(f.program, 0, 0, &error), TM_OK);
    assert_int_equal(n->run(f.program, 2, 1, &error), TM_INVALID_ARGUMENT);
    assert_int_equal(n->run(f.program, -1, 1, &error), TM_INVALID_ARGUMENT);
    assert_int_equal(n->run(f.program, 0, -1, &error), TM_INVALID_ARGUMENT);
    assert_int_equal(n->bind(f.program, 2, 0, 0, data, 4, &error), TM_INVALID_ARGUMENT);
    assert_int_equal(n->bind(f.program, 0, 1, 0, data, 4, &error), TM_INVALID_ARGUMENT);
    assert_int_equal(n->bind(f.program, 0, -1, 0, data, 4, &error), TM_INVALID_ARGUMENT);
    assert_int_equal(n->bind(f.program, 0, 0, 0, data, 68, &error), TM_INVALID_ARGUMENT);
    assert_int_equal(n->bind(f.program, 0, 0, 61, data, 4, &error), TM_INVALID_ARGUMENT);
    assert_int_equal(n->bind(f.program, 0, 0, SIZE_MAX, data, 4, &error), TM_INVALID_ARGUMENT);
    assert_int_equal(n->bind(f.program, 0, 0, 64, data, 0, &error), TM_OK);
    assert_int_equal(n->read(f.program, 1, 0, 4, data, &error), TM_INVALID_ARGUMENT);
    assert_int_equal(n->read(f.program, 0, 4, 64, data, &error), TM_INVALID_ARGUMENT);
    assert_int_equal(n->read_input(f.program, 0, 0, 4, 64, data, &error), TM_INVALID_ARGUMENT);
    assert_int_equal(n->set_scalar(f.program, "n_past", 1, &error), TM_UNSUPPORTED);
    assert_int_equal(n->reset_state(f.program, &error), TM_OK);
    n->unbind(f.program);
    assert_int_equal(n->run(f.program, 0, 1, &error), TM_INVALID_ARGUMENT);
    assert_int_equal(n->bind(f.program, 0, 0, 0, data, 64, &error), TM_OK);
    assert_int_equal(n->run(f.program, 0, 1, &error), TM_OK);
    tm_program *none;
    assert_int_equal(n->compile(f.session, f.graph, 0, &none, &error), TM_INVALID_ARGUMENT);
    assert_null(none);
    stop(&f);
}

static void test_memory_is_given_back(void **state)
{
    (void)state;
    const int64_t n = 16 << 20;
    fixture f = start(vector(TM_F32, n), relu, 1, 2, 2);
    uint64_t before = 0, during = 0, device = 1;
    assert_int_equal(f.native->memory(f.session, &before, &device, &error), TM_OK);
    assert_int_equal(device, 0);
    const float one = 1.0f;
    for (int round = 0; round < 20; round++) { /* 20 arenas of 200 MB that stay would be 4 GB */
        assert_int_equal(f.native->bind(f.program, 0, 0, 0, &one, 4, &error), TM_OK);
        f.native->unbind(f.program);
    }
    assert_int_equal(f.native->memory(f.session, &during, &device, &error), TM_OK);
    assert_true(during >= 3u * 4u * (uint64_t)n && during < 30u * 4u * (uint64_t)n + before);
    stop(&f);
}

/* Every intermediate of a 16-bit graph is rounded to its type, as an engine without fusion does, and that is declared.
 */
static void test_half_intermediates(void **state)
{
    (void)state;
    const char *const ops[] = {"sigmoid", "softplus"};
    const tm_dtype dtypes[] = {TM_F32, TM_BF16, TM_F16};
    for (size_t d = 0; d < 3; d++) {
        fixture f = start(vector(dtypes[d], 64), ops, 2, 1, 1);
        tm_declared declared;
        f.native->declared(f.program, &declared);
        assert_int_equal(declared.rounds_between_ops, d > 0);
        assert_int_equal(declared.accumulator, TM_F32);
        const size_t size = tm_dtype_size(dtypes[d]);
        char in[256], out[256];
        for (int i = 0; i < 64; i++) {
            const float x = (float)i * 0.17f - 5.0f;
            const uint16_t half = d == 1 ? tm_bf16_from_f32(x) : tm_f16_from_f32(x);
            if (d == 0) {
                memcpy(in + i * 4, &x, 4);
            } else {
                memcpy(in + i * 2, &half, 2);
            }
        }
        assert_int_equal(f.native->bind(f.program, 0, 0, 0, in, 64 * size, &error), TM_OK);
        assert_int_equal(f.native->run(f.program, 0, 1, &error), TM_OK);
        assert_int_equal(f.native->read(f.program, 0, 0, 64 * size, out, &error), TM_OK);
        for (int i = 0; i < 64; i++) {
            float between = (float)(1.0 / (1.0 + exp(-tm_element(dtypes[d], in, i))));
            if (d == 1) between = tm_f32_from_bf16(tm_bf16_from_f32(between));
            if (d == 2) between = tm_f32_from_f16(tm_f16_from_f32(between));
            const double want = log1p(exp((double)between)), got = tm_element(dtypes[d], out, i);
            /* The intermediate may round the other way where it lies between two values: once in a blue moon. */
            assert_true(fabs(got - want) <= 1.1 * want * tm_dtype_roundoff(dtypes[d]) + 1e-6);
        }
        stop(&f);
    }
}

static void test_refuses_graphs(void **state)
{
    (void)state;
    tm_session *session = open_native(1);
    tm_graph *graph = tm_graph_new();
    const int32_t in = tm_graph_input(graph, vector(TM_I32, 4), &error);
    const int32_t out = tm_graph_op(graph, "relu", &in, 1, "", &error);
    if (out >= 0) { /* where the shape rule allows it, the engine must say no */
        assert_int_equal(tm_graph_output(graph, out, &error), TM_OK);
        assert_int_equal(tm_native_backend()->supports(session, graph, &error), TM_UNSUPPORTED);
        assert_non_null(strstr(error.message, "i32"));
    }
    tm_graph_free(graph);
    tm_native_backend()->close(session);
}

static const char *unknown_op(const tm_graph *graph, int32_t node)
{
    (void)graph;
    (void)node;
    return "frobnicate";
}

static tm_shape wrong_shape(const tm_graph *graph, int32_t value)
{
    tm_shape shape = tm_graph_host()->value_shape(graph, value);
    if (value > 0) shape.dim[0]++;
    return shape;
}

/* A host of another build: its ops and rules may differ from ours. */
static void test_foreign_hosts(void **state)
{
    (void)state;
    tm_graph *graph = chain(vector(TM_F32, 8), relu, 2);
    for (int i = 0; i < 3; i++) {
        tm_host host = *tm_graph_host();
        if (i == 0) host.node_op = unknown_op;
        if (i == 1) host.value_shape = wrong_shape;
        if (i == 2) host.size = offsetof(tm_host, input_count);
        tm_session *session = NULL;
        const tm_status status = tm_native_backend()->open("cpu", "", "", 1, &host, &session, &error);
        assert_int_equal(status, i == 2 ? TM_INVALID_ARGUMENT : TM_OK);
        if (status != TM_OK) continue;
        tm_program *program;
        assert_int_equal(tm_native_backend()->supports(session, graph, &error), TM_UNSUPPORTED);
        assert_int_equal(tm_native_backend()->compile(session, graph, 1, &program, &error), TM_UNSUPPORTED);
        assert_non_null(strstr(error.message, i == 0 ? "frobnicate" : "shape"));
        tm_native_backend()->close(session);
    }
    tm_graph_free(graph);
}

/* The graph need not outlive compile inside the engine: it keeps its own copy. */
static void test_keeps_its_own_graph(void **state)
{
    (void)state;
    fixture f = start(vector(TM_F32, 33), relu, 2, 1, 2);
    tm_graph_free(f.graph);
    f.graph = NULL;
    bind_sequence(&f, 0, 33, -16.0f);
    assert_int_equal(f.native->run(f.program, 0, 1, &error), TM_OK);
    for (int64_t i = 0; i < 33; i++) assert_true(read_one(&f, i) == fmaxf((float)(i - 16), 0.0f));
    stop(&f);
}

static void test_empty_inputs(void **state)
{
    (void)state;
    fixture f = start(vector(TM_F32, 0), relu, 2, 2, 1);
    assert_int_equal(f.native->run(f.program, 0, 3, &error), TM_OK);
    assert_int_equal(f.native->read(f.program, 0, 0, 0, NULL, &error), TM_OK);
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_probe),
        cmocka_unit_test(test_open_refuses),
        cmocka_unit_test(test_isa_option),
        cmocka_unit_test(test_compile_option),
        cmocka_unit_test(test_slots_rotate),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_lent),
        cmocka_unit_test(test_refuses_graphs),
        cmocka_unit_test(test_memory_is_given_back),
        cmocka_unit_test(test_foreign_hosts),
        cmocka_unit_test(test_half_intermediates),
        cmocka_unit_test(test_empty_inputs),
        cmocka_unit_test(test_keeps_its_own_graph),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
