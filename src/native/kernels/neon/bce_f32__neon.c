/* Binary cross entropy on 4 lanes. */
#include "vec_f32__neon.h"
#define NAME KERNEL(bce_f32)
#include "bce.h"
