/* The shape rules and work rules that ops.def names, one function each. A rule sees operands whose number, dtypes and
 * sizes are already sound (tm_op_shape); it looks only at how they fit together. */
#ifndef TM_GRAPH_RULES_H
#define TM_GRAPH_RULES_H

#include "graph/graph.h"

typedef struct tm_shape_call {
    tm_op op;
    const tm_shape *operand;
    int32_t operands;
    const tm_attributes *attributes;
    tm_shape *result; /* comes in as operand 0's dtype, rank 0 */
    tm_error *error;
} tm_shape_call;

/* What one node must do at least. Bytes are per operand, because a graph counts only its own inputs and outputs. */
typedef struct tm_node_work {
    double flop, floor_flop;
    double read[TM_MAX_OPERANDS];       /* bytes, for the limit */
    double floor_read[TM_MAX_OPERANDS]; /* bytes, for the floor */
} tm_node_work;

typedef struct tm_work_call {
    tm_op op;
    const tm_shape *operand[TM_MAX_OPERANDS];
    int32_t operands;
    const tm_attributes *attributes;
    const tm_shape *result;
} tm_work_call;

#define TM_OP(name, least, most, attributes, shape, work, id, data, check)                                             \
    tm_status tm_shape_rule_##shape(const tm_shape_call *call);                                                        \
    void tm_work_rule_##work(const tm_work_call *call, tm_node_work *into);
#include "graph/ops.def"
#undef TM_OP

/* Rank, sizes and dtype make a tensor: at most TM_MAX_RANK sizes >= 0, and 8 bytes per element fit in int64 even with
 * zero sizes counted as 1, so that no product of sizes overflows anywhere. `what` begins the message. */
tm_status tm_shape_check(const tm_shape *shape, const char *what, tm_error *error);

/* Every attribute the op has lies in its range (an axis is checked by the shape rule, which knows the rank). */
tm_status tm_attributes_check(tm_op op, const tm_attributes *attributes, tm_error *error);

/* The op's attributes in the order of ops.def, ended by TM_ATTRIBUTE_COUNT. */
const tm_attribute *tm_op_attributes(tm_op op);
void tm_op_arity(tm_op op, int32_t *least, int32_t *most);

const char *tm_attribute_name(tm_attribute attribute);
bool tm_attribute_is_real(tm_attribute attribute);
int64_t *tm_attribute_integer(tm_attributes *attributes, tm_attribute attribute); /* NULL for a real one */
double *tm_attribute_real(tm_attributes *attributes, tm_attribute attribute);     /* NULL for an integer */
/* The word of a CHOICE; NULL where there is none of that number, or the attribute is no CHOICE. */
const char *tm_attribute_choice(tm_attribute attribute, int64_t choice);
void tm_real_print(double value, tm_text *into); /* the shortest digits that read back the same */
bool tm_attribute_parse(const char *name, size_t length, tm_attribute *into);

#endif
