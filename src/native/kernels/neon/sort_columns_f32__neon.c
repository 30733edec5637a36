/* Sorting columns on 4 lanes. */
#include "vec_f32__neon.h"
#define NAME KERNEL(sort_columns_f32)
#include "sort_columns.h"
