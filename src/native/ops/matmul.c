/* matmul: one product or a batch of them, see gemm.c. */
#include "native/gemm.h"

tm_status tm_plan_matmul(const tm_planner *planner, tm_step *step, tm_error *error)
{
    const tm_shape *a = &step->shape[step->node.operand[0]], *b = &step->shape[step->node.operand[1]];
    return tm_gemm_plan(planner, step, tm_view_matmul(a, b), false, error);
}
