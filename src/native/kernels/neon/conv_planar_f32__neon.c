/* Convolution with few filters in this folder's instruction set; the algorithm is in the template. */
#include "lanes_f32__neon.h"
#include "conv_planar_f32.h"
