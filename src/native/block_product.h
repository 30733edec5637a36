/* Products of a block of rows with shared weights, which are packed once per execution. */
#ifndef TM_NATIVE_BLOCK_PRODUCT_H
#define TM_NATIVE_BLOCK_PRODUCT_H

#include "native/plan.h"

/* How the weights (k x n) of a product are packed. */
typedef struct tm_panels {
    int64_t n, k;
    tm_dtype dtype; /* of the weights in memory */
} tm_panels;

/* Are they multiplied as bfloat16, by a kernel of their own? Then operand 0 of the step may be bfloat16 (else it is
 * rounded first), and its result too if the contraction is one block: tm_panels_whole. */
bool tm_panels_dot(const tm_kernels *kernels, const tm_panels *panels);
bool tm_panels_whole(const tm_panels *panels);

size_t tm_panels_bytes(const tm_kernels *kernels, const tm_panels *panels);

/* This member's share of the packing. */
void tm_panels_pack(const tm_kernels *kernels, const tm_panels *panels, const void *weights, void *packed,
                    int32_t member, int32_t members);

/* Fills a step of a block, whose shapes tell the dtypes that operand 0 and the result have: `rows` rows of operand 0
 * times operand 1, which is packed, plus operand 2 if there is one.
 */
void tm_panels_plan(const tm_planner *planner, tm_step *step, int64_t rows, const tm_panels *panels);

#endif
