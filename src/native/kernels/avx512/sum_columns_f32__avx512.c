/* Sums of columns on 16 lanes. */
#include "vec_f32__avx512.h"
#define NAME KERNEL(sum_columns_f32)
#include "sum_columns.h"
