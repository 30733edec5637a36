/* Argmax of columns on 8 lanes. */
#include "vec_f32__avx2.h"
#define NAME KERNEL(argmax_columns_f32)
#include "argmax_columns.h"
