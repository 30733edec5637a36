/* Channels side by side become planes. */
#include "native/kernels/kernels.h"

void tm_deinterleave_f32__portable(const float *x, int64_t channels, int64_t width, float *planes, int64_t plane)
{
    for (int64_t c = 0; c < channels; c++) {
        for (int64_t i = 0; i < width; i++) planes[c * plane + i] = x[i * channels + c];
    }
}
