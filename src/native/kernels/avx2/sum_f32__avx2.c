/* Sum of a row on 8 lanes. */
#include "vec_f32__avx2.h"
#define NAME KERNEL(sum_f32)
#include "sum_row.h"
