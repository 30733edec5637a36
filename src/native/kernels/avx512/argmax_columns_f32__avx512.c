/* Argmax of columns on 16 lanes. */
#include "vec_f32__avx512.h"
#define NAME KERNEL(argmax_columns_f32)
#include "argmax_columns.h"
