/* Elementwise kernels on 16 lanes. */
#include "vec_f32__avx512.h"
#include "map_functions.h"
