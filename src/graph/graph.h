/* Graphs from the inside: what the layers above may read. Built through tensormark.h, immutable afterwards.
 *
 * A value is the index of a tensor: inputs first, then one result per node, in execution order. Every op has exactly
 * one result. Tensors are dense, row-major, outermost dimension first.
 */
#ifndef TM_GRAPH_GRAPH_H
#define TM_GRAPH_GRAPH_H

#include "base/error.h"
#include "base/text.h"
#include "tensormark/tensormark.h"

#include <stdbool.h>

enum { TM_MAX_OPERANDS = 8 };

typedef enum tm_op {
#define TM_OP(name, ...) TM_OP_##name,
#include "graph/ops.def"
#undef TM_OP
    TM_OP_COUNT
} tm_op;

typedef enum tm_attribute {
#define TM_ATTRIBUTE(name, kind) TM_ATTRIBUTE_##name,
#include "graph/attributes.def"
#undef TM_ATTRIBUTE
    TM_ATTRIBUTE_COUNT
} tm_attribute;

/* Which keys a query may see. The lower triangle of CAUSAL is aligned top-left (query i sees keys 0..i), that of
 * CAUSAL_END bottom-right (the last query sees every key). Of LENGTHS an operand tells how many keys every query of a
 * batch entry sees. */
typedef enum tm_mask { TM_MASK_NONE = 0, TM_MASK_CAUSAL = 1, TM_MASK_CAUSAL_END = 2, TM_MASK_LENGTHS = 3 } tm_mask;

/* Which curve gelu is: x times the normal distribution function, or the tanh that stands in for it. */
typedef enum tm_approximate { TM_APPROXIMATE_NONE = 0, TM_APPROXIMATE_TANH = 1 } tm_approximate;

typedef struct tm_attributes {
    int64_t axis; /* as written; may be negative */
    int64_t rows; /* of a scatter's output */
    int64_t heads;
    double slope;
    double eps;
    double scale;        /* NaN: derived, 1/sqrt(d) */
    int64_t mask;        /* tm_mask */
    int64_t approximate; /* tm_approximate */
} tm_attributes;

typedef struct tm_node {
    tm_op op;
    tm_attributes attributes;
    int32_t operand[TM_MAX_OPERANDS]; /* values */
    int32_t operands;
} tm_node;

struct tm_graph {
    tm_shape *shape; /* of every value */
    tm_node *node;
    int32_t *output; /* values */
    int32_t inputs, nodes, outputs;
};

/* The least work that any correct program must do (measurement.md point 12). */
typedef struct tm_work {
    double flop;
    double bytes;          /* for the limit */
    double written;        /* of them, those of the outputs */
    double floor_flop;     /* flop, less what a fast algorithm may save (3x3 convolutions) */
    double floor_bytes;    /* for the floor */
    double resident_bytes; /* all operands and results together: what must fit in memory */
    bool read_only;        /* next to nothing is written: limited by read bandwidth, not copy */
} tm_work;

const char *tm_op_name(tm_op op);
bool tm_op_parse(const char *name, tm_op *into);
bool tm_op_has(tm_op op, tm_attribute attribute);
const char *tm_op_data(tm_op op);                     /* the letters of ops.def's data column */
bool tm_op_takes_integers(tm_op op, int32_t operand); /* i64, not real */

/* The op's defaults; REQUIRED ones are set to INT64_MIN and must be overwritten before use. */
tm_attributes tm_op_defaults(tm_op op);

/* Something that has attributes: an op, or a part of a model that is made of several. `has` ends with
 * TM_ATTRIBUTE_COUNT. */
typedef struct tm_attribute_owner {
    const char *name;
    const tm_attribute *has;
} tm_attribute_owner;

tm_attribute_owner tm_op_owner(tm_op op);

/* Parses "axis=-1,mask=none" over `into`'s present values. An unknown name, one that the op does not have, a repeated
 * one, a malformed value, or a REQUIRED one left unset is an error that names op and attribute. */
tm_status tm_attributes_parse(tm_op op, const char *text, tm_attributes *into, tm_error *error);
tm_status tm_attributes_parse_for(const tm_attribute_owner *owner, const char *text, tm_attributes *into,
                                  tm_error *error);

/* Appends every attribute of the op in the order of ops.def, "axis=-1" (reals in the shortest form that reads back the
 * same); a derived one is left out, and so is `rows`, which the shapes of an id already tell. False: none was added. */
bool tm_attributes_print(tm_op op, const tm_attributes *attributes, tm_text *into);
bool tm_attributes_print_for(const tm_attribute_owner *owner, const tm_attributes *attributes, tm_text *into);

/* Adds a node with attributes given as values; as tm_graph_op otherwise. */
int32_t tm_graph_add(tm_graph *graph, tm_op op, const int32_t *operands, int32_t count, const tm_attributes *attributes,
                     tm_error *error);

/* The shape of an op's result, or an error such as "matmul: inner sizes 64 and 65 differ". */
tm_status tm_op_shape(tm_op op, const tm_shape *operands, int32_t count, const tm_attributes *attributes,
                      tm_shape *result, tm_error *error);

tm_work tm_graph_work(const tm_graph *graph);

/* attributes.axis as 0..rank-1 (0 for rank 0). */
int32_t tm_axis(const tm_shape *shape, int64_t axis);

/* A tensor seen as outer x length x inner around `axis`. */
typedef struct tm_axis_view {
    int64_t outer, length, inner;
} tm_axis_view;
tm_axis_view tm_view_axis(const tm_shape *shape, int64_t axis);

/* What a matmul over numpy-broadcast batches comes to: `batch` products of m x k and k x n; a_step and b_step tell,
 * for batch number i, which matrix of the operand is used (they handle broadcasting). */
typedef struct tm_matmul_view {
    int64_t batch, m, k, n;
} tm_matmul_view;
tm_matmul_view tm_view_matmul(const tm_shape *a, const tm_shape *b);
int64_t tm_matmul_batch_a(const tm_shape *a, const tm_shape *b, int64_t batch); /* matrix index within a */
int64_t tm_matmul_batch_b(const tm_shape *a, const tm_shape *b, int64_t batch);

/* A length of data as a number of keys: below 0 none, beyond the keys all. */
int64_t tm_key_length(int64_t length, int64_t keys);

/* Number of keys that query `i` of `queries` sees, of `keys`. They are always the first ones. Of LENGTHS: those that it
 * may see. */
int64_t tm_visible_keys(tm_mask mask, int64_t i, int64_t queries, int64_t keys);

/* Compact binary form, versioned, the same on every little-endian machine. Reading checks everything again, so a
 * hostile buffer gives an error, never a broken graph. */
tm_status tm_graph_write(const tm_graph *graph, tm_text *into, tm_error *error);
tm_status tm_graph_read(const void *bytes, size_t count, tm_graph **into, tm_error *error);

/* The graph as one line of JSON that leaves nothing to be derived: equal graphs give equal text. */
void tm_graph_describe(const tm_graph *graph, tm_text *into);

/* The host table's graph_key: the hash of that text. */
tm_status tm_graph_key(const tm_graph *graph, char into[TM_GRAPH_KEY]);

#endif
