/* Element types: names, sizes, and exact conversions of the 16-bit reals (round to nearest even). */
#ifndef TM_BASE_DTYPE_H
#define TM_BASE_DTYPE_H

#include "tensormark/backend.h"

#include <stdbool.h>
#include <string.h>

size_t tm_dtype_size(tm_dtype dtype);      /* bytes; 0 for a value that is no dtype */
const char *tm_dtype_name(tm_dtype dtype); /* "f32"; "?" for a value that is no dtype */
bool tm_dtype_parse(const char *name, tm_dtype *into);
bool tm_dtype_is_real(tm_dtype dtype);
double tm_dtype_roundoff(tm_dtype dtype); /* u: 2^-24, 2^-8 (bf16), 2^-11 (f16); 0 for integers */

int64_t tm_shape_elements(const tm_shape *shape); /* product of the sizes; 1 for rank 0 */
size_t tm_shape_bytes(const tm_shape *shape);

uint16_t tm_f16_from_f32(float value);
float tm_f32_from_f16(uint16_t bits);
uint16_t tm_bf16_from_f32(float value);

static inline float tm_f32_from_bf16(uint16_t bits)
{
    const uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof value);
    return value;
}

/* Element `index` of a dense tensor as float64; integers beyond 2^53 are rounded. */
double tm_element(tm_dtype dtype, const void *data, int64_t index);

#endif
