/* An id writes as few shapes as tell the case: what follows from the first one is left out, and an op that works on
 * rows of a table names the table and a number of rows. */
#include "suite/id_rules.h"

static const tm_id_rule *const rules[TM_OP_COUNT] = {
#define TM_OP(name, least, most, attributes, shape, work, id, data, check) [TM_OP_##name] = &tm_id_rule_##id,
#include "graph/ops.def"
#undef TM_OP
};

const tm_id_rule *tm_op_id_rule(tm_op op)
{
    return rules[op];
}

static tm_status expect(tm_op op, const tm_id_shapes *written, int32_t count, const char *which, tm_error *error)
{
    if (written->count == count) return TM_OK;
    return tm_fail(error, TM_INVALID_ARGUMENT, "%s: an id names %s, not %d shapes", tm_op_name(op), which,
                   (int)written->count);
}

static tm_shape vector_of(int64_t size)
{
    return (tm_shape){.rank = 1, .dim = {size}};
}

static tm_status read_written(tm_op op, const tm_id_shapes *written, tm_id_shapes *operands, tm_attributes *attributes,
                              tm_error *error)
{
    (void)op, (void)attributes, (void)error;
    *operands = *written;
    return TM_OK;
}

static tm_status read_affine(tm_op op, const tm_id_shapes *written, tm_id_shapes *operands, tm_attributes *attributes,
                             tm_error *error)
{
    (void)attributes;
    const tm_status status = expect(op, written, 1, "one shape", error);
    if (status != TM_OK) return status;
    const tm_shape *const x = &written->shape[0];
    *operands = *written;
    operands->shape[1] = operands->shape[2] = vector_of(x->rank > 0 ? x->dim[x->rank - 1] : 1);
    operands->count = 3;
    return TM_OK;
}

static tm_status read_one_slope(tm_op op, const tm_id_shapes *written, tm_id_shapes *operands,
                                tm_attributes *attributes, tm_error *error)
{
    (void)attributes;
    const tm_status status = expect(op, written, 1, "one shape", error);
    if (status != TM_OK) return status;
    *operands = *written;
    operands->shape[1] = vector_of(1);
    operands->count = 2;
    return TM_OK;
}

static tm_status check_table(tm_op op, const tm_id_shapes *written, tm_error *error)
{
    const tm_status status = expect(op, written, 2, "a table and a number of rows", error);
    if (status != TM_OK) return status;
    if (written->shape[0].rank < 1) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "%s: the table is a scalar, it needs rows", tm_op_name(op));
    }
    if (written->shape[1].rank != 1) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "%s: the second shape is a number of rows", tm_op_name(op));
    }
    return TM_OK;
}

static tm_status read_table(tm_op op, const tm_id_shapes *written, tm_id_shapes *operands, tm_attributes *attributes,
                            tm_error *error)
{
    (void)attributes;
    *operands = *written;
    return check_table(op, written, error);
}

/* The table is the result; the source has as many rows as there are indices. */
static tm_status read_scattered(tm_op op, const tm_id_shapes *written, tm_id_shapes *operands,
                                tm_attributes *attributes, tm_error *error)
{
    const tm_status status = check_table(op, written, error);
    if (status != TM_OK) return status;
    *operands = *written;
    attributes->rows = written->shape[0].dim[0];
    operands->shape[0].dim[0] = written->shape[1].dim[0];
    return TM_OK;
}

static void write_all(const tm_id_shapes *operands, const tm_shape *result, tm_id_shapes *written)
{
    (void)result;
    *written = *operands;
}

static void write_first(const tm_id_shapes *operands, const tm_shape *result, tm_id_shapes *written)
{
    (void)result;
    written->shape[0] = operands->shape[0];
    written->count = 1;
}

static void write_scattered(const tm_id_shapes *operands, const tm_shape *result, tm_id_shapes *written)
{
    written->shape[0] = *result;
    written->shape[1] = operands->shape[1];
    written->count = 2;
}

const tm_id_rule tm_id_rule_written = {read_written, write_all};
const tm_id_rule tm_id_rule_affine = {read_affine, write_first};
const tm_id_rule tm_id_rule_one_slope = {read_one_slope, write_first};
const tm_id_rule tm_id_rule_table = {read_table, write_all};
const tm_id_rule tm_id_rule_scattered = {read_scattered, write_scattered};
