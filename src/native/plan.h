/* A plan: a graph with every shape fixed, a function chosen for every node, and every buffer placed. Running one
 * allocates nothing, takes no lock, and formats no string. */
#ifndef TM_NATIVE_PLAN_H
#define TM_NATIVE_PLAN_H

#include "graph/graph.h"
#include "native/kernels/kernels.h"
#include "native/pool.h"

/* What a step sees when it runs. */
typedef struct tm_frame {
    void *const *value;   /* data of every value of the graph; 16-bit reals are already float32 here */
    void *scratch;        /* the plan's scratch, 64-byte aligned, as large as the greediest step asked for */
    tm_pool *pool;
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
};

static inline const float *tm_step_input(const tm_step *step, const tm_frame *frame, int32_t operand)
{
    return frame->value[step->node.operand[operand]];
}
static inline void *tm_step_result(const tm_step *step, const tm_frame *frame) { return frame->value[step->result]; }

/* What planners are told. */
typedef struct tm_planner {
    const tm_graph *graph;
    const tm_kernels *kernels;
    tm_pool *pool;
    double llc_bytes; /* outputs above half of it are streamed */
} tm_planner;

/* One planner per op: fills run, members, stream, size, real and scratch_bytes of a step whose node, shape and result are
 * set. All shapes are checked already; zero-sized and rank-0 tensors do occur. They live in native/ops/. */
#define TM_OP(name, ...) tm_status tm_plan_##name(const tm_planner *planner, tm_step *step, tm_error *error);
#include "graph/ops.def"
#undef TM_OP

typedef struct tm_plan tm_plan;
tm_status tm_plan_new(const tm_graph *graph, const tm_kernels *kernels, tm_pool *pool, int32_t slots, tm_plan **into,
                      tm_error *error);
void tm_plan_free(tm_plan *plan);

#endif
