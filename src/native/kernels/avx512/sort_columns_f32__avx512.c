/* Sorting columns on 16 lanes. */
#include "vec_f32__avx512.h"
#define NAME KERNEL(sort_columns_f32)
#include "sort_columns.h"
