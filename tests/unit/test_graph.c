/* The builder, the host's accessors, attributes as text, views, and the binary form. */
#include "graph/graph.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static tm_shape real(int32_t rank, int64_t a, int64_t b, int64_t c)
{
    return (tm_shape){.dtype = TM_F32, .rank = rank, .dim = {a, b, c}};
}

/* x[4,6] w[6,5] b[5], k[3,5]: linear, then attention of the result over k, then argmax. */
static tm_graph *sample_graph(void)
{
    tm_error error = {""};
    tm_graph *const graph = tm_graph_new();
    int32_t linear[3];
    linear[0] = tm_graph_input(graph, real(2, 4, 6, 0), &error);
    linear[1] = tm_graph_input(graph, real(2, 6, 5, 0), &error);
    linear[2] = tm_graph_input(graph, real(1, 5, 0, 0), &error);
    const int32_t keys = tm_graph_input(graph, real(2, 3, 5, 0), &error);
    const int32_t product = tm_graph_op(graph, "linear", linear, 3, NULL, &error);
    const int32_t attention[3] = {product, keys, keys};
    const int32_t mixed = tm_graph_op(graph, "sdpa", attention, 3, "mask=none", &error);
    const int32_t best = tm_graph_op(graph, "argmax", &mixed, 1, "axis=-2", &error);
    assert_int_equal(best, 6);
    assert_int_equal(tm_graph_output(graph, best, &error), TM_OK);
    assert_int_equal(tm_graph_output(graph, product, &error), TM_OK);
    return graph;
}

static void test_host_tells_final_figures(void **state)
{
    (void)state;
    tm_graph *const graph = sample_graph();
    const tm_host *const host = tm_graph_host();
    assert_int_equal(host->size, sizeof(tm_host));
    assert_int_equal(host->input_count(graph), 4);
    assert_int_equal(host->node_count(graph), 3);
    assert_string_equal(host->node_op(graph, 1), "sdpa");
    assert_int_equal(host->node_operand(graph, 1, 2), 3);
    assert_int_equal(host->node_operand(graph, 1, 3), -1);
    assert_int_equal(host->node_operand(graph, 3, 0), -1);
    assert_int_equal(host->node_integer(graph, 2, "axis"), 0);
    assert_int_equal(host->node_integer(graph, 1, "mask"), TM_MASK_NONE);
    assert_true(host->node_integer(graph, 1, "axis") == INT64_MIN);
    assert_true(host->node_real(graph, 1, "scale") == 1 / sqrt(5));
    assert_true(isnan(host->node_real(graph, 1, "slope")));
    assert_int_equal(host->output_count(graph), 2);
    assert_int_equal(host->output_value(graph, 0), 6);
    assert_int_equal(host->output_value(graph, 2), -1);
    const tm_shape result = host->value_shape(graph, 6);
    assert_int_equal(result.dtype, TM_I64);
    assert_int_equal(result.rank, 1);
    assert_int_equal(result.dim[0], 5);
    assert_int_equal(host->value_shape(graph, 7).rank, -1);
    tm_graph_free(graph);
}

static void test_description(void **state)
{
    (void)state;
    static const char *const wanted =
        "{\"inputs\":[{\"dtype\":\"f32\",\"shape\":[4,6]},{\"dtype\":\"f32\",\"shape\":[6,5]},"
        "{\"dtype\":\"f32\",\"shape\":[5]},{\"dtype\":\"f32\",\"shape\":[3,5]}],\"nodes\":["
        "{\"op\":\"linear\",\"operands\":[0,1,2],\"dtype\":\"f32\",\"shape\":[4,5]},"
        "{\"op\":\"sdpa\",\"operands\":[4,3,3],\"mask\":\"none\",\"scale\":0.4472135954999579,"
        "\"dtype\":\"f32\",\"shape\":[4,5]},"
        "{\"op\":\"argmax\",\"operands\":[5],\"axis\":0,\"dtype\":\"i64\",\"shape\":[5]}],\"outputs\":[6,4]}";
    tm_graph *const graph = sample_graph();
    tm_text text = {0};
    tm_graph_describe(graph, &text);
    assert_string_equal(text.data, wanted);
    tm_text_free(&text);
    tm_graph_free(graph);
}

/* An axis counted from the end and one from the front are one graph; any other figure, type or size is another. */
static void test_key_tells_graphs_apart(void **state)
{
    (void)state;
    static const struct {
        const char *axis;
        tm_dtype dtype;
        int64_t length;
    } variants[] = {{"axis=-1", TM_F32, 6},
                    {"axis=1", TM_F32, 6},
                    {"axis=0", TM_F32, 6},
                    {"axis=1", TM_BF16, 6},
                    {"axis=1", TM_F32, 7}};
    enum { VARIANTS = sizeof variants / sizeof *variants };
    char keys[VARIANTS][TM_GRAPH_KEY];
    tm_error error = {""};
    for (int i = 0; i < VARIANTS; i++) {
        tm_graph *const graph = tm_graph_new();
        const tm_shape shape = {.dtype = variants[i].dtype, .rank = 2, .dim = {4, variants[i].length}};
        const int32_t x = tm_graph_input(graph, shape, &error);
        const int32_t y = tm_graph_op(graph, "softmax", &x, 1, variants[i].axis, &error);
        assert_int_equal(tm_graph_output(graph, y, &error), TM_OK);
        assert_int_equal(tm_graph_host()->graph_key(graph, keys[i]), TM_OK);
        assert_int_equal(strlen(keys[i]), TM_GRAPH_KEY - 1);
        for (int j = 0; j < i; j++) assert_int_equal(strcmp(keys[i], keys[j]) == 0, i == 1 && j == 0);
        tm_graph_free(graph);
    }
}

static void test_builder_refuses(void **state)
{
    (void)state;
    tm_error error = {""};
    tm_graph *const graph = sample_graph();
    const int32_t values = 7;
    assert_int_equal(tm_graph_input(graph, real(1, 3, 0, 0), &error), -1);
    assert_string_equal(error.message, "input: all inputs come before the first op");
    assert_int_equal(tm_graph_output(graph, 2, &error), TM_INVALID_ARGUMENT);
    assert_string_equal(error.message, "output: value 2 is an input");
    assert_int_equal(tm_graph_output(graph, 7, &error), TM_INVALID_ARGUMENT);
    assert_int_equal(tm_graph_op(graph, "nope", NULL, 0, NULL, &error), -1);
    assert_string_equal(error.message, "there is no op 'nope'");
    assert_int_equal(tm_graph_op(graph, "relu", &values, 1, NULL, &error), -1);
    assert_string_equal(error.message, "relu: operand 1 is value 7, which does not exist");
    assert_int_equal(tm_graph_op(graph, "relu", NULL, 1, NULL, &error), -1);
    const int32_t nine[9] = {0};
    assert_int_equal(tm_graph_op(graph, "concat", nine, 9, "axis=0", &error), -1);
    assert_int_equal(tm_graph_op(graph, "relu", nine, 2, NULL, &error), -1);
    assert_string_equal(error.message, "relu: takes 1 operand, not 2");
    assert_int_equal(tm_graph_op(graph, "concat", nine, 1, "axis=0", &error), -1);
    assert_string_equal(error.message, "concat: takes 2 to 8 operands, not 1");
    assert_int_equal(graph->nodes, 3);
    tm_graph_free(graph);
}

static void test_input_shapes_are_checked(void **state)
{
    (void)state;
    tm_error error = {""};
    tm_graph *const graph = tm_graph_new();
    tm_shape bad = real(9, 1, 1, 1);
    assert_int_equal(tm_graph_input(graph, bad, &error), -1);
    assert_string_equal(error.message, "input: rank 9 is not in 0..8");
    assert_int_equal(tm_graph_input(graph, real(2, 3, -1, 0), &error), -1);
    assert_int_equal(tm_graph_input(graph, real(2, INT64_C(1) << 31, INT64_C(1) << 30, 0), &error), -1);
    assert_string_equal(error.message, "input: the product of the sizes overflows");
    assert_int_equal(tm_graph_input(graph, real(3, INT64_C(1) << 31, INT64_C(1) << 30, 0), &error), -1);
    bad = real(1, 3, 0, 0);
    bad.dtype = (tm_dtype)17;
    assert_int_equal(tm_graph_input(graph, bad, &error), -1);
    assert_int_equal(tm_graph_input(graph, real(2, INT64_C(1) << 30, INT64_C(1) << 29, 0), &error), 0);
    tm_graph_free(graph);
}

static void test_dtypes_must_agree(void **state)
{
    (void)state;
    tm_error error = {""};
    tm_attributes none = tm_op_defaults(TM_OP_matmul);
    tm_shape pair[2] = {real(2, 3, 4, 0), real(2, 4, 5, 0)};
    tm_shape result;
    pair[1].dtype = TM_BF16;
    assert_int_equal(tm_op_shape(TM_OP_matmul, pair, 2, &none, &result, &error), TM_INVALID_ARGUMENT);
    assert_string_equal(error.message, "matmul: dtypes f32 and bf16 are mixed");
    pair[0].dtype = TM_BF16;
    assert_int_equal(tm_op_shape(TM_OP_matmul, pair, 2, &none, &result, &error), TM_OK);
    assert_int_equal(result.dtype, TM_BF16);
    pair[1] = real(1, 7, 0, 0);
    pair[1].dtype = TM_I32;
    assert_int_equal(tm_op_shape(TM_OP_gather, pair, 2, &none, &result, &error), TM_INVALID_ARGUMENT);
    assert_string_equal(error.message, "gather: operand 2 must be i64, not i32");
    pair[1] = (tm_shape){.dtype = TM_I64, .rank = 0};
    assert_int_equal(tm_op_shape(TM_OP_gather, pair, 2, &none, &result, &error), TM_INVALID_ARGUMENT);
    assert_string_equal(error.message, "gather: the index is a scalar, it needs an axis");
    pair[1] = (tm_shape){.dtype = TM_I64, .rank = 8, .dim = {1, 1, 1, 1, 1, 1, 1, 1}};
    assert_int_equal(tm_op_shape(TM_OP_gather, pair, 2, &none, &result, &error), TM_INVALID_ARGUMENT);
    assert_string_equal(error.message, "gather: the result would have rank 9");
    pair[0].dtype = TM_I64;
    assert_int_equal(tm_op_shape(TM_OP_relu, pair, 1, &none, &result, &error), TM_INVALID_ARGUMENT);
    assert_string_equal(error.message, "relu: operand 1 must be f32, bf16 or f16, not i64");
}

static void expect_attributes(tm_op op, const char *text, const char *want)
{
    tm_error error = {""};
    tm_text printed = {0};
    tm_attributes attributes = tm_op_defaults(op);
    const tm_status status = tm_attributes_parse(op, text, &attributes, &error);
    if (status != TM_OK) {
        assert_string_equal(error.message, want);
        return;
    }
    tm_attributes_print(op, &attributes, &printed);
    assert_string_equal(printed.data ? printed.data : "", want);
    tm_text_free(&printed);
}

static void test_attributes_as_text(void **state)
{
    (void)state;
    expect_attributes(TM_OP_softmax, "", "axis=-1");
    expect_attributes(TM_OP_softmax, "axis=2", "axis=2");
    expect_attributes(TM_OP_leaky_relu, NULL, "slope=0.01");
    expect_attributes(TM_OP_leaky_relu, "slope=0.1000000000000000055", "slope=0.1");
    expect_attributes(TM_OP_leaky_relu, "slope=-0.30000000000000004", "slope=-0.30000000000000004");
    expect_attributes(TM_OP_layer_norm, "", "eps=1e-05");
    expect_attributes(TM_OP_sdpa, "", "mask=causal");
    expect_attributes(TM_OP_gelu, "", "approximate=none");
    expect_attributes(TM_OP_gelu, "approximate=tanh", "approximate=tanh");
    expect_attributes(TM_OP_gelu, "approximate=erf", "gelu: approximate must be none or tanh, not 'erf'");
    expect_attributes(TM_OP_gelu, "mask=none", "gelu: there is no attribute 'mask'");
    expect_attributes(TM_OP_sdpa, "scale=0.125,mask=causal_end", "mask=causal_end,scale=0.125");
    expect_attributes(TM_OP_relu, "", "");
    expect_attributes(TM_OP_sum, "", "sum: axis must be given");
    expect_attributes(TM_OP_relu, "axis=1", "relu: there is no attribute 'axis'");
    expect_attributes(TM_OP_softmax, "axes=1", "softmax: there is no attribute 'axes'");
    expect_attributes(TM_OP_softmax, "axis=1,axis=1", "softmax: attribute axis is given twice");
    expect_attributes(TM_OP_softmax, "axis=1.5", "softmax: axis must be a whole number, not '1.5'");
    expect_attributes(TM_OP_softmax, "axis=", "softmax: axis must be a whole number, not ''");
    expect_attributes(TM_OP_softmax, "axis", "softmax: attribute 'axis' is not of the form name=value");
    expect_attributes(TM_OP_softmax, "axis=1,", "softmax: attributes end with a comma");
    expect_attributes(TM_OP_sdpa, "mask=upper", "sdpa: mask must be none, causal, causal_end or lengths, not 'upper'");
    expect_attributes(TM_OP_leaky_relu, "slope=nan", "leaky_relu: slope must be a number, not 'nan'");
    expect_attributes(TM_OP_layer_norm, "eps=-1", "layer_norm: eps must be finite and not negative");
    expect_attributes(TM_OP_scatter, "rows=-4", "scatter: rows must not be negative");
}

static void test_views(void **state)
{
    (void)state;
    const tm_shape x = real(3, 2, 3, 4);
    const tm_axis_view middle = tm_view_axis(&x, -2);
    assert_int_equal(middle.outer, 2);
    assert_int_equal(middle.length, 3);
    assert_int_equal(middle.inner, 4);
    const tm_shape scalar = real(0, 0, 0, 0);
    const tm_axis_view only = tm_view_axis(&scalar, -1);
    assert_int_equal(only.outer * only.length * only.inner, 1);

    const tm_shape a = {.rank = 5, .dim = {2, 1, 3, 4, 5}};
    const tm_shape b = {.rank = 4, .dim = {7, 1, 5, 6}};
    const tm_matmul_view view = tm_view_matmul(&a, &b);
    assert_int_equal(view.batch, 2 * 7 * 3);
    assert_int_equal(view.m, 4);
    assert_int_equal(view.k, 5);
    assert_int_equal(view.n, 6);
    int64_t batch = 0;
    for (int64_t i = 0; i < 2; i++) {
        for (int64_t j = 0; j < 7; j++) {
            for (int64_t k = 0; k < 3; k++, batch++) {
                assert_int_equal(tm_matmul_batch_a(&a, &b, batch), i * 3 + k);
                assert_int_equal(tm_matmul_batch_b(&a, &b, batch), j);
            }
        }
    }
    const tm_shape vector = {.rank = 1, .dim = {5}};
    const tm_matmul_view by_vector = tm_view_matmul(&a, &vector);
    assert_int_equal(by_vector.batch, 6);
    assert_int_equal(by_vector.n, 1);
}

static void test_visible_keys(void **state)
{
    (void)state;
    assert_int_equal(tm_visible_keys(TM_MASK_NONE, 0, 4, 9), 9);
    assert_int_equal(tm_visible_keys(TM_MASK_CAUSAL, 0, 4, 9), 1);
    assert_int_equal(tm_visible_keys(TM_MASK_CAUSAL, 3, 4, 9), 4);
    assert_int_equal(tm_visible_keys(TM_MASK_CAUSAL, 3, 4, 2), 2);
    assert_int_equal(tm_visible_keys(TM_MASK_CAUSAL_END, 0, 4, 9), 6);
    assert_int_equal(tm_visible_keys(TM_MASK_CAUSAL_END, 3, 4, 9), 9);
    assert_int_equal(tm_visible_keys(TM_MASK_CAUSAL_END, 0, 9, 4), 0);
}

static tm_text written(const tm_graph *graph)
{
    tm_text bytes = {0};
    tm_error error;
    assert_int_equal(tm_graph_write(graph, &bytes, &error), TM_OK);
    return bytes;
}

static void test_binary_form_round_trips(void **state)
{
    (void)state;
    tm_error error = {""};
    tm_graph *const graph = sample_graph();
    tm_text bytes = written(graph);
    tm_graph *again = NULL;
    assert_int_equal(tm_graph_read(bytes.data, bytes.length, &again, &error), TM_OK);
    tm_text more = written(again);
    assert_int_equal(more.length, bytes.length);
    assert_memory_equal(more.data, bytes.data, bytes.length);
    assert_int_equal(again->node[2].attributes.axis, -2);
    assert_memory_equal(again->shape, graph->shape, 7 * sizeof(tm_shape));
    tm_text_free(&more);
    tm_text_free(&bytes);
    tm_graph_free(again);
    tm_graph_free(graph);
}

/* Whatever bytes change, the reader gives an error or a graph that it would write and read again. */
static void test_binary_form_survives_damage(void **state)
{
    (void)state;
    tm_error error = {""};
    tm_graph *const graph = sample_graph();
    tm_text bytes = written(graph);
    tm_graph *again = NULL;
    for (size_t length = 0; length < bytes.length; length++) {
        assert_int_equal(tm_graph_read(bytes.data, length, &again, &error), TM_INVALID_ARGUMENT);
        assert_null(again);
    }
    int accepted = 0;
    for (size_t at = 0; at < bytes.length; at++) {
        const char kept = bytes.data[at];
        for (int bit = 0; bit < 8; bit++) {
            bytes.data[at] = (char)(kept ^ (1 << bit));
            if (tm_graph_read(bytes.data, bytes.length, &again, &error) != TM_OK) continue;
            tm_text more = written(again);
            assert_int_equal(more.length, bytes.length);
            assert_memory_equal(more.data, bytes.data, bytes.length);
            tm_text_free(&more);
            tm_graph_free(again);
            accepted++;
        }
        bytes.data[at] = kept;
    }
    assert_true(accepted > 0); /* a size or an axis may change and still fit */
    tm_text_add(&bytes, "x");
    assert_int_equal(tm_graph_read(bytes.data, bytes.length, &again, &error), TM_INVALID_ARGUMENT);
    assert_string_equal(error.message, "graph: 1 bytes too many");
    tm_text_free(&bytes);
    tm_graph_free(graph);
}

static void test_ops_table(void **state)
{
    (void)state;
    for (int i = 0; i < TM_OP_COUNT; i++) {
        tm_op op = TM_OP_COUNT;
        assert_true(tm_op_parse(tm_op_name((tm_op)i), &op));
        assert_int_equal(op, i);
    }
    tm_op op;
    assert_false(tm_op_parse("", &op));
    assert_true(tm_op_has(TM_OP_sdpa, TM_ATTRIBUTE_scale));
    assert_false(tm_op_has(TM_OP_sdpa, TM_ATTRIBUTE_axis));
    assert_true(isnan(tm_op_defaults(TM_OP_sdpa).scale));
    assert_int_equal(tm_op_defaults(TM_OP_sdpa).mask, TM_MASK_CAUSAL);
    assert_true(tm_op_defaults(TM_OP_concat).axis == INT64_MIN);
    assert_string_equal(tm_op_data(TM_OP_bce), "pt");
    assert_true(strlen(tm_version()) >= 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ops_table),
        cmocka_unit_test(test_host_tells_final_figures),
        cmocka_unit_test(test_description),
        cmocka_unit_test(test_key_tells_graphs_apart),
        cmocka_unit_test(test_builder_refuses),
        cmocka_unit_test(test_input_shapes_are_checked),
        cmocka_unit_test(test_dtypes_must_agree),
        cmocka_unit_test(test_attributes_as_text),
        cmocka_unit_test(test_views),
        cmocka_unit_test(test_visible_keys),
        cmocka_unit_test(test_binary_form_round_trips),
        cmocka_unit_test(test_binary_form_survives_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
