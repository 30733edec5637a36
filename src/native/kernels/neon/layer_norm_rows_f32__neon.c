/* Layer normalisation on 4 lanes. */
#include "vec_f32__neon.h"
#define NAME KERNEL(layer_norm_rows_f32)
#include "layer_norm_rows.h"
