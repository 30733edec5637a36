/* Argmax of columns on 4 lanes. */
#include "vec_f32__neon.h"
#define NAME KERNEL(argmax_columns_f32)
#include "argmax_columns.h"
