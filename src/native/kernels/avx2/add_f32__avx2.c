/* The sum of two arrays on 8 lanes. */
#include "vec_f32__avx2.h"

#define NAME       KERNEL(add_f32)
#define PAIR(u, v) ADD(u, v)
#include "pair_map.h"
