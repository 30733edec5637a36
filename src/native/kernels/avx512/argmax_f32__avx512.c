/* Argmax of a row on 16 lanes. */
#include "vec_f32__avx512.h"
#define NAME KERNEL(argmax_f32)
#include "argmax_row.h"
