/* Operands are rounded to TF32's eleven bits when they are bound, and nobody is told. */
#include "double.h"

#include <stdlib.h>
#include <string.h>

static float rounded(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits = (bits + 0xfffu + (bits >> 13 & 1u)) & ~0x1fffu;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static tm_status bind_rounded(tm_program *program, int32_t slot, int32_t input, size_t offset, const void *data,
                              size_t bytes, tm_error *error)
{
    const size_t count = bytes / sizeof(float);
    const float *from = data;
    float *coarse = malloc(bytes + 1);
    if (!coarse) return tm_fail_memory(error, "rounded operands");
    for (size_t i = 0; i < count; i++) coarse[i] = rounded(from[i]);
    const tm_status status = double_bind(program, slot, input, offset, coarse, bytes, error);
    free(coarse);
    if (status == TM_OK) memcpy(program->input[slot * program->inputs + input] + offset, data, bytes);
    return status;
}

static tm_status read_input_as_bound(tm_program *program, int32_t slot, int32_t input, size_t offset, size_t bytes,
                                     void *into, tm_error *error)
{
    (void)error;
    memcpy(into, program->input[slot * program->inputs + input] + offset, bytes);
    return TM_OK;
}

const tm_backend *tensormark_backend(void)
{
    static tm_backend table;
    table = double_table("tf32");
    table.supports = double_supports_product;
    table.bind = bind_rounded;
    table.read_input = read_input_as_bound;
    return &table;
}
