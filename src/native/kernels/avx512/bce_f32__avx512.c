/* Binary cross entropy on 16 lanes. */
#include "vec_f32__avx512.h"
#define NAME KERNEL(bce_f32)
#include "bce.h"
