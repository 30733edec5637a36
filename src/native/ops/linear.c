/* linear: all leading dimensions of x are rows of one product with a bias, see gemm.c. */
#include "native/gemm.h"

tm_status tm_plan_linear(const tm_planner *planner, tm_step *step, tm_error *error)
{
    const tm_shape *x = &step->shape[step->node.operand[0]], *weight = &step->shape[step->node.operand[1]];
    tm_matmul_view view = {.batch = 1, .m = 1, .n = weight->dim[1], .k = weight->dim[0]};
    for (int32_t d = 0; d + 1 < x->rank; d++) view.m *= x->dim[d];
    return tm_gemm_plan(planner, step, view, true, error);
}
