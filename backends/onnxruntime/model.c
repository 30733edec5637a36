/* A writer of ONNX models: the few messages of onnx.proto that are needed, in protobuf's wire format. A message is a
 * row of fields, each a key (number and kind) and a value; messages inside messages carry their length in front, so
 * each is written by itself first. Fields may come in any order, only operators must follow what they read. */
#include "ort.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Numbers of the fields, by message. */
enum {
    MODEL_IR_VERSION = 1,
    MODEL_GRAPH = 7,
    MODEL_OPSET = 8,
    OPSET_VERSION = 2,
    GRAPH_NODE = 1,
    GRAPH_NAME = 2,
    GRAPH_CONSTANT = 5,
    GRAPH_INPUT = 11,
    GRAPH_OUTPUT = 12,
    NODE_INPUT = 1,
    NODE_OUTPUT = 2,
    NODE_TYPE = 4,
    NODE_ATTRIBUTE = 5,
    ATTRIBUTE_NAME = 1,
    ATTRIBUTE_REAL = 2,
    ATTRIBUTE_INTEGER = 3,
    ATTRIBUTE_TEXT = 4,
    ATTRIBUTE_TENSOR = 5,
    ATTRIBUTE_INTEGERS = 8,
    ATTRIBUTE_KIND = 20,
    TENSOR_DIM = 1,
    TENSOR_TYPE = 2,
    TENSOR_NAME = 8,
    TENSOR_DATA = 9,
    VALUE_NAME = 1,
    VALUE_TYPE = 2,
    TYPE_TENSOR = 1,
    TENSOR_TYPE_ELEMENT = 1,
    TENSOR_TYPE_SHAPE = 2,
    SHAPE_DIM = 1,
    DIM_VALUE = 1
};

enum { KIND_REAL = 1, KIND_INTEGER = 2, KIND_TEXT = 3, KIND_TENSOR = 4, KIND_INTEGERS = 7 };

static bool reserve(tm_wire *wire, size_t more)
{
    if (wire->failed) return false;
    if (more <= wire->capacity - wire->bytes) return true;
    size_t capacity = wire->capacity * 2 > 256 ? wire->capacity * 2 : 256;
    if (capacity - wire->bytes < more) capacity = wire->bytes + more;
    unsigned char *data = realloc(wire->data, capacity);
    wire->failed = !data;
    if (!data) return false;
    wire->data = data;
    wire->capacity = capacity;
    return true;
}

static void add_bytes(tm_wire *wire, const void *data, size_t bytes)
{
    if (bytes == 0 || !reserve(wire, bytes)) return;
    memcpy(wire->data + wire->bytes, data, bytes);
    wire->bytes += bytes;
}

/* Seven bits at a time, the lowest first; the eighth says that more follow. */
static void add_number(tm_wire *wire, uint64_t value)
{
    unsigned char bytes[10];
    size_t count = 0;
    do {
        bytes[count++] = (unsigned char)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        value >>= 7;
    } while (value);
    add_bytes(wire, bytes, count);
}

enum { WIRE_NUMBER = 0, WIRE_BYTES = 2, WIRE_FOUR_BYTES = 5 };

static void add_key(tm_wire *wire, int field, int kind)
{
    add_number(wire, (uint64_t)field << 3 | (uint64_t)kind);
}

static void add_integer(tm_wire *wire, int field, int64_t value)
{
    add_key(wire, field, WIRE_NUMBER);
    add_number(wire, (uint64_t)value);
}

static void add_block(tm_wire *wire, int field, const void *data, size_t bytes)
{
    add_key(wire, field, WIRE_BYTES);
    add_number(wire, bytes);
    add_bytes(wire, data, bytes);
}

static void add_text(tm_wire *wire, int field, const char *text)
{
    add_block(wire, field, text, strlen(text));
}

/* Adds the message and empties it. */
static void add_message(tm_wire *wire, int field, tm_wire *message)
{
    add_block(wire, field, message->data, message->bytes);
    if (message->failed) wire->failed = true;
    free(message->data);
    *message = (tm_wire){0};
}

static void add_tensor_name(tm_wire *wire, int field, int32_t number)
{
    char name[16];
    snprintf(name, sizeof name, "v%d", (int)number);
    add_text(wire, field, name);
}

int32_t tm_new_number(tm_maker *m)
{
    return m->numbers++;
}

void tm_with_integer(tm_maker *m, const char *name, int64_t value)
{
    tm_wire attribute = {0};
    add_text(&attribute, ATTRIBUTE_NAME, name);
    add_integer(&attribute, ATTRIBUTE_INTEGER, value);
    add_integer(&attribute, ATTRIBUTE_KIND, KIND_INTEGER);
    add_message(&m->attributes, NODE_ATTRIBUTE, &attribute);
}

void tm_with_real(tm_maker *m, const char *name, double value)
{
    const float narrow = (float)value;
    uint32_t bits;
    memcpy(&bits, &narrow, sizeof bits);
    const unsigned char bytes[] = {(unsigned char)bits, (unsigned char)(bits >> 8), (unsigned char)(bits >> 16),
                                   (unsigned char)(bits >> 24)};
    tm_wire attribute = {0};
    add_text(&attribute, ATTRIBUTE_NAME, name);
    add_key(&attribute, ATTRIBUTE_REAL, WIRE_FOUR_BYTES);
    add_bytes(&attribute, bytes, sizeof bytes);
    add_integer(&attribute, ATTRIBUTE_KIND, KIND_REAL);
    add_message(&m->attributes, NODE_ATTRIBUTE, &attribute);
}

void tm_with_integers(tm_maker *m, const char *name, const int64_t *values, int32_t count)
{
    tm_wire attribute = {0};
    add_text(&attribute, ATTRIBUTE_NAME, name);
    for (int32_t i = 0; i < count; i++) add_integer(&attribute, ATTRIBUTE_INTEGERS, values[i]);
    add_integer(&attribute, ATTRIBUTE_KIND, KIND_INTEGERS);
    add_message(&m->attributes, NODE_ATTRIBUTE, &attribute);
}

void tm_with_text(tm_maker *m, const char *name, const char *text)
{
    tm_wire attribute = {0};
    add_text(&attribute, ATTRIBUTE_NAME, name);
    add_text(&attribute, ATTRIBUTE_TEXT, text);
    add_integer(&attribute, ATTRIBUTE_KIND, KIND_TEXT);
    add_message(&m->attributes, NODE_ATTRIBUTE, &attribute);
}

void tm_with_zero(tm_maker *m, const char *name, tm_dtype dtype)
{
    static const unsigned char zeros[8] = {0};
    tm_wire attribute = {0}, tensor = {0};
    add_integer(&tensor, TENSOR_DIM, 1);
    add_integer(&tensor, TENSOR_TYPE, tm_ort_type(dtype));
    add_block(&tensor, TENSOR_DATA, zeros, tm_adapter_size_of(dtype));
    add_text(&attribute, ATTRIBUTE_NAME, name);
    add_message(&attribute, ATTRIBUTE_TENSOR, &tensor);
    add_integer(&attribute, ATTRIBUTE_KIND, KIND_TENSOR);
    add_message(&m->attributes, NODE_ATTRIBUTE, &attribute);
}

void tm_operator(tm_maker *m, const char *type, const int32_t *operands, int32_t operand_count, const int32_t *results,
                 int32_t result_count)
{
    tm_wire node = {0};
    for (int32_t i = 0; i < operand_count; i++) add_tensor_name(&node, NODE_INPUT, operands[i]);
    for (int32_t i = 0; i < result_count; i++) add_tensor_name(&node, NODE_OUTPUT, results[i]);
    add_text(&node, NODE_TYPE, type);
    add_bytes(&node, m->attributes.data, m->attributes.bytes);
    if (m->attributes.failed) node.failed = true;
    m->attributes.bytes = 0;
    add_message(&m->body, GRAPH_NODE, &node);
    m->operators++;
}

static void add_value(tm_maker *m, int field, int32_t number, const tm_shape *shape)
{
    tm_wire value = {0}, type = {0}, tensor = {0}, dims = {0}, dim = {0};
    for (int32_t i = 0; i < shape->rank; i++) {
        add_integer(&dim, DIM_VALUE, shape->dim[i]);
        add_message(&dims, SHAPE_DIM, &dim);
    }
    add_integer(&tensor, TENSOR_TYPE_ELEMENT, tm_ort_type(shape->dtype));
    add_message(&tensor, TENSOR_TYPE_SHAPE, &dims);
    add_message(&type, TYPE_TENSOR, &tensor);
    add_tensor_name(&value, VALUE_NAME, number);
    add_message(&value, VALUE_TYPE, &type);
    add_message(&m->body, field, &value);
}

void tm_model_input(tm_maker *m, int32_t number, const tm_shape *shape)
{
    add_value(m, GRAPH_INPUT, number, shape);
}

void tm_model_output(tm_maker *m, int32_t number, const tm_shape *shape)
{
    add_value(m, GRAPH_OUTPUT, number, shape);
}

/* The data are copied once: the head of the message is written by itself, with the data's key and length. */
void tm_model_constant(tm_maker *m, int32_t number, const tm_shape *shape, const void *data)
{
    const size_t bytes = tm_adapter_bytes(shape);
    tm_wire head = {0};
    for (int32_t i = 0; i < shape->rank; i++) add_integer(&head, TENSOR_DIM, shape->dim[i]);
    add_integer(&head, TENSOR_TYPE, tm_ort_type(shape->dtype));
    add_tensor_name(&head, TENSOR_NAME, number);
    add_key(&head, TENSOR_DATA, WIRE_BYTES);
    add_number(&head, bytes);
    add_key(&m->body, GRAPH_CONSTANT, WIRE_BYTES);
    add_number(&m->body, head.bytes + bytes);
    add_bytes(&m->body, head.data, head.bytes);
    add_bytes(&m->body, data, bytes);
    if (head.failed) m->body.failed = true;
    free(head.data);
}

bool tm_model_finish(tm_maker *m, tm_wire *into)
{
    /* The version of the file format that came with the opset. */
    const int64_t ir_version = m->opset > TM_ORT_OPSET ? 11 : 8;
    tm_wire opset = {0};
    *into = (tm_wire){0};
    add_text(&m->body, GRAPH_NAME, "tensormark");
    add_integer(into, MODEL_IR_VERSION, ir_version);
    add_integer(&opset, OPSET_VERSION, m->opset);
    add_message(into, MODEL_OPSET, &opset);
    add_message(into, MODEL_GRAPH, &m->body);
    free(m->attributes.data);
    m->attributes = (tm_wire){0};
    return !into->failed;
}
