/* Sum of a row on 16 lanes. */
#include "vec_f32__avx512.h"
#define NAME KERNEL(sum_f32)
#include "sum_row.h"
