/* Softmax kernels on 8 lanes. */
#include "vec_f32__avx2.h"
#include "softmax.h"
