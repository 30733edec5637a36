/* Argmax of a row on 4 lanes. */
#include "vec_f32__neon.h"
#define NAME KERNEL(argmax_f32)
#include "argmax_row.h"
