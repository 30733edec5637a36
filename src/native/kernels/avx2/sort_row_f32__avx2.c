/* Sorting a row on 8 lanes. */
#include "vec_f32__avx2.h"
#include "sort_lanes_f32__avx2.h"
#define NAME KERNEL(sort_row_f32)
#include "sort_row.h"
