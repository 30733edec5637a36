/* Every shape rule: what fits and what comes out, what does not fit and what is said. */
#include "suite/case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

typedef struct rule_case {
    const char *id;
    const char *want; /* the result's shape, or the end of the message */
} rule_case;

static const rule_case fitting[] = {
    {"add/2x3,2x3", "2x3"},
    {"add/scalar,scalar", "scalar"},
    {"argmax/2x3x4/axis=1", "2x4"},
    {"argmax/2x3x4", "2x3"},
    {"argmax/scalar/axis=0", "scalar"},
    {"argmax/0x0x4/axis=0", "0x4"},
    {"bce/2x3,2x3", "scalar"},
    {"bce/scalar,scalar", "scalar"},
    {"concat/2x3,2x5/axis=1", "2x8"},
    {"concat/2x3,4x3,1x3,0x3/axis=-2", "7x3"},
    {"conv1d/2x9x3,5x4x3", "2x6x5"},
    {"conv1d/2x9x3,5x9x3", "2x1x5"},
    {"conv2d/2x9x8x3,5x4x3x3", "2x6x6x5"},
    {"conv2d/0x9x8x0,5x1x1x0", "0x9x8x5"},
    {"gather/7x3x2,5", "5x3x2"},
    {"gather/7,5", "5"},
    {"gather/0x3,0", "0x3"},
    {"layer_norm/4x6", "4x6"},
    {"layer_norm/0", "0"},
    {"leaky_relu/3", "3"},
    {"linear/2x3x4,4x5,5", "2x3x5"},
    {"linear/4,4x5,5", "5"},
    {"matmul/3x4,4x5", "3x5"},
    {"matmul/4,4", "scalar"},
    {"matmul/4,4x5", "5"},
    {"matmul/3x4,4", "3"},
    {"matmul/6x3x4,4", "6x3"},
    {"matmul/4,6x4x5", "6x5"},
    {"matmul/2x1x3x4,7x4x5", "2x7x3x5"},
    {"matmul/0x3x4,1x4x5", "0x3x5"},
    {"matmul/3x0,0x5", "3x5"},
    {"merge_heads/2x5x3x4", "2x3x20"},
    {"merge_heads/5x0x4", "0x20"},
    {"merge_heads/0x3x4", "3x0"},
    {"prelu/3x4", "3x4"},
    {"relu/scalar", "scalar"},
    {"relu/1x1x1x1x1x1x1x2", "1x1x1x1x1x1x1x2"},
    {"gelu/2x3", "2x3"},
    {"gelu/scalar/approximate=tanh", "scalar"},
    {"sdpa/2x3x5x8,2x3x9x8,2x3x9x7,2/mask=lengths", "2x3x5x7"},
    {"selu/2", "2"},
    {"sigmoid/2", "2"},
    {"softplus/2", "2"},
    {"sdpa/2x3x4x8,2x3x6x8,2x3x6x9", "2x3x4x9"},
    {"sdpa/4x8,6x8,6x8", "4x8"},
    {"sdpa/0x8,0x8,0x8", "0x8"},
    {"scatter/7x3,5", "7x3"},
    {"scatter_sum/7,5", "7"},
    {"scatter_max/7x2x2,0", "7x2x2"},
    {"softmax/3x4/axis=0", "3x4"},
    {"softmax/scalar/axis=-1", "scalar"},
    {"sort/3x0", "3x0"},
    {"split_heads/2x3x20/heads=5", "2x5x3x4"},
    {"split_heads/3x20/heads=1", "1x3x20"},
    {"split_heads/3x0/heads=7", "7x3x0"},
    {"sum/3x0x2/axis=1", "3x2"},
    {"sum/scalar/axis=0", "scalar"},
    {"sum_all/3x0", "scalar"},
};

static const rule_case unfitting[] = {
    {"sdpa/2x5x8,2x9x8,2x9x7/mask=lengths", "sdpa: mask lengths needs a fourth operand"},
    {"sdpa/2x5x8,2x9x8,2x9x7,2/mask=none", "sdpa: only mask lengths has a fourth"},
    {"sdpa/5x8,9x8,9x7,5/mask=lengths", "sdpa: mask lengths needs a batch, rank 2 given"},
    {"sdpa/2x5x8,2x9x8,2x9x7,5/mask=lengths", "sdpa: lengths of shape 5 for a batch of 2"},
    {"add/2x3,3", "add: shapes 2x3 and 3 differ"},
    {"add/2x3,2x4", "add: shapes 2x3 and 2x4 differ"},
    {"merge_heads/2x3", "merge_heads: rank 2 given, it must be at least 3"},
    {"split_heads/2x3x20", "split_heads: heads must be given"},
    {"split_heads/2x3x20/heads=0", "split_heads: heads must be at least 1"},
    {"split_heads/2x3x20/heads=3", "split_heads: 20 features cannot be divided among 3 heads"},
    {"split_heads/20/heads=4", "split_heads: rank 1 given, it must be at least 2"},
    {"split_heads/1x1x1x1x1x1x2x4/heads=2", "split_heads: the result would have rank 9"},
    {"argmax/2x0/axis=1", "argmax: axis 1 has no elements"},
    {"argmax/2x3/axis=2", "argmax: axis 2 is out of range for rank 2"},
    {"argmax/2x3/axis=-3", "argmax: axis -3 is out of range for rank 2"},
    {"bce/2x3,3x2", "bce: shapes 2x3 and 3x2 differ"},
    {"bce/2x0,2x0", "bce: the mean of no elements is undefined"},
    {"bce/2x3", "bce: takes 2 operands, not 1"},
    {"concat/2x3,2x3x1/axis=0", "concat: ranks 2 and 3 differ"},
    {"concat/2x3,4x4/axis=0", "concat: sizes 3 and 4 differ outside axis 0"},
    {"concat/scalar,scalar/axis=0", "concat: a scalar cannot be joined"},
    {"concat/1152921504606846975,1/axis=0", "concat: the product of the sizes overflows"},
    {"conv1d/2x3x3,5x4x3", "conv1d: a window of 4 does not fit into 3"},
    {"conv1d/2x3x3,5x0x3", "conv1d: the window is empty"},
    {"conv1d/2x3x3,5x2x4", "conv1d: channels 3 and 4 differ"},
    {"conv2d/2x9x8x3,5x4x3", "conv2d: ranks 4 and 3 given, both must be 4"},
    {"conv2d/2x9x8x3,5x4x9x3", "conv2d: a window of 9 does not fit into 8"},
    {"gather/0x3,1", "gather: 1 indices into no rows"},
    {"gather/3,2x2", "gather: the second shape is a number of rows"},
    {"layer_norm/scalar", "layer_norm: a scalar has no axis to normalise"},
    {"linear/3x4,5x6,6", "linear: inner sizes 4 and 5 differ"},
    {"linear/3x4,4x6,5", "linear: the bias has shape 5, the weight 6 columns"},
    {"linear/3x4,4x6,1x6", "linear: the bias has shape 1x6, the weight 6 columns"},
    {"linear/3x4,4,6", "linear: the weight has rank 1, not 2"},
    {"linear/scalar,4x6,6", "linear: the input is a scalar, it needs a last axis"},
    {"matmul/3x64,65x3", "matmul: inner sizes 64 and 65 differ"},
    {"matmul/2x3x4,3x4x5", "matmul: batch sizes 2 and 3 differ"},
    {"matmul/scalar,4", "matmul: a scalar cannot be multiplied"},
    {"matmul/1073741824x0,0x1073741824", "matmul: the product of the sizes overflows"},
    {"prelu/3x4,2", "prelu: an id names one shape, not 2 shapes"},
    {"sdpa/4x8,6x8,5x8", "sdpa: 6 keys but 5 values"},
    {"sdpa/4x8,6x7,6x8", "sdpa: head sizes 8 and 7 of q and k differ"},
    {"sdpa/2x4x8,3x4x8,2x4x8", "sdpa: leading sizes 2 and 3 differ"},
    {"sdpa/2x4x8,2x4x8,3x4x8", "sdpa: leading sizes 2 and 3 differ"},
    {"sdpa/8,8,8", "sdpa: ranks 1, 1 and 1 given, they must be equal and at least 2"},
    {"sdpa/4x8,0x8,0x8", "sdpa: there are no keys"},
    {"sdpa/4x0,4x0,4x8", "sdpa: the head size is 0"},
    {"sdpa/5x8,3x8,3x8/mask=causal_end", "but 5 queries meet 3 keys"},
    {"scatter/0x3,1", "scatter: 1 indices into no rows"},
    {"scatter/scalar,1", "scatter: the table is a scalar, it needs rows"},
    {"softmax/scalar/axis=1", "softmax: axis 1 is out of range for rank 0"},
    {"relu/2x4611686018427387904", "input: the product of the sizes overflows"},
};

static void test_fitting_shapes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof fitting / sizeof *fitting; i++) {
        tm_case one;
        tm_error error = {""};
        char shown[128] = "scalar";
        if (tm_case_parse(fitting[i].id, "test", &one, &error) != TM_OK) fail_msg("%s", error.message);
        const tm_shape *const result = &one.graph->shape[one.graph->output[0]];
        size_t used = 0;
        for (int32_t d = 0; d < result->rank; d++) {
            used += (size_t)snprintf(shown + used, sizeof shown - used, d > 0 ? "x%lld" : "%lld",
                                     (long long)result->dim[d]);
        }
        if (strcmp(shown, fitting[i].want) != 0) fail_msg("%s gives %s", fitting[i].id, shown);
        assert_int_equal(result->dtype, strcmp(one.group, "argmax") == 0 ? TM_I64 : TM_F32);
        tm_case_free(&one);
    }
}

static void test_unfitting_shapes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof unfitting / sizeof *unfitting; i++) {
        tm_case one;
        tm_error error = {""};
        if (tm_case_parse(unfitting[i].id, "test", &one, &error) == TM_OK) fail_msg("%s passes", unfitting[i].id);
        const size_t length = strlen(error.message);
        const size_t want = strlen(unfitting[i].want);
        if (length < want || strcmp(error.message + length - want, unfitting[i].want) != 0) {
            fail_msg("%s: '%s' does not end in '%s'", unfitting[i].id, error.message, unfitting[i].want);
        }
    }
}

/* Shapes that no id can write: the operands that ids leave out. */
static void test_operands_beyond_ids(void **state)
{
    (void)state;
    tm_error error = {""};
    tm_shape result;
    const tm_shape x = {.dtype = TM_F32, .rank = 2, .dim = {4, 6}};
    const tm_shape six = {.dtype = TM_F32, .rank = 1, .dim = {6}};
    const tm_shape five = {.dtype = TM_F32, .rank = 1, .dim = {5}};
    const tm_shape index = {.dtype = TM_I64, .rank = 1, .dim = {5}};
    tm_attributes attributes = tm_op_defaults(TM_OP_layer_norm);
    assert_int_equal(tm_op_shape(TM_OP_layer_norm, (tm_shape[]){x, six, five}, 3, &attributes, &result, &error),
                     TM_INVALID_ARGUMENT);
    assert_string_equal(error.message, "layer_norm: shift has shape 5, the last axis 6");
    assert_int_equal(tm_op_shape(TM_OP_prelu, (tm_shape[]){x, six}, 2, &attributes, &result, &error),
                     TM_INVALID_ARGUMENT);
    assert_string_equal(error.message, "prelu: 6 slopes given, not 1");
    attributes.rows = 9;
    assert_int_equal(tm_op_shape(TM_OP_scatter, (tm_shape[]){x, index}, 2, &attributes, &result, &error),
                     TM_INVALID_ARGUMENT);
    assert_string_equal(error.message, "scatter: 4 source rows but 5 indices");
    attributes.rows = INT64_MIN;
    assert_int_equal(tm_op_shape(TM_OP_scatter, (tm_shape[]){x, index}, 2, &attributes, &result, &error),
                     TM_INVALID_ARGUMENT);
    assert_string_equal(error.message, "scatter: rows must be given");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fitting_shapes),
        cmocka_unit_test(test_unfitting_shapes),
        cmocka_unit_test(test_operands_beyond_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
