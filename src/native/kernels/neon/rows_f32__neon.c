/* Row copies, gather and scatter of this folder's instruction set; the algorithm is in the template. */
#include "lanes_f32__neon.h"
#include "rows_f32.h"
