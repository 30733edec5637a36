/* Graphs of encoders: every hidden state against the oracle's, positions as Hugging Face counts them, plans of several
 * shapes over the same weights. */
#include "infer/plans.h"

#include "base/dtype.h"
#include "oracle/oracle.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { MOST_LAYERS = 3, LENGTH = 7, BATCH = 3, TOKENS = LENGTH * BATCH };

static tm_error error;

static tm_encoder_config config_of(tm_encoder_kind kind, tm_activation activation)
{
    return (tm_encoder_config){.kind = kind,
                               .activation = activation,
                               .hidden_size = 24,
                               .layers = MOST_LAYERS,
                               .heads = 3,
                               .intermediate_size = 41,
                               .vocab_size = 50,
                               .type_vocab_size = 2,
                               .positions = 19,
                               .first_position = kind == TM_ENCODER_BERT ? 0 : 2,
                               .pad_token_id = kind == TM_ENCODER_BERT ? 0 : 1,
                               .layer_norm_eps = 1e-5};
}

typedef struct fixture {
    tm_encoder_config config;
    int64_t ids[TM_ENCODER_FIRST_WEIGHT][TOKENS];
    tm_weights weights;
    const void **inputs; /* of the graph */
} fixture;

static uint64_t next(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

static void *allocate(size_t bytes)
{
    void *const data = aligned_alloc(64, (bytes + 63) / 64 * 64);
    assert_non_null(data);
    return data;
}

static fixture make(tm_encoder_kind kind, tm_activation activation)
{
    fixture f = {.config = config_of(kind, activation)};
    uint64_t state = 7;
    for (int i = 0; i < TOKENS; i++) {
        f.ids[TM_ENCODER_TOKENS][i] = (int64_t)(next(&state) % 50);
        f.ids[TM_ENCODER_TYPES][i] = (int64_t)(next(&state) % 2);
    }
    f.ids[TM_ENCODER_TOKENS][4] = 1;
    for (int i = 0; i < BATCH; i++) {
        tm_encoder_positions(&f.config, f.ids[TM_ENCODER_TOKENS] + i * LENGTH, LENGTH,
                             f.ids[TM_ENCODER_POSITIONS] + i * LENGTH);
    }
    f.weights.count = tm_encoder_inputs(&f.config);
    f.weights.data = calloc((size_t)f.weights.count, sizeof *f.weights.data);
    f.inputs = calloc((size_t)f.weights.count + TM_ENCODER_FIRST_WEIGHT, sizeof *f.inputs);
    assert_non_null(f.weights.data);
    assert_non_null(f.inputs);
    for (int32_t i = 0; i < f.weights.count; i++) {
        const tm_encoder_input input = tm_encoder_input_at(&f.config, i);
        const int64_t elements = tm_shape_elements(&input.shape);
        f.weights.data[i] = allocate(tm_shape_bytes(&input.shape));
        for (int64_t j = 0; j < elements; j++) f.weights.data[i][j] = (float)next(&state) * 0x1p-31f - 0.5f;
        f.inputs[TM_ENCODER_FIRST_WEIGHT + i] = f.weights.data[i];
    }
    return f;
}

static void drop(fixture *f)
{
    for (int32_t i = 0; i < f->weights.count; i++) free(f->weights.data[i]);
    free(f->weights.data);
    free(f->inputs);
}

/* What the oracle makes of the first `batch` texts after `layers` layers. */
static double *expected(fixture *f, int64_t layers, int64_t batch)
{
    tm_encoder_config config = f->config;
    tm_graph *graph = NULL;
    double *into = calloc((size_t)(batch * LENGTH * config.hidden_size), sizeof *into);
    config.layers = layers;
    for (int i = 0; i < TM_ENCODER_FIRST_WEIGHT; i++) f->inputs[i] = f->ids[i];
    assert_int_equal(tm_encoder_graph(&config, batch, LENGTH, layers == 0, &graph, &error), TM_OK);
    if (tm_oracle_evaluate(graph, f->inputs, 2, into, &error) != TM_OK) fail_msg("%s", error.message);
    tm_graph_free(graph);
    return into;
}

static void assert_near(const float *got, const double *want, int64_t count, const char *what)
{
    for (int64_t i = 0; i < count; i++) {
        if (!(fabs((double)got[i] - want[i]) < 2e-5))
            fail_msg("%s: element %d is %g, not %g", what, (int)i, (double)got[i], want[i]);
    }
}

static void all_states(fixture *f)
{
    const tm_backend *const native = tensormark_backend();
    tm_graph *graph = NULL;
    tm_session *session = NULL;
    tm_program *program = NULL;
    float got[TOKENS * 24];
    assert_int_equal(tm_encoder_graph(&f->config, BATCH, LENGTH, true, &graph, &error), TM_OK);
    assert_int_equal(tm_graph_host()->output_count(graph), MOST_LAYERS + 1);
    assert_int_equal(native->open("cpu", "", "", 2, tm_graph_host(), &session, &error), TM_OK);
    assert_int_equal(native->compile(session, graph, 1, &program, &error), TM_OK);
    for (int32_t i = 0; i < f->weights.count; i++) {
        assert_int_equal(native->lend(program, TM_ENCODER_FIRST_WEIGHT + i, f->weights.data[i], &error), TM_OK);
    }
    for (int32_t i = 0; i < TM_ENCODER_FIRST_WEIGHT; i++) {
        assert_int_equal(native->bind(program, 0, i, 0, f->ids[i], sizeof f->ids[i], &error), TM_OK);
    }
    native->poison(program);
    assert_int_equal(native->run(program, 0, 1, &error), TM_OK);
    for (int32_t layer = 0; layer <= MOST_LAYERS; layer++) {
        double *const want = expected(f, layer, BATCH);
        assert_int_equal(native->read(program, layer, 0, sizeof got, got, &error), TM_OK);
        assert_near(got, want, TOKENS * 24, "a hidden state");
        free(want);
    }
    native->discard(program);
    native->close(session);
    tm_graph_free(graph);
}

static void test_states(void **state)
{
    (void)state;
    static const tm_activation activations[] = {TM_ACTIVATION_GELU, TM_ACTIVATION_GELU_TANH, TM_ACTIVATION_RELU};
    for (int i = 0; i < 3; i++) {
        fixture f = make(i ? TM_ENCODER_ROBERTA : TM_ENCODER_BERT, activations[i]);
        all_states(&f);
        drop(&f);
    }
}

static void test_positions(void **state)
{
    (void)state;
    static const int64_t tokens[] = {0, 9, 1, 1, 9, 2};
    static const int64_t bert[] = {0, 1, 2, 3, 4, 5}, roberta[] = {2, 3, 1, 1, 4, 5};
    int64_t got[6];
    tm_encoder_config config = config_of(TM_ENCODER_BERT, TM_ACTIVATION_GELU);
    tm_encoder_positions(&config, tokens, 6, got);
    assert_memory_equal(got, bert, sizeof got);
    config = config_of(TM_ENCODER_XLM_ROBERTA, TM_ACTIVATION_GELU);
    tm_encoder_positions(&config, tokens, 6, got);
    assert_memory_equal(got, roberta, sizeof got);
}

static void test_refusals(void **state)
{
    (void)state;
    tm_graph *graph = (tm_graph *)&error;
    tm_encoder_config config = config_of(TM_ENCODER_BERT, TM_ACTIVATION_SILU);
    assert_int_equal(tm_encoder_graph(&config, 1, 2, false, &graph, &error), TM_UNSUPPORTED);
    assert_null(graph);
    assert_non_null(strstr(error.message, "silu"));
    config.activation = TM_ACTIVATION_GELU;
    assert_int_equal(tm_encoder_graph(&config, INT64_MAX / 8, 16, false, &graph, &error), TM_INVALID_ARGUMENT);
    assert_null(graph);
}

/* More shapes than are kept, each asked for twice: the results stay right, with weights lent or copied. */
static void test_plans(void **state)
{
    (void)state;
    fixture f = make(TM_ENCODER_BERT, TM_ACTIVATION_GELU);
    tm_backend copies = *tensormark_backend();
    copies.lend = NULL;
    const tm_backend *const backends[] = {tensormark_backend(), &copies};
    for (int b = 0; b < 2; b++) {
        tm_plans plans;
        assert_int_equal(tm_plans_open(backends[b], &f.config, &f.weights, 2, &plans, &error), TM_OK);
        for (int round = 0; round < 2; round++) {
            for (int64_t batch = 1; batch <= BATCH; batch++) {
                float got[TOKENS * 24];
                double *const want = expected(&f, MOST_LAYERS, batch);
                const int64_t *const inputs[] = {f.ids[0], f.ids[1], f.ids[2]};
                assert_int_equal(tm_plans_run(&plans, batch, LENGTH, inputs, got, &error), TM_OK);
                assert_near(got, want, batch * LENGTH * 24, "a plan's result");
                for (int64_t length = 1; length < LENGTH; length++) {
                    assert_int_equal(tm_plans_run(&plans, batch, length, inputs, got, &error), TM_OK);
                }
                free(want);
            }
        }
        tm_plans_close(&plans);
    }
    drop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_states), cmocka_unit_test(test_positions),
                                       cmocka_unit_test(test_refusals), cmocka_unit_test(test_plans)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
