/* Names, sizes and bit-exact conversions of element types. */
#include "base/dtype.h"

static const struct {
    const char *name;
    size_t size;
    double roundoff;
} dtypes[] = {
    [TM_F32] = {"f32", 4, 0x1p-24}, [TM_BF16] = {"bf16", 2, 0x1p-8}, [TM_F16] = {"f16", 2, 0x1p-11},
    [TM_I32] = {"i32", 4, 0},       [TM_I64] = {"i64", 8, 0},
};

static bool is_known(tm_dtype dtype)
{
    return (unsigned)dtype < sizeof dtypes / sizeof *dtypes;
}

size_t tm_dtype_size(tm_dtype dtype)
{
    return is_known(dtype) ? dtypes[dtype].size : 0;
}

const char *tm_dtype_name(tm_dtype dtype)
{
    return is_known(dtype) ? dtypes[dtype].name : "?";
}

bool tm_dtype_parse(const char *name, tm_dtype *into)
{
    for (unsigned i = 0; i < sizeof dtypes / sizeof *dtypes; i++) {
        if (strcmp(name, dtypes[i].name) == 0) {
            *into = (tm_dtype)i;
            return true;
        }
    }
    return false;
}

bool tm_dtype_is_real(tm_dtype dtype)
{
    return dtype == TM_F32 || dtype == TM_BF16 || dtype == TM_F16;
}

double tm_dtype_roundoff(tm_dtype dtype)
{
    return is_known(dtype) ? dtypes[dtype].roundoff : 0;
}

int64_t tm_shape_elements(const tm_shape *shape)
{
    int64_t elements = 1;
    for (int32_t i = 0; i < shape->rank; i++) elements *= shape->dim[i];
    return elements;
}

size_t tm_shape_bytes(const tm_shape *shape)
{
    return (size_t)tm_shape_elements(shape) * tm_dtype_size(shape->dtype);
}

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

uint16_t tm_bf16_from_f32(float value)
{
    const uint32_t bits = bits_of(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(bits >> 16 | 0x40u); /* NaN stays NaN, made quiet */
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

uint16_t tm_f16_from_f32(float value)
{
    const uint32_t bits = bits_of(value);
    const uint32_t sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u) return (uint16_t)(sign | 0x7e00u | (magnitude >> 13 & 0x3ffu));
    if (magnitude >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u); /* rounds to 65536 or more: infinity */
    if (magnitude < 0x38800000u) {                                   /* below 2^-14: count in units of 2^-24 */
        float scaled;
        memcpy(&scaled, &magnitude, sizeof scaled);
        const float units = scaled * 0x1p24f + 0x1p23f; /* the addition rounds to nearest even */
        return (uint16_t)(sign | (bits_of(units) & 0x7fffu));
    }
    const uint32_t rounded = magnitude + 0xfffu + (magnitude >> 13 & 1u);
    return (uint16_t)(sign | (rounded - 0x38000000u) >> 13);
}

float tm_f32_from_f16(uint16_t half)
{
    const uint32_t sign = (uint32_t)(half & 0x8000u) << 16, exponent = half >> 10 & 0x1fu, fraction = half & 0x3ffu;
    if (exponent == 0) {
        const float value = (float)fraction * 0x1p-24f;
        return sign ? -value : value;
    }
    const uint32_t wide = exponent == 31 ? 0x7f800000u | fraction << 13 : (exponent + 112u) << 23 | fraction << 13;
    const uint32_t bits = sign | wide;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

double tm_element(tm_dtype dtype, const void *data, int64_t index)
{
    switch (dtype) {
    case TM_F32: return (double)((const float *)data)[index];
    case TM_BF16: return (double)tm_f32_from_bf16(((const uint16_t *)data)[index]);
    case TM_F16: return (double)tm_f32_from_f16(((const uint16_t *)data)[index]);
    case TM_I32: return (double)((const int32_t *)data)[index];
    case TM_I64: return (double)((const int64_t *)data)[index];
    }
    return 0;
}
