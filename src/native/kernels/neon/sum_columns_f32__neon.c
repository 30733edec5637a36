/* Sums of columns on 4 lanes. */
#include "vec_f32__neon.h"
#define NAME KERNEL(sum_columns_f32)
#include "sum_columns.h"
