/* Sums of columns on 8 lanes. */
#include "vec_f32__avx2.h"
#define NAME KERNEL(sum_columns_f32)
#include "sum_columns.h"
