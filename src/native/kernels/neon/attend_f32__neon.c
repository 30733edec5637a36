/* Attention in this folder's instruction set; the algorithm is in the template. */
#include "lanes_f32__neon.h"

enum { ATTEND_QUERIES = 4, ATTEND_KEYS = 4 };
#define BLENDS(X) X(1, 8) X(2, 8) X(3, 4) X(4, 4)
#include "attend_f32.h"
