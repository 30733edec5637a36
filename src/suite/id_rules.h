/* How a case id names the shapes of an op: the rules of ops.def's id column. */
#ifndef TM_SUITE_ID_RULES_H
#define TM_SUITE_ID_RULES_H

#include "graph/graph.h"

typedef struct tm_id_shapes {
    tm_shape shape[TM_MAX_OPERANDS];
    int32_t count;
} tm_id_shapes;

/* Turns the shapes that an id writes into the op's operands (sizes only; the dtypes follow from ops.def's data column)
 * and sets attributes that the shapes tell. Only what the rule itself needs is checked; the graph checks the rest. */
typedef struct tm_id_rule {
    tm_status (*read)(tm_op op, const tm_id_shapes *written, tm_id_shapes *operands, tm_attributes *attributes,
                      tm_error *error);
    /* The other way: what an id writes for these operands and their result. */
    void (*write)(const tm_id_shapes *operands, const tm_shape *result, tm_id_shapes *written);
} tm_id_rule;

#define TM_OP(name, least, most, attributes, shape, work, id, data, check) extern const tm_id_rule tm_id_rule_##id;
#include "graph/ops.def"
#undef TM_OP

const tm_id_rule *tm_op_id_rule(tm_op op);

#endif
