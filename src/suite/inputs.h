/* Input data: any slice of any input of any case, made anywhere without making the rest.
 *
 * Philox4x32-10; key = run seed and pass, counter = hash of the case id, tensor index, element block. To the bit the
 * same on every machine and compiler: no libm, no fused multiply-add. See docs/inputs.md for the layout and vectors. */
#ifndef TM_SUITE_INPUTS_H
#define TM_SUITE_INPUTS_H

#include "suite/case.h"

#define TM_DEFAULT_SEED 20260101u

typedef struct tm_input_key {
    uint64_t seed;
    uint32_t pass;
    uint32_t slot; /* each input slot of a pass has data of its own */
} tm_input_key;

/* Elements [first, first + count) of input `input` of the case, in the input's dtype, into `into`. Thread-safe. */
void tm_input_fill(const tm_case *one, tm_input_key key, int32_t input, int64_t first, int64_t count, void *into);

/* The whole of input `input`, split over `threads`. */
void tm_input_fill_all(const tm_case *one, tm_input_key key, int32_t input, int threads, void *into);

#endif
