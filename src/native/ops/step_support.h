/* What several planners need: how many threads a step deserves, and whether its result should bypass the caches. */
#ifndef TM_NATIVE_OPS_STEP_SUPPORT_H
#define TM_NATIVE_OPS_STEP_SUPPORT_H

#include "base/dtype.h"
#include "native/plan.h"

/* Rounded up to whole cache lines, so that pieces of scratch of different threads never share one. */
static inline size_t tm_scratch_round(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

/* Bytes of a value as the engine holds it: reals are float32, whatever the graph says. */
static inline double tm_step_bytes(const tm_step *step, int32_t value)
{
    const tm_shape *shape = &step->shape[value];
    return (double)tm_shape_elements(shape) *
           (tm_dtype_is_real(shape->dtype) ? 4.0 : (double)tm_dtype_size(shape->dtype));
}

/* Sets `members` by the bytes of operands and result and by `flop`, at most `items` of them, and `stream`: a result
 * that the last-level cache cannot keep beside what is read gains nothing from passing through it. */
static inline void tm_step_divide(const tm_planner *planner, tm_step *step, double flop, int64_t items)
{
    const double written = tm_step_bytes(step, step->result);
    double bytes = written;
    for (int32_t i = 0; i < step->node.operands; i++) bytes += tm_step_bytes(step, step->node.operand[i]);
    const int32_t members = tm_pool_members_for(planner->pool, bytes, flop);
    step->members = members < 1 || items < 1 ? 1 : items < members ? (int32_t)items : members;
    step->stream = written > planner->llc_bytes / 2 || (bytes > planner->llc_bytes && written > planner->llc_bytes / 8);
}

#endif
