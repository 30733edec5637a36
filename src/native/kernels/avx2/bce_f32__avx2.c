/* Binary cross entropy on 8 lanes. */
#include "vec_f32__avx2.h"
#define NAME KERNEL(bce_f32)
#include "bce.h"
