/* Matrix products of this folder's instruction set; the algorithm is in the template. */
#include "lanes_f32__neon.h"
#include "gemm_f32.h"
