/* Floats as unsigned keys of the same order: negative numbers are inverted, positive ones get the top bit, and every
 * NaN becomes the largest key. Short rows: insertion. Long ones: four stable counting passes of one byte, from the
 * lowest, between the result and the scratch; a pass whose byte is the same everywhere is left out. */
#include "kernels.h"

#include <string.h>

enum { SHORT = 48, PASSES = 4, DIGITS = 256, BLOCK = 16 };

static uint32_t bits_at(const float *x, int64_t i)
{
    uint32_t bits;
    memcpy(&bits, x + i, sizeof bits);
    return bits;
}

static void put_bits(float *y, int64_t i, uint32_t bits)
{
    memcpy(y + i, &bits, sizeof bits);
}

static uint32_t key_from_bits(uint32_t bits)
{
    if ((bits & 0x7fffffffu) > 0x7f800000u) return UINT32_MAX;
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

static uint32_t bits_from_key(uint32_t key)
{
    if (key == UINT32_MAX) return 0x7fc00000u;
    return key & 0x80000000u ? key & 0x7fffffffu : ~key;
}

static void insertion_sort(float *y, int64_t n)
{
    for (int64_t i = 1; i < n; i++) {
        const uint32_t key = bits_at(y, i);
        int64_t k = i;
        for (; k > 0 && bits_at(y, k - 1) > key; k--) put_bits(y, k, bits_at(y, k - 1));
        put_bits(y, k, key);
    }
}

/* Returns where the sorted keys ended up: `y` or `scratch`. */
static float *radix_sort(float *y, int64_t n, float *scratch)
{
    int64_t count[PASSES][DIGITS] = {{0}};
    for (int64_t i = 0; i < n; i++) {
        const uint32_t key = bits_at(y, i);
        for (int pass = 0; pass < PASSES; pass++) count[pass][(key >> (8 * pass)) & 0xffu]++;
    }
    float *from = y, *to = scratch;
    for (int pass = 0; pass < PASSES; pass++) {
        if (count[pass][(bits_at(from, 0) >> (8 * pass)) & 0xffu] == n) continue;
        int64_t next = 0;
        for (int digit = 0; digit < DIGITS; digit++) {
            const int64_t here = count[pass][digit];
            count[pass][digit] = next;
            next += here;
        }
        for (int64_t i = 0; i < n; i++) {
            const uint32_t key = bits_at(from, i);
            put_bits(to, count[pass][(key >> (8 * pass)) & 0xffu]++, key);
        }
        float *swap = from;
        from = to;
        to = swap;
    }
    return from;
}

void tm_sort_row_f32__portable(const float *x, float *y, int64_t n, float *scratch)
{
    for (int64_t i = 0; i < n; i++) put_bits(y, i, key_from_bits(bits_at(x, i)));
    const float *sorted = y;
    if (n <= SHORT) {
        insertion_sort(y, n);
    } else {
        sorted = radix_sort(y, n, scratch);
    }
    for (int64_t i = 0; i < n; i++) put_bits(y, i, bits_from_key(bits_at(sorted, i)));
}

/* A block of columns at a time is gathered into rows, so that every cache line is read and written once. */
void tm_sort_columns_f32__portable(const float *x, float *y, int64_t length, int64_t stride, int64_t columns,
                                   float *scratch)
{
    float *rows = scratch, *spare = scratch + length * BLOCK;
    for (int64_t first = 0; first < columns; first += BLOCK) {
        const int64_t width = columns - first < BLOCK ? columns - first : BLOCK;
        for (int64_t i = 0; i < length; i++) {
            for (int64_t c = 0; c < width; c++) rows[c * length + i] = x[i * stride + first + c];
        }
        for (int64_t c = 0; c < width; c++) {
            tm_sort_row_f32__portable(rows + c * length, rows + c * length, length, spare);
        }
        for (int64_t i = 0; i < length; i++) {
            for (int64_t c = 0; c < width; c++) y[i * stride + first + c] = rows[c * length + i];
        }
    }
}
