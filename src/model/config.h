/* What config.json says of an encoder (BERT, RoBERTa, XLM-RoBERTa and those that use their names, such as MiniLM), and
 * what sentence-transformers adds to it. */
#ifndef TM_MODEL_CONFIG_H
#define TM_MODEL_CONFIG_H

#include "model/checkpoint/folder.h"

#include <stdint.h>

typedef enum tm_encoder_kind { TM_ENCODER_BERT, TM_ENCODER_ROBERTA, TM_ENCODER_XLM_ROBERTA } tm_encoder_kind;

typedef enum tm_activation {
    TM_ACTIVATION_GELU,      /* x Phi(x), with the error function */
    TM_ACTIVATION_GELU_TANH, /* its approximation with tanh */
    TM_ACTIVATION_RELU,
    TM_ACTIVATION_SILU
} tm_activation;

typedef struct tm_encoder_config {
    tm_encoder_kind kind;
    tm_activation activation;
    int64_t hidden_size, layers, heads, intermediate_size; /* heads divide hidden_size */
    int64_t vocab_size, type_vocab_size;
    int64_t positions;      /* rows of the position table */
    int64_t first_position; /* row of the first token: 0, or pad_token_id + 1 for the RoBERTas */
    int64_t pad_token_id;   /* below vocab_size */
    int64_t parameters;     /* numbers in all tensors that the encoder needs, the pooler's among them */
    double layer_norm_eps;
} tm_encoder_config;

/* The most tokens that a text may have: positions - first_position. */
int64_t tm_encoder_most_tokens(const tm_encoder_config *config);

/* Reads config.json of the folder. Where a field is missing that Hugging Face's classes have a value for, that is
 * taken: layer_norm_eps 1e-12, hidden_act gelu, type_vocab_size 2, pad_token_id 0 or 1, position_embedding_type
 * absolute. Errors are one line that names file and field: TM_INVALID_ARGUMENT for fields that are missing, of a wrong
 * type or absurd, and for text that is no JSON; TM_UNSUPPORTED for models that this does not cover; TM_FAILED and
 * TM_OUT_OF_MEMORY as everywhere. */
tm_status tm_encoder_config_read(const tm_folder *folder, tm_encoder_config *into, tm_error *error);

/* The same from text; `name` is for messages. */
tm_status tm_encoder_config_parse(const char *name, const char *text, size_t length, tm_encoder_config *into,
                                  tm_error *error);

typedef enum tm_pooling { TM_POOLING_UNSTATED, TM_POOLING_CLS, TM_POOLING_MEAN, TM_POOLING_MAX } tm_pooling;

typedef struct tm_sentence_config {
    tm_pooling pooling;
    bool normalize;
    int64_t most_tokens; /* max_seq_length; 0 where nothing is said */
} tm_sentence_config;

/* Reads modules.json, the pooling's config.json and sentence_bert_config.json, as far as they are there: without
 * modules.json pooling is unstated. Errors as above; a module other than Transformer, Pooling and Normalize, or another
 * pooling, is TM_UNSUPPORTED. */
tm_status tm_sentence_config_read(const tm_folder *folder, tm_sentence_config *into, tm_error *error);

#endif
