/* The binary form of a graph: "TMGR", version, three counts, shapes of the inputs, nodes, outputs; little-endian.
 *
 *   shape   dtype u8, rank u8, sizes i64 each
 *   node    length of the op's name u8, name, operands u8, values i32 each, attributes in the order of ops.def, 8 bytes
 * each output  value i32
 *
 * Ops go by name, so a new line in ops.def changes no old file. Reading goes through the builder, whose checks are thus
 * the only ones; results' shapes are derived, never read. */
#include "graph/rules.h"

#include <stdlib.h>
#include <string.h>

enum { VERSION = 1 };
static const char magic[4] = {'T', 'M', 'G', 'R'};

static void put(tm_text *into, uint64_t value, size_t bytes)
{
    unsigned char raw[8];
    for (size_t i = 0; i < bytes; i++) raw[i] = (unsigned char)(value >> (8 * i));
    tm_text_add_bytes(into, raw, bytes);
}

static void put_shape(tm_text *into, const tm_shape *shape)
{
    put(into, (uint64_t)shape->dtype, 1);
    put(into, (uint64_t)shape->rank, 1);
    for (int32_t i = 0; i < shape->rank; i++) put(into, (uint64_t)shape->dim[i], 8);
}

static void put_node(tm_text *into, const tm_node *node)
{
    const char *const name = tm_op_name(node->op);
    tm_attributes copy = node->attributes;
    put(into, strlen(name), 1);
    tm_text_add(into, name);
    put(into, (uint64_t)node->operands, 1);
    for (int32_t i = 0; i < node->operands; i++) put(into, (uint64_t)node->operand[i], 4);
    for (const tm_attribute *at = tm_op_attributes(node->op); *at != TM_ATTRIBUTE_COUNT; at++) {
        uint64_t bits = 0;
        if (tm_attribute_is_real(*at)) {
            memcpy(&bits, tm_attribute_real(&copy, *at), sizeof bits);
        } else {
            bits = (uint64_t)*tm_attribute_integer(&copy, *at);
        }
        put(into, bits, 8);
    }
}

tm_status tm_graph_write(const tm_graph *graph, tm_text *into, tm_error *error)
{
    tm_text_add_bytes(into, magic, sizeof magic);
    put(into, VERSION, 4);
    put(into, (uint64_t)graph->inputs, 4);
    put(into, (uint64_t)graph->nodes, 4);
    put(into, (uint64_t)graph->outputs, 4);
    for (int32_t i = 0; i < graph->inputs; i++) put_shape(into, &graph->shape[i]);
    for (int32_t i = 0; i < graph->nodes; i++) put_node(into, &graph->node[i]);
    for (int32_t i = 0; i < graph->outputs; i++) put(into, (uint64_t)graph->output[i], 4);
    return into->failed ? tm_fail_memory(error, "a graph's bytes") : TM_OK;
}

/* Where reading stands. Past the end, `short_of` is set and zeros are read. */
typedef struct reader {
    const unsigned char *at, *end;
    bool short_of;
} reader;

static const unsigned char *take_bytes(reader *from, size_t count)
{
    if ((size_t)(from->end - from->at) < count) {
        from->short_of = true;
        from->at = from->end;
        return NULL;
    }
    const unsigned char *const bytes = from->at;
    from->at += count;
    return bytes;
}

static uint64_t take(reader *from, size_t bytes)
{
    const unsigned char *const raw = take_bytes(from, bytes);
    uint64_t value = 0;
    for (size_t i = 0; raw && i < bytes; i++) value |= (uint64_t)raw[i] << (8 * i);
    return value;
}

static tm_status truncated(tm_error *error)
{
    return tm_fail(error, TM_INVALID_ARGUMENT, "graph: the bytes end too early");
}

static tm_status read_input(reader *from, tm_graph *graph, tm_error *error)
{
    tm_shape shape = {.dtype = (tm_dtype)take(from, 1)};
    shape.rank = (int32_t)take(from, 1);
    for (int32_t i = 0; i < shape.rank && i < TM_MAX_RANK; i++) shape.dim[i] = (int64_t)take(from, 8);
    if (from->short_of) return truncated(error);
    return tm_graph_input(graph, shape, error) < 0 ? TM_INVALID_ARGUMENT : TM_OK;
}

static tm_status read_op(reader *from, tm_op *op, tm_error *error)
{
    char name[256] = {0};
    const size_t length = (size_t)take(from, 1);
    const unsigned char *const raw = take_bytes(from, length);
    if (!raw) return truncated(error);
    memcpy(name, raw, length);
    if (strlen(name) != length || !tm_op_parse(name, op)) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "graph: there is no op '%.64s'", name);
    }
    return TM_OK;
}

static tm_status read_node(reader *from, tm_graph *graph, tm_error *error)
{
    tm_op op = TM_OP_COUNT;
    const tm_status status = read_op(from, &op, error);
    if (status != TM_OK) return status;
    int32_t operand[TM_MAX_OPERANDS] = {0};
    const int32_t count = (int32_t)take(from, 1);
    if (count > TM_MAX_OPERANDS) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "graph: %s with %d operands", tm_op_name(op), (int)count);
    }
    for (int32_t i = 0; i < count; i++) operand[i] = (int32_t)(uint32_t)take(from, 4);
    tm_attributes attributes = tm_op_defaults(op);
    for (const tm_attribute *at = tm_op_attributes(op); *at != TM_ATTRIBUTE_COUNT; at++) {
        const uint64_t bits = take(from, 8);
        if (tm_attribute_is_real(*at)) {
            memcpy(tm_attribute_real(&attributes, *at), &bits, sizeof bits);
        } else {
            *tm_attribute_integer(&attributes, *at) = (int64_t)bits;
        }
    }
    if (from->short_of) return truncated(error);
    return tm_graph_add(graph, op, operand, count, &attributes, error) < 0 ? TM_INVALID_ARGUMENT : TM_OK;
}

static tm_status read_header(reader *from, uint32_t *inputs, uint32_t *nodes, uint32_t *outputs, tm_error *error)
{
    const unsigned char *const found = take_bytes(from, sizeof magic);
    if (!found || memcmp(found, magic, sizeof magic) != 0) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "graph: these bytes are no graph");
    }
    const uint32_t version = (uint32_t)take(from, 4);
    *inputs = (uint32_t)take(from, 4);
    *nodes = (uint32_t)take(from, 4);
    *outputs = (uint32_t)take(from, 4);
    if (from->short_of) return truncated(error);
    if (version != VERSION) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "graph: version %u cannot be read, only %d", (unsigned)version,
                       VERSION);
    }
    return TM_OK;
}

tm_status tm_graph_read(const void *bytes, size_t count, tm_graph **into, tm_error *error)
{
    reader from = {bytes, (const unsigned char *)bytes + count, false};
    uint32_t inputs = 0;
    uint32_t nodes = 0;
    uint32_t outputs = 0;
    *into = NULL;
    tm_graph *const graph = tm_graph_new();
    if (!graph) return tm_fail_memory(error, "a graph");
    tm_status status = read_header(&from, &inputs, &nodes, &outputs, error);
    /* Hostile counts stop at the end of the bytes: every item takes some. */
    for (uint32_t i = 0; status == TM_OK && i < inputs; i++) status = read_input(&from, graph, error);
    for (uint32_t i = 0; status == TM_OK && i < nodes; i++) status = read_node(&from, graph, error);
    for (uint32_t i = 0; status == TM_OK && i < outputs; i++) {
        const int32_t value = (int32_t)(uint32_t)take(&from, 4);
        status = from.short_of ? truncated(error) : tm_graph_output(graph, value, error);
    }
    if (status == TM_OK && from.at != from.end) {
        status = tm_fail(error, TM_INVALID_ARGUMENT, "graph: %zu bytes too many", (size_t)(from.end - from.at));
    }
    if (status == TM_OK) {
        *into = graph;
    } else {
        tm_graph_free(graph);
    }
    return status;
}
