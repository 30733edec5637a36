/* Sorting columns on 8 lanes. */
#include "vec_f32__avx2.h"
#define NAME KERNEL(sort_columns_f32)
#include "sort_columns.h"
