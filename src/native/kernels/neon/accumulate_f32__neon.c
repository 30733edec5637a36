/* Rows added to, or maximised into, another on 4 lanes. */
#include "vec_f32__neon.h"

#define NAME              KERNEL(add_row_f32)
#define COMBINE(old, new) ADD(old, new)
#include "accumulate.h"

#define NAME              KERNEL(max_row_f32)
#define COMBINE(old, new) MAX(old, new)
#include "accumulate.h"
