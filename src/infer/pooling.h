/* From the hidden states of a text's tokens to its rows. */
#ifndef TM_INFER_POOLING_H
#define TM_INFER_POOLING_H

#include "tensormark/tensormark.h"

/* `states` are `length` >= 1 rows of `width`; `into` gets one row, or all of them for TM_POOLED_NONE. `pooled` is not
 * TM_POOLED_AS_MODEL. */
void tm_pool_states(const float *states, int64_t length, int64_t width, tm_pooled pooled, float *into);

/* Divides a row by its Euclidean length, or by 1e-12 if that is greater. */
void tm_normalize_row(float *row, int64_t width);

#endif
