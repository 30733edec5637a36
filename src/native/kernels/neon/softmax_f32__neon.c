/* Softmax kernels on 4 lanes. */
#include "vec_f32__neon.h"
#include "softmax.h"
