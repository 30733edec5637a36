/* The weights of an encoder in memory, float32, as its graphs take them: once for the graphs of all shapes. */
#ifndef TM_INFER_WEIGHTS_H
#define TM_INFER_WEIGHTS_H

#include "model/encoder.h"

typedef struct tm_weights {
    int32_t count;
    float **data; /* of each weight, in the order of tm_encoder_input_at; at a multiple of 64 bytes */
    float *block; /* all of them */
} tm_weights;

/* Reads every weight on up to `threads` threads. Errors are those of tm_checkpoint_read_f32, and TM_OUT_OF_MEMORY.
 * Freed by tm_weights_free. */
tm_status tm_weights_read(const tm_checkpoint *checkpoint, const tm_encoder_config *config,
                          const tm_encoder_weights *places, int threads, tm_weights *into, tm_error *error);
void tm_weights_free(tm_weights *weights);

#endif
