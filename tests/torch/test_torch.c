/* The PyTorch backend through its own table, with graphs that the program would never make: what PyTorch refuses comes
 * back in its own words and harms nothing, chains of nodes give and free what they should, slots and pieces are kept
 * apart. test_torch LIBRARY FOLDER; exit status 77 where FOLDER and the environment have no PyTorch. */
#include "../adapter_fixture.h"

#include <sys/resource.h>

/* The status and the words of an execution that PyTorch refuses; what follows on the same session is unharmed. */
static void assert_refused(const tm_graph *graph, const void *const *data, const size_t *bytes, tm_status wanted,
                           const char *words)
{
    tm_session *session = opened("", 1);
    tm_program *program = compiled(session, graph, 1);
    tm_error error = {""};
    for (int32_t i = 0; i < graph->inputs; i++) bound(program, 0, i, data[i], bytes[i]);
    for (int again = 0; again < 3; again++) {
        assert_int_equal(backend->run(program, 0, 1, &error), wanted);
        assert_words(words, &error);
    }
    backend->discard(program);
    assert_works_on(session);
    backend->close(session);
}

static void refusals_come_in_its_own_words(void **state)
{
    (void)state;
    static const float x[6] = {1, 2, 3, 4, 5, 6};
    static const int32_t whole[4] = {1, 2, 3, 4};
    const void *const data[] = {x, x}, *const integers[] = {whole};
    const size_t bytes[] = {sizeof x, sizeof x}, few[] = {sizeof whole};
    const tm_shape matrix = {TM_F32, 2, {2, 3}}, row = {TM_I32, 1, {4}};

    tm_graph graph = one_node("softmax", matrix, matrix);
    graph.node[0].axis = 7;
    assert_refused(&graph, data, bytes, TM_FAILED, "Dimension out of range");

    graph = two_inputs("matmul", matrix, matrix, matrix);
    assert_refused(&graph, data, bytes, TM_FAILED, "cannot be multiplied (2x3 and 2x3)");

    graph = one_node("softmax", row, row);
    assert_refused(&graph, integers, few, TM_UNSUPPORTED, "not implemented for 'Int'");
}

/* Views of a value that exists only while the graph runs, and a result that is a view itself. */
static void convolution_of_an_inner_value(void **state)
{
    (void)state;
    const tm_shape image = {TM_F32, 4, {1, 2, 2, 2}}, weight = {TM_F32, 4, {3, 1, 1, 2}},
                   made = {TM_F32, 4, {1, 2, 2, 3}};
    const tm_graph graph = {.inputs = 2,
                            .nodes = 3,
                            .outputs = 1,
                            .input = {image, weight},
                            .node = {{.op = "relu", .operand = {0, -1}, .result = image},
                                     {.op = "conv2d", .operand = {2, 1, -1}, .result = made},
                                     {.op = "relu", .operand = {3, -1}, .result = made}},
                            .output = {4}};
    static const float x[] = {1, 2, -3, 4, 5, 6, 7, -8}, w[] = {1, 0, 0, 1, 1, 1};
    static const float y[] = {1, 2, 3, 0, 4, 4, 5, 6, 11, 7, 0, 7};
    tm_session *session = opened("", 1);
    tm_program *program = compiled(session, &graph, 1);
    bound(program, 0, 0, x, sizeof x);
    bound(program, 0, 1, w, sizeof w);
    ran(program, 0, 3);
    assert_output(program, 0, y, 12);
    backend->discard(program);
    backend->close(session);
}

static void a_result_of_another_shape_is_not_read(void **state)
{
    (void)state;
    const tm_shape wrong[] = {{TM_F32, 1, {5}}, {TM_F32, 2, {2, 2}}, {TM_F16, 1, {4}}};
    tm_session *session = opened("", 1);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const tm_graph graph = one_node("relu", row4, wrong[i]);
        tm_program *program = compiled(session, &graph, 1);
        static const float x[] = {1, 2, 3, 4};
        float back[8];
        tm_error error = {""};
        bound(program, 0, 0, x, sizeof x);
        ran(program, 0, 1);
        assert_int_equal(backend->read(program, 0, 0, 8, back, &error), TM_FAILED);
        backend->discard(program);
    }
    backend->close(session);
}

/* 0 under a sanitizer, which keeps freed memory, and finds leaks itself. */
static long peak_kb(void)
{
#ifdef __SANITIZE_ADDRESS__
    return 0;
#endif
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

/* 1 MiB results, thousands of them: what is not freed shows in the peak. */
static void executions_free_their_results(void **state)
{
    (void)state;
    const tm_shape large = {TM_F32, 2, {512, 512}};
    tm_graph graph = {.inputs = 1,
                      .nodes = 3,
                      .outputs = 1,
                      .input = {large},
                      .node = {{.op = "relu", .operand = {0, -1}, .result = large},
                               {.op = "sort", .operand = {1, -1}, .axis = 1, .result = large},
                               {.op = "relu", .operand = {1, -1}, .result = large}},
                      .output = {3}};
    tm_session *session = opened("", 1);
    tm_program *program = compiled(session, &graph, 1);
    float *x = calloc(512 * 512, sizeof *x);
    assert_non_null(x);
    bound(program, 0, 0, x, 512 * 512 * sizeof *x);
    ran(program, 0, 3);
    const long before = peak_kb();
    ran(program, 0, 200);
    assert_in_range(peak_kb() - before, 0, 40 << 10);
    free(x);
    backend->discard(program);
    backend->close(session);
}

/* Six results of 36 MB in a row, too large for the C library to keep: two of them are alive at a time. */
static void inner_values_are_freed_after_their_last_use(void **state)
{
    (void)state;
    enum { side = 3000, links = 6 };
    const tm_shape large = {TM_F32, 2, {side, side}};
    tm_graph graph = {.inputs = 1, .nodes = links, .outputs = 1, .input = {large}, .output = {links}};
    for (int32_t i = 0; i < links; i++) {
        graph.node[i] = (node){.op = "relu", .operand = {i, -1}, .result = large};
    }
    tm_session *session = opened("", 1);
    tm_program *program = compiled(session, &graph, 1);
    const size_t bytes = (size_t)side * side * sizeof(float);
    float *x = calloc(1, bytes);
    assert_non_null(x);
    bound(program, 0, 0, x, bytes);
    free(x);
    const long before = peak_kb();
    ran(program, 0, 2);
    assert_in_range(peak_kb() - before, 0, 3 * side * side * 4 / 1024);
    backend->discard(program);
    backend->close(session);
}

static void threads_are_set(void **state)
{
    (void)state;
    tm_device_info info = {.framework = ""};
    tm_error error = {""};
    assert_int_equal(backend->probe("cpu", location, &info, &error), TM_OK);
    void *library = dlopen(info.library, RTLD_NOW | RTLD_NOLOAD);
    assert_non_null(library);
    void *symbol = dlsym(library, "torch_get_num_threads");
    int32_t (*count)(uint32_t *) = NULL;
    memcpy(&count, &symbol, sizeof count);
    assert_non_null(count);
    static const int32_t asked[] = {3, 1, 2};
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        tm_session *session = opened("", asked[i]);
        uint32_t got = 0;
        assert_int_equal(count(&got), 0);
        assert_int_equal(got, asked[i]);
        backend->close(session);
    }
}

static void what_is_not_there_is_unsupported(void **state)
{
    (void)state;
    static const unopened asked[] = {{"tpu", "", "not on 'tpu'"},
                                     {"cpu", "tuned,compile", "torch+compile cannot be +tuned"},
                                     {"cpu", "tf32", "no TF32"},
                                     {"cpu", "tuned,fast", "no option 'fast'"}};
    assert_unopened(asked, sizeof asked / sizeof *asked);
    tm_session *session = opened("", 1);
    const tm_graph graph = one_node("fft", row4, row4);
    tm_error error = {""};
    assert_int_equal(backend->supports(session, &graph, &error), TM_UNSUPPORTED);
    backend->close(session);
}

int main(int argc, char **argv)
{
    const int status = load_backend(argc, argv, "TENSORMARK_TORCH");
    if (status) return status;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_there_is_unsupported),
        cmocka_unit_test(refusals_come_in_its_own_words),
        cmocka_unit_test_prestate(chains_give_every_output, "tuned"),
        cmocka_unit_test(convolution_of_an_inner_value),
        cmocka_unit_test(slots_and_pieces_are_kept_apart),
        cmocka_unit_test(poison_reaches_preallocated_outputs),
        cmocka_unit_test(a_result_of_another_shape_is_not_read),
        cmocka_unit_test(executions_free_their_results),
        cmocka_unit_test(inner_values_are_freed_after_their_last_use),
        cmocka_unit_test(threads_are_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
