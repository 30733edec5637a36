/* Which nodes of a graph are executed together, block of rows by block of rows, so that what lies between them stays
 * in a core's cache. Pure choice; block.h executes it. */
#ifndef TM_NATIVE_FUSE_H
#define TM_NATIVE_FUSE_H

#include "native/plan.h"

enum { TM_GROUP_NODES = 24, TM_GROUP_VALUES = 96 };

typedef enum tm_role {
    TM_ROLE_ROWS,   /* read from memory, a block at a time */
    TM_ROLE_WHOLE,  /* needed whole by every block: a scale, a shift, a bias */
    TM_ROLE_PANELS, /* the matrix of a product with shared weights: packed once per execution */
    TM_ROLE_MADE    /* result of a node of the group */
} tm_role;

typedef struct tm_group_value {
    int32_t value; /* of the graph */
    tm_role role;
    int32_t from, to; /* first and last node of the group that touches it */
    bool kept;        /* MADE: somebody outside the group reads it, so it goes to memory as well */
    int64_t item;     /* ROWS, MADE: elements per item */
} tm_group_value;

/* All rows and results of the group share their first `lead` dimensions, and no node mixes what lies at different
 * places of them: an item is what lies at one place. */
typedef struct tm_group {
    int32_t node[TM_GROUP_NODES], nodes; /* in execution order */
    tm_group_value value[TM_GROUP_VALUES];
    int32_t values;
    int32_t lead;
    int64_t items, block; /* items that are worked on at a time */
    int32_t members;
    bool stream; /* what is kept is large: non-temporal stores */
} tm_group;

/* The group that begins with node `first`: further nodes only with `several`, and none that is `taken`. False where
 * the node is better planned by itself. A group is executed in the place of its first node. */
bool tm_fuse_choose(const tm_planner *planner, int32_t first, const bool *taken, bool several, tm_group *into);

/* Rows of a product with shared weights, per item. */
int64_t tm_group_product_rows(const tm_graph *graph, const tm_group *group, int32_t node);

/* Operands of which an item needs its own rows only, as bits. */
uint32_t tm_node_rows(const tm_graph *graph, const tm_node *node);

/* linear, and matmul against one matrix: every row of the first operand by itself. */
bool tm_node_is_product(const tm_graph *graph, const tm_node *node);

#endif
