/* Elementwise kernels on 4 lanes. */
#include "vec_f32__neon.h"
#include "map_functions.h"
