/* Sorts each column by itself. Template: vec_f32 header and NAME come first.
 *
 * Tiles of up to four vectors of columns, so that each row gives a few whole cache lines, are copied to scratch as
 * keys, sorted there by networks, and written back. */
#include "sort_network.h"

enum { SORT_TILE = 4 };

/* `vectors` of columns, the last of which has only the lanes `some`. */
static void sort_tile(const float *x, float *y, int64_t length, int64_t stride, int vectors, M some, int32_t *key)
{
    const int64_t padded = sort_padded(length, SORT_BLOCK);
    for (int64_t i = 0; i < padded; i++) {
        for (int k = 0; k < vectors; k++) {
            I v = I_SET1(INT32_MAX);
            if (i < length && k + 1 < vectors) v = sort_key(LOAD(x + i * stride + k * W));
            if (i < length && k + 1 == vectors) v = sort_key(LOAD_SOME(x + i * stride + k * W, some, SET1(0.0f)));
            I_STORE((void *)(key + (k * padded + i) * W), v);
        }
    }
    for (int k = 0; k < vectors; k++) sort_vectors(key + k * padded * W, padded);
    for (int64_t i = 0; i < length; i++) {
        for (int k = 0; k < vectors; k++) {
            const V v = sort_value(I_LOAD((const void *)(key + (k * padded + i) * W)));
            if (k + 1 < vectors) {
                STORE(y + i * stride + k * W, v);
            } else {
                STORE_SOME(y + i * stride + k * W, some, v);
            }
        }
    }
}

void NAME(const float *x, float *y, int64_t length, int64_t stride, int64_t columns, float *scratch)
{
    int32_t *key = (int32_t *)(((uintptr_t)scratch + 63) / 64 * 64);
    for (int64_t c = 0; c < columns; c += SORT_TILE * W) {
        const int64_t width = columns - c < SORT_TILE * W ? columns - c : SORT_TILE * W;
        const int vectors = (int)((width + W - 1) / W);
        sort_tile(x + c, y + c, length, stride, vectors, FIRST(width - (vectors - 1) * W), key);
    }
}
#undef NAME
