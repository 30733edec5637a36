/* Elementwise kernels on 8 lanes. */
#include "vec_f32__avx2.h"
#include "map_functions.h"
