/* Which tensor of a checkpoint plays which part in an encoder: found by Hugging Face's names, with their shapes checked
 * against config.json, before a single one is read. */
#ifndef TM_MODEL_ENCODER_WEIGHTS_H
#define TM_MODEL_ENCODER_WEIGHTS_H

#include "model/checkpoint/checkpoint.h"
#include "model/config.h"

typedef enum tm_weight {
#define TM_WEIGHT(role, where, name, rows, columns) TM_WEIGHT_##role,
#include "model/encoder_weights.def"
#undef TM_WEIGHT
    TM_WEIGHT_COUNT
} tm_weight;

/* Tensors by their number in the checkpoint. */
typedef struct tm_encoder_weights {
    int64_t layers;
    bool has_pooler;
    size_t *numbers; /* of tm_encoder_weight; freed by tm_encoder_weights_free */
} tm_encoder_weights;

/* Finds them all. Names may begin with "bert." or "roberta."; tensors of other names (heads, position_ids) do not
 * matter; the pooler may be missing as a whole. TM_INVALID_ARGUMENT with one line that names file, tensor and, for a
 * wrong shape, both shapes; TM_UNSUPPORTED for an element type that is no real number; TM_OUT_OF_MEMORY. */
tm_status tm_encoder_weights_find(const tm_checkpoint *checkpoint, const tm_encoder_config *config,
                                  tm_encoder_weights *into, tm_error *error);
void tm_encoder_weights_free(tm_encoder_weights *weights);

/* The tensor of a role; `layer` counts for those that each layer has. Not for a pooler that is not there. */
size_t tm_encoder_weight(const tm_encoder_weights *weights, tm_weight role, int64_t layer);

#endif
