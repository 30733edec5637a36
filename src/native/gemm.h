/* Products of dense row-major float32 matrices: what matmul and linear come to. */
#ifndef TM_NATIVE_GEMM_H
#define TM_NATIVE_GEMM_H

#include "native/plan.h"

/* Chooses how the step's product is computed and fills its run, members, stream, size and scratch_bytes. The operands
 * are A, B and, if `bias`, one number per column. */
tm_status tm_gemm_plan(const tm_planner *planner, tm_step *step, tm_matmul_view view, bool bias, tm_error *error);

/* B (k rows of `row` floats, of which `columns` count) in panels of `nr` columns, zero-padded; panel j at j * k * nr.
 */
void tm_gemm_pack(const float *b, int64_t row, int64_t k, int64_t columns, int32_t nr, float *packed);

#endif
