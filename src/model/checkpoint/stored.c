/* Conversions, a loop per type over unaligned memory: files are little-endian, and so is every machine this runs on. */
#include "model/checkpoint/stored.h"

#include "base/dtype.h"

#include <math.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensors are read as they stand in the file");

/* The value of a float of 8 bits: sign, exponent, `fraction` bits. Infinities and NaN are the callers' business. */
static float small_float(unsigned bits, int fraction, int bias)
{
    const int exponent = (int)(bits >> fraction & (0x7fu >> fraction));
    const int mantissa = (int)(bits & ((1u << fraction) - 1));
    const float value = exponent ? ldexpf((float)(mantissa + (1 << fraction)), exponent - bias - fraction)
                                 : ldexpf((float)mantissa, 1 - bias - fraction);
    return bits & 0x80u ? -value : value;
}

/* E4M3 has no infinity; the FNUZ kinds have one NaN where others have -0. */
static float f8_e4m3(uint8_t bits)
{
    return (bits & 0x7f) == 0x7f ? copysignf(NAN, bits & 0x80 ? -1.0f : 1.0f) : small_float(bits, 3, 7);
}

static float f8_e4m3fnuz(uint8_t bits)
{
    return bits == 0x80 ? NAN : small_float(bits, 3, 8);
}

static float f8_e5m2fnuz(uint8_t bits)
{
    return bits == 0x80 ? NAN : small_float(bits, 2, 16);
}

static float f8_e8m0(uint8_t bits)
{
    return bits == 0xff ? NAN : ldexpf(1.0f, (int)bits - 127);
}

/* A loop over elements of `type`; `value` makes a float of `x`. */
#define TM_CONVERSION(name, type, value)                                                                               \
    static void name(const unsigned char *from, size_t count, float *into)                                             \
    {                                                                                                                  \
        for (size_t i = 0; i < count; i++) {                                                                           \
            type x;                                                                                                    \
            memcpy(&x, from + i * sizeof x, sizeof x);                                                                 \
            into[i] = value;                                                                                           \
        }                                                                                                              \
    }

TM_CONVERSION(from_bool, uint8_t, x ? 1.0f : 0.0f)
TM_CONVERSION(from_u8, uint8_t, (float)x)
TM_CONVERSION(from_i8, int8_t, (float)x)
TM_CONVERSION(from_u16, uint16_t, (float)x)
TM_CONVERSION(from_i16, int16_t, (float)x)
TM_CONVERSION(from_u32, uint32_t, (float)x)
TM_CONVERSION(from_i32, int32_t, (float)x)
TM_CONVERSION(from_u64, uint64_t, (float)x)
TM_CONVERSION(from_i64, int64_t, (float)x)
TM_CONVERSION(from_f16, uint16_t, tm_f32_from_f16(x))
TM_CONVERSION(from_bf16, uint16_t, tm_f32_from_bf16(x))
TM_CONVERSION(from_f32, float, x)
TM_CONVERSION(from_f64, double, (float)x)
TM_CONVERSION(from_f8_e4m3, uint8_t, f8_e4m3(x))
TM_CONVERSION(from_f8_e4m3fnuz, uint8_t, f8_e4m3fnuz(x))
TM_CONVERSION(from_f8_e5m2, uint8_t, tm_f32_from_f16((uint16_t)(x << 8)))
TM_CONVERSION(from_f8_e5m2fnuz, uint8_t, f8_e5m2fnuz(x))
TM_CONVERSION(from_f8_e8m0, uint8_t, f8_e8m0(x))

#define none NULL
static const struct {
    const char *name;
    int bits;
    void (*convert)(const unsigned char *from, size_t count, float *into);
} types[] = {
#define TM_STORED(name, bits, convert) [TM_STORED_##name] = {#name, bits, convert},
#include "model/checkpoint/stored.def"
#undef TM_STORED
};
#undef none

const char *tm_stored_name(tm_stored type)
{
    return types[type].name;
}

int tm_stored_bits(tm_stored type)
{
    return types[type].bits;
}

bool tm_stored_parse(const char *name, size_t length, tm_stored *into)
{
    for (int i = 0; i < TM_STORED_COUNT; i++) {
        if (strlen(types[i].name) != length || memcmp(types[i].name, name, length) != 0) continue;
        *into = (tm_stored)i;
        return true;
    }
    return false;
}

bool tm_stored_is_real(tm_stored type)
{
    return type == TM_STORED_F16 || type == TM_STORED_BF16 || type == TM_STORED_F32 || type == TM_STORED_F64;
}

bool tm_stored_converts(tm_stored type)
{
    return types[type].convert != NULL;
}

void tm_stored_to_f32(tm_stored type, const void *from, size_t count, float *into)
{
    types[type].convert(from, count, into);
}
