/* Argmax of a row on 8 lanes. */
#include "vec_f32__avx2.h"
#define NAME KERNEL(argmax_f32)
#include "argmax_row.h"
