/* Tests of an adapter's own table that are the same for every framework, and the checks that the tests of one share.
 * A test whose comment names a state takes it from cmocka_unit_test_prestate. */
#ifndef ADAPTER_FIXTURE_H
#define ADAPTER_FIXTURE_H

#include "adapter_graphs.h"

static inline tm_graph two_inputs(const char *op, tm_shape a, tm_shape b, tm_shape result)
{
    return (tm_graph){.inputs = 2,
                      .nodes = 1,
                      .outputs = 1,
                      .input = {a, b},
                      .node = {{.op = op, .operand = {0, 1, -1}, .result = result}},
                      .output = {2}};
}

static inline tm_graph three_inputs(const char *op, tm_shape a, tm_shape b, tm_shape c, tm_shape result)
{
    return (tm_graph){.inputs = 3,
                      .nodes = 1,
                      .outputs = 1,
                      .input = {a, b, c},
                      .node = {{.op = op, .operand = {0, 1, 2, -1}, .result = result}},
                      .output = {3}};
}

/* One line, with the words in it. */
static inline void assert_words(const char *words, const tm_error *error)
{
    if (!strstr(error->message, words)) fail_msg("'%s' is not in '%s'", words, error->message);
    assert_null(strchr(error->message, '\n'));
}

/* What the session was asked before has not harmed it. */
static inline void assert_works_on(tm_session *session)
{
    static const float x[] = {-1, 2, -3, 4}, y[] = {0, 2, 0, 4};
    const tm_graph good = one_node("relu", row4, row4);
    tm_program *program = compiled(session, &good, 1);
    bound(program, 0, 0, x, sizeof x);
    ran(program, 0, 2);
    assert_output(program, 0, y, 4);
    backend->discard(program);
}

typedef struct unopened {
    const char *device, *options, *words;
} unopened;

static inline void assert_unopened(const unopened *asked, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        tm_session *session = NULL;
        tm_error error = {""};
        assert_int_equal(backend->open(asked[i].device, location, asked[i].options, 1, &host, &session, &error),
                         TM_UNSUPPORTED);
        assert_words(asked[i].words, &error);
        assert_null(session);
    }
}

/* sum(concat(relu(x) w, relu(x))): inner values are used twice, an input is an output, and so is one value twice. With
 * no options and with those that are the state. */
static inline void chains_give_every_output(void **state)
{
    const tm_shape square = {TM_F32, 2, {2, 2}}, wide = {TM_F32, 2, {2, 4}};
    const tm_graph graph = {
        .inputs = 2,
        .nodes = 4,
        .outputs = 4,
        .input = {square, square},
        .node = {{.op = "relu", .operand = {0, -1}, .result = square},
                 {.op = "matmul", .operand = {2, 1, -1}, .result = square},
                 {.op = "concat", .operand = {3, 2, -1}, .axis = 1, .result = wide},
                 {.op = "sum", .operand = {4, -1}, .axis = 0, .result = row4}},
        .output = {5, 3, 0, 5},
    };
    static const float x[] = {1, -2, 3, 4}, w[] = {1, 2, 3, 4};
    static const float product[] = {1, 2, 15, 22}, sums[] = {16, 24, 4, 4};
    const char *const options[] = {"", *state};
    for (int i = 0; i < 2; i++) {
        tm_session *session = opened(options[i], 1);
        tm_program *program = compiled(session, &graph, 1);
        bound(program, 0, 0, x, sizeof x);
        bound(program, 0, 1, w, sizeof w);
        for (int64_t count = 1; count < 4; count++) {
            backend->poison(program);
            ran(program, 0, count);
            assert_output(program, 0, sums, 4);
            assert_output(program, 1, product, 4);
            assert_output(program, 2, x, 4);
            assert_output(program, 3, sums, 4);
        }
        backend->discard(program);
        backend->close(session);
    }
}

/* Twice, as everything may be bound anew after unbind. */
static inline void slots_and_pieces_are_kept_apart(void **state)
{
    (void)state;
    tm_session *session = opened("", 2);
    tm_graph graph = one_node("relu", row4, row4);
    graph.output[graph.outputs++] = 0;
    tm_program *program = compiled(session, &graph, 2);
    static const float a[] = {-1, 2, 3, 4}, b[] = {5, -6, 7, 8}, ya[] = {0, 2, 3, 4}, yb[] = {5, 0, 7, 8};
    float back[4] = {0};
    tm_error error = {""};
    assert_int_equal(backend->run(program, 0, 1, &error), TM_INVALID_ARGUMENT);
    assert_int_equal(backend->read(program, 0, 0, 4, back, &error), TM_INVALID_ARGUMENT);
    for (int pass = 0; pass < 2; pass++) {
        bound(program, 0, 0, a, sizeof a);
        assert_int_equal(backend->bind(program, 1, 0, 0, b, 8, &error), TM_OK);
        assert_int_equal(backend->bind(program, 1, 0, 8, b + 2, 8, &error), TM_OK);
        assert_int_equal(backend->bind(program, 1, 0, 8, b, 12, &error), TM_INVALID_ARGUMENT);
        assert_int_equal(backend->bind(program, 2, 0, 0, b, 8, &error), TM_INVALID_ARGUMENT);
        ran(program, 1, 1);
        assert_output(program, 0, yb, 4);
        ran(program, 0, 3);
        assert_output(program, 0, ya, 4);
        assert_output(program, 1, a, 4);
        ran(program, 1, 3);
        assert_output(program, 0, yb, 4);
        assert_output(program, 1, b, 4);
        bound(program, 0, 0, b, sizeof b); /* new bytes in the same place are seen */
        ran(program, 0, 1);
        assert_output(program, 0, yb, 4);
        assert_int_equal(backend->read(program, 0, 12, 4, back, &error), TM_OK);
        assert_true(back[0] == 8);
        assert_int_equal(backend->read(program, 0, 12, 8, back, &error), TM_INVALID_ARGUMENT);
        assert_int_equal(backend->read_input(program, 1, 0, 0, sizeof back, back, &error), TM_OK);
        assert_memory_equal(back, b, sizeof b);
        backend->unbind(program);
        assert_int_equal(backend->run(program, 0, 1, &error), TM_INVALID_ARGUMENT);
    }
    backend->discard(program);
    backend->close(session);
}

/* For frameworks with +tuned. */
static inline void poison_reaches_preallocated_outputs(void **state)
{
    (void)state;
    tm_session *session = opened("tuned", 1);
    const tm_graph graph = one_node("sigmoid", row4, row4);
    tm_program *program = compiled(session, &graph, 1);
    static const float x[] = {0, 0, 0, 0}, y[] = {0.5f, 0.5f, 0.5f, 0.5f};
    float back[4];
    tm_error error = {""};
    bound(program, 0, 0, x, sizeof x);
    ran(program, 0, 1);
    assert_output(program, 0, y, 4);
    backend->poison(program);
    assert_int_equal(backend->read(program, 0, 0, sizeof back, back, &error), TM_OK);
    for (int i = 0; i < 4; i++) assert_true(isnan(back[i]));
    ran(program, 0, 1);
    assert_output(program, 0, y, 4);
    backend->discard(program);
    backend->close(session);
}

#endif
