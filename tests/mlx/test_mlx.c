/* The MLX backend through its own table, with graphs that the program would never make: what MLX refuses comes back in
 * its own words and harms nothing, chains of nodes give every output, compiled or not, slots and pieces are kept apart,
 * and what an execution leaves unwritten is seen. test_mlx LIBRARY FOLDER; exit status 77 without an MLX. */
#include "../adapter_fixture.h"

static void refusals_come_in_its_own_words(void **state)
{
    (void)state;
    const tm_shape matrix = {TM_F32, 2, {2, 3}}, wrong = {TM_F32, 1, {5}}, vast = {TM_F32, 1, {(int64_t)1 << 40}};
    tm_graph axis = one_node("sort", matrix, matrix);
    axis.node[0].axis = 7;
    const struct {
        tm_graph graph;
        const char *words;
    } refused[] = {{axis, "[sort] Axis 7 is out of bounds"},
                   {two_inputs("matmul", matrix, matrix, matrix), "[matmul]"},
                   {one_node("relu", row4, wrong), "MLX's result is (4) float32, not (5) float32"},
                   {one_node("relu", vast, vast), "MLX's sizes have 32 bits: 1099511627776"},
                   {one_node("fft", row4, row4), "mlx has no op fft"}};
    tm_session *session = opened("", 1);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        tm_program *program = NULL;
        tm_error error = {""};
        assert_int_equal(backend->supports(session, &refused[i].graph, &error), TM_UNSUPPORTED);
        assert_words(refused[i].words, &error);
        assert_int_equal(backend->compile(session, &refused[i].graph, 1, &program, &error), TM_UNSUPPORTED);
        assert_null(program);
        assert_works_on(session);
    }
    backend->close(session);
}

/* Indices are uint32 inside and i64 for whoever reads them; what argmax gives can be one. */
static void indices_are_passed_on(void **state)
{
    (void)state;
    const tm_shape table = {TM_F32, 2, {4, 2}}, scores = {TM_F32, 2, {3, 4}}, three = {TM_I64, 1, {3}},
                   rows = {TM_F32, 2, {3, 2}};
    const tm_graph graph = {.inputs = 2,
                            .nodes = 2,
                            .outputs = 2,
                            .input = {table, scores},
                            .node = {{.op = "argmax", .operand = {1, -1}, .axis = 1, .result = three},
                                     {.op = "gather", .operand = {0, 2, -1}, .result = rows}},
                            .output = {3, 2}};
    static const float t[] = {1, 2, 3, 4, 5, 6, 7, 8}, s[] = {0, 9, 1, 1, 5, 4, 3, 2, 1, 2, 3, 4};
    static const float wanted[] = {3, 4, 1, 2, 7, 8};
    static const int64_t places[] = {1, 0, 3};
    int64_t got[3];
    tm_error error = {""};
    tm_declared declared = {.labels = ""};
    tm_session *session = opened("", 2);
    tm_program *program = compiled(session, &graph, 1);
    bound(program, 0, 0, t, sizeof t);
    bound(program, 0, 1, s, sizeof s);
    ran(program, 0, 1);
    assert_output(program, 0, wanted, 6);
    assert_int_equal(backend->read(program, 1, 0, sizeof got, got, &error), TM_OK);
    assert_memory_equal(got, places, sizeof got);
    backend->declared(program, &declared);
    assert_string_equal(declared.labels, "INDEX=uint32,THREADS=1");
    backend->discard(program);

    const tm_graph taken = two_inputs("gather", table, three, rows);
    program = compiled(session, &taken, 1);
    bound(program, 0, 0, t, sizeof t);
    bound(program, 0, 1, places, sizeof places);
    ran(program, 0, 1);
    assert_output(program, 0, wanted, 6);
    assert_int_equal(backend->read_input(program, 0, 1, 8, 16, got, &error), TM_OK);
    assert_memory_equal(got, places + 1, 16);
    assert_int_equal(backend->bind(program, 0, 1, 4, places, 8, &error), TM_INVALID_ARGUMENT);
    backend->discard(program);
    backend->close(session);
}

/* A sigmoid of zeros, run once; `graph` is the program's. */
static tm_program *sigmoid_of_zeros(tm_session *session, size_t bytes, tm_graph *graph)
{
    const tm_shape large = {TM_F32, 1, {(int64_t)(bytes / sizeof(float))}};
    *graph = one_node("sigmoid", large, large);
    tm_program *program = compiled(session, graph, 1);
    void *zeros = calloc(1, bytes);
    assert_non_null(zeros);
    bound(program, 0, 0, zeros, bytes);
    free(zeros);
    ran(program, 0, 1);
    return program;
}

static void results_are_freed_when_the_next_is_made(void **state)
{
    (void)state;
    const size_t bytes = 256 << 10;
    tm_session *session = opened("", 1);
    tm_graph graph;
    tm_program *program = sigmoid_of_zeros(session, bytes, &graph);
    uint64_t before = 0, after = 0, device = 1;
    float first = 0;
    tm_error error = {""};
    assert_int_equal(backend->memory(session, &before, &device, &error), TM_OK);
    ran(program, 0, 100);
    assert_int_equal(backend->memory(session, &after, &device, &error), TM_OK);
    assert_in_range(before, 2 * bytes, 4 * bytes);
    assert_int_equal(before, after);
    assert_int_equal(device, 0);
    assert_int_equal(backend->read(program, 0, bytes - 4, 4, &first, &error), TM_OK);
    assert_true(first == 0.5f);
    backend->discard(program);
    backend->close(session);
}

/* What MLX's own allocator hands out next is what poison has filled, behind the few bytes that it keeps for itself. The
 * allocator is a C++ object whose first virtual function hands out a block. */
static void poison_reaches_the_next_result(void **state)
{
    (void)state;
    const size_t bytes = 256 << 10, own = 64;
    tm_session *session = opened("", 1);
    tm_graph graph;
    tm_program *program = sigmoid_of_zeros(session, bytes, &graph);
    void *symbol = dlsym(RTLD_DEFAULT, "_ZN3mlx4core9allocator9allocatorEv");
    typedef unsigned char *(*taker)(void *object, size_t bytes);
    taker **(*allocator)(void) = NULL;
    float back;
    tm_error error = {""};
    memcpy(&allocator, &symbol, sizeof allocator);
    assert_non_null(allocator);
    backend->poison(program);
    assert_int_equal(backend->read(program, 0, 0, 4, &back, &error), TM_INVALID_ARGUMENT); /* it is given up */
    taker **object = allocator();
    const unsigned char *block = (*object)[0](object, bytes);
    for (size_t i = own; i < bytes; i++) assert_int_equal(block[i], 0xff);
    backend->discard(program);
    backend->close(session);
}

/* Contractions in float32 are the BLAS's; all else is one thread's, and what is asked for beyond it is told. */
static void one_thread_is_told(void **state)
{
    (void)state;
    const tm_graph graph = one_node("relu", row4, row4);
    static const char *const wanted[] = {"", "THREADS=1"};
    for (int32_t threads = 1; threads <= 2; threads++) {
        tm_session *session = opened("", threads);
        tm_program *program = compiled(session, &graph, 1);
        tm_declared declared = {.labels = ""};
        backend->declared(program, &declared);
        assert_string_equal(declared.labels, wanted[threads - 1]);
        assert_string_equal(getenv("MLX_ENABLE_TF32"), "0");
        backend->discard(program);
        backend->close(session);
    }
}

static void narrow_types_are_declared(void **state)
{
    (void)state;
    static const tm_dtype types[] = {TM_F32, TM_BF16, TM_F16};
    tm_session *session = opened("", 1);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        const tm_shape row = {types[i], 1, {4}};
        const tm_graph graph = one_node("softmax", row, row);
        tm_program *program = compiled(session, &graph, 1);
        tm_declared declared = {.tf32 = 1};
        backend->declared(program, &declared);
        assert_int_equal(declared.accumulator, types[i]);
        assert_int_equal(declared.rounds_between_ops, types[i] != TM_F32);
        assert_int_equal(declared.tf32, 0);
        backend->discard(program);
    }
    backend->close(session);
}

static void what_is_not_there_is_unsupported(void **state)
{
    (void)state;
    static const unopened asked[] = {{"tpu", "", "not on 'tpu'"},
#ifndef __APPLE__
                                     {"gpu", "", "mlx:gpu needs"},
#endif
                                     {"cpu", "tuned", "mlx has no +tuned"},
                                     {"cpu", "tf32", "no TF32"},
                                     {"cpu", "isa=avx2", "no option 'isa=avx2'"}};
    static const unopened compiler[] = {{"cpu", "compile", "needs g++ on PATH"}};
    assert_unopened(asked, sizeof asked / sizeof *asked);
    char *path = strdup(getenv("PATH"));
    setenv("PATH", "/nonexistent", 1);
    assert_unopened(compiler, 1);
    setenv("PATH", path, 1);
    free(path);
}

int main(int argc, char **argv)
{
    const int status = load_backend(argc, argv, "TENSORMARK_MLX");
    if (status) return status;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_there_is_unsupported),
        cmocka_unit_test(refusals_come_in_its_own_words),
        cmocka_unit_test_prestate(chains_give_every_output, "compile"),
        cmocka_unit_test(indices_are_passed_on),
        cmocka_unit_test(slots_and_pieces_are_kept_apart),
        cmocka_unit_test(results_are_freed_when_the_next_is_made),
        cmocka_unit_test(poison_reaches_the_next_result),
        cmocka_unit_test(one_thread_is_told),
        cmocka_unit_test(narrow_types_are_declared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
