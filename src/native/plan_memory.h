/* A plan from the inside, shared by its builder (plan.c) and its memory (plan_memory.c). */
#ifndef TM_NATIVE_PLAN_MEMORY_H
#define TM_NATIVE_PLAN_MEMORY_H

#include "native/arena.h"
#include "native/plan.h"

/* Where a value lies: offsets into the arena. Inputs have `slots` copies, slot_bytes apart. */
typedef struct tm_place {
    size_t bytes; /* dense, in its own dtype */
    size_t stored;
    size_t wide; /* the float32 copy of a 16-bit value; equal to `stored` where there is none */
    size_t wide_bytes;
} tm_place;

struct tm_plan {
    const tm_graph *graph;
    const tm_kernels *kernels;
    tm_pool *pool;
    tm_step *step;
    tm_place *place; /* of every value */
    void **pointer;  /* per slot: what steps see of every value, then the stored data of every value */
    void *scratch;
    tm_arena arena;  /* base NULL: not placed */
    tm_arena *spare; /* of the session: where a released arena waits for the next plan; NULL for none */
    size_t slot_bytes, scratch_at, scratch_bytes, total_bytes, offset;
    uint64_t uses[TM_ISA_COUNT];
    int32_t steps, slots;
    bool rounds;
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

/* Works out every offset. TM_OUT_OF_MEMORY when the sum overflows. */
tm_status tm_plan_layout(tm_plan *plan, tm_error *error);

#endif
