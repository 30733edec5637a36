/* The least work that any correct program must do (docs/ops.md), from shapes alone.
 *
 * A node's rule counts its FLOP and, per operand, the bytes it cannot do without. A graph adds up the FLOP of the nodes
 * that lead to an output; its bytes are those of its own inputs (the most that any one consumer needs) and of its
 * outputs, because everything between may stay in registers. Element-wise work counts one FLOP per element: it never
 * decides anything, since such ops are bound by bytes. */
#include "base/dtype.h"
#include "graph/rules.h"

#include <math.h>
#include <stdlib.h>

typedef void work_rule(const tm_work_call *call, tm_node_work *into);

static work_rule *const work_rules[TM_OP_COUNT] = {
#define TM_OP(name, least, most, attributes, shape, work, id, data, check) [TM_OP_##name] = tm_work_rule_##work,
#include "graph/ops.def"
#undef TM_OP
};

static double elements(const tm_shape *shape)
{
    return (double)tm_shape_elements(shape);
}

static double size_of(const tm_shape *shape)
{
    return (double)tm_shape_bytes(shape);
}

static void read_all(const tm_work_call *call, tm_node_work *into)
{
    for (int32_t i = 0; i < call->operands; i++) into->read[i] = into->floor_read[i] = size_of(call->operand[i]);
}

/* Expected number of different rows among `draws` uniform draws from `rows`: rows (1 - (1 - 1/rows)^draws). */
static double distinct_rows(double rows, double draws)
{
    if (rows < 2 || draws < 1) return rows < draws ? rows : draws;
    return -rows * expm1(draws * log1p(-1 / rows));
}

void tm_work_rule_copy(const tm_work_call *call, tm_node_work *into)
{
    read_all(call, into);
    into->flop = into->floor_flop = elements(call->result);
}

void tm_work_rule_read_once(const tm_work_call *call, tm_node_work *into)
{
    read_all(call, into);
    into->flop = into->floor_flop = elements(call->operand[0]);
}

/* matmul and linear: a multiplication and an addition per term; the bias is where the sum starts. */
void tm_work_rule_contraction(const tm_work_call *call, tm_node_work *into)
{
    const tm_shape *const a = call->operand[0];
    read_all(call, into);
    into->flop = into->floor_flop = 2 * elements(call->result) * (double)a->dim[a->rank - 1];
}

/* 3x3 windows may be done by Winograd's F(6x6, 3x3), which saves a factor of 5.06. */
void tm_work_rule_convolution(const tm_work_call *call, tm_node_work *into)
{
    const tm_shape *const weight = call->operand[1];
    double terms = 1;
    for (int32_t i = 1; i < weight->rank; i++) terms *= (double)weight->dim[i];
    read_all(call, into);
    into->flop = into->floor_flop = 2 * elements(call->result) * terms;
    if (weight->rank == 4 && weight->dim[1] == 3 && weight->dim[2] == 3) into->floor_flop = into->flop / 5.06;
}

/* Lengths are uniform over 1 to all keys, so half of them and a half are seen on average, and one at least.
 * Only the pairs that the mask lets through, and only the keys and values that some query sees. Per pair: the two
 * products, an exponential and an addition. */
void tm_work_rule_attention(const tm_work_call *call, tm_node_work *into)
{
    const tm_shape *const q = call->operand[0];
    const tm_shape *const v = call->operand[2];
    const int32_t rank = q->rank;
    const double queries = (double)q->dim[rank - 2];
    const double keys = (double)v->dim[rank - 2];
    const double pair_flop = 2.0 * (double)q->dim[rank - 1] + 2.0 * (double)v->dim[rank - 1] + 2;
    double batch = 1;
    for (int32_t i = 0; i < rank - 2; i++) batch *= (double)q->dim[i];

    double pairs = queries * keys;
    double seen = keys;
    const double square = queries < keys ? queries : keys;
    if (call->attributes->mask == TM_MASK_CAUSAL) {
        pairs = square * (square + 1) / 2 + (queries - square) * keys;
        seen = square;
    } else if (call->attributes->mask == TM_MASK_CAUSAL_END) {
        pairs = queries * (keys - queries) + queries * (queries + 1) / 2;
    }
    double least = 1; /* share of it that no data can save */
    if (call->attributes->mask == TM_MASK_LENGTHS && keys > 0) {
        seen = (keys + 1) / 2;
        pairs = queries * seen;
        least = 1 / seen;
    }
    read_all(call, into);
    const double share = keys > 0 ? seen / keys : 0;
    for (int32_t i = 1; i < 3; i++) {
        into->read[i] = size_of(call->operand[i]) * share;
        into->floor_read[i] = into->read[i] * least;
    }
    into->flop = batch * pairs * pair_flop;
    into->floor_flop = into->flop * least;
}

void tm_work_rule_gather(const tm_work_call *call, tm_node_work *into)
{
    const tm_shape *const table = call->operand[0];
    const double rows = (double)table->dim[0];
    read_all(call, into);
    const double used = distinct_rows(rows, elements(call->operand[1]));
    into->read[0] = into->floor_read[0] = rows > 0 ? size_of(table) / rows * used : 0;
}

/* A row that is overwritten later need not be read. A program that knew the winners could do without the indices, so
 * the floor leaves them out. */
void tm_work_rule_scatter(const tm_work_call *call, tm_node_work *into)
{
    const tm_shape *const source = call->operand[0];
    const double draws = (double)source->dim[0];
    const double winners = distinct_rows((double)call->attributes->rows, draws);
    read_all(call, into);
    into->read[0] = into->floor_read[0] = draws > 0 ? size_of(source) / draws * winners : 0;
    into->floor_read[1] = 0;
}

void tm_work_rule_scatter_all(const tm_work_call *call, tm_node_work *into)
{
    read_all(call, into);
    into->flop = into->floor_flop = elements(call->operand[0]);
}

static tm_node_work node_work(const tm_graph *graph, const tm_node *node, int32_t index)
{
    tm_work_call call = {.op = node->op, .operands = node->operands, .attributes = &node->attributes};
    tm_node_work work = {0};
    call.result = &graph->shape[graph->inputs + index];
    for (int32_t i = 0; i < node->operands; i++) call.operand[i] = &graph->shape[node->operand[i]];
    /* No result, no work: nothing needs to be read for an empty tensor. */
    if (tm_shape_elements(call.result) > 0) work_rules[node->op](&call, &work);
    return work;
}

typedef struct value_need {
    double read, floor_read;
    bool live, output;
} value_need;

static void raise_to(double *least, double value)
{
    if (value > *least) *least = value;
}

static void add_node(const tm_graph *graph, int32_t index, value_need *need, tm_work *work)
{
    const tm_node *const node = &graph->node[index];
    if (!need[graph->inputs + index].live) return;
    const tm_node_work own = node_work(graph, node, index);
    work->flop += own.flop;
    work->floor_flop += own.floor_flop;
    for (int32_t i = 0; i < node->operands; i++) {
        value_need *const operand = &need[node->operand[i]];
        operand->live = true;
        raise_to(&operand->read, own.read[i]);
        raise_to(&operand->floor_read, own.floor_read[i]);
    }
}

tm_work tm_graph_work(const tm_graph *graph)
{
    tm_work work = {0};
    double written = 0;
    const int32_t values = graph->inputs + graph->nodes;
    value_need *const need = calloc((size_t)values + 1, sizeof *need);
    for (int32_t i = 0; i < values; i++) work.resident_bytes += size_of(&graph->shape[i]);
    /* Without memory for the marks, nothing can be said to be needed: all zero is still a lower bound. */
    if (!need) return work;
    for (int32_t i = 0; i < graph->outputs; i++) {
        value_need *const output = &need[graph->output[i]];
        if (!output->output) written += size_of(&graph->shape[graph->output[i]]);
        output->live = output->output = true;
    }
    for (int32_t i = graph->nodes - 1; i >= 0; i--) add_node(graph, i, need, &work);
    for (int32_t i = 0; i < graph->inputs; i++) {
        work.bytes += need[i].read;
        work.floor_bytes += need[i].floor_read;
    }
    work.written = written;
    work.bytes += written;
    work.floor_bytes += written;
    work.read_only = written * 16 <= work.bytes;
    free(need);
    return work;
}
