/* Sorting a row on 4 lanes. */
#include "vec_f32__neon.h"
#include "sort_lanes_f32__neon.h"
#define NAME KERNEL(sort_row_f32)
#include "sort_row.h"
