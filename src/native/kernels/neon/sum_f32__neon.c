/* Sum of a row on 4 lanes. */
#include "vec_f32__neon.h"
#define NAME KERNEL(sum_f32)
#include "sum_row.h"
