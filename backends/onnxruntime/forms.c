/* How values lie in memory, and moving elements between our layout of images and ONNX's. */
#include "ort.h"

#include <string.h>

static bool is_convolution(const char *op)
{
    return strcmp(op, "conv1d") == 0 || strcmp(op, "conv2d") == 0;
}

/* The form that an operand should have, if its op has a wish; and whether it is a weight. */
static tm_ort_form wish(const char *op, int32_t position, bool tuned, bool *weight)
{
    const bool takes_rows = strcmp(op, "scatter") == 0 || (tuned && strncmp(op, "scatter_", 8) == 0);
    *weight = (strcmp(op, "linear") == 0 || is_convolution(op)) && position > 0;
    if (is_convolution(op)) return TM_ORT_CHANNELS_FIRST;
    return takes_rows && position == 1 ? TM_ORT_COLUMN : TM_ORT_DENSE;
}

/* A value gets a form if all that read it agree; a result keeps the form that its op gives it if it has no readers. */
void tm_ort_find_forms(const tm_host *host, const tm_graph *graph, bool tuned, tm_ort_form *form, bool *weight)
{
    const int32_t inputs = host->input_count(graph), nodes = host->node_count(graph);
    for (int32_t value = 0; value < inputs + nodes; value++) {
        const bool image = value >= inputs && is_convolution(host->node_op(graph, value - inputs));
        bool read = false, agreed = true, all_weight = true;
        tm_ort_form wanted = image ? TM_ORT_CHANNELS_FIRST : TM_ORT_DENSE;
        for (int32_t node = 0; node < nodes; node++) {
            for (int32_t i = 0, operand; (operand = host->node_operand(graph, node, i)) >= 0; i++) {
                if (operand != value) continue;
                bool as_weight;
                const tm_ort_form wished = wish(host->node_op(graph, node), i, tuned, &as_weight);
                agreed = agreed && (!read || wished == wanted);
                all_weight = all_weight && as_weight;
                wanted = wished;
                read = true;
            }
        }
        const bool given = value < inputs || (image && wanted == TM_ORT_CHANNELS_FIRST);
        form[value] = agreed && given ? wanted : TM_ORT_DENSE;
        if (value < inputs) weight[value] = read && all_weight;
    }
}

tm_shape tm_ort_held_shape(const tm_shape *shape, tm_ort_form form)
{
    tm_shape held = *shape;
    if (form == TM_ORT_COLUMN) held.dim[held.rank++] = 1;
    if (form != TM_ORT_CHANNELS_FIRST) return held;
    held.dim[1] = shape->dim[shape->rank - 1];
    for (int32_t i = 2; i < shape->rank; i++) held.dim[i] = shape->dim[i - 1];
    return held;
}

static void move_element(char *dense, char *held, size_t size, bool to_held)
{
    char *into = to_held ? held : dense;
    const char *from = to_held ? dense : held;
    if (size == 4) {
        memcpy(into, from, 4);
    } else {
        memcpy(into, from, 2);
    }
}

/* Element (n, s, c) of the dense value is element (n, c, s) of the held one; s counts the places of an image. */
tm_status tm_ort_move_channels(const tm_shape *shape, size_t offset, size_t bytes, void *dense, void *held,
                               bool to_held, tm_error *error)
{
    const size_t size = tm_adapter_size_of(shape->dtype);
    if (offset % size || bytes % size) {
        return tm_adapter_fail(error, TM_INVALID_ARGUMENT, "a piece must hold whole elements");
    }
    if (bytes == 0) return TM_OK;
    const size_t channels = (size_t)shape->dim[shape->rank - 1];
    size_t places = 1;
    for (int32_t i = 1; i < shape->rank - 1; i++) places *= (size_t)shape->dim[i];
    const size_t first = offset / size;
    size_t c = first % channels, s = first / channels % places, n = first / channels / places;
    char *at = dense;
    for (size_t left = bytes / size; left > 0; left--, at += size) {
        move_element(at, (char *)held + ((n * channels + c) * places + s) * size, size, to_held);
        if (++c < channels) continue;
        c = 0;
        if (++s < places) continue;
        s = 0;
        n++;
    }
    return TM_OK;
}
