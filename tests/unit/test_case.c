/* Case ids there and back, refusals, and the built-in suite. */
#include "suite/case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

typedef struct id_pair {
    const char *written;
    const char *want; /* canonical id, or message */
} id_pair;

static const id_pair canonical[] = {
    {"softmax/1000x1001", "softmax/1000x1001/axis=-1/f32"},
    {"softmax/1000x1001/axis=-1/bf16", "softmax/1000x1001/axis=-1/bf16"},
    {"softmax/1000x1001/axis=1", "softmax/1000x1001/axis=1/f32"},
    {"softmax/1000x1001/f16/cold", "softmax/1000x1001/axis=-1/f16/cold"},
    {"softmax/1000x1001/cold", "softmax/1000x1001/axis=-1/f32/cold"},
    {"leaky_relu/128x16x1024", "leaky_relu/128x16x1024/slope=0.01/f32"},
    {"leaky_relu/128x16x1024/slope=1e-2", "leaky_relu/128x16x1024/slope=0.01/f32"},
    {"layer_norm/64x128x1024", "layer_norm/64x128x1024/eps=1e-05/f32"},
    {"sdpa/4x8,4x8,4x8", "sdpa/4x8,4x8,4x8/mask=causal/f32"},
    {"sdpa/4x8,4x8,4x8/scale=0.5,mask=none", "sdpa/4x8,4x8,4x8/mask=none,scale=0.5/f32"},
    {"gather/64x256,1000", "gather/64x256,1000/f32"},
    {"gather/64x256,01000", "gather/64x256,1000/f32"},
    {"scatter_sum/1024x32,1000000", "scatter_sum/1024x32,1000000/f32"},
    {"prelu/64x128x1024/f32", "prelu/64x128x1024/f32"},
    {"relu/scalar", "relu/scalar/f32"},
    {"bce/scalar,scalar", "bce/scalar,scalar/f32"},
    {"relu/3x0x2", "relu/3x0x2/f32"},
    {"concat/1000000x64,1000000x32/axis=1", "concat/1000000x64,1000000x32/axis=1/f32"},
    {"split_heads/2x3x20/heads=5", "split_heads/2x3x20/heads=5/f32"},
    {"linear/3x17x40", "linear/3x17x40/f32"},
    {"sdpa/2x3x4x5", "sdpa/2x3x4x5/mask=causal/f32"},
    {"sdpa/2x3x4x5/scale=2,mask=none", "sdpa/2x3x4x5/mask=none,scale=2/f32"},
    {"mhsa/8x256x768", "mhsa/8x256x768/heads=1,mask=none/f32"},
    {"encoder_layer/8x256x768/mask=causal,heads=8/bf16/cold", "encoder_layer/8x256x768/heads=8,mask=causal/bf16/cold"},
    {"decoder_layer/3x17x40/heads=5", "decoder_layer/3x17x40/heads=5,mask=none/f32"},
};

static const id_pair refused[] = {
    {"", "case '', column 1: there is no op or layer ''"},
    {"softmax", "case 'softmax', column 1: softmax: shapes are missing, as in softmax/64x128"},
    {"soft max/3", "case 'soft max/3', column 1: there is no op or layer 'soft max'"},
    {"relu/", "case 'relu/', column 6: '' is not a size"},
    {"relu/-3", "case 'relu/-3', column 6: '-3' is not a size"},
    {"relu/3X4", "case 'relu/3X4', column 6: '3X4' is not a size"},
    {"relu/3x", "case 'relu/3x', column 6: '' is not a size"},
    {"relu/99999999999999999999", "case 'relu/99999999999999999999', column 6: '99999999999999999999' is not a size"},
    {"relu/1x1x1x1x1x1x1x1x1",
     "case 'relu/1x1x1x1x1x1x1x1x1', column 6: shape '1x1x1x1x1x1x1x1x1' has more than 8 sizes"},
    {"concat/1,1,1,1,1,1,1,1,1/axis=0", "case 'concat/1,1,1,1,1,1,1,1,1/axis=0', column 24: more than 8 shapes"},
    {"matmul/3x4,4xq", "case 'matmul/3x4,4xq', column 12: 'q' is not a size"},
    {"matmul/3x4,5x6", "case 'matmul/3x4,5x6', column 8: matmul: inner sizes 4 and 5 differ"},
    {"sum/3x4", "case 'sum/3x4', column 5: sum: axis must be given"},
    {"softmax/3/axis=nan", "case 'softmax/3/axis=nan', column 11: softmax: axis must be a whole number, not 'nan'"},
    {"sum/3x4/axis=2", "case 'sum/3x4/axis=2', column 9: sum: axis 2 is out of range for rank 2"},
    {"relu/3/axis=0", "case 'relu/3/axis=0', column 8: relu: there is no attribute 'axis'"},
    {"relu/3/f64", "case 'relu/3/f64', column 8: 'f64' is not an attribute, a dtype (f32, bf16, f16) or cold here"},
    {"relu/3/i64", "case 'relu/3/i64', column 8: 'i64' is not a dtype of cases, which are f32, bf16, f16"},
    {"relu/3/cold/f32",
     "case 'relu/3/cold/f32', column 13: 'f32' is not an attribute, a dtype (f32, bf16, f16) or cold here"},
    {"relu/3/f32/cold/x/y/z", "case 'relu/3/f32/cold/x/y/z', column 1: a case id has no part 'z'"},
    {"softmax/3/f32/axis=0",
     "case 'softmax/3/f32/axis=0', column 15: 'axis=0' is not an attribute, a dtype (f32, bf16, f16) or cold here"},
    {"scatter/4x4,10/rows=3", "case 'scatter/4x4,10/rows=3', column 16: scatter: the shapes say 4 rows"},
    {"encoder_layer", "case 'encoder_layer', column 1: encoder_layer: shapes are missing, as in encoder_layer/64x128"},
    {"encoder_layer/8x256", "case 'encoder_layer/8x256', column 15: encoder_layer: the shape has rank 2, it must be "
                            "batch x sequence x features"},
    {"mhsa/8x256x768,768x768", "case 'mhsa/8x256x768,768x768', column 6: mhsa: an id names one shape, not 2"},
    {"mhsa/8x256x768/heads=7",
     "case 'mhsa/8x256x768/heads=7', column 16: mhsa: 768 features cannot be divided among 7 heads"},
    {"mhsa/8x256x768/heads=0", "case 'mhsa/8x256x768/heads=0', column 16: mhsa: heads must be at least 1"},
    {"mhsa/8x256x768/axis=1", "case 'mhsa/8x256x768/axis=1', column 16: mhsa: there is no attribute 'axis'"},
    {"mhsa/3x2x0", "case 'mhsa/3x2x0', column 6: sdpa: the head size is 0"},
    {"decoder_layer/4294967296x4294967296x2",
     "case 'decoder_layer/4294967296x4294967296x2', column 15: input: the product of the sizes overflows"},
    {"linear/scalar", "case 'linear/scalar', column 8: linear: the input is a scalar, it needs a last axis"},
    {"linear/3x4,4x5", "case 'linear/3x4,4x5', column 8: linear: takes 3 operands, not 2"},
};

static void test_ids_become_canonical(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof canonical / sizeof *canonical; i++) {
        tm_case one;
        tm_case again;
        tm_error error = {""};
        if (tm_case_parse(canonical[i].written, "mine", &one, &error) != TM_OK) fail_msg("%s", error.message);
        assert_string_equal(one.id, canonical[i].want);
        assert_string_equal(one.suite, "mine");
        assert_int_equal(one.cold, strstr(one.id, "/cold") != NULL);
        assert_int_equal(strncmp(one.id, one.group, strlen(one.group)), 0);
        assert_int_equal(tm_case_parse(one.id, "mine", &again, &error), TM_OK);
        assert_string_equal(again.id, one.id);
        tm_case_free(&again);
        tm_case_free(&one);
    }
}

static void test_refusals_name_the_part(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        tm_case one;
        tm_error error = {""};
        if (tm_case_parse(refused[i].written, "mine", &one, &error) == TM_OK) fail_msg("%s", refused[i].written);
        assert_string_equal(error.message, refused[i].want);
        assert_null(one.id);
        assert_null(one.graph);
    }
}

static void test_long_ids_are_refused(void **state)
{
    (void)state;
    static char id[100000];
    tm_case one;
    tm_error error = {""};
    memset(id, '1', sizeof id - 1);
    memcpy(id, "relu/", 5);
    assert_int_equal(tm_case_parse(id, "mine", &one, &error), TM_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "a case id has at most 4096 bytes"));
}

static void test_operands_follow_from_the_id(void **state)
{
    (void)state;
    tm_case one;
    tm_error error;
    assert_int_equal(tm_case_parse("scatter/7x3x2,5/f16", "mine", &one, &error), TM_OK);
    assert_int_equal(one.graph->inputs, 2);
    assert_int_equal(one.graph->shape[0].dtype, TM_F16);
    assert_int_equal(one.graph->shape[0].dim[0], 5);
    assert_int_equal(one.graph->shape[0].dim[2], 2);
    assert_int_equal(one.graph->shape[1].dtype, TM_I64);
    assert_int_equal(one.graph->node[0].attributes.rows, 7);
    tm_case_free(&one);
    assert_int_equal(tm_case_parse("layer_norm/3x6", "mine", &one, &error), TM_OK);
    assert_int_equal(one.graph->inputs, 3);
    assert_int_equal(one.graph->shape[2].dim[0], 6);
    tm_case_free(&one);
    assert_int_equal(tm_case_parse("prelu/3x6", "mine", &one, &error), TM_OK);
    assert_int_equal(one.graph->shape[1].rank, 1);
    assert_int_equal(one.graph->shape[1].dim[0], 1);
    tm_case_free(&one);
}

typedef struct op_count {
    const char *op;
    int count;
} op_count;

/* The table of the suite, row by row. */
static const op_count rows[] = {
    {"argmax", 4},      {"bce", 4},        {"concat", 4},   {"conv1d", 4}, {"conv2d", 5},  {"gather", 6},
    {"layer_norm", 2},  {"leaky_relu", 2}, {"linear", 5},   {"matmul", 6}, {"prelu", 2},   {"relu", 2},
    {"selu", 2},        {"sigmoid", 2},    {"softplus", 2}, {"sdpa", 4},   {"scatter", 6}, {"scatter_sum", 6},
    {"scatter_max", 6}, {"softmax", 6},    {"sort", 3},     {"sum", 4},    {"sum_all", 4},
};

static void test_ops_suite_has_91_cases(void **state)
{
    (void)state;
    tm_case_list list = {0};
    tm_error error = {""};
    const tm_dtype dtype = TM_F32;
    assert_int_equal(tm_suite_append("ops", &dtype, 1, &list, &error), TM_OK);
    assert_int_equal(list.count, 91);
    size_t at = 0;
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        for (int i = 0; i < rows[r].count; i++) assert_string_equal(list.items[at++].group, rows[r].op);
    }
    assert_int_equal(at, 91);
    for (size_t i = 0; i < list.count; i++) {
        for (size_t j = 0; j < i; j++) assert_string_not_equal(list.items[i].id, list.items[j].id);
    }
    assert_string_equal(list.items[0].id, "argmax/64x1024x128/axis=0/f32");
    assert_string_equal(list.items[41].id, "matmul/1000000x64,64x1024/f32");
    assert_string_equal(list.items[55].id, "sdpa/64x16x16x1024,64x16x64x1024,64x16x64x1024/mask=causal/f32");
    assert_string_equal(list.items[90].id, "sum_all/128x1000000/f32");
    assert_true(tm_graph_work(list.items[41].graph).resident_bytes > 4.35e9);
    tm_case_list_free(&list);
}

static void test_suite_in_several_dtypes(void **state)
{
    (void)state;
    tm_case_list list = {0};
    tm_error error = {""};
    const tm_dtype dtypes[] = {TM_BF16, TM_F16};
    assert_int_equal(tm_suite_append("ops", dtypes, 2, &list, &error), TM_OK);
    assert_int_equal(list.count, 182);
    assert_string_equal(list.items[2].id, "argmax/64x1024x128/axis=1/bf16");
    assert_string_equal(list.items[3].id, "argmax/64x1024x128/axis=1/f16");
    assert_int_equal(list.items[3].dtype, TM_F16);
    assert_string_equal(list.items[3].suite, "ops");
    assert_int_equal(tm_suite_append("nets", dtypes, 2, &list, &error), TM_INVALID_ARGUMENT);
    assert_int_equal(list.count, 182);
    assert_true(tm_suite_exists("ops"));
    assert_false(tm_suite_exists("nets"));
    assert_string_equal(tm_suite_names()[0], "ops");
    tm_case_list_free(&list);
}

static const op_count layer_rows[] = {
    {"layer_norm", 20}, {"linear", 20},        {"softmax", 20},       {"sdpa", 80},
    {"mhsa", 80},       {"encoder_layer", 80}, {"decoder_layer", 80},
};

static void test_layers_suite(void **state)
{
    (void)state;
    tm_case_list list = {0};
    tm_error error = {""};
    const tm_dtype dtypes[] = {TM_F32, TM_F16};
    assert_int_equal(tm_suite_append("layers", dtypes, 2, &list, &error), TM_OK);
    assert_int_equal(list.count, 760);
    size_t at = 0;
    for (size_t r = 0; r < sizeof layer_rows / sizeof *layer_rows; r++) {
        for (int i = 0; i < 2 * layer_rows[r].count; i++) assert_string_equal(list.items[at++].group, layer_rows[r].op);
    }
    for (size_t i = 0; i < list.count; i++) {
        for (size_t j = 0; j < i; j++) assert_string_not_equal(list.items[i].id, list.items[j].id);
    }
    assert_string_equal(list.items[0].id, "layer_norm/64x512x768/eps=1e-05/f32");
    assert_string_equal(list.items[280].id, "mhsa/64x512x768/heads=1,mask=none/f32");
    assert_string_equal(list.items[759].id, "decoder_layer/1x64x768/heads=8,mask=causal/f16");
    tm_case_list_free(&list);
}

/* A layer is the graph of its definition: which ops, which operands, the mask where it belongs. */
static void test_layers_are_graphs(void **state)
{
    (void)state;
    tm_case one;
    tm_error error = {""};
    assert_int_equal(tm_case_parse("decoder_layer/3x17x40/heads=5,mask=causal/bf16", "mine", &one, &error), TM_OK);
    const tm_graph *graph = one.graph;
    int counts[TM_OP_COUNT] = {0}, causal = 0;
    for (int32_t i = 0; i < graph->nodes; i++) {
        const tm_node *node = &graph->node[i];
        counts[node->op]++;
        causal += node->op == TM_OP_sdpa && node->attributes.mask == TM_MASK_CAUSAL;
    }
    assert_int_equal(graph->inputs, 28);
    assert_int_equal(counts[TM_OP_linear], 10);
    assert_int_equal(counts[TM_OP_sdpa], 2);
    assert_int_equal(counts[TM_OP_layer_norm], 3);
    assert_int_equal(counts[TM_OP_add], 3);
    assert_int_equal(causal, 1); /* the memory is seen whole */
    assert_int_equal(graph->shape[24].dim[1], 160);
    assert_int_equal(graph->shape[graph->output[0]].dtype, TM_BF16);
    assert_int_equal(graph->shape[graph->output[0]].dim[2], 40);
    assert_true(one.layer);
    tm_case_free(&one);
    assert_int_equal(tm_case_parse("sdpa/2x3x4x5", "mine", &one, &error), TM_OK);
    assert_int_equal(one.graph->inputs, 1);
    tm_case_free(&one);
    assert_int_equal(tm_case_parse("linear/3x4,4x4,4", "mine", &one, &error), TM_OK);
    assert_false(one.layer);
    tm_case_free(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids_become_canonical),   cmocka_unit_test(test_refusals_name_the_part),
        cmocka_unit_test(test_long_ids_are_refused),   cmocka_unit_test(test_operands_follow_from_the_id),
        cmocka_unit_test(test_ops_suite_has_91_cases), cmocka_unit_test(test_suite_in_several_dtypes),
        cmocka_unit_test(test_layers_suite),           cmocka_unit_test(test_layers_are_graphs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
