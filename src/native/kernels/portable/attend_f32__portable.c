/* Attention in this folder's instruction set; the algorithm is in the template. */
#include "lanes_f32__portable.h"

enum { ATTEND_QUERIES = 2, ATTEND_KEYS = 2 };
#define BLENDS(X) X(1, 4) X(2, 4) X(3, 2) X(4, 2)
#include "attend_f32.h"
