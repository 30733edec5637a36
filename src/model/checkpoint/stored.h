/* Element types as safetensors stores them: names, sizes, conversion to float32. */
#ifndef TM_MODEL_CHECKPOINT_STORED_H
#define TM_MODEL_CHECKPOINT_STORED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum tm_stored {
#define TM_STORED(name, bits, convert) TM_STORED_##name,
#include "model/checkpoint/stored.def"
#undef TM_STORED
    TM_STORED_COUNT
} tm_stored;

const char *tm_stored_name(tm_stored type); /* "BF16", as files write it */
int tm_stored_bits(tm_stored type);         /* 4 to 64 */
bool tm_stored_parse(const char *name, size_t length, tm_stored *into);

/* F16, BF16, F32, F64: real numbers that need no scale beside them. */
bool tm_stored_is_real(tm_stored type);

/* Whether tm_stored_to_f32 knows the type: all but C64, F4 and the two F6. */
bool tm_stored_converts(tm_stored type);

/* Converts `count` elements, each to the nearest float32 (ties to even; beyond its range infinity). BOOL becomes 0 or
 * 1. `from` needs no alignment. */
void tm_stored_to_f32(tm_stored type, const void *from, size_t count, float *into);

#endif
