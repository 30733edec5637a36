/* Rows added to, or maximised into, another on 8 lanes. */
#include "vec_f32__avx2.h"

#define NAME              KERNEL(add_row_f32)
#define COMBINE(old, new) ADD(old, new)
#include "accumulate.h"

#define NAME KERNEL(max_row_f32)
/* MAX gives `new` where either is NaN. */
#define COMBINE(old, new) SELECT(UNORDERED(old, old), old, MAX(old, new))
#include "accumulate.h"
