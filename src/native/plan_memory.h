/* A plan from the inside, shared by its builder (plan.c) and its memory (plan_memory.c). */
#ifndef TM_NATIVE_PLAN_MEMORY_H
#define TM_NATIVE_PLAN_MEMORY_H

#include "native/arena.h"
#include "native/plan.h"

/* The steps during which some data must lie somewhere: from the first that touches it to the last. */
typedef struct tm_span {
    bool used;
    int32_t from, to;
} tm_span;

/* Where a value lies: offsets into the arena. Inputs have `slots` copies, slot_bytes apart. Results share memory with
 * others that are not needed at the same time; one that only lives within a step has no place. */
typedef struct tm_place {
    size_t stored;                  /* dense, in its own dtype */
    size_t wide;                    /* the float32 copy of a 16-bit value, if that is used */
    tm_span stored_span, wide_span; /* filled while steps are added */
} tm_place;

struct tm_plan {
    const tm_graph *graph;
    const tm_kernels *kernels;
    tm_pool *pool;
    tm_step *step;
    struct tm_blocks **blocks; /* of every step that is a group; NULL for the others */
    tm_place *place;           /* of every value */
    const void **lent;         /* of every input: data of somebody else; NULL for those in the arena */
    void **pointer;            /* per slot: what steps see of every value, then the stored data of every value */
    void *scratch;
    tm_arena arena;  /* base NULL: not placed */
    tm_arena *spare; /* of the session: where a released arena waits for the next plan; NULL for none */
    size_t slot_bytes, results_at, scratch_at, scratch_bytes, total_bytes, offset;
    uint64_t uses[TM_ISA_COUNT];
    int32_t steps, slots, fused;
    bool rounds, flushes;
    bool stale; /* inputs were lent or given back since the offsets were worked out */
};

/* A frame as the conversions see it: with the 16-bit data as well. */
typedef struct tm_plan_frame {
    tm_frame frame; /* first, so that a pointer to it is a pointer to all */
    void *const *stored;
} tm_plan_frame;

static inline void *const *tm_frame_stored(const tm_frame *frame)
{
    return ((const tm_plan_frame *)frame)->stored;
}

/* For the steps of a group, see block.h: a node whose attributes are rounded to its dtype, and the op's planner. */
tm_node tm_plan_node(const tm_graph *graph, int32_t index);
tm_status tm_plan_op(const tm_planner *planner, tm_step *step, tm_error *error);

/* Rounded up to whole cache lines. */
static inline size_t tm_scratch_size(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

/* Works out every offset. TM_OUT_OF_MEMORY when the sum overflows. */
tm_status tm_plan_layout(tm_plan *plan, tm_error *error);

#endif
