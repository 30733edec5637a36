/* What ops.def says about each op, as tables: the attribute column is read twice, once as a list of names and once as
 * initialisers of the defaults, by defining its words differently. */
#include "graph/rules.h"

#include <math.h>
#include <string.h>

enum { MOST_ATTRIBUTES = 2 };

typedef struct op_row {
    const char *name;
    const char *data;
    int32_t least, most;
    tm_attribute attribute[MOST_ATTRIBUTES + 1];
} op_row;

#define NONE
#define AXIS(value)        TM_ATTRIBUTE_axis,
#define ROWS(value)        TM_ATTRIBUTE_rows,
#define HEADS(value)       TM_ATTRIBUTE_heads,
#define SLOPE(value)       TM_ATTRIBUTE_slope,
#define EPS(value)         TM_ATTRIBUTE_eps,
#define SCALE(value)       TM_ATTRIBUTE_scale,
#define MASK(value)        TM_ATTRIBUTE_mask,
#define APPROXIMATE(value) TM_ATTRIBUTE_approximate,
static const op_row rows[TM_OP_COUNT] = {
#define TM_OP(name, least, most, attributes, shape, work, id, data, check)                                             \
    [TM_OP_##name] = {#name, data, least, most, {attributes TM_ATTRIBUTE_COUNT}},
#include "graph/ops.def"
#undef TM_OP
};
#undef NONE
#undef AXIS
#undef ROWS
#undef HEADS
#undef SLOPE
#undef EPS
#undef SCALE
#undef MASK
#undef APPROXIMATE

#define NONE               .axis = 0,
#define AXIS(value)        .axis = (value),
#define ROWS(value)        .rows = (value),
#define HEADS(value)       .heads = (value),
#define SLOPE(value)       .slope = (value),
#define EPS(value)         .eps = (value),
#define SCALE(value)       .scale = (value),
#define MASK(value)        .mask = (value),
#define APPROXIMATE(value) .approximate = (value),
#define REQUIRED           INT64_MIN
#define DERIVED            NAN
#define CAUSAL             TM_MASK_CAUSAL
#define EXACT              TM_APPROXIMATE_NONE
static const tm_attributes defaults[TM_OP_COUNT] = {
#define TM_OP(name, least, most, attributes, shape, work, id, data, check) [TM_OP_##name] = {attributes},
#include "graph/ops.def"
#undef TM_OP
};

const char *tm_op_name(tm_op op)
{
    return (unsigned)op < TM_OP_COUNT ? rows[op].name : "?";
}

bool tm_op_parse(const char *name, tm_op *into)
{
    for (int op = 0; op < TM_OP_COUNT; op++) {
        if (strcmp(rows[op].name, name) == 0) {
            *into = (tm_op)op;
            return true;
        }
    }
    return false;
}

bool tm_op_has(tm_op op, tm_attribute attribute)
{
    for (const tm_attribute *at = rows[op].attribute; *at != TM_ATTRIBUTE_COUNT; at++) {
        if (*at == attribute) return true;
    }
    return false;
}

const char *tm_op_data(tm_op op)
{
    return rows[op].data;
}

bool tm_op_takes_integers(tm_op op, int32_t operand)
{
    const char *const letters = rows[op].data;
    if (operand < 0 || (size_t)operand >= strlen(letters)) return false;
    return letters[operand] == 'i' || letters[operand] == 'l';
}

tm_attributes tm_op_defaults(tm_op op)
{
    return defaults[op];
}

const tm_attribute *tm_op_attributes(tm_op op)
{
    return rows[op].attribute;
}

void tm_op_arity(tm_op op, int32_t *least, int32_t *most)
{
    *least = rows[op].least;
    *most = rows[op].most;
}
