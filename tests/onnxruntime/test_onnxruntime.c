/* The ONNX Runtime backend through its own table, with graphs that the program would never make: what it refuses comes
 * back in its own words and harms nothing, layouts and weights are what they should be in chains of nodes, slots and
 * pieces are kept apart. test_onnxruntime LIBRARY FOLDER; exit status 77 where FOLDER and the environment have none. */
#include "../adapter_fixture.h"

#include <dirent.h>

/* Graphs that do not compile; what follows on the same session is unharmed. */
static void refusals_come_in_its_own_words(void **state)
{
    (void)state;
    const tm_shape matrix = {TM_F32, 2, {2, 3}}, row = {TM_I32, 1, {4}}, large = {TM_F32, 2, {40000, 40000}};
    tm_graph graph[] = {one_node("softmax", matrix, matrix), two_inputs("matmul", matrix, matrix, matrix),
                        one_node("softmax", row, row), three_inputs("linear", large, large, large, large)};
    static const struct {
        tm_status status;
        const char *words;
    } wanted[] = {{TM_FAILED, "axis"},
                  {TM_FAILED, "Incompatible dimensions"},
                  {TM_UNSUPPORTED, "Type Error: Type 'tensor(int32)'"},
                  {TM_UNSUPPORTED, "weights of 12207 MB do not fit"}};
    graph[0].node[0].axis = 7;
    tm_session *session = opened("", 1);
    for (size_t i = 0; i < sizeof graph / sizeof *graph; i++) {
        tm_error error = {""};
        tm_program *program = NULL;
        assert_int_equal(backend->compile(session, &graph[i], 1, &program, &error), wanted[i].status);
        assert_words(wanted[i].words, &error);
    }
    assert_works_on(session);
    backend->close(session);
}

/* An execution that fails: an index beyond the table. */
static void a_failed_execution_harms_nothing(void **state)
{
    (void)state;
    const tm_shape table = {TM_F32, 2, {3, 2}}, indices = {TM_I64, 1, {2}}, rows = {TM_F32, 2, {2, 2}};
    const tm_graph graph = two_inputs("gather", table, indices, rows);
    static const float x[] = {1, 2, 3, 4, 5, 6}, y[] = {5, 6, 1, 2};
    static const int64_t beyond[] = {0, 7}, good[] = {2, 0};
    tm_session *session = opened("", 1);
    tm_program *program = compiled(session, &graph, 1);
    tm_error error = {""};
    float back[4];
    bound(program, 0, 0, x, sizeof x);
    bound(program, 0, 1, beyond, sizeof beyond);
    for (int again = 0; again < 3; again++) {
        assert_int_equal(backend->run(program, 0, 1, &error), TM_FAILED);
        assert_words("idx=7", &error);
        assert_int_equal(backend->read(program, 0, 0, sizeof back, back, &error), TM_INVALID_ARGUMENT);
    }
    bound(program, 0, 1, good, sizeof good);
    ran(program, 0, 1);
    assert_output(program, 0, y, 4);
    backend->discard(program);
    backend->close(session);
}

/* relu(conv(conv(relu(x), w), w2)): turned before the first convolution and after the second, not between them; the
 * last result is kept as it comes and turned when it is read. */
static void convolutions_of_inner_values(void **state)
{
    (void)state;
    const tm_shape image = {TM_F32, 4, {1, 2, 2, 2}}, first = {TM_F32, 4, {3, 1, 1, 2}},
                   second = {TM_F32, 4, {2, 1, 1, 3}}, between = {TM_F32, 4, {1, 2, 2, 3}};
    const tm_graph graph = {.inputs = 3,
                            .nodes = 5,
                            .outputs = 2,
                            .input = {image, first, second},
                            .node = {{.op = "relu", .operand = {0, -1}, .result = image},
                                     {.op = "conv2d", .operand = {3, 1, -1}, .result = between},
                                     {.op = "conv2d", .operand = {4, 2, -1}, .result = image},
                                     {.op = "relu", .operand = {5, -1}, .result = image},
                                     {.op = "conv2d", .operand = {0, 1, -1}, .result = between}},
                            .output = {6, 7}};
    static const float x[] = {1, 2, -3, 4, 5, 6, 7, -8}, w[] = {1, 0, 0, 1, 1, 1}, w2[] = {1, 1, 1, 1, 0, -2};
    static const float y[] = {6, 0, 8, 0, 22, 0, 14, 0}, direct[] = {1, 2, 3, -3, 4, 1, 5, 6, 11, 7, -8, -1};
    static const char *const options[] = {"", "tuned"};
    for (int i = 0; i < 2; i++) {
        tm_session *session = opened(options[i], 1);
        tm_program *program = compiled(session, &graph, 1);
        bound(program, 0, 0, x, sizeof x);
        bound(program, 0, 1, w, sizeof w);
        bound(program, 0, 2, w2, sizeof w2);
        ran(program, 0, 3);
        assert_output(program, 0, y, 8);
        assert_output(program, 1, direct, 12);
        backend->discard(program);
        backend->close(session);
    }
}

/* Weights are in the model: each slot has its own, and new ones count at once. */
static void weights_belong_to_slots(void **state)
{
    (void)state;
    const tm_shape one = {TM_F32, 2, {1, 2}}, square = {TM_F32, 2, {2, 2}}, row2 = {TM_F32, 1, {2}};
    const tm_graph graph = three_inputs("linear", one, square, row2, one);
    static const float x[2][2] = {{1, 2}, {3, 4}}, w[2][4] = {{1, 0, 0, 1}, {0, 1, 1, 0}}, b[] = {10, 20};
    static const float y[2][2] = {{11, 22}, {14, 23}}, changed[] = {12, 21};
    static const char *const options[] = {"", "tuned"};
    for (int i = 0; i < 2; i++) {
        tm_session *session = opened(options[i], 2);
        tm_program *program = compiled(session, &graph, 2);
        for (int pass = 0; pass < 2; pass++) {
            for (int32_t slot = 0; slot < 2; slot++) {
                bound(program, slot, 0, x[slot], sizeof x[slot]);
                bound(program, slot, 1, w[slot], sizeof w[slot]);
                bound(program, slot, 2, b, sizeof b);
            }
            for (int32_t slot = 0; slot < 4; slot++) {
                ran(program, slot % 2, 1);
                assert_output(program, 0, y[slot % 2], 2);
            }
            bound(program, 0, 1, w[1], sizeof w[1]);
            ran(program, 0, 1);
            assert_output(program, 0, changed, 2);
            backend->unbind(program);
        }
        backend->discard(program);
        backend->close(session);
    }
}

/* An image in pieces: it is turned on the way in, and read_input gives it back as it was. */
static void images_are_turned_piece_by_piece(void **state)
{
    (void)state;
    enum { count = 2 * 3 * 3 * 2 };
    const tm_shape image = {TM_F32, 4, {2, 3, 3, 2}}, weight = {TM_F32, 4, {2, 1, 1, 2}};
    const tm_graph graph = two_inputs("conv2d", image, weight, image);
    static const float swap[] = {0, 1, 1, 0};
    float x[count], y[count], back[count];
    for (int i = 0; i < count; i++) x[i] = (float)i;
    for (int i = 0; i < count; i++) y[i] = x[i ^ 1];
    tm_session *session = opened("", 1);
    tm_program *program = compiled(session, &graph, 1);
    tm_error error = {""};
    for (size_t at = 0, step = 1; at < count; at += step++) {
        const size_t piece = step < count - at ? step : count - at;
        assert_int_equal(backend->bind(program, 0, 0, 4 * at, x + at, 4 * piece, &error), TM_OK);
    }
    assert_int_equal(backend->bind(program, 0, 0, 2, x, 4, &error), TM_INVALID_ARGUMENT);
    assert_int_equal(backend->bind(program, 0, 0, 4, x, sizeof x, &error), TM_INVALID_ARGUMENT);
    bound(program, 0, 1, swap, sizeof swap);
    ran(program, 0, 1);
    assert_output(program, 0, y, count);
    assert_int_equal(backend->read(program, 0, 4 * 7, 4 * 5, back, &error), TM_OK);
    assert_memory_equal(back, y + 7, 4 * 5);
    assert_int_equal(backend->read_input(program, 0, 0, 4 * 3, sizeof x - 4 * 3, back, &error), TM_OK);
    assert_memory_equal(back, x + 3, sizeof x - 4 * 3);
    backend->discard(program);
    backend->close(session);
}

/* The runtime infers shapes itself, and does not make a model that says otherwise. */
static void a_result_of_another_shape_is_not_read(void **state)
{
    (void)state;
    const tm_shape wrong[] = {{TM_F32, 1, {5}}, {TM_F32, 2, {2, 2}}, {TM_F16, 1, {4}}};
    tm_session *session = opened("", 1);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const tm_graph graph = one_node("relu", row4, wrong[i]);
        static const float x[] = {1, 2, 3, 4};
        float back[8];
        tm_error error = {""};
        tm_program *program = NULL;
        if (backend->compile(session, &graph, 1, &program, &error) != TM_OK) continue;
        bound(program, 0, 0, x, sizeof x);
        if (backend->run(program, 0, 1, &error) == TM_OK) {
            assert_int_equal(backend->read(program, 0, 0, 8, back, &error), TM_FAILED);
        }
        backend->discard(program);
    }
    backend->close(session);
}

static int32_t threads_now(void)
{
    int32_t count = 0;
    DIR *folder = opendir("/proc/self/task");
    for (struct dirent *entry; folder && (entry = readdir(folder)) != NULL;) count += entry->d_name[0] != '.';
    if (folder) closedir(folder);
    return count;
}

/* The calling thread counts: so many less one are started, whether there is one session of the runtime or one per slot,
 * and they end with ours. */
static void threads_are_set(void **state)
{
    (void)state;
    static const int32_t asked[] = {3, 1, 2};
    const int32_t before = threads_now();
    if (before == 0) skip();
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        tm_session *session = opened("", asked[i]);
        const tm_graph graph = one_node("relu", row4, row4);
        static const float x[] = {1, 2, 3, 4};
        tm_program *program = compiled(session, &graph, 1);
        bound(program, 0, 0, x, sizeof x);
        ran(program, 0, 1);
        assert_int_equal(threads_now() - before, asked[i] - 1);
        backend->discard(program);
        backend->close(session);
        assert_int_equal(threads_now(), before);
    }
}

static void what_is_not_there_is_unsupported(void **state)
{
    (void)state;
    static const unopened asked[] = {
        {"cuda", "", "not on 'cuda'"}, {"cpu", "compile", "no +compile"}, {"cpu", "tuned,fast", "no option 'fast'"}};
    assert_unopened(asked, sizeof asked / sizeof *asked);
    tm_error error = {""};
    tm_session *session = opened("", 1);
    const tm_graph fft = one_node("fft", row4, row4);
    const tm_shape scalar = {TM_F32, 0, {0}};
    const tm_graph flat = one_node("softmax", scalar, scalar);
    const tm_graph empty = {.inputs = 1, .outputs = 1, .input = {row4}, .output = {0}};
    assert_int_equal(backend->supports(session, &fft, &error), TM_UNSUPPORTED);
    assert_words("no op fft", &error);
    assert_int_equal(backend->supports(session, &flat, &error), TM_UNSUPPORTED);
    assert_words("no axis of a scalar", &error);
    assert_int_equal(backend->supports(session, &empty, &error), TM_UNSUPPORTED);
    backend->close(session);
}

int main(int argc, char **argv)
{
    const int status = load_backend(argc, argv, "TENSORMARK_ONNXRUNTIME");
    if (status != 0) return status;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_there_is_unsupported),
        cmocka_unit_test(refusals_come_in_its_own_words),
        cmocka_unit_test(a_failed_execution_harms_nothing),
        cmocka_unit_test_prestate(chains_give_every_output, "tuned"),
        cmocka_unit_test(convolutions_of_inner_values),
        cmocka_unit_test(weights_belong_to_slots),
        cmocka_unit_test(slots_and_pieces_are_kept_apart),
        cmocka_unit_test(images_are_turned_piece_by_piece),
        cmocka_unit_test(poison_reaches_preallocated_outputs),
        cmocka_unit_test(a_result_of_another_shape_is_not_read),
        cmocka_unit_test(threads_are_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
