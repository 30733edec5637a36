/* An encoder as a graph, for a number of texts of one length. */
#ifndef TM_MODEL_ENCODER_H
#define TM_MODEL_ENCODER_H

#include "model/encoder_weights.h"
#include "tensormark/tensormark.h"

/* Inputs of the graph, in order: three of int64 [batch, length], then the weights. Rows of the tables are looked up as
 * they are given: ids below vocab_size, types below type_vocab_size, positions below `positions`. */
enum { TM_ENCODER_TOKENS, TM_ENCODER_TYPES, TM_ENCODER_POSITIONS, TM_ENCODER_FIRST_WEIGHT };

/* One weight of the graph: linear weights are [in, out], transposed from what checkpoints hold. */
typedef struct tm_encoder_input {
    tm_weight role;
    int64_t layer;
    bool transposed;
    tm_shape shape; /* as the graph has it */
} tm_encoder_input;

/* How many weights the graph has, and number `index` of them, which is input TM_ENCODER_FIRST_WEIGHT + index. The
 * pooler is not among them. */
int32_t tm_encoder_inputs(const tm_encoder_config *config);
tm_encoder_input tm_encoder_input_at(const tm_encoder_config *config, int32_t index);

/* The last hidden states, [batch, length, hidden_size] of float32, as the only output; with `all_states` every one of
 * them: that of the embeddings first, then each layer's. TM_UNSUPPORTED for an activation without an op;
 * TM_INVALID_ARGUMENT for sizes that overflow; TM_OUT_OF_MEMORY. The caller frees the graph. */
tm_status tm_encoder_graph(const tm_encoder_config *config, int64_t batch, int64_t length, bool all_states,
                           tm_graph **into, tm_error *error);

/* Rows of the position table for `count` tokens. BERT's count from 0; RoBERTa's count the tokens that are no padding,
 * from first_position on, and give padding its own row. */
void tm_encoder_positions(const tm_encoder_config *config, const int64_t *tokens, int64_t count, int64_t *into);

#endif
