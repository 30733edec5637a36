/* A few ops, written for being read: one loop nest each, sums in float64. */
#include "mock.h"

#include <math.h>
#include <string.h>

int64_t mock_elements(const tm_shape *shape)
{
    int64_t count = 1;
    for (int32_t i = 0; i < shape->rank; i++) count *= shape->dim[i];
    return count;
}

bool mock_graph_has(const tm_host *host, const tm_graph *graph, const char *op)
{
    for (int32_t node = 0; node < host->node_count(graph); node++) {
        if (strcmp(host->node_op(graph, node), op) == 0) return true;
    }
    return false;
}

tm_status mock_can_compute(const tm_host *host, const tm_graph *graph, tm_error *error)
{
    static const char *const known[] = {"relu", "sum_all", "matmul", "softmax"};
    if (host->node_count(graph) != 1 || host->output_count(graph) != 1) {
        return mock_fail(error, TM_UNSUPPORTED, "mock runs graphs of one node", "");
    }
    for (int32_t value = 0; value <= host->input_count(graph); value++) {
        if (host->value_shape(graph, value).dtype != TM_F32)
            return mock_fail(error, TM_UNSUPPORTED, "mock has f32 only", "");
    }
    const char *op = host->node_op(graph, 0);
    if (strcmp(op, "matmul") == 0 && (host->value_shape(graph, 0).rank != 2 || host->value_shape(graph, 1).rank != 2)) {
        return mock_fail(error, TM_UNSUPPORTED, "mock multiplies matrices, not batches of them", "");
    }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(op, known[i]) == 0) return TM_OK;
    }
    return mock_fail(error, TM_UNSUPPORTED, "mock has no op ", op);
}

static void matmul(const float *a, const float *b, float *c, int64_t m, int64_t k, int64_t n)
{
    for (int64_t i = 0; i < m; i++) {
        for (int64_t j = 0; j < n; j++) {
            double sum = 0.0;
            for (int64_t l = 0; l < k; l++) sum += (double)a[i * k + l] * (double)b[l * n + j];
            c[i * n + j] = (float)sum;
        }
    }
}

static void softmax_line(const float *x, float *y, int64_t length, int64_t step)
{
    double largest = -HUGE_VAL, sum = 0.0;
    for (int64_t i = 0; i < length; i++) { /* not by fmax: GCC 12 fails on such a loop for 64-bit ARM */
        const double here = (double)x[i * step];
        largest = here > largest ? here : largest;
    }
    for (int64_t i = 0; i < length; i++) sum += exp((double)x[i * step] - largest);
    for (int64_t i = 0; i < length; i++) y[i * step] = (float)(exp((double)x[i * step] - largest) / sum);
}

static void softmax(const float *x, float *y, const tm_shape *shape, int64_t axis)
{
    if (axis < 0) axis += shape->rank;
    int64_t outer = 1, inner = 1;
    for (int32_t i = 0; i < shape->rank; i++) {
        if (i < axis) outer *= shape->dim[i];
        if (i > axis) inner *= shape->dim[i];
    }
    const int64_t length = shape->rank ? shape->dim[axis] : 1;
    for (int64_t o = 0; o < outer; o++) {
        for (int64_t i = 0; i < inner; i++) {
            const int64_t start = o * length * inner + i;
            softmax_line(x + start, y + start, length, inner);
        }
    }
}

void mock_compute(const tm_host *host, const tm_graph *graph, float *const *inputs, float *output)
{
    const char *op = host->node_op(graph, 0);
    const tm_shape first = host->value_shape(graph, host->node_operand(graph, 0, 0));
    const float *x = inputs[host->node_operand(graph, 0, 0)];
    const int64_t count = mock_elements(&first);
    if (strcmp(op, "relu") == 0) {
        for (int64_t i = 0; i < count; i++) output[i] = x[i] > 0.0f ? x[i] : 0.0f;
    } else if (strcmp(op, "sum_all") == 0) {
        double sum = 0.0;
        for (int64_t i = 0; i < count; i++) sum += (double)x[i];
        output[0] = (float)sum;
    } else if (strcmp(op, "softmax") == 0) {
        softmax(x, output, &first, host->node_integer(graph, 0, "axis"));
    } else {
        const int32_t second = host->node_operand(graph, 0, 1);
        matmul(x, inputs[second], output, first.dim[0], first.dim[1], host->value_shape(graph, second).dim[1]);
    }
}
