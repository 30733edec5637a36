/* A plan: a graph with every shape fixed, a function chosen for every node, and every buffer placed. Running one
 * allocates nothing, takes no lock, and formats no string. */
#ifndef TM_NATIVE_PLAN_H
#define TM_NATIVE_PLAN_H

#include "graph/graph.h"
#include "native/arena.h"
#include "native/kernels/kernels.h"
#include "native/pool.h"

/* What a step sees when it runs. */
typedef struct tm_frame {
    void *const *value; /* data of every value of the graph; 16-bit reals are already float32 here */
    void *scratch;      /* the plan's scratch, 64-byte aligned, as large as the greediest step asked for */
    tm_pool *pool;      /* NULL within a block: one thread */
    const tm_kernels *kernels;
} tm_frame;

typedef struct tm_step tm_step;
struct tm_step {
    void (*run)(const tm_step *step, const tm_frame *frame);
    tm_node node;
    const tm_shape *shape; /* of every value of the graph */
    int32_t result;        /* value */
    int32_t members;       /* threads to use */
    bool stream;           /* result is large: non-temporal stores */
    int64_t size[12];      /* whatever the planner worked out; each planner says what they mean */
    double real[4];
    size_t scratch_bytes;
    const void *more;           /* of a group of nodes: what block.c keeps */
    uint8_t uses[TM_ISA_COUNT]; /* slots that one run of the step enters, by where they come from: TM_USE */
};

/* A planner calls TM_USE(planner, step, relu_f32) once for each kernel slot that the step will enter: this is how
 * tm_native_kernel_calls knows which instruction set really ran. */
#define TM_USE(planner, step, slot) ((void)((step)->uses[(planner)->kernels->isa.slot]++))

static inline const float *tm_step_input(const tm_step *step, const tm_frame *frame, int32_t operand)
{
    return frame->value[step->node.operand[operand]];
}
static inline void *tm_step_result(const tm_step *step, const tm_frame *frame)
{
    return frame->value[step->result];
}

/* What planners are told. */
typedef struct tm_planner {
    const tm_graph *graph;
    const tm_kernels *kernels;
    tm_pool *pool;    /* NULL for the steps of a block: one thread */
    double llc_bytes; /* outputs above half of it are streamed */
} tm_planner;

/* One planner per op: fills run, members, stream, size, real and scratch_bytes of a step whose node, shape and result
 * are set (everything else is zero). All shapes are checked already; zero-sized and rank-0 tensors do occur. Whatever
 * real dtype a shape names, the data is float32; indices are int64_t. They live in native/ops/. */
#define TM_OP(name, ...) tm_status tm_plan_##name(const tm_planner *planner, tm_step *step, tm_error *error);
#include "graph/ops.def"
#undef TM_OP

/* The steps of a graph and where its data lies. Nothing is allocated for data until tm_plan_place. */
typedef struct tm_plan tm_plan;

typedef struct tm_plan_options {
    int32_t slots; /* >= 1 input sets */
    size_t offset; /* shifts all data by that many bytes (0..4095, a multiple of 64), so that processes differ in their
                    * cache sets */
    bool fuse;     /* nodes are executed together where intermediates then stay in a cache */
} tm_plan_options;

/* `graph`, `kernels` and `pool` must outlive the plan. */
tm_status tm_plan_make(const tm_graph *graph, const tm_kernels *kernels, tm_pool *pool, const tm_plan_options *options,
                       tm_plan **into, tm_error *error);
/* The same without fusing. */
tm_status tm_plan_new(const tm_graph *graph, const tm_kernels *kernels, tm_pool *pool, int32_t slots, size_t offset,
                      tm_plan **into, tm_error *error);
void tm_plan_free(tm_plan *plan);

/* Pages of its arena that the plan does not need: an earlier one did. 0 before tm_plan_place. */
size_t tm_plan_idle_bytes(const tm_plan *plan);

/* From now on the plan's memory comes from, and goes back to, `spare` where it fits (see arena.h). */
void tm_plan_share_memory(tm_plan *plan, tm_arena *spare);

/* The data of an input lies there in every slot, and takes no memory of the plan, until tm_plan_release. Only before
 * tm_plan_place. */
void tm_plan_lend(tm_plan *plan, int32_t input, const void *data);
bool tm_plan_lent(const tm_plan *plan, int32_t input);

/* Allocates and touches the plan's memory if it has none; gives it back (all contents are lost). */
tm_status tm_plan_place(tm_plan *plan, tm_error *error);
void tm_plan_release(tm_plan *plan);
size_t tm_plan_bytes(const tm_plan *plan); /* what tm_plan_place allocates */

/* Where the data of an input or an output lies, dense in its own dtype; only while placed. Results are the same for
 * every slot. */
void *tm_plan_data(const tm_plan *plan, int32_t slot, int32_t value);

/* Executes `count` times on slots first_slot, first_slot + 1, ... modulo the number of slots. */
void tm_plan_run(const tm_plan *plan, int32_t first_slot, int64_t count);

/* Fills everything but the inputs with one bits: NaN as a real. */
void tm_plan_poison(const tm_plan *plan);

/* Some 16-bit intermediate is rounded to its dtype between two ops. */
bool tm_plan_rounds_between_ops(const tm_plan *plan);

/* Some step counts subnormal numbers as zero. */
bool tm_plan_flushes(const tm_plan *plan);

/* Nodes that are executed together with others. */
int32_t tm_plan_fused_nodes(const tm_plan *plan);

/* Kernel slots entered by one execution, by instruction set. */
void tm_plan_uses(const tm_plan *plan, uint64_t uses[TM_ISA_COUNT]);

#endif
