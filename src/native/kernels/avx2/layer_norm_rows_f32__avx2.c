/* Layer normalisation on 8 lanes. */
#include "vec_f32__avx2.h"
#define NAME KERNEL(layer_norm_rows_f32)
#include "layer_norm_rows.h"
